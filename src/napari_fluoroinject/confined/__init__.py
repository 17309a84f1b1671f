"""One loop in a process of its own, within limits of time and memory, without a network."""
