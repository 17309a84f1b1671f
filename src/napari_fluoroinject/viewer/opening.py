"""Opens what a person names: loops are found and read beside the screen, then shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.read import LoopFiles, read_loop
from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.sources import decoder_for, is_remote, loops_in
from napari_fluoroinject.spool.private import make_private
from napari_fluoroinject.transfer import fetch_objects
from napari_fluoroinject.viewer.describe import plane_of, run_name
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.waiting import patiently
from napari_fluoroinject.viewer.works import look_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Job, Progress
    from napari_fluoroinject.viewer.session import Session

RETRIEVED = "retrieved"
"""Folder below the results for what came from endpoints; for its owner alone."""
_MOST_TOLD = 3
"""Failures that are told one by one: the rest is counted."""
_AGAIN = "Export it again from where it came, or choose another file."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """Loops whose headers were read, with their files; and a sentence for each failure."""

    loops: tuple[tuple[CineLoop, LoopFiles], ...]
    failures: tuple[str, ...]


def open_sources(bench: Bench, sources: Sequence[str], *, origin: str = "file") -> Job:
    """Open every loop of files, folders, URLs and named endpoints; the first one is shown.

    What cannot be read is told in notices, the rest opens. Where the first is AP and another of
    its study lateral, or the other way round, that stands beside it.

    Parameters
    ----------
    bench
        Where they are opened.
    sources
        As `fluoroinject analyze` takes them.
    origin
        What a person is told that they come from.
    """
    room = bench.results / RETRIEVED

    def work(tell: Progress) -> Found:
        return find_runs(sources, bench.settings, room=room, tell=tell)

    def done(found: Found) -> None:
        runs = runs_of(found, bench.session.runs, origin=origin)
        clashes = other_contents(found, bench.session.runs)
        for told in notices_of((*found.failures, *clashes)):
            bench.session.signals.notice.emit(told)
        take_in(bench, runs)

    def failed(message: str) -> None:
        bench.session.signals.notice.emit(f"Nothing was opened: {message}")

    what = "open 1 source" if len(sources) == 1 else f"open {len(sources)} sources"
    return bench.jobs.start(what, work, done, failed=failed)


def take_in(bench: Bench, runs: Sequence[Run]) -> None:
    """Open runs that were read already: the first is shown, each is looked at.

    Parameters
    ----------
    bench
        Where they are opened.
    runs
        In the order in which they are listed; none = nothing is done.
    """
    if runs:
        _show(bench.session, runs)
        bench.tools.after_drawing(lambda: _look_at_all(bench, runs))


def _look_at_all(bench: Bench, runs: Sequence[Run]) -> None:
    """Look at runs that are open still; it keeps every core busy, and the picture comes first."""
    uids = {run.uid for run in bench.session.runs}
    for run in runs:
        if run.uid in uids and bench.session.outcome_of(run.uid).look is None:
            look_at(bench, run)


def find_runs(sources: Sequence[str], settings: Settings, *, room: Path, tell: Progress) -> Found:
    """Find loops and read their headers; frames are not decoded.

    Parameters
    ----------
    sources
        As `open_sources`.
    settings
        Endpoints by name; device and decoder.
    room
        Private folder for what has to be fetched.
    tell
        Told of each step; what it raises ends the work.
    """
    here: list[str] = []
    failures: list[str] = []
    for source in sources:
        if not is_remote(source, settings):
            here.append(settings.resolve(source))
            continue
        try:
            came, missing = _fetched(source, settings, room=room, tell=tell)
        except FluoroinjectError as error:
            failures.append(str(error))
            continue
        here += came
        failures += missing
    decoder = decoder_for(settings.defaults.on, settings.defaults.decoder)
    loops = []
    tell("searching for cine loops", 0.1)
    for number, found in enumerate(loops_in(here), 1):
        tell(f"{number} found", 0.1 + 0.8 * number / (number + 8))
        if isinstance(found, UnreadableObjectError):
            failures.append(f"{found}. {_AGAIN}")
            continue
        try:
            loops.append((read_loop(*found.paths, decoder=decoder), found))
        except FluoroinjectError as error:
            failures.append(f"{error}. {_AGAIN}")
    if not loops and not failures:
        failures.append(_nothing(sources))
    return Found(loops=tuple(loops), failures=tuple(failures))


def runs_of(found: Found, open_runs: Sequence[Run], *, origin: str) -> tuple[Run, ...]:
    """Name the runs of what was found; one that is open already is that same run, or a longer one.

    Parameters
    ----------
    found
        Loops and their files.
    open_runs
        Those that are open.
    origin
        Where the new ones come from.
    """
    known = {run.uid: run for run in open_runs}
    names = [run.name for run in open_runs]
    runs: dict[str, Run] = {}
    for loop, files in found.loops:
        uid = loop.reference.sop_instance_uid
        if uid in runs and len(runs[uid].files) >= len(files.paths):
            continue
        if uid in known and len(known[uid].files) >= len(files.paths):
            runs[uid] = known[uid]
            continue
        # single frames that came one by one: the longer run takes the place of the shorter
        name = known[uid].name if uid in known else run_name(loop.view, names)
        names.append(name)
        runs[uid] = Run(
            loop=loop, files=files.paths, name=name, origin=origin, recorded=files.recorded
        )
    return tuple(runs.values())


def other_contents(found: Found, open_runs: Sequence[Run]) -> tuple[str, ...]:
    """What is told of loops that are left out because another one has their UID.

    Parameters
    ----------
    found
        Loops and their files.
    open_runs
        Those that are open.
    """
    known = {run.uid: (run.loop.sha256, len(run.files)) for run in open_runs}
    told = []
    for loop, files in found.loops:
        mine = loop.sha256, len(files.paths)
        first = known.setdefault(loop.reference.sop_instance_uid, mine)
        if first[1] == mine[1] and first != mine:
            told.append(
                f"{files.paths[0].name}: seen other content under the SOP Instance UID of a run "
                "that is open; expected one run for each. The open one stays: close it first to "
                "open this one."
            )
    return tuple(told)


def other_plane(shown: Run, runs: Iterable[Run]) -> Run | None:
    """The first run of the same study in the other of AP and lateral; None where there is none."""
    wanted = {"AP": "LAT", "LAT": "AP"}.get(plane_of(shown.loop.view) or "")
    fitting = (
        run
        for run in runs
        if run.study_uid == shown.study_uid and plane_of(run.loop.view) == wanted
    )
    return next(fitting, None) if wanted else None


def notices_of(failures: Sequence[str]) -> tuple[str, ...]:
    """What is told of failures: the first ones whole, the rest as a number."""
    more = len(failures) - _MOST_TOLD
    told = tuple(failures[:_MOST_TOLD])
    return (*told, f"{more} more files could not be opened.") if more > 0 else told


def _show(session: Session, runs: Sequence[Run]) -> None:
    new = {run.uid: run for run in runs}
    for run in session.runs:
        if new.get(run.uid, run) is not run:
            session.close(run.uid)
    session.add(*runs)
    session.show(runs[0].uid)
    beside = other_plane(runs[0], runs)
    if beside is not None:
        session.show_beside(beside.uid)


def _fetched(
    source: str, settings: Settings, *, room: Path, tell: Progress
) -> tuple[list[str], list[str]]:
    """Bring what an endpoint has into a private folder; the files, and what did not come."""
    make_private(room)
    came = patiently(
        lambda note: fetch_objects(source, (), out=room, settings=settings, progress=note),
        tell,
        step=f"fetching from {source.partition('?')[0]}",
    )
    return [str(path) for path in came.files], [f"{uid}: {why}" for uid, why in came.failures]


def _nothing(sources: Sequence[str]) -> str:
    named = Path(sources[0]).name if len(sources) == 1 else f"{len(sources)} sources"
    return (
        f"{named}: seen no cine loop; expected XA, RF or secondary capture objects. Choose the "
        "folder that the C-arm or the PACS exported."
    )
