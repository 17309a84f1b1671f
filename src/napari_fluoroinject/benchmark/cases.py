"""The loops that the accuracy of the analysis is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Family = Literal["first", "second"]
"""Two independently built families of synthetic loops: what suits one only, suits the phantom."""

SCENES: dict[Family, tuple[str, ...]] = {
    "first": ("esi_il_lumbar", "esi_tf_lumbar_subpedicular", "mbb_lumbar"),
    "second": ("midline_sheet", "oblique_sleeves", "film_on_bone"),
}
"""The scenes that each family has."""

DOSES_NGY = (5.0, 20.0, 50.0)
"""Detector doses per frame at which every scene is exposed."""

TWINS = (
    "none",
    "vascular",
    "vascular_persistent",
    "vascular_mixed",
    "vascular_remote",
    "no_contrast",
)
"""The twins that the seeds run through in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scene to build: its key, a seed, a twin, with a needle or without.

    `view` None is the scene's usual one.
    """

    key: str
    seed: int
    twin: str
    needle: bool
    size: int = 512
    frames: int = 90
    family: Family = "first"
    view: str | None = None

    @property
    def gauge_given(self) -> bool:
        """Whether the needle's gauge is stated: for every second seed, as some users do."""
        return self.needle and self.seed % 2 == 0


def cases(keys: Sequence[str], *, seeds: int, first_seed: int) -> Iterator[Case]:
    """List `seeds` loops per key, their twins in turn, and a quarter as many without a needle.

    A key says by itself which family its scene is of.
    """
    for key, index in product(keys, range(seeds)):
        yield Case(
            key=key,
            seed=first_seed + index,
            twin=TWINS[index % len(TWINS)],
            needle=True,
            family=_family(key),
        )
    for key, index in product(keys, range(-(-seeds // 4))):
        yield Case(
            key=key,
            seed=first_seed + 500 + index,
            twin="none",
            needle=False,
            family=_family(key),
        )


def _family(key: str) -> Family:
    return "second" if key in SCENES["second"] else "first"
