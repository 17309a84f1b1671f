"""Loops as a person names them: found, checked against what was said, worked on one by one."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_fluoroinject.compute.backend import Wish, choose
from napari_fluoroinject.dicom.find import FETCHED_CLASSES
from napari_fluoroinject.dicom.read import LoopFiles, find_loops, read_loop
from napari_fluoroinject.errors import (
    AnnotationError,
    FluoroinjectError,
    StorageError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.cine import LoopReference
from napari_fluoroinject.results import is_result
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.spool.folder import recover_folders

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.decoder import DecoderWish
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.study import DoseReport

log = logging.getLogger(__name__)

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
OBJECT_KEYS = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality"),
)
"""What is asked of each object before it is fetched."""
_LEVELS = {
    "StudyInstanceUID": "study",
    "SeriesInstanceUID": "series",
    "SOPInstanceUID": "object",
}
_NO_PICTURES = ("SR", "SEG", "PR", "KO", "DOC", "RWV")
"""Modalities of objects that hold no run, for archives that tell no SOP class."""
_MOST_NAMED = 5
"""Names of loops in an error: the rest is counted."""

Result = TypeVar("Result")
Progress = Callable[[str, float], None]
"""Called with what is being done and the fraction that is done."""


def silent(_step: str, _fraction: float) -> None:
    """Report progress to nobody."""


def decoder_for(on: Wish, decoder: DecoderWish) -> DecoderWish:
    """Return the decoder: only where the array work is on a device may it be there unasked."""
    elsewhere = decoder == "auto" and choose(on).name != "cuda"
    return "cpu" if elsewhere else decoder


def loops_in(
    sources: Sequence[str], doses: list[DoseReport] | None = None
) -> Iterator[LoopFiles | UnreadableObjectError]:
    """Find the loops of all sources; one that does not exist is one failure, not the end.

    They are searched together: the single frames of a series may be named one by one. Radiation
    dose reports among them go into `doses`.
    """
    there = [Path(source) for source in sources if Path(source).exists()]
    for source in sources:
        if _ADDRESS.match(source):
            yield UnreadableObjectError(
                source,
                seen="an address on the network",
                expected="a file or a folder: `fluoroinject fetch` brings objects into one",
            )
        elif not Path(source).exists():
            yield UnreadableObjectError(
                source, seen="no such file or folder", expected="a DICOM file or a folder of them"
            )
    yield from find_loops(there, doses=doses)


def is_remote(source: str, settings: Settings) -> bool:
    """Whether it has to be fetched: an address, a folder with a query, or what is nowhere.

    Parameters
    ----------
    source
        As a person names it.
    settings
        Whose endpoints are known by name.
    """
    if Path(source).exists():
        return False
    name, _, query = source.partition("?")
    url = settings.endpoints[name].url if name in settings.endpoints else name
    if _ADDRESS.match(url) or (query and Path(url).exists()):
        return True
    # a misspelt name: whoever has endpoints is told which
    return ("=" in query or bool(settings.endpoints)) and not settings.knows(name)


@contextmanager
def fetched(
    sources: Sequence[str],
    *,
    settings: Settings | None = None,
    inside: Path,
    progress: Progress = silent,
    origins: dict[Path, str] | None = None,
) -> Iterator[tuple[list[str], list[UnreadableObjectError]]]:
    """Bring loops and dose reports that lie at endpoints into a private folder, gone afterwards.

    Parameters
    ----------
    sources
        Files, folders, endpoint URLs, names of endpoints; UIDs may stand behind a `?`.
    settings
        Names, certificates and tokens; None = nothing is set up.
    inside
        Where the private folder is made.
    progress
        Told of each object.
    origins
        Filled with the endpoint that each fetched file came from, as it was named.

    Yields
    ------
    The files and folders, the private one among them; and what could not be fetched.
    """
    known = settings or Settings()
    remote = [source for source in sources if is_remote(source, known)]
    here = [known.resolve(source) for source in sources if source not in remote]
    if not remote:
        yield here, []
        return
    from napari_fluoroinject.endpoints.landing import scratch

    check_writable(inside)
    with scratch(inside) as private:
        room = private / "objects"
        room.mkdir()
        failures: list[UnreadableObjectError] = []
        for one in remote:
            came: dict[Path, None] = {}
            failures += _fetch(one, known, room, came, progress=progress)
            if origins is not None:
                origins |= dict.fromkeys(came, one.partition("?")[0])
        yield [*here, *([str(room)] if any(room.iterdir()) else [])], failures


def _fetch(
    source: str, settings: Settings, room: Path, came: dict[Path, None], *, progress: Progress
) -> Iterator[UnreadableObjectError]:
    """Fetch what one endpoint has; yields what failed, and the rest is there, and in `came`."""
    from napari_fluoroinject.endpoints import connect

    try:
        counterpart, query = connect(source, settings)
        progress(f"asking {counterpart}", 0.0)
        asked = dict.fromkeys(OBJECT_KEYS, "") | dict(query.keys)
        answers = counterpart.query(replace(query, level="IMAGE", keys=asked))
        wanted = runs_among(answers)
    except FluoroinjectError as error:
        yield _not_fetched(source, error)
        return
    if not wanted:
        yield _nothing_to_fetch(source, str(counterpart), query, objects=len(answers))
    for number, reference in enumerate(wanted):
        try:
            for path in counterpart.retrieve(reference, room):
                came[path] = None
                progress(f"fetching {path.name}", number / len(wanted))
        except FluoroinjectError as error:
            yield _not_fetched(f"series {reference.series_instance_uid}", error)


def _nothing_to_fetch(
    source: str, peer: str, query: Query, *, objects: int
) -> UnreadableObjectError:
    named = [key for key in _LEVELS if query.keys.get(key)]
    if objects:
        return UnreadableObjectError(
            source, seen=f"{objects} objects at {peer}, none a cine loop", expected="one or more"
        )
    what = f"{_LEVELS[named[-1]]} {query.keys[named[-1]]}" if named else "cine loop"
    return UnreadableObjectError(
        source, seen=f"no {what} at {peer}", expected="what `fluoroinject find` shows there"
    )


def _not_fetched(source: str, error: FluoroinjectError) -> UnreadableObjectError:
    return UnreadableObjectError(source, seen=str(error), expected="loops that can be fetched")


def runs_among(answers: Sequence[Mapping[str, str]]) -> list[LoopReference]:
    """Return the objects that can hold runs or doses, those of one series and class together.

    Parameters
    ----------
    answers
        An archive's, at image level, to `OBJECT_KEYS`.
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for one in answers:
        told = one.get("SOPClassUID", "")
        if told in FETCHED_CLASSES or (not told and one.get("Modality", "") not in _NO_PICTURES):
            place = (one.get("StudyInstanceUID", ""), one.get("SeriesInstanceUID", ""), told)
            groups.setdefault(place, []).append(one["SOPInstanceUID"])
    return [
        LoopReference(
            study_instance_uid=study,
            series_instance_uid=series,
            sop_instance_uid=uids[0],
            sop_class_uid=sop_class,
            frame_instance_uids=tuple(uids) if len(uids) > 1 else (),
        )
        for (study, series, sop_class), uids in groups.items()
    ]


def only_loop(source: str) -> CineLoop:
    """Read the one loop that a file or folder holds.

    Raises
    ------
    UnreadableObjectError
        There is none, or there are several, or it cannot be read.
    """
    loops = []
    for found in loops_in([source]):
        if isinstance(found, UnreadableObjectError):
            raise found
        loops.append(found)
    if len(loops) != 1:
        raise UnreadableObjectError(
            source, seen=f"{len(loops)} cine loops", expected="one: name its file"
        )
    return read_loop(*loops[0].paths)


def for_each(
    loops: Sequence[LoopFiles | UnreadableObjectError],
    work: Callable[[LoopFiles, Progress], Result],
    progress: Progress,
) -> tuple[tuple[Result, ...], tuple[tuple[str, str], ...]]:
    """Do the work on each loop; returns the results, and (name, message) of what failed."""
    results: list[Result] = []
    failures: list[tuple[str, str]] = []
    for index, found in enumerate(loops):
        if isinstance(found, UnreadableObjectError):
            failures.append((found.source, str(found)))
            continue
        name = found.paths[0].name
        try:
            results.append(work(found, _Share(progress, name, index, len(loops))))
        except Exception as error:  # the edge of the worker: one loop never ends the run
            log.debug("the work on a loop failed", exc_info=True)
            failures.append((name, _told(error)))
        except KeyboardInterrupt as stop:
            count = sum(isinstance(one, LoopFiles) for one in loops)
            stop.add_note(f"{len(results)} of {count} loops done")
            raise
    return tuple(results), tuple(failures)


def check_one_for_all(annotation: Annotation, loops: Sequence[LoopFiles]) -> None:
    """Points belong to one picture, level and side to one patient's study: refuse more."""
    studies = {loop.reference.study_instance_uid for loop in loops}
    marked = (annotation.needle, annotation.target_px, annotation.marks or None)
    for said, of, count, one in (
        (marked, "needle, target or mark", len(loops), "loop"),
        ((annotation.mask_frames or None,), "choice of mask frames", len(loops), "loop"),
        ((annotation.view, annotation.c_arm), "view or C-arm angle", len(loops), "loop"),
        ((annotation.level, annotation.side), "level or side", len(studies), "study"),
    ):
        if count > 1 and any(value is not None for value in said):
            names = ", ".join(loop.paths[0].name for loop in loops[:_MOST_NAMED])
            more = len(loops) - _MOST_NAMED
            raise AnnotationError(
                f"one {of} for {count} {'loops' if one == 'loop' else 'studies'} ({names}"
                f"{f' and {more} more' if more > 0 else ''}); expected one {one}: analyse each by "
                "itself, with its own marks"
            )


def check_writable(out: Path) -> None:
    """Fail before the work and not after it; and put right what a killed run left there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
        recover_folders(out, ours=is_result)
    except OSError as error:
        raise StorageError(
            f"{out}: results cannot be written there ({error.strerror}); expected a folder that "
            "can be written to, or made"
        ) from error


def _told(error: Exception) -> str:
    """Our own errors speak for themselves; of others the kind must be named, too."""
    if isinstance(error, FluoroinjectError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return f"unexpected {type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class _Share:
    """Progress of one loop as its share of all of them."""

    progress: Progress
    name: str
    index: int
    of: int

    def __call__(self, step: str, fraction: float) -> None:
        self.progress(f"{self.name}: {step}", (self.index + fraction) / self.of)
