"""How many frames the product's own player really draws: the program shows a run and counts.

    xvfb-run -a -s "-screen 0 1920x1080x24" python -m tests.proofs.playback --fps 15 --seconds 10

Stage and player are the product's. Times are uneven: every second frame comes a fifth of a period
late. `in order` means that no frame was drawn before one that was due earlier.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.run import Run

HEIGHT_OF_660_PX = 629
"""Height of the canvas in a window of 1000 x 700, where it is 663 wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What became of the frames; `order` are those that were drawn."""

    due: int
    shown: int
    skipped: int
    pending: int
    order: tuple[int, ...]
    frames: int
    seconds: float
    cpu_ms: float

    @property
    def exact(self) -> bool:
        """Whether each due frame was shown, skipped, or is still pending."""
        drawn = len(self.order) + 1 - self.pending  # the first one stood there already
        return self.due == self.shown + self.skipped + self.pending and self.shown == drawn

    @property
    def in_order(self) -> bool:
        """Whether frames only went on, from pass to pass; their ways add up to what was due."""
        steps = np.diff([0, *self.order]) % self.frames
        return bool((steps > 0).all()) and int(steps.sum()) == self.due - 1


def main(argv: list[str]) -> int:
    """Play, and print what was counted; the status is 1 where the count is not exact."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--binding", choices=("pyqt6", "pyside6"), default="pyqt6")
    ask.add_argument("--fps", type=float, default=15)
    ask.add_argument("--seconds", type=float, default=10)
    ask.add_argument("--size", type=int, default=512)
    ask.add_argument("--frames", type=int, default=90)
    ask.add_argument("--canvas", type=int, default=660, help="width of the canvas in pixels")
    ask.add_argument("--mode", choices=("time", "every"), default="time")
    ask.add_argument("--workspace", action="store_true", help="with dock, bar, curves, companion")
    ask.add_argument("--profile", type=Path, help="where to write a profile of the playing")
    wish = ask.parse_args(argv)
    os.environ["QT_API"] = wish.binding
    os.environ.setdefault(
        "NAPARI_CONFIG", str(Path(tempfile.mkdtemp(prefix="napari-")) / "settings.yaml")
    )
    counted = played(wish)
    print(
        f"{wish.binding}, {wish.size}x{wish.size}x{wish.frames}, {wish.fps:g} frames/s asked"
        f"{', whole workspace' if wish.workspace else ''}, mode {wish.mode}: "
        f"due {counted.due}, shown {counted.shown} "
        f"({counted.shown / counted.due:.1%}, {counted.shown / counted.seconds:.1f}/s), "
        f"skipped {counted.skipped}, pending {counted.pending}, exact {counted.exact}, "
        f"in order {counted.in_order}, cpu {counted.cpu_ms:.0f} ms/frame, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    return 0 if counted.exact and counted.in_order else 1


def played(wish: Any) -> Counted:
    """Open a viewer, play a run in it for so long, and count."""
    import napari

    from napari_fluoroinject.viewer.player import Player
    from napari_fluoroinject.viewer.session import Session
    from napari_fluoroinject.viewer.stage import Stage

    viewer = napari.Viewer()
    if wish.workspace:
        from napari_fluoroinject.settings import Settings
        from napari_fluoroinject.viewer.widgets import Workflow
        from napari_fluoroinject.viewer.workspace import workspace

        made = workspace(viewer, settings=Settings())
        made.dock_in_window(Workflow)
        made.fill_screen()
        session, stage, player, end = made.session, made.stage, made.player, made.close
    else:
        session = Session()
        stage = Stage(viewer, session)
        player = Player(session, stage)

        def end() -> None:
            player.close()
            stage.close()

    session.open(run_of(wish.size, wish.frames, wish.fps))
    if not wish.workspace:
        fit_canvas(viewer, wish.canvas)
    player.mode = wish.mode
    spin(2.0)
    counted = count(player, stage, session, wish)
    end()
    viewer.close()
    return counted


def count(player: Any, stage: Any, session: Any, wish: Any) -> Counted:
    """Play for so long; what is drawn is noted beside the player's own count."""
    order: list[int] = []

    def drawn() -> None:
        if session.frame != (order[-1] if order else 0):
            order.append(session.frame)

    silent = stage.on_drawn(drawn)
    cpu, started = time.process_time(), time.perf_counter()
    player.play()
    if wish.profile is None:
        spin(wish.seconds)
    else:
        import cProfile

        with cProfile.Profile() as profile:
            spin(wish.seconds)
        profile.dump_stats(wish.profile)
    player.pause()
    due, seconds = player.due, time.perf_counter() - started
    cpu = time.process_time() - cpu
    spin(1.2)  # what is pending comes
    silent()
    return Counted(
        due=due,
        shown=player.shown,
        skipped=player.skipped,
        pending=int(player.pending),
        order=tuple(order),
        frames=wish.frames,
        seconds=seconds,
        cpu_ms=cpu / max(player.shown, 1) * 1e3,
    )


def run_of(size: int, frames: int, fps: float) -> Run:
    """Noise as a run, with uneven times; the rest of the loop is a phantom's."""
    from napari_fluoroinject.model.cine import ArrayFrames
    from napari_fluoroinject.phantom import PhantomSettings, make_phantom
    from napari_fluoroinject.viewer.run import Run

    loop = make_phantom("mbb_lumbar", settings=PhantomSettings(size=64, frames=8)).loop
    stored = np.random.default_rng(0).integers(400, 2760, (frames, size, size), np.uint16)
    times_s = np.arange(frames) / fps
    times_s[1::2] += 0.2 / fps
    whole = replace(loop, frames=ArrayFrames(stored), times_s=times_s, open_field=None)
    return Run(loop=whole, files=(), name="AP run 1")


def fit_canvas(viewer: Any, width: int) -> None:
    """Give the canvas this width, with napari's own panels closed as in the clinical layout."""
    from napari_fluoroinject.viewer.adapter import canvas_widget, main_window, show_own_docks

    show_own_docks(viewer, shown=False)
    window, canvas = main_window(viewer), canvas_widget(viewer)
    for _ in range(3):
        spin(0.3)
        size = window.size()
        window.resize(
            size.width() + width - canvas.width(),
            size.height() + round(width * HEIGHT_OF_660_PX / 660) - canvas.height(),
        )
    spin(0.3)
    print(
        f"canvas {canvas.width()} x {canvas.height()}, window {window.width()} x {window.height()}"
    )


def spin(seconds: float) -> None:
    """Let the event loop run; QApplication.quit would delete napari's canvas."""
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    loop, timer = QEventLoop(), QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setSingleShot(True)
    timer.timeout.connect(loop.quit)
    timer.start(int(seconds * 1e3))
    loop.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
