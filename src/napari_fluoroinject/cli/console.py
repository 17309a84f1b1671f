"""What all commands share at the terminal: progress, named failures, wrong usage."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from math import isfinite
from pathlib import Path  # typer reads it off the option
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from napari_fluoroinject.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_fluoroinject.errors import FluoroinjectError

ConfigOption = Annotated[
    Path | None, typer.Option(help="Settings file (else FLUOROINJECT_CONFIG, or this folder).")
]
_TAG = re.compile(r"\[(?=[a-z#/@])")
"""What rich takes for the start of a style, and leaves out of a text."""
_MOST_KINDS = 200
_MOST_OF_A_KIND = 20
"""Failures of one kind that are named; a folder of ten thousand other files is one finding."""


def printable(text: str) -> str:
    """The text in one line, without what a terminal would obey: names of files may hold it."""
    return "".join(c if c.isprintable() else "?" for c in text)


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on stderr while something runs; yields what tells it step and fraction.

    Where stderr is no terminal, each step is one plain line.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain_lines()
        return
    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def tell(step: str, fraction: float) -> None:
            bar.update(task, description=printable(step), completed=fraction)

        yield tell


def _plain_lines() -> Callable[[str, float], None]:
    last = ""

    def tell(step: str, fraction: float) -> None:
        nonlocal last
        if step != last:
            typer.echo(f"{fraction:4.0%} {printable(step)}", err=True)
            last = step

    return tell


@contextmanager
def wrong_usage(*kinds: type[FluoroinjectError]) -> Iterator[None]:
    """Turn errors about what was asked for into wrong usage: status 2."""
    try:
        yield
    except kinds as error:
        raise typer.BadParameter(printable(str(error))) from error


def finite(value: float | None) -> float | None:
    """Refuse what compares with no limit (nan): for the callback of an option."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter(f"seen {value}; expected a finite number")
    return value


class Command(TyperCommand):
    """A command whose help shows words in brackets, `[listen]`, as they are written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in (self, *self.params):
            text = getattr(one, "help", None)
            if text:
                setattr(one, "help", _TAG.sub(r"\\[", text))  # noqa: B010 - of either class


class Commands(TyperGroup):
    """The commands; a word that is empty is wrong usage, as of a variable that was not set."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Check the words before anything obeys them."""
        for before, word in zip(["", *args], args, strict=False):
            name, given, value = word.partition("=")
            if not word.strip() or (given and name.startswith("--") and not value.strip()):
                where = f" after {before}" if before else ""
                where = f" in {word}" if given else where
                raise typer.BadParameter(
                    f"seen an empty word{where}; expected a value: was a variable not set? Leave "
                    "out what is not to be said"
                )
        return super().parse_args(ctx, args)


def check_regular(path: Path | None) -> Path | None:
    """Refuse what is no plain file, and would wait for somebody to write: for a callback."""
    if path is not None and not path.is_file():
        raise typer.BadParameter(f"{printable(str(path))} is no plain file; expected one")
    return path


def check_each_regular(paths: list[Path]) -> list[Path]:
    """`check_regular`, where an option may be given several times."""
    for path in paths:
        check_regular(path)
    return paths


def settings_from(path: Path | None) -> Settings:
    """The site's settings; a file that is not valid is wrong usage."""
    from napari_fluoroinject.errors import SettingsError

    with wrong_usage(SettingsError):
        return load_settings(path)


def check_folder(out: Path) -> None:
    """Results go into folders; the address of a DICOM node is wrong usage in this version."""
    # a path keeps one of the two slashes of an address; one letter is a drive
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+:/", str(out)):
        raise typer.BadParameter(
            f"--out {out}: this version does not send results; expected a folder"
        )


def finish(failures: Iterable[tuple[str, str]]) -> None:
    """Name the failures on stderr, of many alike the first; leave with status 1 if any."""
    alike: Counter[str] = Counter()
    others = 0
    for name, message in failures:
        kind = message.removeprefix(name).lstrip(": ")
        if kind not in alike and len(alike) == _MOST_KINDS:
            others += 1
            continue
        alike[kind] += 1
        if alike[kind] <= _MOST_OF_A_KIND:
            told = message if name in message else f"{name}: {message}"
            typer.echo(f"failed: {printable(told)}", err=True)
    for kind, count in alike.items():
        if count > _MOST_OF_A_KIND:
            more = count - _MOST_OF_A_KIND
            typer.echo(f"failed: {more} more in the same way: {printable(kind)}", err=True)
    if others:
        typer.echo(f"failed: {others} more in other ways", err=True)
    if alike:
        raise typer.Exit(1)
