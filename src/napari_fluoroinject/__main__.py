"""`python -m napari_fluoroinject` is the console script."""

from __future__ import annotations

from napari_fluoroinject.cli import main

if __name__ == "__main__":
    main()
