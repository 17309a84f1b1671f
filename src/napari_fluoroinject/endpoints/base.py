"""What counterparts are asked: find, fetch, retrieve and store objects, and give frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy.typing as npt
from pydicom import Dataset

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.model.cine import LoopReference

if TYPE_CHECKING:
    from napari_fluoroinject.errors import UnreadableObjectError
    from napari_fluoroinject.model.cine import CineLoop

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent:
    """An object that the counterpart does not keep, and why."""

    item: Storable
    error: FluoroinjectError


Wanted = LoopReference | Query
"""What is to be retrieved: one loop that was found, or everything that a query matches."""


def uids_of(wanted: Wanted) -> tuple[str, ...]:
    """SOP Instance UIDs of a loop that is wanted; none for a query, which does not say them."""
    if isinstance(wanted, Query):
        return ()
    return wanted.frame_instance_uids or (wanted.sop_instance_uid,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """One picture of a feed.

    Attributes
    ----------
    index
        Counts up from 0; a number that is left out is a frame that the feed knows to be lost.
    time_s
        Seconds since the first one, on the feed's own clock; they rise, also over a restart.
    pixels
        As stored, (rows, columns).
    wall_s
        When it was taken, in seconds since 1970 by the sender's clock; None = not told.
    """

    index: int
    time_s: float
    pixels: npt.NDArray[Any]
    wall_s: float | None = None


FeedEvent = Literal["connected", "lost", "garbage", "changed", "gap", "told"]
"""`lost`: nothing comes and it is tried again; `garbage`: something came that is no picture;
`changed`: size or type is another from here on; `gap`: pictures are missing; `told`: else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedNote:
    """What a feed tells between two pictures: `text` is for a person, free of patient data."""

    event: FeedEvent
    text: str


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

    def send(self, objects: Iterable[Storable], /) -> Iterator[Receipt | NotSent]:
        """Tell of every object whether it is kept; one that is refused does not end the rest."""
        ...

    def store(self, objects: Iterable[Storable], /) -> Sequence[Receipt]:
        """Keep every object, or raise."""
        ...


class Feed(Protocol):
    """Whoever gives pictures one after another, as they come, and tells what happens between."""

    def __iter__(self) -> Iterator[Frame | FeedNote]:
        """The pictures in order of time; a feed that can be had again goes on by itself."""
        ...


def loss_told(feed: object) -> bool | None:
    """Whether a feed's pictures were compressed with loss on their way here; None = unknown.

    A feed that learns it on the way says so by an attribute `lossy`, from its first picture on.
    """
    told = getattr(feed, "lossy", None)
    return told if isinstance(told, bool) else None


class Queries(Protocol):
    """Whoever answers queries at study, series and image level."""

    def query(self, query: Query, /) -> tuple[Mapping[str, str], ...]:
        """Return the answers, each as keyword and text; a refusal is an error, never empty."""
        ...


class Retrieves(Protocol):
    """Whoever gives objects as files."""

    def retrieve(self, wanted: Wanted, folder: Path, /) -> Iterator[Path]:
        """Bring objects into a folder as `<SOP Instance UID>.dcm`; yields each once it is whole.

        Every object passes `landing.land`: its structure is checked before it gets its name, and
        a file with other content is never replaced.
        """
        ...


def all_kept(told: Iterable[Receipt | NotSent]) -> tuple[Receipt, ...]:
    """Return the receipts of what was sent; raises the error of the first that is not kept."""
    receipts = []
    for one in told:
        if isinstance(one, NotSent):
            raise one.error
        receipts.append(one)
    return tuple(receipts)


class Preview(Protocol):
    """Whoever gives one frame of a loop without the rest of it."""

    def frame(self, reference: LoopReference, index: int, /) -> npt.NDArray[Any]:
        """Stored values of frame `index` (from 0), (rows, columns)."""
        ...


class Counterpart(Source, Sink, Queries, Retrieves, Protocol):
    """What `connect` returns: a source and sink that is asked and answers in the same words."""
