"""The loops of one study, each with what else tells of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.batch.order import LoopOrder, Unplanned
from napari_fluoroinject.batch.wishes import Line, check_line, request_for
from napari_fluoroinject.confined.asked import asked_of
from napari_fluoroinject.dicom.find import loops_among
from napari_fluoroinject.dicom.identity import sha256_of
from napari_fluoroinject.dicom.opened import open_object
from napari_fluoroinject.dicom.read import LoopFiles
from napari_fluoroinject.dicom.requested import read_requested
from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.spool.gathered import Gathered

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known beside the files of a study.

    Attributes
    ----------
    settings
        Of the site.
    line
        Returns what a source asks for, by its number.
    studies_of
        Returns of how many studies the images of a source are.
    twins
        Returns every file that claims to be an object, by its SOP Instance UID.
    skipped
        Counts what is left out.
    """

    settings: Settings
    line: Callable[[int], Line]
    studies_of: Callable[[int], int]
    twins: Callable[[str], Sequence[Gathered]]
    skipped: Counter[str]


def orders_of(files: Sequence[Gathered], known: Known) -> Iterator[LoopOrder | Unplanned]:
    """Yield an order for each loop of one study, and the reason where there can be none.

    Parameters
    ----------
    files
        Images and dose reports of the study, in the order in which `analyze` would meet them.
    known
        What is known beside them.
    """
    by_path = {one.path: one for one in files}
    found = list(loops_among([(one.path, one.named) for one in files], skipped=known.skipped))
    conflicts = {one.sop: told for one in files if (told := _conflict(one, known)) is not None}
    for one in found:
        if isinstance(one, UnreadableObjectError):
            yield from _unread(one, files, conflicts)
    loops = [one for one in found if isinstance(one, LoopFiles)]
    doses = [one.path for one in files if one.kind == "dose"]
    fit = []
    for loop in loops:
        reason = _conflicting(loop, conflicts) or _disputed(loop, by_path, known)
        if reason is None:
            fit.append(loop)
        else:
            yield Unplanned(source=str(loop.paths[0]), reason=reason)
    for number, own in _by_line(fit, by_path).items():
        yield from _orders_of_line(number, own, (loops, doses), known)


def _orders_of_line(
    number: int,
    own: Sequence[LoopFiles],
    study: tuple[Sequence[LoopFiles], Sequence[Path]],
    known: Known,
) -> Iterator[LoopOrder | Unplanned]:
    line = known.line(number)
    try:
        check_line(line, own, studies=known.studies_of(number))
    except FluoroinjectError as error:
        yield Unplanned(source=line.where, reason=str(error))
        return
    loops, doses = study
    for loop in own:
        source = str(loop.paths[0])
        try:
            header = read_requested(loop.paths[0])
            if header.result:
                known.skipped["result"] += 1
                continue
            asked = asked_of(request_for(line, header, known.settings))
        except FluoroinjectError as error:
            reason = str(error).removeprefix(f"{loop.paths[0].name}: ")
            yield Unplanned(source=source, reason=reason)
            continue
        others = [path for other in loops if other is not loop for path in other.paths]
        yield LoopOrder(
            key=loop.reference.sop_instance_uid,
            source=source,
            paths=loop.paths,
            beside=(*others, *doses),
            study_uid=loop.reference.study_instance_uid,
            asked=asked,
        )


def _by_line(
    loops: Sequence[LoopFiles], by_path: dict[Path, Gathered]
) -> dict[int, list[LoopFiles]]:
    lines: dict[int, list[LoopFiles]] = {}
    for loop in loops:
        lines.setdefault(by_path[loop.paths[0]].line or 0, []).append(loop)
    return lines


def _conflict(one: Gathered, known: Known) -> str | None:
    """Why an object may not be used: other files claim to be it, with other bytes."""
    twins = known.twins(one.sop)
    if one.kind != "image" or len(twins) < 2:
        return None
    try:
        if len({sha256_of([open_object(twin.path)]) for twin in twins}) == 1:
            return None
    except UnreadableObjectError:  # it is told where its own study is looked at
        return None
    named = " and ".join(str(twin.path) for twin in twins)
    return (
        f"seen one SOP Instance UID with different bytes in {named}; expected one content for "
        "one UID: none of them is analysed"
    )


def _conflicting(loop: LoopFiles, conflicts: dict[str, str]) -> str | None:
    reference = loop.reference
    uids = reference.frame_instance_uids or (reference.sop_instance_uid,)
    return next((conflicts[uid] for uid in uids if uid in conflicts), None)


def _disputed(loop: LoopFiles, by_path: dict[Path, Gathered], known: Known) -> str | None:
    lines = {by_path[path].line for path in loop.paths}
    asked = {known.line(number).request for number in lines if number is not None}
    if None in lines or len(asked) > 1:
        return (
            "sources that name it, or frames of it, ask for different things; expected one wish "
            "for one loop"
        )
    return None


def _unread(
    error: UnreadableObjectError, files: Sequence[Gathered], conflicts: dict[str, str]
) -> Iterator[Unplanned]:
    """Tell of a file by its path; of a conflict both paths are told with the first of the two."""
    named = [one for one in files if one.path.name == error.source]
    if named and all(one.sop in conflicts for one in named):
        return
    where = str(named[0].path) if len(named) == 1 else error.source
    yield Unplanned(source=where, reason=f"seen {error.seen}; expected {error.expected}")
