"""The scenes by family: where needles go, what is marked, what contrast fills, what fails."""
