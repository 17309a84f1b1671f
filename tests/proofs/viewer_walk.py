"""All six steps of the viewer by mouse and keys: `python -m tests.proofs.viewer_walk`.

Two runs go from where they come from to an archive that is not ours: one from a file, its needle
proposed and accepted; one pushed by C-STORE from another process, its needle marked with two
clicks. What Orthanc then holds is asked for from outside, read back, and compared with the screen
and with `fluoroinject analyze`. Needs Orthanc and a screen: `xvfb-run -a -s "-screen 0
1920x1080x24"`.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.peers import Peer
    from tests.proofs.hand import Hand

ENTRANCES = ("file", "C-arm")
SIZES = ("1366x768", "1900x1060")
SCENE, SEARCHED = "esi_tf_lumbar_subpedicular", "subpedicular"
OPERATOR, AGENT = "Operator A", "Agent 240"
WITHIN_S = 0.001
PUSH = """
import sys
from pathlib import Path
from napari_fluoroinject.transfer import store_objects
stored = store_objects(f"pacs://CARM:FLUOROINJECT@127.0.0.1:{sys.argv[1]}", [Path(sys.argv[2])])
assert not stored.failures, stored.failures
"""


def main() -> None:
    """Walk, once for each size."""
    asked = _parser().parse_args()
    begin(asked.binding)

    sizes = [tuple(map(int, one.split("x"))) for one in asked.size or SIZES]
    broken = 0
    for width, height in sizes:
        with tempfile.TemporaryDirectory(prefix="walk-") as room:
            walk = Walk(Path(room), size=(width, height), pictures=asked.pictures)
            walk.loop_px, walk.frames = asked.pixels, asked.frames
            walk.entrances = tuple(asked.entrance or ENTRANCES)
            print(f"A walk with {asked.binding}, {width} x {height}", flush=True)
            with own_folders(Path(room)):
                walk.all()
        print(f"  {'BROKEN' if walk.faults else 'kept'}: {len(walk.faults)} faults", flush=True)
        broken += len(walk.faults)
    sys.exit(1 if broken else 0)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    made.add_argument("--binding", choices=("pyqt6", "pyside6"), default="pyqt6")
    made.add_argument("--size", choices=SIZES, action="append", help="default: both")
    made.add_argument("--pictures", type=Path, help="folder for a picture of each step")
    made.add_argument("--entrance", choices=ENTRANCES, action="append", help="default: both")
    made.add_argument("--pixels", type=int, default=256, help="of the loop's sides")
    made.add_argument("--frames", type=int, default=48)
    return made


def begin(binding: str) -> None:
    """Choose the binding, keep napari's own settings out of it, and load both in their order."""
    room = tempfile.mkdtemp(prefix="napari-")
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    os.environ |= {
        "QT_API": binding,
        "HOME": room,
        "XDG_CACHE_HOME": room,
        "NAPARI_CONFIG": str(Path(room) / "settings.yaml"),
    }
    import napari_fluoroinject.viewer.start  # noqa: F401 - napari goes before pydantic


def own_folders(room: Path) -> ExitStack:
    """Let the viewer keep its data in a folder, until the end of the `with`."""
    stack, names = ExitStack(), ("XDG_DATA_HOME", "XDG_STATE_HOME")
    before = {name: os.environ.get(name) for name in names}
    os.environ |= dict.fromkeys(names, str(room / "home"))

    def back() -> None:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value

    stack.callback(back)
    return stack


class Walk:
    """One walk; `faults` are what was not as it ought to be."""

    def __init__(self, room: Path, *, size: tuple[int, int], pictures: Path | None = None) -> None:
        self.room, self.size, self.pictures = room, size, pictures
        self.loop_px, self.frames = 256, 48
        self.entrances: tuple[str, ...] = ENTRANCES
        self.faults: list[str] = []
        self._began_s = time.monotonic()
        self._told = 0

    # The whole

    def all(self) -> None:
        """Both walks, with an Orthanc of their own."""
        from tests.peers import orthanc

        with orthanc(self.room / "orthanc", dicomweb=True) as peer:
            for entrance in self.entrances:
                peer.forget_everything()
                self.through(entrance, peer)

    def through(self, entrance: str, peer: Peer) -> None:
        """All six steps with a window of its own; `entrance` is `file` or `C-arm`."""
        from napari_fluoroinject.settings import load_settings
        from napari_fluoroinject.viewer.adapter import main_window
        from napari_fluoroinject.viewer.start import open_window
        from napari_fluoroinject.viewer.workspace import workspace
        from tests.proofs.hand import Hand
        from tests.proofs.screen import Heard, left_over, widgets_now

        self._entrance = entrance
        file, truth = self._loop(entrance)
        settings = load_settings(self._settings_file(peer))
        before = widgets_now()
        with Heard() as heard:
            self._began_s = time.monotonic()
            viewer = open_window([], settings=settings)
            hand = Hand(workspace(viewer))
            main_window(viewer).setGeometry(0, 0, *self.size)
            hand.idle()
            self._done("the window stands")
            self.walk(hand, file, truth, peer)
            self._results_elsewhere(hand)
            viewer.close()
            del viewer
            self._done("the window is closed")
        self.faults += heard.faults
        place = hand.place
        assert place.closed
        del hand, place
        self.faults += [f"alive after the end: {one}" for one in left_over(before)]
        self._done("nothing is alive")

    def walk(self, hand: Hand, file: Path, truth: Any, peer: Peer) -> None:
        """The six steps, one after the other."""
        self._load(hand, file)
        self._procedure(hand)
        self._needle(hand, truth, accept=self._entrance == "file")
        self._contrast(hand)
        self._times_agree(hand)
        self._review(hand)
        self._send(hand)
        self._found(hand, peer)

    # Step by step

    def _load(self, hand: Hand, file: Path) -> None:
        from qtpy.QtCore import QPoint

        page = hand.step("load")
        if self._entrance == "file":
            hand.drop(page.files.drop, file)
        else:
            hand.click(page.bar, page.bar.tabRect(2).center())
            tab = page.carm
            hand.click(tab.start)
            hand.until(lambda: tab.receiving.light == "listening", "the receiver listens")
            port = str(tab.receiving.port)
            push = subprocess.Popen([sys.executable, "-c", PUSH, port, str(file)])
            hand.until(lambda: push.poll() is not None, "the push ends")
            assert push.returncode == 0
            hand.until(tab.runs.count, "the pushed run in the list")
            assert "NEW" in tab.runs.item(0).text()
            self._picture(hand, "1_c_arm")
            row = tab.runs.visualItemRect(tab.runs.item(0)).center()
            hand.click(tab.runs.viewport(), QPoint(row))
        session = hand.place.session
        hand.until(lambda: session.run is not None, "the run is open")
        hand.idle()
        self._shown(hand, "1_load", f"1 Load, from the {self._entrance}")

    def _procedure(self, hand: Hand) -> None:
        from qtpy.QtCore import Qt

        page = hand.step("procedure")
        hand.type(page.procedures.search, SEARCHED, end=Qt.Key.Key_Return)
        hand.key(Qt.Key.Key_Return, on=page.procedures.tree)
        session = hand.place.session
        if session.plan.procedure != SCENE:
            hand.click(page.procedures.choose_button)
        hand.choose(page.plan.level, "L4")
        hand.choose(page.plan.side, "right")
        hand.type(page.plan.agent, AGENT)
        hand.choose(page.plan.kind, "iodinated")
        hand.type(page.plan.iodine, "240")
        hand.choose(page.plan.gauge, "22 G")
        plan = session.plan
        self._is("procedure", plan.procedure, SCENE)
        self._is("level, side, gauge", (plan.level, plan.side, plan.gauge), ("L4", "right", 22))
        agent = plan.agent
        told = None if agent is None else (agent.name, agent.kind, agent.iodine_mg_ml)
        self._is("agent", told, (AGENT, "iodinated", 240.0))
        self._shown(hand, "2_procedure", "2 Procedure, typed and chosen")

    def _needle(self, hand: Hand, truth: Any, *, accept: bool) -> None:
        from qtpy.QtCore import Qt

        page, session = hand.step("needle"), hand.place.session
        if accept and page.proposal.accept.isVisible():
            hand.type(page.proposal.name, OPERATOR, end=None)
            self._shown(hand, "3_proposed", "3 a needle is proposed")
            hand.click(page.proposal.accept)
            self._done("3 needle, accepted")
        else:
            if accept:
                self.faults.append("no needle was proposed: it was clicked")
            hub, tip = truth.needle_px
            hand.click(page.needle)
            hand.click_picture(hub)
            self._picture(hand, "3_hub")
            hand.click_picture(tip)
            needle = session.annotation.needle
            self._near(hand, "tip", None if needle is None else needle.tip_px, tip)
            self._done("3 needle, two clicks")
        hand.press_in_picture(Qt.Key.Key_G)
        assert hand.place.stage.armed == "target"
        hand.click_picture(truth.target_px)
        self._near(hand, "target", session.annotation.target_px, truth.target_px)
        marked = self._landmarks(hand, page)
        self._shown(hand, "3_needle", f"3 target and {marked} landmarks")

    def _landmarks(self, hand: Hand, page: Any) -> int:
        """Mark each landmark that is asked for in this view; where, is of no matter here."""
        from qtpy.QtCore import Qt

        from napari_fluoroinject.viewer.landmarks import asked

        session = hand.place.session
        size = self.loop_px
        here = [one for one in asked(session) if one.here]
        for number, one in enumerate(here):
            row, column = size * (0.3 + 0.05 * number), size * (0.3 + 0.08 * number)
            wide, high = 0.25 * size, 0.3 * size
            points = {
                "point": [(row, column)],
                "line": [(row, column), (row + high, column)],
                "area": [(row, column), (row, column + wide), (row + high, column)],
            }[one.rule.kind]
            hand.click(page.landmarks.boxes[one.rule.id].mark)
            for point in points:
                hand.click_picture(point)
            if one.rule.kind != "point":
                hand.press_in_picture(Qt.Key.Key_Return)
            if hand.place.stage.armed is not None:
                hand.click_picture((row + 5, 0.9 * size))  # on its far side
            box = page.landmarks.boxes[one.rule.id]
            if box.sides[0].isVisible() and not any(side.isChecked() for side in box.sides):
                hand.click(box.sides[0])
        missing = [one.rule.id for one in asked(session) if one.here and not one.done]
        self._is("landmarks that are missing", missing, [])
        return len(here)

    def _contrast(self, hand: Hand) -> None:
        from napari_fluoroinject.viewer.seen import MAPS

        page, session = hand.step("contrast"), hand.place.session
        hand.click(page.subtract_button)
        hand.idle()
        assert session.subtracted is not None
        self._done("4 subtracted")
        hand.click(page.analyse_button)
        hand.idle()
        assert session.report is not None
        self._shown(hand, "4_analysed", "4 analysed")
        self._drag_masks(hand)
        hand.click(page.again)
        hand.idle()
        self._is("out of date after the second analysis", session.out_of_date, False)
        for kind in MAPS:
            if page.maps[kind].isEnabled():
                hand.click(page.maps[kind])
                hand.idle()
                self._is("the map on the picture", hand.place.stage.map_kind, kind)
                self._picture(hand, f"4_map_{kind}")
        hand.click(page.maps["arrival"])
        self._shown(hand, "4_contrast", "4 masks dragged, analysed again, each map shown")

    def _drag_masks(self, hand: Hand) -> None:
        """Drag the right end of the mask frames one frame or two to the right."""
        session, plot = hand.place.session, hand.place._curves.opacity
        times, (low, high) = session.run.loop.times_s, plot.masks.getRegion()
        end = times[min(len(times) - 1, int((times <= high + 1e-6).sum()) + 1)]
        hand.drag(plot.viewport(), _on(plot, float(high)), _on(plot, float(end)))
        frames = session.annotation.mask_frames
        self._is("mask frames were dragged", bool(frames) and times[frames[-1]] > low, True)

    def _review(self, hand: Hand) -> None:
        from tests.proofs.phantom_marks import LEAST_WITH_TWIN_PX

        page, session = hand.step("review"), hand.place.session
        shown = [card for card in page.cards if hasattr(card, "show_it")]
        for card in shown:
            hand.click(card.show_it)
            assert card._spot is not None
            self._is("frame of the evidence", session.frame, card._spot.frame)
        if self.loop_px >= LEAST_WITH_TWIN_PX:
            self._is("warnings that can be shown", bool(shown), True)
        self._shown(hand, "5_review", f"5 {len(page.cards)} warnings, {len(shown)} shown where")
        sign = page.sign_off
        for box in sign.boxes.values():
            hand.click(box)
        if not sign.name.text():
            hand.type(sign.name, OPERATOR, end=None)
        hand.click(sign.sign)
        self._is("signed", session.annotation.sign_off is not None, True)
        self._shown(hand, "5_signed", "5 signed")

    def _send(self, hand: Hand) -> None:
        page, session = hand.step("send"), hand.place.session
        hand.click(page.write)
        hand.idle()
        assert session.kept is not None, page.why.text()
        self._done("6 written")
        hand.choose(page.destination, "archive")
        self._shown(hand, "6_written", "6 the destination is chosen")
        hand.click(page.send)
        hand.idle()
        self._is("failures", session.kept.failures, ())
        self._is("receipts", len(session.kept.receipts), len(session.kept.files))
        rows = page.receipts.topLevelItemCount()
        self._is("receipts on the screen", rows, len(session.kept.files))
        page.receipts.scrollToBottom()
        hand.reach(page.receipts)
        self._shown(hand, "6_send", f"6 {rows} objects are sent")

    # What came of it

    def _times_agree(self, hand: Hand) -> None:
        """Picture, curve and report tell one time, although the frames are uneven."""
        session, curves = hand.place.session, hand.place._curves
        times = session.run.loop.times_s
        worst_s = 0.0
        for frame in range(0, len(times), 3):
            plot = curves.opacity
            hand.click(plot.viewport(), _on(plot, float(times[frame])))
            at = times[session.frame]
            text = hand.place.viewer.canvas.overlays.text.text
            seen = re.search(r"\bt (\d+\.\d+) s", text)
            assert seen is not None, text
            told = float(seen.group(1)), float(plot.cursor.value())
            worst_s = max(worst_s, *(abs(one - at) for one in told))
            self._is("the frame that was clicked on the curve", session.frame, frame)
        self._is("uneven frame times are told", "uneven" in text, True)
        self._at_most("picture and curve against the file's times (s)", worst_s, WITHIN_S)
        onset = session.report.injection.onset_frame
        line = curves.opacity.onset
        self._is("onset on the curve is shown", line.isVisible(), onset is not None)
        if onset is not None:
            off_s = abs(float(line.value()) - float(times[onset]))
            self._at_most("onset on the curve (s)", off_s, WITHIN_S)
        self._done(f"times of picture and curve agree to {worst_s * 1000:.2f} ms")

    def _found(self, hand: Hand, peer: Peer) -> None:
        """What Orthanc holds, asked by C-FIND and QIDO; and what its report says."""
        from tests.proofs.asked import found_by_c_find, found_by_qido, report_in

        session = hand.place.session
        study, kept = session.run.study_uid, session.kept
        sent = {one.sop_instance_uid for one in kept.receipts}
        self._is("found by C-FIND", found_by_c_find(peer, study), sent)
        self._is("found by QIDO", found_by_qido(peer, study), sent)
        self._done(f"{len(sent)} objects found by C-FIND and by QIDO, in the run's study")
        path = report_in(peer, kept.receipts, self.room / "read_back.dcm")
        words = [sys.executable, "-m", "napari_fluoroinject", "read", str(path), "--json"]
        told = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
        self._same_numbers(session.report, told["values"]["measurements"])
        self._done("the report read back says what the screen says")

    def _same_numbers(self, report: Any, measured: list[dict[str, Any]]) -> None:
        by_name = {(one["finding"], one["name"]): one["value"] for one in measured}
        kinetics = {name: value for (_, name), value in by_name.items()}
        spread = report.measurements
        self._is("a spread was measured", spread is not None, True)
        if spread is None:
            return
        for name, value in (
            ("Bolus Arrival Time", spread.first_arrival_s),
            ("Time To Peak", spread.median_time_to_peak_s),
        ):
            seen = kinetics.get(name)
            if seen is None or value is None:
                told = report.maps is not None and value is not None
                self._is(f"{name} in the report", seen is not None, told)
            else:
                self._at_most(f"{name} of the report (s)", abs(seen - value), WITHIN_S)
        frames = {int(one) for measure in measured for one in measure["frames"]}
        count = report.loop.shape[0]
        self._is("frames of the report are of the run", all(one < count for one in frames), True)

    def _results_elsewhere(self, hand: Hand) -> None:
        """`fluoroinject analyze` with the saved marks writes the same bytes."""
        page, kept = hand.place.dock.page("send"), hand.place.session.kept
        marks, out = self.room / f"marks {self._entrance}.json", self.room / f"by {self._entrance}"
        page.save_marks_as(marks)
        file = str(hand.place.session.run.files[0])
        words = ["analyze", file, "--annotation", str(marks), "--procedure", SCENE]
        config = ["--config", str(self.room / "fluoroinject.toml")]
        done = subprocess.run(
            [sys.executable, "-m", "napari_fluoroinject", *words, *config, "--out", str(out)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        ours = {path.name: path.read_bytes() for path in kept.folder.iterdir()}
        theirs = {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}
        other = sorted(
            name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
        )
        self._is("files that differ from those of analyze", other, [])
        self._done(f"{len(ours)} files are those of analyze, byte for byte")

    # What it needs

    def _loop(self, entrance: str) -> tuple[Path, Any]:
        from napari_fluoroinject.dicom.read import read_loop
        from tests.proofs.phantom_marks import made

        file, truth = made(self.room / entrance, size=self.loop_px, frames=self.frames)
        assert read_loop(file).times_s is not None
        return file, truth

    def _settings_file(self, peer: Peer) -> Path:
        path = self.room / "fluoroinject.toml"
        path.write_text(
            f'[endpoints.archive]\nurl = "{peer.url}"\n\n[defaults]\non = "cpu"\n\n'
            f'[listen]\nport = 0\nspool = "{self.room}/spool"\n'
        )
        return path

    # Figures

    def _shown(self, hand: Hand, name: str, what: str) -> None:
        """Take a picture of a step, and look at every word of it."""
        from tests.proofs.screen import clipped, overlapping

        self._picture(hand, name)
        place = hand.place
        for part in (place.dock, place._strip):
            self.faults += [f"{name}: clipped: {one}" for one in clipped(part)]
            self.faults += [f"{name}: overlap: {one}" for one in overlapping(part)]
        self._done(what)

    def _picture(self, hand: Hand, name: str) -> None:
        from qtpy.QtTest import QTest

        from napari_fluoroinject.viewer.adapter import main_window

        hand.look()
        QTest.qWait(150)
        if self.pictures is None:
            return
        self.pictures.mkdir(parents=True, exist_ok=True)
        shot = main_window(hand.place.viewer).screen().grabWindow(0, 0, 0, *self.size)
        stem = f"{self._entrance.replace('-', '').lower()}_{name}_{self.size[0]}"
        assert shot.save(str(self.pictures / f"{stem}.png"), "PNG")

    def _done(self, what: str) -> None:
        """Print a step that is done, and what was not as it ought to be in it."""
        now = time.monotonic()
        print(f"  {self._entrance:6}  {what:70}  {now - self._began_s:6.1f} s  done", flush=True)
        self._began_s = now
        for one in self.faults[self._told :]:
            print(f"  BROKEN  {one}", flush=True)
        self._told = len(self.faults)

    def _is(self, what: str, seen: object, expected: object) -> None:
        if seen != expected:
            self.faults.append(f"{self._entrance}: {what}: seen {seen!r}; expected {expected!r}")

    def _at_most(self, what: str, seen: float, limit: float) -> None:
        if not seen <= limit:
            self.faults.append(f"{self._entrance}: {what}: {seen:g}; at most {limit:g} allowed")

    def _near(self, hand: Hand, what: str, seen: Any, expected: Any) -> None:
        """A click lands on the pixel of the screen that it was aimed at."""
        zoom = float(hand.place.viewer.scene.camera.zoom) * hand.world_px()
        reach = 1.5 / zoom + 3.0  # a pixel of the screen, and the anatomy's own way
        off = (
            None if seen is None else max(abs(a - b) for a, b in zip(seen, expected, strict=True))
        )
        if off is None or off > reach:
            self.faults.append(f"{what}: seen at {seen}; clicked at {expected}")


def _on(plot: Any, at_s: float) -> Any:
    """Where a time lies on a plot."""
    from qtpy.QtCore import QPointF

    box = plot.getPlotItem().vb
    low, high = box.viewRange()[1]
    there = box.mapViewToScene(QPointF(at_s, low + 0.4 * (high - low)))
    return plot.mapFromScene(there)


if __name__ == "__main__":
    main()
