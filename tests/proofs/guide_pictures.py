"""Pictures of the guide, from the running program: `python -m tests.proofs.guide_pictures FOLDER`.

A synthetic run is taken through all six steps in a window of each size, and a synthetic feed is
watched; no patient is shown. Needs
a screen: `xvfb-run -a -s "-screen 0 1920x1080x24"`.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.workspace import Workspace

SIZES = ((1366, 768), (1900, 1060))
MOST_BYTES = 300_000
SCENE = "esi_tf_lumbar_subpedicular"
RUN_OFF = "vascular_persistent"
"""The twin of the scene in which contrast enters a vessel; in the scene itself none does."""
FRAMES = 60
PATIENCE_S = 300.0


def main() -> None:
    """Take every picture into the folder that is named."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guide-") as name:
        room = Path(name)
        os.environ |= {  # the person's own settings and data stay out of it
            "NAPARI_CONFIG": str(room / "napari" / "settings.yaml"),
            "HOME": str(room),
        }
        (room / "napari").mkdir()
        spread, run_off = made(room / "spread", "none"), made(room / "run_off", RUN_OFF)
        for size in SIZES:
            for path in taken(out, room / f"{size[0]}", spread, run_off, size):
                print(f"{path}  {path.stat().st_size // 1000} kB", flush=True)


def made(room: Path, twin: str) -> tuple[Path, Path]:
    """Make a synthetic run that is shown; its file, and what a person would mark."""
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    settings = PhantomSettings(
        view="AP",
        size=512,
        frames=FRAMES,
        frame_rate_hz=10.0,
        dose_ngy=100.0,
        motion="breathing",
        twin=twin,
    )
    loop, _, _, annotation = make_phantom_files(SCENE, settings, out=room / "loop")
    return loop, annotation


def taken(
    out: Path,
    room: Path,
    spread: tuple[Path, Path],
    run_off: tuple[Path, Path],
    size: tuple[int, int],
) -> list[Path]:
    """Walk through the steps in a window of a size, and take a picture of each."""
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.viewer.start import open_window
    from napari_fluoroinject.viewer.workspace import workspace

    # No draft of the walk before.
    os.environ |= dict.fromkeys(("XDG_DATA_HOME", "XDG_STATE_HOME"), str(room))
    walk = Walk(workspace(open_window([], settings=Settings())), out, size)
    walk.through(*spread)
    walk.warned(*run_off)
    walk.live()
    walk.end()
    return walk.pictures


class Walk:
    """One window, and the pictures that were taken of it."""

    def __init__(self, place: Workspace, out: Path, size: tuple[int, int]) -> None:
        from napari_fluoroinject.viewer.adapter import main_window

        self.pictures: list[Path] = []
        self._place, self._out, self._size = place, out, size
        self._window = main_window(place.viewer)
        self._window.setGeometry(0, 0, *size)
        self._settle()

    def through(self, file: Path, annotation: Path) -> None:
        """Do what a person would, with the functions that the pages call."""
        from napari_fluoroinject.model.annotation import parse_annotation
        from napari_fluoroinject.viewer import works
        from napari_fluoroinject.viewer.opening import open_sources

        session, bench, dock = self._place.session, self._place.bench, self._place.dock
        said = parse_annotation(annotation.read_text(), name=annotation.name)
        open_sources(bench, [str(file)], origin="sample, synthetic")
        self._take("1_load")
        dock.go_to("procedure")
        self._plan()
        self._take("2_procedure")
        dock.go_to("needle")
        self._take("3_proposal")
        session.operator = "Operator A"
        session.accept_needle()
        session.place_target(said.target_px)
        session.go_to(FRAMES // 2)
        self._take("3_needle")
        for mark in said.marks:
            session.place_mark(mark)
        run = session.run
        assert run is not None
        dock.go_to("contrast")
        works.analyze(bench, run)
        self._settle()
        works.subtract(bench, run)
        self._settle()
        self._place.stage.show_map("arrival")
        session.go_to(3 * FRAMES // 4)
        self._take("4_contrast")
        dock.go_to("review")
        self._take("5_review")
        dock.go_to("send")
        works.keep(bench, run)
        self._take("6_send")

    def warned(self, file: Path, annotation: Path) -> None:
        """Open the run of another study, in which contrast does run off, and show where."""
        from napari_fluoroinject.model.annotation import parse_annotation
        from napari_fluoroinject.viewer import works
        from napari_fluoroinject.viewer.opening import open_sources

        session, bench, dock = self._place.session, self._place.bench, self._place.dock
        said = parse_annotation(annotation.read_text(), name=annotation.name)
        open_sources(bench, [str(file)], origin="sample, synthetic")
        self._settle()
        run = next(one for one in session.runs if one is not session.runs[0])
        session.show(run.uid)
        self._plan()
        session.annotate("mark", replace(said, marks=()))
        dock.go_to("review")
        works.analyze(bench, run)
        self._settle()
        works.subtract(bench, run)
        self._settle()
        self._place.stage.show_map("none")
        session.go_to(FRAMES // 2)
        self._take("5_warning")

    def live(self) -> None:
        """Watch a synthetic feed until contrast lies in the map."""
        from qtpy.QtWidgets import QApplication

        name = "FluoroInject live view"
        self._place.viewer.window.add_plugin_dock_widget("napari-fluoroinject", name)
        panel = self._place.live
        panel.controls.source.setText(f"phantom:{SCENE}")
        panel.controls.again.setChecked(True)
        panel.picture.setGeometry(10, 40, *(self._size[1] - 140,) * 2)
        panel.start()
        mapped = re.compile(r"\b[2-9]\d frames in the maps")
        give_up_s = time.monotonic() + PATIENCE_S
        while not mapped.search(panel.controls.maps.text()):
            if time.monotonic() > give_up_s:
                raise SystemExit(f"no map came: {panel.controls.maps.text()}")
            QApplication.processEvents()
            time.sleep(0.01)
        self._take("7_live", rest=3)

    def _plan(self) -> None:
        session = self._place.session
        plan = replace(session.plan, procedure=SCENE, level="L4-L5", side="left", gauge=22)
        session.plan_as("choose the procedure", plan)

    def end(self) -> None:
        """Close the window, and let Qt take it away."""
        self._place.viewer.close()
        self._settle()

    def _settle(self, rest: int = 12) -> None:
        """Let the window do what it has to, until it has been at rest for a while."""
        from qtpy.QtWidgets import QApplication

        quiet = 0
        while quiet < rest:
            QApplication.processEvents()
            time.sleep(0.05)
            quiet = 0 if self._place.jobs.running else quiet + 1

    def _take(self, name: str, *, rest: int = 12) -> None:
        self._settle(rest)
        path = self._out / f"{name}_{self._size[0]}.png"
        shot = self._window.screen().grabWindow(0, 0, 0, *self._size)
        if not shot.save(str(path), "PNG"):
            raise SystemExit(f"{path} could not be written")
        smaller(path)
        self.pictures.append(path)


def smaller(path: Path) -> None:
    """Store a picture with fewer greys and colours, so that a repository can hold it."""
    with Image.open(path) as whole:
        plain = whole.convert("RGB")
    plain.save(path, optimize=True)
    for greys in (96, 48, 32, 24, 16, 12, 8):
        if path.stat().st_size <= MOST_BYTES:
            return
        fewer = plain.quantize(palette=palette(plain, greys), dither=Image.Dither.NONE)
        fewer.save(path, optimize=True)
        plain = fewer.convert("RGB")


def palette(picture: Image.Image, greys: int) -> Image.Image:
    """Colours for a picture: greys for its noise, and the rest for what is not grey."""
    pixels = np.asarray(picture).reshape(-1, 3)
    coloured = pixels[np.ptp(pixels, axis=1) > 24]
    kinds = Image.fromarray(coloured[None, :, :]).quantize(256 - greys, Image.Quantize.MAXCOVERAGE)
    ramp = [round(255 * step / (greys - 1)) for step in range(greys) for _ in range(3)]
    held = Image.new("P", (1, 1))
    held.putpalette((ramp + list(kinds.getpalette() or []))[: 3 * 256])
    return held


if __name__ == "__main__":
    main()
