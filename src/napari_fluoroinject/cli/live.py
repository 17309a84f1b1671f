"""`fluoroinject live`: a feed while it comes: recorded, mapped, served, and its runs handed on."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from napari_fluoroinject.cli.console import (
    ConfigOption,
    finish,
    printable,
    settings_from,
    wrong_usage,
)
from napari_fluoroinject.cli.keys import keys
from napari_fluoroinject.cli.live_options import (
    AccessionOption,
    AnglesOption,
    GaugeOption,
    HandOption,
    LengthOption,
    ResearchOption,
    SideOption,
    StepOption,
    StudyOption,
    TextOption,
    Wanted,
    WorklistOption,
    check_peer,
    papers_of,
    query_of,
)
from napari_fluoroinject.cli.process import hold_streams, keep_loaded, share_arenas
from napari_fluoroinject.errors import EndpointError, PhantomError, ProcedureError
from napari_fluoroinject.settings import (
    Device,
)
from napari_fluoroinject.settings.network import LARGEST_PORT

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.live.session import LiveSession, SessionTold, SessionWish
    from napari_fluoroinject.settings import Settings

log = logging.getLogger(__name__)

_REFRESH_S = 0.25
_KEY_EVERY_S = 0.03
_PLAIN_EVERY_S = 5.0
_JSON_EVERY_S = 1.0
_KEYS = "keys: Enter = contrast starts now, r = end this run, q = end"
_Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="igtl://host:port[/device], video:0, rtsp://, tcp:// or udp://..., a video or DICOM "
        "file, folder:FOLDER or receiver: for runs that arrive, a recording, or synthetic "
        "screen:PROCEDURE or phantom:PROCEDURE.",
    ),
]
_RecordOption = Annotated[
    Path | None, typer.Option(help="Folder of the recordings (else live.record).")
]
_NoRecordOption = Annotated[
    bool, typer.Option("--no-record", help="Keep nothing: no run can be written.")
]
_ServeOption = Annotated[
    str | None,
    typer.Option(
        metavar="[HOST:]PORT",
        help="Serve picture and maps over OpenIGTLink; 127.0.0.1 unless another address is said.",
    ),
]
_MapKind = Literal["arrival", "opacity", "time_to_peak"]
_MapOption = Annotated[_MapKind, typer.Option("--map", help="Which map is made and served.")]
_ManualOption = Annotated[bool, typer.Option("--manual", help="Maps begin with Enter alone.")]
_SecondsOption = Annotated[
    float | None, typer.Option(min=0.0, help="End after so many seconds; else with Ctrl-C.")
]
_AgainOption = Annotated[bool, typer.Option("--again", help="Begin a file anew at its end.")]
_JsonOption = Annotated[
    bool, typer.Option("--json", help="One JSON object each second, and one at the end.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What was said on the command line about how the feed is taken."""

    record: Path | None
    no_record: bool
    on: Device | None
    manual: bool
    map_kind: _MapKind
    hand_to: str | None
    serve: str | None


def live(  # noqa: PLR0913 - one parameter per option of the command
    source: _Source,
    *,
    record: _RecordOption = None,
    no_record: _NoRecordOption = False,
    worklist: WorklistOption = None,
    accession: AccessionOption = None,
    study: StudyOption = None,
    step: StepOption = None,
    research: ResearchOption = False,
    side: SideOption = None,
    angles: AnglesOption = None,
    known_length: LengthOption = None,
    gauge: GaugeOption = None,
    no_text: TextOption = False,
    hand_to: HandOption = None,
    serve: _ServeOption = None,
    map_kind: _MapOption = "arrival",
    manual: _ManualOption = False,
    seconds: _SecondsOption = None,
    again: _AgainOption = False,
    as_json: _JsonOption = False,
    on: Annotated[Device | None, typer.Option(help="Where the maps are made.")] = None,
    config: ConfigOption = None,
) -> None:
    """Record a live feed, follow it with maps, and tell how it stands until Ctrl-C.

    At a terminal: Enter = contrast starts now, r = end the run that goes on, q = end.

    Every frame is recorded as it comes. With an order of the worklist, each finished run is
    written as DICOM under its patient and handed on; without one it stays in the recording, see
    `recordings`. That no warning is raised is not a clearance. Research software.
    """
    hold_streams()
    share_arenas()
    settings = settings_from(config)
    wanted = Wanted(
        worklist=worklist,
        accession=accession,
        study=study,
        step=step,
        research=research,
        angles=angles,
        known_length=known_length,
        gauge=gauge,
        no_text=no_text,
        side=side,
    )
    taken = _Taken(
        record=record,
        no_record=no_record,
        on=on,
        manual=manual,
        map_kind=map_kind,
        hand_to=hand_to,
        serve=serve,
    )
    wish = _wish(wanted, taken, settings)
    _run(source, wish, settings, again=again, seconds=seconds, as_json=as_json)


def _wish(wanted: Wanted, taken: _Taken, settings: Settings) -> SessionWish:
    """What is wanted around the feed; wrong usage where that cannot be had."""
    from napari_fluoroinject.live.session import SessionWish
    from napari_fluoroinject.live.station import StationSettings

    query, papers = query_of(wanted, settings), papers_of(wanted, settings)
    if taken.no_record and (query is not None or wanted.research):
        raise typer.BadParameter("--no-record: a run that is not recorded cannot be written")
    if taken.manual and not sys.stdin.isatty():
        raise typer.BadParameter("--manual: no terminal to press Enter at; expected one")
    own = settings.live
    recordings = None if taken.no_record else (taken.record or own.record)
    if recordings is not None:
        check_peer(taken.hand_to or own.hand_to, settings)
    return SessionWish(
        station=StationSettings(
            recordings=recordings,
            on=taken.on or settings.defaults.on,
            automatic=not taken.manual,
            kind=taken.map_kind,
            rest=False,
            mm_per_px=papers.mm_per_px,
            longest_hold_s=own.longest_hold_s,
            reserve_bytes=own.reserve_mb << 20,
        ),
        papers=papers,
        order=query,
        hand_to=taken.hand_to or own.hand_to,
        serve=_address(taken.serve, settings),
    )


def _run(
    source: str,
    wish: SessionWish,
    settings: Settings,
    *,
    again: bool,
    seconds: float | None,
    as_json: bool,
) -> None:
    from napari_fluoroinject.cli.listen import stop_signal
    from napari_fluoroinject.live.connect import connect_feed
    from napari_fluoroinject.live.session import LiveSession

    typer.echo("connecting ...", err=True)
    with wrong_usage(EndpointError, ProcedureError, PhantomError):
        session = LiveSession(connect_feed(source, again=again, settings=settings), wish, settings)
    stop = stop_signal()
    _end_with_the_terminal(stop)
    before = signal.getsignal(signal.SIGINT)
    try:
        with session:
            session.start()
            if session.port is not None and wish.serve is not None:
                typer.echo(f"serving on igtl://{wish.serve[0]}:{session.port}", err=True)
            _watch(session, stop, seconds=seconds, as_json=as_json)
            if stop.is_set():
                _say("ending: the last run is written and handed over; Ctrl-C: at once")
            signal.signal(signal.SIGINT, partial(_leave, session, stop))
    finally:
        signal.signal(signal.SIGINT, before)
    _end(session, as_json=as_json)


def _watch(
    session: LiveSession, stop: threading.Event, *, seconds: float | None, as_json: bool
) -> None:
    end_s = float("inf") if seconds is None else time.monotonic() + seconds
    with (
        _unread(),
        keys() as pressed,
        _teller(as_json=as_json, keys=pressed is not None) as tell,
    ):
        told_s, ready = float("-inf"), False
        while not session.station.receiver.told.ended and time.monotonic() < end_s:
            if not ready and session.station.maps.told.device:
                ready = True
                keep_loaded()
            if time.monotonic() - told_s >= _REFRESH_S:
                told_s = time.monotonic()
                with _unread():
                    tell(session.told)
            if pressed is not None and _obey(pressed(), session):
                return
            often_s = _REFRESH_S if pressed is None else _KEY_EVERY_S
            if stop.wait(max(0.0, min(often_s, end_s - time.monotonic()))):
                return


def _leave(session: LiveSession, stop: threading.Event, *_: object) -> None:
    """While it ends, leave at Ctrl-C once more, as soon as every frame that came is kept."""
    if stop.is_set() and session.station.receiver.told.ended:
        _say("stopped; `recordings` lists runs that were not written or not handed over")
        os._exit(130)  # whoever hangs, a worklist or an archive, is not waited for
    stop.set()


def _say(text: str) -> None:
    with suppress(OSError):  # a terminal that is gone
        typer.echo(text, err=True)


def _end_with_the_terminal(stop: threading.Event) -> None:
    """A terminal that is closed ends it in order, unless `nohup` said otherwise."""
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        signal.signal(hang_up, lambda *_: stop.set())


@contextmanager
def _unread() -> Iterator[None]:
    """Nobody reads the status any more, as where a pipe is closed: recording goes on."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        log.warning("the status cannot be told any more: %s", error.strerror)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _obey(pressed: str, session: LiveSession) -> bool:
    """Do what keys ask for; whether that is to end."""
    for key in pressed:
        if key in "\r\n":
            session.station.begin()
        elif key in "rR":
            session.station.end_run()
        elif key in "qQ":
            return True
    return False


@contextmanager
def _teller(*, as_json: bool, keys: bool) -> Iterator[Callable[[SessionTold], None]]:
    """How the status is shown: lines of JSON, lines that are refreshed, or now and then a line."""
    if as_json:
        yield _Paced(_JSON_EVERY_S, _print_json)
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        yield _Paced(_PLAIN_EVERY_S, _print_lines)
        return
    from rich.live import Live
    from rich.text import Text

    from napari_fluoroinject.cli.live_words import lines

    # what stands at the end is told once more then
    with Live(console=console, auto_refresh=False, transient=True) as shown:

        def tell(told: SessionTold) -> None:
            style = "bold red" if told.station.freshness == "live" else "reverse"
            first, *rest = map(printable, lines(told))
            text = Text(first, style=style)
            for line in (*rest, _KEYS) if keys else rest:
                warns = line.startswith("WARNING")
                text.append(f"\n{line}", style="bold black on yellow" if warns else "default")
            shown.update(text, refresh=True)

        yield tell


class _Paced:
    """Tells at most every so often, and at once where the feed's state or a fault is new."""

    def __init__(self, every_s: float, show: Callable[[SessionTold], None]) -> None:
        self._every_s, self._show = every_s, show
        self._at_s, self._was = float("-inf"), ("", 0)

    def __call__(self, told: SessionTold) -> None:
        now_s, state = time.monotonic(), (told.station.freshness, len(told.faults))
        if state != self._was or now_s - self._at_s >= self._every_s:
            self._at_s, self._was = now_s, state
            self._show(told)


def _print_json(told: SessionTold) -> None:
    from napari_fluoroinject.cli.live_words import as_json

    typer.echo(json.dumps(as_json(told)))


def _print_lines(told: SessionTold) -> None:
    from napari_fluoroinject.cli.live_words import lines

    between = "\n" if sys.stdout.isatty() else " | "
    typer.echo(between.join(map(printable, lines(told))))


def _end(session: LiveSession, *, as_json: bool) -> None:
    """Say how it ended, and what failed: status 1 where anything did."""
    told, folder = session.told, session.station.folder
    with _unread():
        if as_json:
            _print_json(told)
        else:
            _print_lines(told)
            if folder is not None:
                typer.echo(f"recording: {printable(str(folder))}")
    received, handed = told.station.received, told.handed
    failures = [("feed", received.error)] if received.error else []
    if received.recording_error or received.unrecorded:
        why = received.recording_error or "the disk was full, too slow or gone for a while"
        failures.append(("recording", f"{received.unrecorded} frames are not recorded: {why}"))
    failures += [("run", fault) for fault in told.faults]
    if handed is not None and handed.waiting:
        why = handed.error or "not acknowledged yet"
        failures.append(
            ("hand-over", f"{handed.waiting} runs wait, tried again at the next start: {why}")
        )
    finish(failures)


def _address(text: str | None, settings: Settings) -> tuple[str, int] | None:
    """Host and port to serve at; wrong usage where it is none."""
    if text is None:
        port = settings.live.serve_port
        return ("127.0.0.1", port) if port else None
    host, _, port_text = text.rpartition(":")
    if not (port_text.isascii() and port_text.isdigit() and int(port_text) <= LARGEST_PORT):
        raise typer.BadParameter(f"--serve: seen {printable(text)!r}; expected [HOST:]PORT")
    return host.strip("[]") or "127.0.0.1", int(port_text)
