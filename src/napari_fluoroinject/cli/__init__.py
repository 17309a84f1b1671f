"""The command line: parse, call one workflow function, print."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import typer

from napari_fluoroinject import __version__
from napari_fluoroinject.cli.analyze import analyze
from napari_fluoroinject.cli.audit import audit
from napari_fluoroinject.cli.batch import batch
from napari_fluoroinject.cli.benchmark import benchmark
from napari_fluoroinject.cli.check import check
from napari_fluoroinject.cli.checklist import checklist
from napari_fluoroinject.cli.codes import codes
from napari_fluoroinject.cli.console import Command, Commands, printable
from napari_fluoroinject.cli.deidentify import deidentify
from napari_fluoroinject.cli.demo import demo
from napari_fluoroinject.cli.doctor import doctor
from napari_fluoroinject.cli.fetch import fetch
from napari_fluoroinject.cli.find import echo, find
from napari_fluoroinject.cli.grow_forest import grow_forest
from napari_fluoroinject.cli.listen import listen
from napari_fluoroinject.cli.live import live
from napari_fluoroinject.cli.matrix import matrix
from napari_fluoroinject.cli.migration import migration
from napari_fluoroinject.cli.phantom import phantom
from napari_fluoroinject.cli.procedures import procedures
from napari_fluoroinject.cli.process import settle
from napari_fluoroinject.cli.queue import queue
from napari_fluoroinject.cli.read import read
from napari_fluoroinject.cli.recordings import recordings
from napari_fluoroinject.cli.replay import replay
from napari_fluoroinject.cli.speed import speed
from napari_fluoroinject.cli.store import store
from napari_fluoroinject.cli.subtract import subtract
from napari_fluoroinject.cli.triangulate import triangulate
from napari_fluoroinject.cli.view import view
from napari_fluoroinject.cli.write_matrix import write_matrix
from napari_fluoroinject.errors import FluoroinjectError

if TYPE_CHECKING:
    from types import FrameType

app = typer.Typer(
    name="fluoroinject",
    help="Needle, target and contrast spread in fluoroscopy-guided injections. "
    "Research software, not a medical device: no warning is not a clearance.",
    no_args_is_help=True,
    cls=Commands,
    add_completion=False,
    # a traceback with local values would show patient data
    pretty_exceptions_enable=False,
)
for _command in (
    demo,
    analyze,
    batch,
    view,
    find,
    fetch,
    store,
    echo,
    subtract,
    triangulate,
    migration,
    read,
    deidentify,
    codes,
    phantom,
    queue,
    procedures,
    listen,
    checklist,
    check,
    doctor,
    audit,
    benchmark,
    matrix,
    write_matrix,
    grow_forest,
    speed,
    replay,
    live,
    recordings,
):
    app.command(cls=Command)(_command)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _fluoroinject(
    _asked: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    pass


def main() -> None:
    """Run the command line.

    Exit status: 0 all done, 1 something failed, 2 wrong usage, 130 stopped by Ctrl-C, 143 stopped
    by SIGTERM.
    """
    signal.signal(signal.SIGTERM, _terminate)
    settle()
    try:
        app()
    except (KeyboardInterrupt, SystemExit) as left:
        _tell_stop(left)
        raise
    except FluoroinjectError as error:
        typer.echo(f"failed: {printable(str(error))}", err=True)
    except OSError as error:  # a folder or disk of the person's, no fault of the program
        where = f": {error.filename}" if error.filename else ""
        typer.echo(f"failed: {printable(f'{error.strerror or error}{where}')}", err=True)
    except Exception as error:  # the edge of main: the person gets a sentence, and status 1
        typer.echo(f"failed: {printable(f'{type(error).__name__}: {error}')}", err=True)
        typer.echo("This is a fault of the program; please report it with this line.", err=True)
    sys.exit(1)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: leave as by Ctrl-C, so that half-written files are cleared."""


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _tell_stop(left: BaseException) -> None:
    """Say that a person or the system stopped the program, and what was done by then."""
    stop: BaseException | None = left
    # typer turns Ctrl-C into an exit of its own, and keeps what it came from
    while stop is not None and not isinstance(stop, KeyboardInterrupt):
        stop = stop.__cause__ or stop.__context__
    if stop is not None:
        typer.echo(printable("; ".join(["stopped", *getattr(stop, "__notes__", ())])), err=True)
        sys.exit(143 if isinstance(stop, _Terminated) else 130)
