"""The live view of a feed: its newest picture, how old that is, and whether it is recorded."""
