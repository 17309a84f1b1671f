"""What every counterpart is asked: find and fetch loops, store objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

from pydicom import Dataset

if TYPE_CHECKING:
    from napari_fluoroinject.errors import UnreadableObjectError
    from napari_fluoroinject.model.cine import CineLoop, LoopReference

Level = Literal["STUDY", "SERIES", "IMAGE"]

Storable = Dataset | Path
"""An object in memory, or the file that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """What is asked for, at one level of the study root model (PS3.4 C.6.2).

    `keys` maps DICOM keywords to the text that must match; an empty text matches everything and
    asks for the value.
    """

    level: Level = "STUDY"
    keys: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", MappingProxyType(dict(self.keys)))

    def admits(self, reference: LoopReference) -> bool:
        """Whether the UIDs asked for are those of the loop; other keys are not looked at."""
        own = {
            "StudyInstanceUID": {reference.study_instance_uid},
            "SeriesInstanceUID": {reference.series_instance_uid},
            "SOPInstanceUID": {reference.sop_instance_uid, *reference.frame_instance_uids},
        }
        return all(
            not text or not own[keyword].isdisjoint(text.split("\\"))
            for keyword, text in self.keys.items()
            if keyword in own
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A counterpart's word that it keeps an object; `status` is 0x0000, or the warning it gave."""

    sop_instance_uid: str
    destination: str
    status: int = 0x0000


class Source(Protocol):
    """Whoever holds cine loops; what cannot be read is an item too, so that the rest is found."""

    def find(self, query: Query, /) -> Iterator[LoopReference | UnreadableObjectError]:
        """References of the loops that match."""
        ...

    def fetch(self, reference: LoopReference, /) -> CineLoop:
        """Return one of the loops that were found."""
        ...


class Sink(Protocol):
    """Whoever keeps objects; `store` keeps every one of them or raises."""

    def store(self, objects: Iterable[Storable], /) -> Sequence[Receipt]:
        """Keep every object, or raise."""
        ...
