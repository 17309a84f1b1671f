"""What all commands share at the terminal: progress, named failures, wrong usage."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from napari_fluoroinject.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from napari_fluoroinject.errors import FluoroinjectError


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on stderr while something runs; yields what tells it step and fraction."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def tell(step: str, fraction: float) -> None:
            bar.update(task, description=step, completed=fraction)

        yield tell


@contextmanager
def wrong_usage(*kinds: type[FluoroinjectError]) -> Iterator[None]:
    """Turn errors about what was asked for into wrong usage: status 2."""
    try:
        yield
    except kinds as error:
        raise typer.BadParameter(str(error)) from error


def settings_from(path: Path | None) -> Settings:
    """The site's settings; a file that is not valid is wrong usage."""
    from napari_fluoroinject.errors import SettingsError

    with wrong_usage(SettingsError):
        return load_settings(path)


def finish(failures: Iterable[tuple[str, str]]) -> None:
    """Name each failure on stderr; leave with status 1 where there is one."""
    failed = tuple(failures)
    for name, message in failed:
        typer.echo(
            f"failed: {message}" if name in message else f"failed: {name}: {message}", err=True
        )
    if failed:
        raise typer.Exit(1)
