"""Pictures of the guide, from the running program: `python -m tests.proofs.guide_pictures FOLDER`.

A synthetic run is taken through all six steps in a window of each size; no patient is shown. Needs
a screen: `xvfb-run -a -s "-screen 0 1920x1080x24"`.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SIZES = ((1366, 768), (1900, 1060))
MOST_BYTES = 300_000
SCENE = "esi_tf_lumbar_subpedicular"


def main() -> None:
    """Take every picture into the folder that is named."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="guide-") as name:
        room = Path(name)
        os.environ |= {  # the person's own settings and data stay out of it
            "NAPARI_CONFIG": str(room / "napari" / "settings.yaml"),
            "XDG_DATA_HOME": str(room / "data"),
            "HOME": str(room),
        }
        (room / "napari").mkdir()
        file, annotation = made(room)
        for size in SIZES:
            for path in taken(out, room / f"{size[0]}", file, annotation, size):
                print(f"{path}  {path.stat().st_size // 1000} kB")


def made(room: Path) -> tuple[Path, Path]:
    """Make the synthetic run that is shown; its file, and what a person would mark."""
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    settings = PhantomSettings(view="AP", size=512, frames=60, frame_rate_hz=10.0)
    loop, _, _, annotation = make_phantom_files(SCENE, settings, out=room / "loop")
    return loop, annotation


def taken(
    out: Path, room: Path, file: Path, annotation: Path, size: tuple[int, int]
) -> list[Path]:
    """Walk through the steps in a window of a size, and take a picture of each."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_fluoroinject.model.annotation import SignOff, parse_annotation
    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.viewer import works
    from napari_fluoroinject.viewer.adapter import main_window
    from napari_fluoroinject.viewer.opening import open_sources
    from napari_fluoroinject.viewer.start import open_window
    from napari_fluoroinject.viewer.workspace import workspace

    said = parse_annotation(annotation.read_text(), name=annotation.name)
    viewer = open_window([], settings=Settings())
    place = workspace(viewer)
    session, bench, dock = place.session, place.bench, place.dock
    window = main_window(viewer)
    window.setGeometry(0, 0, *size)
    pictures: list[Path] = []

    def settle(rounds: int = 12) -> None:
        quiet = 0
        while quiet < rounds:
            QApplication.processEvents()
            time.sleep(0.05)
            quiet = 0 if place.jobs.running else quiet + 1

    def picture(name: str) -> None:
        settle()
        screen = window.screen()
        path = out / f"{name}_{size[0]}.png"
        shot = screen.grabWindow(0, 0, 0, *size)
        assert shot.save(str(path), "PNG")
        smaller(path)
        pictures.append(path)

    settle()
    picture("0_empty")
    open_sources(bench, [str(file)], origin="sample, synthetic")
    picture("1_load")
    from dataclasses import replace

    dock.go_to("procedure")
    session.plan_as(
        "choose the procedure", replace(session.plan, procedure=SCENE, level="L4-L5", side="left")
    )
    picture("2_procedure")
    dock.go_to("needle")
    settle()
    picture("3_proposal")
    session.place_needle(said.needle)
    session.place_target(said.target_px)
    for mark in said.marks:
        session.place_mark(mark)
    session.go_to(30)
    picture("3_needle")
    dock.go_to("contrast")
    run = session.run
    assert run is not None
    works.subtract(bench, run)
    works.analyze(bench, run)
    settle()
    place.stage.show_map("arrival")
    session.go_to(45)
    picture("4_contrast")
    dock.go_to("review")
    picture("5_review")
    session.operator = "Operator A"
    works.keep(bench, run)
    settle()
    dock.go_to("send")
    picture("6_send")
    viewer.close()
    for _ in range(20):
        QApplication.processEvents()
    del napari, SignOff
    return pictures


def smaller(path: Path) -> None:
    """Store a picture with fewer colours where it is too large for a repository."""
    from PIL import Image

    with Image.open(path) as whole:
        plain = whole.convert("RGB")
    plain.save(path, optimize=True)
    colours = 256
    while path.stat().st_size > MOST_BYTES and colours >= 32:
        plain.quantize(colours).save(path, optimize=True)
        colours //= 2


_: Callable[[], None] = main
if __name__ == "__main__":
    main()
