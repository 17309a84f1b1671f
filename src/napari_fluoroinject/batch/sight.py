"""Whether the workers of a cluster see what the client sees, and are of its version."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject import __version__
from napari_fluoroinject.batch.task import sees
from napari_fluoroinject.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def check_workers(
    ask: Callable[..., Any], *, out: Path, sources: Sequence[Path], token: str
) -> None:
    """Refuse workers that cannot load this program or do not see the files.

    Parameters
    ----------
    ask
        Runs a function on each worker, and returns what it gives by the worker's address.
    out, sources, token
        As for `pool_at`.

    Raises
    ------
    SettingsError
        A worker is of another version, or does not see a file as it is here.
    """
    expected = [_seen(str(one)) for one in sources]
    try:
        told = ask(_look, str(out), token, [str(one) for one in sources])
    except ImportError as error:
        raise SettingsError(
            f"a worker of the cluster cannot load this program ({error}); expected version "
            f"{__version__} on each"
        ) from error
    for worker, (version, has_out, seen) in sorted(told.items()):
        if version != __version__:
            raise SettingsError(
                f"the worker {worker} has version {version}; expected {__version__}, as here"
            )
        if not has_out:
            raise SettingsError(
                f"the worker {worker} does not see {out} as it is here; expected one folder that "
                "all machines share, under the same path"
            )
        for path, here, there in zip(sources, expected, seen, strict=True):
            if here != there:
                raise SettingsError(
                    f"the worker {worker} does not see {path} as it is here; expected one folder "
                    "that all machines share, under the same path"
                )


def _look(out: str, token: str, sources: list[str]) -> tuple[str, bool, list[list[int] | None]]:
    """What a worker sees; runs there."""
    return __version__, sees(Path(out), token), [_seen(one) for one in sources]


def _seen(path: str) -> list[int] | None:
    try:
        stat = os.stat(path)  # noqa: PTH116 - a word that came from another process
    except OSError:
        return None
    return [stat.st_mode, stat.st_mtime_ns]
