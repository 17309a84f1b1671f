"""Which paths are run-offs: a forest of decision trees, grown on synthetic loops."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.arrays import FloatArray

if TYPE_CHECKING:
    from pathlib import Path

_FILE, _LIVE_FILE = "forest.npz", "live_forest.npz"

Index = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forest:
    """Extremely randomised trees (Geurts 2006) as flat arrays over all their nodes.

    Attributes
    ----------
    traits
        Names of what is looked at, in the order of a vector.
    roots
        (trees,): the first node of each.
    trait
        (nodes,): which trait is compared; -1 in a leaf.
    limit
        (nodes,): up to this the left branch is taken.
    right
        (nodes,): how many nodes on the right branch begins; the left one begins with the next.
    share
        (nodes,): share of run-offs among the examples that reached a leaf.
    alarm
        Mean share from which on an alarm is raised.
    grown_on
        From what, in words.
    """

    traits: tuple[str, ...]
    roots: Index
    trait: Index
    limit: FloatArray
    right: Index
    share: FloatArray
    alarm: float
    grown_on: str

    def __post_init__(self) -> None:
        """Every branch leads onwards, so that a walk ends; a ValueError where one does not."""
        nodes, inner = len(self.trait), np.flatnonzero(self.trait >= 0)
        onwards = (
            all(one.shape == (nodes,) for one in (self.trait, self.limit, self.right, self.share))
            and len(self.roots) > 0
            and bool(((self.roots >= 0) & (self.roots < nodes)).all())
            and bool((self.trait < len(self.traits)).all())
            and bool((self.right[inner] > 0).all())
            and bool((inner + np.maximum(self.right[inner], 1) < nodes).all())
            and bool(np.isfinite(self.share).all())
        )
        if not onwards:
            raise ValueError("seen trees whose branches lead nowhere; expected whole ones")

    def judge(self, vector: FloatArray) -> float:
        """Mean share of run-offs, 0 to 1, over the leaves that a vector of traits reaches."""
        node = self.roots.astype(np.int64)
        while (inner := self.trait[node] >= 0).any():
            low = vector[np.maximum(self.trait[node], 0)] <= self.limit[node]
            node = node + np.where(inner, np.where(low, 1, self.right[node]), 0)
        return float(self.share[node].mean(dtype=np.float64))

    @classmethod
    def read(cls, path: Path) -> Forest:
        """Read what `save` wrote; a KeyError where it is something else."""
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return cls(
                traits=tuple(str(name) for name in kept["traits"]),
                roots=kept["roots"],
                trait=kept["trait"],
                limit=kept["limit"],
                right=kept["right"],
                share=kept["share"],
                alarm=float(kept["alarm"]),
                grown_on=str(kept["grown_on"]),
            )

    def save(self, path: Path) -> None:
        """Write it as `read` reads it."""
        np.savez_compressed(
            path,
            traits=np.array(self.traits),
            roots=self.roots,
            trait=self.trait,
            limit=self.limit,
            right=self.right,
            share=self.share,
            alarm=np.float64(self.alarm),
            grown_on=np.array(self.grown_on),
        )


@cache
def load_forest() -> Forest:
    """The forest that comes with the package.

    Raises
    ------
    AnalysisError
        It is missing or damaged.
    """
    with as_file(files("napari_fluoroinject.analysis.vascular") / _FILE) as path:
        return packaged(path)


@cache
def load_live_forest() -> Forest:
    """The forest that judges paths while frames come, of the package.

    Raises
    ------
    AnalysisError
        It is missing or damaged.
    """
    with as_file(files("napari_fluoroinject.analysis.vascular") / _LIVE_FILE) as path:
        return packaged(path)


def packaged(path: Path) -> Forest:
    """Read the forest of an installed package.

    Raises
    ------
    AnalysisError
        It is missing or damaged.
    """
    try:
        return Forest.read(path)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile, zlib.error) as error:
        seen = "no such file" if isinstance(error, FileNotFoundError) else "a damaged file"
        raise AnalysisError(
            f"{path.name}, by which run-offs are judged: seen {seen}; expected the one that comes "
            "with napari-fluoroinject: install the package again"
        ) from error
