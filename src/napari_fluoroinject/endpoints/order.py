"""What is asked of an archive in one retrieval: a series, or some of its objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom import Dataset

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_MOST_INSTANCES = 100
"""UIDs in one request: an archive's list may be limited, and 6 kB always fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Objects of one series; `classes` are their SOP classes, empty where the peer tells none."""

    study: str
    series: str
    instances: frozenset[str]
    classes: tuple[str, ...]
    whole_series: bool

    def identifier(self) -> Dataset:
        """What the request says (PS3.4 C.4.2.2.1 and C.4.3.2.1)."""
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "SERIES" if self.whole_series else "IMAGE"
        identifier.StudyInstanceUID = self.study
        identifier.SeriesInstanceUID = self.series
        if not self.whole_series:
            identifier.SOPInstanceUID = sorted(self.instances)
        return identifier


def orders(
    listed: Iterable[Mapping[str, str]], *, there: Collection[str], whole: bool
) -> Iterator[Order]:
    """Divide what was listed into orders, leaving out what is `there` already.

    Parameters
    ----------
    listed
        Answers at image level.
    there
        SOP Instance UIDs that need not come.
    whole
        Whether the list holds whole series, so that a series may be asked for as such.
    """
    series: dict[tuple[str, str], dict[str, str]] = {}
    for one in listed:
        place = (one.get("StudyInstanceUID", ""), one.get("SeriesInstanceUID", ""))
        series.setdefault(place, {})[one["SOPInstanceUID"]] = one.get("SOPClassUID", "")
    for (study, number), objects in series.items():
        missing = sorted(set(objects) - set(there))
        if whole and len(missing) == len(objects):
            yield _order(study, number, objects, whole=True)
            continue
        for start in range(0, len(missing), _MOST_INSTANCES):
            some = {uid: objects[uid] for uid in missing[start : start + _MOST_INSTANCES]}
            yield _order(study, number, some, whole=False)


def _order(study: str, series: str, objects: Mapping[str, str], *, whole: bool) -> Order:
    known = all(objects.values())
    return Order(
        study=study,
        series=series,
        instances=frozenset(objects),
        classes=tuple(sorted(set(objects.values()))) if known else (),
        whole_series=whole,
    )
