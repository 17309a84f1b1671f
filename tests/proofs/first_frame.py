"""How long the first picture of a run takes, and how many frames are decoded for it.

Run with a screen: `xvfb-run -a -s "-screen 0 1920x1080x24" python -m tests.proofs.first_frame`.
The window is open, has drawn, and stands still for two seconds; the time runs from the path of a
file that the system has read before to the first drawing of its frame: reading the headers,
opening it, layers, canvas.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np

from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.viewer import adapter
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.session import Session
from napari_fluoroinject.viewer.stage import Stage
from napari_fluoroinject.workflow import make_phantom_files

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = 5
IDLE_S = 2.0
MOST_MS, MOST_FRAMES = 300.0, 3


class _Counted:
    """Frames of a file that count what is decoded."""

    def __init__(self, frames: Any) -> None:
        self._frames, self.asked = frames, 0
        self.shape = frames.shape

    def frame(self, index: int) -> Any:
        self.asked += 1
        return self._frames.frame(index)

    def every(self) -> Any:
        raise AssertionError("all frames were decoded")


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        for packing in ("uncompressed", "jpeg_ls"):
            path = make_phantom_files(
                "mbb_lumbar", PhantomSettings(), out=Path(folder), packing=packing
            )[0]
            _measure(path, packing)


def _measure(path: Path, packing: str) -> None:
    _once(path)  # compiles and loads
    took_ms, cpu_ms, decoded = zip(*(_once(path) for _ in range(TIMES)), strict=True)
    met = statistics.median(took_ms) < MOST_MS and max(decoded) <= MOST_FRAMES
    print(
        f"512 x 512 x 90, {packing}: first picture after {statistics.median(took_ms):.0f} ms "
        f"(median of {TIMES}, {min(took_ms):.0f} to {max(took_ms):.0f}; processor "
        f"{statistics.median(cpu_ms):.0f} ms), "
        f"{max(decoded)} frames decoded; wanted < {MOST_MS:.0f} ms and <= {MOST_FRAMES}: "
        f"{'met' if met else 'NOT met'}"
    )


def _once(path: Path) -> tuple[float, float, int]:
    viewer = napari.Viewer()
    adapter.main_window(viewer).resize(1000, 700)
    warm = viewer.add_image(np.zeros((2, 8, 8), np.uint16))  # what napari loads at its first layer
    session = Session()
    stage = Stage(viewer, session)
    _until_drawn(viewer, lambda: None)
    viewer.layers.remove(warm)
    _until_drawn(viewer, lambda: None)
    _idle()
    frames = []

    def open_it() -> None:
        loop = read_loop(path)
        frames.append(_Counted(loop.frames))
        session.open(Run(loop=replace(loop, frames=frames[0]), files=(path,), name="run"))

    cpu_s = time.process_time()
    took_s = _until_drawn(viewer, open_it)
    cpu_s = time.process_time() - cpu_s
    stage.close()
    viewer.close()
    return 1e3 * took_s, 1e3 * cpu_s, frames[0].asked


def _idle() -> None:
    """Let the window stand for as long as a person needs to choose a file."""
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + IDLE_S
    while time.perf_counter() < end:
        QApplication.processEvents()


def _until_drawn(viewer: napari.Viewer, do: Callable[[], None]) -> float:
    from qtpy.QtWidgets import QApplication

    for _ in range(20):
        QApplication.processEvents()
    drawn = []
    end = adapter.on_drawn(viewer, lambda: drawn.append(time.perf_counter()))
    started = time.perf_counter()
    do()
    drawn.clear()  # what was drawn before all layers were there does not count
    adapter.canvas_widget(viewer).update()
    while not drawn:
        QApplication.processEvents()
    end()
    return drawn[0] - started


if __name__ == "__main__":
    main()
