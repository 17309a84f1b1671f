"""Objects of an archive brought into a folder, by C-GET or C-MOVE, with nothing left unsaid."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from napari_fluoroinject.endpoints.base import Query, Wanted
from napari_fluoroinject.endpoints.dimse import SUCCESS, is_warning, refusal
from napari_fluoroinject.endpoints.get import get
from napari_fluoroinject.endpoints.landing import scratch
from napari_fluoroinject.endpoints.move import move, unknown_destination, what_it_must_know
from napari_fluoroinject.endpoints.order import Order, orders
from napari_fluoroinject.endpoints.querying import query_levels
from napari_fluoroinject.endpoints.suboperations import Final, NeverError, Refused
from napari_fluoroinject.errors import RefusedError, StorageError
from napari_fluoroinject.model.cine import LoopReference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from napari_fluoroinject.endpoints.pacs import Pacs

log = logging.getLogger(__name__)

_UNKNOWN_DESTINATION = 0xA801
_LISTED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
_MOST_NAMED = 5
"""UIDs in an error: the rest is counted."""


def retrieve(peer: Pacs, wanted: Wanted, folder: Path) -> Iterator[Path]:
    """Bring objects into a folder; yields each once it is whole. What is there is kept.

    Parameters
    ----------
    peer
        The archive.
    wanted
        One loop, or everything that a query matches.
    folder
        Made if absent; objects lie in it as `<SOP Instance UID>.dcm`.

    Raises
    ------
    UnreachableError
        Nobody answers, or nobody answers any more.
    RefusedError
        The query or the retrieval is refused; or, after everything else has come, naming the
        objects that did not.
    StorageError
        The folder cannot be written to.
    """
    listed = _list(peer, wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be made: {error.strerror}") from error
    there = [uid for uid in listed if (folder / f"{uid}.dcm").is_file()]
    for uid in there:
        yield folder / f"{uid}.dcm"
    failures: dict[str, str] = {}
    with scratch(folder) as room:
        run = _Run(peer, room=room, folder=folder, failures=failures)
        whole = isinstance(wanted, Query) and not _narrows(wanted)
        for order in orders(listed.values(), there=there, whole=whole):
            yield from run.carry_out(order)
    if failures:
        raise RefusedError(_told(peer, failures, of=len(listed)))


class _Run:
    """One retrieval; remembers what this archive does not do at all."""

    def __init__(self, peer: Pacs, *, room: Path, folder: Path, failures: dict[str, str]) -> None:
        self._peer = peer
        self._room = room
        self._folder = folder
        self._failures = failures
        self._never: dict[str, str] = {}

    def carry_out(self, order: Order) -> Iterator[Path]:
        """Bring the objects of one order; C-MOVE where C-GET is refused and either may be used."""
        said: list[str] = []
        for how in _WAYS[self._peer.retrieve_by]:
            if how.__name__ in self._never:
                said.append(self._never[how.__name__])
                continue
            came: set[str] = set()
            try:
                yield from self._noting(order, came, how=how)
            except RefusedError as refused:
                log.info("%s: %s", self._peer, refused)
                said.append(str(refused))
                if isinstance(refused, NeverError):
                    self._never[how.__name__] = str(refused)
                continue
            return
        for uid in order.instances:
            self._failures[uid] = "; ".join(said)

    def _noting(self, order: Order, came: set[str], *, how: _How) -> Iterator[Path]:
        refused: dict[str, str] = {}
        final: Final | None = None
        log.info("%s: %s of %d objects", self._peer, how.__name__, len(order.instances))
        for event in how(self._peer, order, room=self._room, folder=self._folder):
            if isinstance(event, Final):
                final = event
            elif isinstance(event, Refused):
                refused[event.sop_instance_uid] = event.reason
            else:
                came.add(event.stem)
                yield event
        if final is not None and not came:
            self._judge(final, how)
        for uid in sorted(order.instances - came):
            self._failures[uid] = refused.get(uid) or _reason(final, uid)

    def _judge(self, final: Final, how: _How) -> None:
        """Where nothing came: say what was refused, and what may be done about it."""
        status = int(final.response.Status)
        if status == _UNKNOWN_DESTINATION:
            raise unknown_destination(self._peer)
        if status == SUCCESS or is_warning(status):
            return
        error = refusal(final.response, peer=str(self._peer), request=f"C-{how.__name__.upper()}")
        if how is move:
            raise RefusedError(
                f"{error.message}; to send to us, {what_it_must_know(self._peer)}",
                status=status,
                comment=error.comment,
            )
        raise error


if TYPE_CHECKING:
    from collections.abc import Callable

    _How = Callable[..., Iterator[Path | Refused | Final]]

_WAYS: dict[str, tuple[_How, ...]] = {"auto": (get, move), "get": (get,), "move": (move,)}


def _list(peer: Pacs, wanted: Wanted) -> dict[str, Mapping[str, str]]:
    """Objects that are to come, by SOP Instance UID."""
    if isinstance(wanted, LoopReference):
        instances = wanted.frame_instance_uids or (wanted.sop_instance_uid,)
        place = (wanted.study_instance_uid, wanted.series_instance_uid)
        return {
            uid: dict(zip(_LISTED, (*place, uid, wanted.sop_class_uid), strict=True))
            for uid in instances
        }
    keys = dict.fromkeys(_LISTED, "") | dict(wanted.keys)
    answers = query_levels(peer, Query(level="IMAGE", keys=keys))
    return {one["SOPInstanceUID"]: one for one in answers if one.get("SOPInstanceUID")}


def _narrows(query: Query) -> bool:
    """Whether a query may match less than the whole of each series."""
    above = {"StudyInstanceUID", "SeriesInstanceUID"}
    return any(text for keyword, text in query.keys.items() if keyword not in above)


def _reason(final: Final | None, uid: str) -> str:
    if final is None:
        return "it did not come"
    said = "says that it could not be sent" if uid in final.failed else "did not send it"
    return f"the archive {said} (status 0x{int(final.response.Status):04X})"


def _told(peer: Pacs, failures: Mapping[str, str], *, of: int) -> str:
    """What did not come, those of one reason together."""
    reasons: dict[str, list[str]] = {}
    for uid, why in failures.items():
        reasons.setdefault(why, []).append(uid)
    told = []
    for why, uids in reasons.items():
        more = len(uids) - _MOST_NAMED
        named = ", ".join(uids[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        told.append(f"{named}: {why}")
    return (
        f"{len(failures)} of {of} objects did not come from {peer}; expected all: "
        f"{'; '.join(told)}"
    )
