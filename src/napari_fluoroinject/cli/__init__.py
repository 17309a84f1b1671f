"""The command line: parse, call one workflow function, print."""

from __future__ import annotations

import sys

import typer

from napari_fluoroinject import __version__
from napari_fluoroinject.cli.analyze import analyze
from napari_fluoroinject.cli.benchmark import benchmark
from napari_fluoroinject.cli.demo import demo
from napari_fluoroinject.cli.doctor import doctor
from napari_fluoroinject.cli.phantom import phantom
from napari_fluoroinject.cli.procedures import procedures
from napari_fluoroinject.errors import FluoroinjectError

app = typer.Typer(
    name="fluoroinject",
    help="Needle, target and contrast spread in fluoroscopy-guided injections. "
    "Research software, not a medical device: no warning is not a clearance.",
    no_args_is_help=True,
    add_completion=False,
    # a traceback with local values would show patient data
    pretty_exceptions_enable=False,
)
for _command in (demo, analyze, phantom, procedures, doctor, benchmark):
    app.command()(_command)


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
    """Run the command line; exit status 0 all done, 1 something failed, 2 wrong usage."""
    try:
        app()
    except FluoroinjectError as error:
        typer.echo(f"failed: {error}", err=True)
    except Exception as error:  # the edge of main: the person gets a sentence, and status 1
        typer.echo(f"failed: {type(error).__name__}: {error}", err=True)
        typer.echo("This is a fault of the program; please report it with this line.", err=True)
    sys.exit(1)
