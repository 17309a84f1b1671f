"""Separate random streams of one seed, so that one aspect of a scene can change alone."""

from __future__ import annotations

from typing import Literal
from zlib import crc32

import numpy as np

Stream = Literal["anatomy", "pose", "flow", "vessel", "motion", "acquisition", "noise"]


def stream(seed: int, name: Stream, *words: str) -> np.random.Generator:
    """A generator that depends on seed, stream name and words, and on nothing else."""
    key = tuple(crc32(word.encode()) for word in (name, *words))
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
