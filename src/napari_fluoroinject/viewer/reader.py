"""What napari opens with us: cine loops as grey pictures, with true spacing and times.

A loop that is opened so is a plain layer, which knows its run: the workflow takes it over.
"""

from __future__ import annotations

import logging
import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import FluoroinjectError, UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from napari_fluoroinject.viewer.run import Run

log = logging.getLogger(__name__)

LayerTuple = tuple[Any, dict[str, Any], str]
"""Data, options and kind of a layer, as napari takes them."""
RUN_KEY = "napari-fluoroinject run"
"""Where a layer's metadata hold its run."""
_MOST_LOOKED_AT = 64
"""Files of a folder that are looked into before it is declined."""


def reader_for(path: str | Sequence[str]) -> Callable[[Any], list[LayerTuple]] | None:
    """Return what reads these files and folders; None at once where one holds no cine loop.

    Parameters
    ----------
    path
        As napari gives it: one, or several that belong together.
    """
    every = [path] if isinstance(path, str) else list(path)
    return read_layers if every and all(_holds_loop(Path(one)) for one in every) else None


def read_layers(path: str | Sequence[str], *, origin: str = "file") -> list[LayerTuple]:
    """Read every loop of files and folders, each as one layer whose frames come when shown.

    Parameters
    ----------
    path
        As above.
    origin
        What a person is told that they come from.

    Raises
    ------
    UnreadableObjectError
        Nothing of it can be read; what fails beside others is warned of.
    """
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.viewer.opening import find_runs, notices_of, runs_of

    every = [path] if isinstance(path, str) else list(path)
    found = find_runs(every, Settings(), room=Path(), tell=lambda _step, _fraction: None)
    runs = runs_of(found, (), origin=origin)
    if not runs:
        raise UnreadableObjectError(
            Path(every[0]).name,
            seen="; ".join(found.failures) or "no cine loop",
            expected="XA, RF or secondary capture objects",
        )
    if found.failures:
        from napari.utils.notifications import show_warning

        for told in notices_of(found.failures):
            show_warning(told)
    return [_layer(run) for run in runs]


def runs_held(layers: Iterable[Any]) -> tuple[Run, ...]:
    """Return the runs that layers were opened from by this reader, each once.

    Parameters
    ----------
    layers
        Of a viewer; those of others are passed over.
    """
    found = (layer.metadata.get(RUN_KEY) for layer in layers)
    return tuple({run.uid: run for run in found if run is not None}.values())


def _layer(run: Run) -> LayerTuple:
    from napari_fluoroinject.viewer.frames import first_window, of_frames
    from napari_fluoroinject.viewer.layers import grid_of

    frames = of_frames(run.loop.frames)
    ln = run.loop.intensity.ln_beam
    falls = len(ln) > 1 and float(ln[-1]) < float(ln[0])  # more beam is brighter, however stored
    options = {
        "name": f"{run.name} · native",
        "colormap": "gray_r" if falls else "gray",
        "contrast_limits": first_window(frames.frame(0), run.loop),
        "metadata": {RUN_KEY: run},
        **grid_of(run.loop).options(3),
    }
    return frames, options, "image"


def _holds_loop(path: Path) -> bool:
    """Whether it is a file of a class that holds runs, or a folder with one near its top."""
    from napari_fluoroinject.dicom.find import OTHER_DOCUMENTS

    files = islice(_files_of(path), _MOST_LOOKED_AT)
    return any(_is_loop(one) for one in files if one.suffix.lower() not in OTHER_DOCUMENTS)


def _files_of(path: Path) -> Iterator[Path]:
    """The file, or those of the folder, as they come: a large folder is never listed whole."""
    if path.is_file():
        yield path
    for folder, below, names in os.walk(path):
        below[:] = sorted(one for one in below if not one.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _is_loop(path: Path) -> bool:
    from napari_fluoroinject.dicom.opened import CINE_CLASSES, announced_class

    try:
        return announced_class(path) in CINE_CLASSES
    except (FluoroinjectError, OSError):
        log.debug("declined what is no DICOM object")
        return False
