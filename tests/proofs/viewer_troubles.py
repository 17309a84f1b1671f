"""Troubles as a user meets them, answered in the window: `python -m tests.proofs.viewer_troubles`.

Each is caused for real and met by mouse and keys; the sentence that the window answers with is
printed. Needs Orthanc and a screen: `xvfb-run -a -s "-screen 0 1920x1080x24"`.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.settings import Settings
    from tests.proofs.hand import Hand

SCENE = "mbb_lumbar"


def main() -> None:
    """Cause every trouble, and print what the window said."""
    from tests.proofs.viewer_walk import begin

    made = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    made.add_argument("--binding", choices=("pyqt6", "pyside6"), default="pyqt6")
    made.add_argument("--only", choices=sorted(TROUBLES), action="append")
    asked = made.parse_args()
    begin(asked.binding)

    broken = 0
    print(f"Troubles with {asked.binding}")
    for name in asked.only or TROUBLES:
        broken += bool(meet(name))
    print(f"  {'BROKEN' if broken else 'kept'}: {broken} faults", flush=True)
    sys.exit(1 if broken else 0)


def meet(name: str) -> list[str]:
    """Cause one trouble in a window of its own; the faults, none where all was as it ought to."""
    from tests.proofs.screen import Heard, left_over, widgets_now
    from tests.proofs.viewer_walk import own_folders

    with tempfile.TemporaryDirectory(prefix="trouble-") as room, own_folders(Path(room)):
        before, faults = widgets_now(), []
        with Heard() as heard:
            try:
                said = TROUBLES[name](Path(room))
            except (AssertionError, TimeoutError) as error:
                said, faults = "", [f"{type(error).__name__}: {error}"]
        faults += [one for one in heard.faults if "traceback" in one.lower()]
        faults += [f"alive after the end: {one}" for one in left_over(before)]
    print(f"  {name}: {said}")
    for one in faults:
        print(f"    BROKEN  {one}")
    sys.stdout.flush()
    return faults


class Window:
    """A window for the length of a `with`: closed at its end, whatever happened."""

    def __init__(self, room: Path, settings: Settings | None = None) -> None:
        self._room, self._settings = room, settings

    def __enter__(self) -> Hand:
        from napari_fluoroinject.settings import Defaults, Settings
        from napari_fluoroinject.viewer.adapter import main_window
        from napari_fluoroinject.viewer.start import open_window
        from napari_fluoroinject.viewer.workspace import workspace
        from tests.proofs.hand import Hand

        settings = self._settings or Settings(defaults=Defaults(on="cpu"))
        hand = Hand(workspace(open_window([], settings=settings)))
        main_window(hand.place.viewer).setGeometry(0, 0, 1366, 768)
        hand.idle()
        self._hand = hand
        return hand

    def __exit__(self, *_what: object) -> None:
        place = self._hand.place
        if not place.closed:
            place.viewer.close()
        self._hand.look()
        del self._hand.place, self._hand


# A PACS


def refused(room: Path) -> str:
    """A PACS at a port where nobody listens."""
    with Window(room) as hand, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        tab = _ask(hand, taken.getsockname()[1])
        hand.idle()
        return _says(tab.said.text(), str(taken.getsockname()[1]), "Check")


def silent(room: Path) -> str:
    """A PACS that takes the connection and says nothing: seconds are told, and it can be left."""
    with Window(room) as hand, socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        tab = _ask(hand, mute.getsockname()[1])
        step = tab.line._step
        hand.until(lambda: "(2 s)" in step.text(), "the seconds that it has taken")
        waited = step.text()
        hand.click(tab.line._cancel)
        hand.idle()
        return f"{waited} | {_noticed(hand, 'cancelled')}"


# Files


def truncated(room: Path) -> str:
    """A DICOM file that ends in the middle."""
    whole = _loop(room)
    broken = room / "broken.dcm"
    broken.write_bytes(whole.read_bytes()[:5000])
    return _dropped(room, broken, "broken.dcm", "Export it again")


def text_file(room: Path) -> str:
    """A file that is no DICOM at all."""
    words = room / "notes.txt"
    words.write_text("contrast went along the root\n" * 9)
    return _dropped(room, words, "notes.txt", "choose another")


def empty_folder(room: Path) -> str:
    """A folder with nothing in it."""
    folder = room / "export"
    folder.mkdir()
    return _dropped(room, folder, "export", "Choose")


# The computer


def no_gpu(room: Path) -> str:
    """The settings ask for a graphics card that is not there."""
    from napari_fluoroinject.settings import Defaults, Settings

    with Window(room, Settings(defaults=Defaults(on="cuda"))) as hand:
        if "CUDA:" in hand.place.dock.foot.text():
            return "there is a card: not tried"
        return _noticed(hand, "File > Preferences")


def lost_feed(room: Path) -> str:
    """The process that gives a live feed is killed."""
    import multiprocessing

    from napari_fluoroinject.live.connect import Connected
    from napari_fluoroinject.recording import unknown_scale
    from napari_fluoroinject.viewer.live import panel as module
    from tests.proofs.live_view import Piped, produce

    ours, theirs = socket.socketpair()
    feed, connect = Piped(ours, 128), module.connect_feed
    process = multiprocessing.get_context("spawn").Process(
        target=produce,
        args=(theirs, feed.ring.name),
        kwargs={"hz": 20, "size": 128, "seconds": 60},
    )
    process.start()
    theirs.close()
    feed_of: Any = Connected(feed=_Mourned(feed), kind="test", intensity=unknown_scale("u2"))
    module.connect_feed = lambda *_text, **_more: feed_of
    try:
        with Window(room) as hand:
            live = hand.place.live
            live.show()
            hand.type(live.controls.source, "feed", end=None)
            hand.click(live.controls.start)
            hand.until(lambda: live.picture.view.shown > 3, "live pictures")
            process.kill()
            head = live.picture._head
            hand.until(lambda: "FEED LOST" in head.text(), "that the feed is lost")
            live.tell()
            live.hide()
            return _says(live.controls.message.text(), "start again")
    finally:
        module.connect_feed = connect
        process.kill()
        process.join()
        feed.free()


class _Mourned:
    """A feed whose end is a fault: its process never ends by itself."""

    def __init__(self, feed: Any) -> None:
        self._feed = feed

    def __iter__(self) -> Any:
        yield from self._feed
        raise ConnectionResetError(104, "Connection reset by peer")


def full_disk(room: Path) -> str:
    """The results folder can no more be written to."""
    with Window(room) as hand:
        page = _written(hand, room, write=False)
        results = hand.place.bench.results
        shutil.rmtree(results)
        results.write_text("in the way")
        hand.click(page.write)
        hand.idle()
        said = _says(page.why.text(), "results")
        assert hand.place.session.report is not None, "the analysis is lost"
        results.unlink()
        hand.click(page.write)
        hand.idle()
        assert hand.place.session.kept is not None, "it cannot be written afterwards"
        return f"{said} | written afterwards"


# Sending


def stopped_while_sending(room: Path) -> str:
    """Orthanc ends in the middle; the results stay, and go out once it runs again."""
    from napari_fluoroinject.settings import Defaults, Endpoint, Settings
    from tests.peers import orthanc

    gate = Gate()
    url = f"pacs://FLUOROINJECT:ORTHANC@127.0.0.1:{gate.port}"
    settings = Settings(endpoints={"archive": Endpoint(url=url)}, defaults=Defaults(on="cpu"))
    try:
        with Window(room, settings) as hand:
            page = _written(hand, room)
            with orthanc(room / "first") as peer:
                gate.lead_to(peer.port, most_bytes=100_000, then=peer.process.kill)
                hand.choose(page.destination, "archive")
                hand.click(page.send)
                hand.idle()
            kept = hand.place.session.kept
            assert kept.failures, "everything was sent although the archive had ended"
            assert all(file.exists() for file in kept.files), "results are lost"
            said = _says(page.failures.text(), "Not kept")
            before = len(kept.receipts)
            with orthanc(room / "second") as peer:
                gate.lead_to(peer.port)
                hand.click(page.again)
                hand.idle()
                kept = hand.place.session.kept
                assert not kept.failures, kept.failures
                count = len({one.sop_instance_uid for one in kept.receipts})
                assert count == len(kept.files), f"{count} of {len(kept.files)} objects are kept"
            return f"{before} objects kept, then: {said} | Send again: all {count} kept"
    finally:
        gate.close()


class Gate:
    """A port that leads to another, and can be shut after so many bytes have gone in."""

    def __init__(self) -> None:
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._to, self._left, self._then = 0, 0, _nothing
        self._ended = False
        threading.Thread(target=self._listen, daemon=True, name="gate").start()

    def lead_to(
        self, port: int, *, most_bytes: int = 1 << 40, then: Callable[[], object] | None = None
    ) -> None:
        """Lead there from now on; after so many bytes, call and shut."""
        self._to, self._left, self._then = port, most_bytes, then or _nothing

    def close(self) -> None:
        """Lead nowhere any more."""
        self._ended = True
        self._door.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while not self._ended:
                caller, _ = self._door.accept()
                try:
                    behind = socket.create_connection(("127.0.0.1", self._to), timeout=5)
                except OSError:
                    caller.close()
                    continue
                behind.settimeout(None)
                for pair in ((caller, behind, True), (behind, caller, False)):
                    threading.Thread(target=self._lead, args=pair, daemon=True).start()

    def _lead(self, start: socket.socket, end: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while came := start.recv(4096):
                if counted:
                    self._left -= len(came)
                    if self._left < 0:
                        self._then()
                        break
                end.sendall(came)
        for one in (start, end):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _nothing() -> None:
    pass


# Closing


def run_closed(room: Path) -> str:
    """The run is closed while it is being analysed."""
    with Window(room) as hand:
        _opened(hand, room)
        contrast = hand.step("contrast")
        hand.click(contrast.analyse_button)
        page = hand.step("load")
        hand.click(page.runs.close_button)
        assert hand.place.session.runs == ()
        hand.idle()
        assert hand.place.session.analysed is None
        errors = [one.text for one in hand.place.dock.notices._shown if one.kind == "error"]
        assert errors == [], errors
        return _says(page.runs.title.text(), "No run is open")


def window_closed(room: Path) -> str:
    """The window is closed while a run is being analysed."""
    from napari_fluoroinject.viewer.adapter import main_window

    with Window(room) as hand:
        _opened(hand, room)
        hand.click(hand.step("contrast").analyse_button)
        place = hand.place
        hand.until(lambda: any(one.state == "working" for one in place.jobs.running), "work")
        began = time.monotonic()
        main_window(place.viewer).close()
        hand.until(lambda: place.closed, "the end of the workspace")
        took_s = time.monotonic() - began
        threads = [
            one.name for one in threading.enumerate() if one.name.startswith("fluoroinject")
        ]
        assert threads == [], f"threads are still running: {threads}"
        return f"closed in {took_s:.1f} s, no thread is left"


# Parts of several


def _ask(hand: Hand, port: int) -> Any:
    from qtpy.QtCore import Qt

    page = hand.step("load")
    hand.click(page.bar, page.bar.tabRect(1).center())
    tab = page.pacs
    hand.type(tab.endpoint.lineEdit(), f"pacs://US:THEM@127.0.0.1:{port}", end=Qt.Key.Key_Tab)
    hand.type(tab._fields["patient_id"], "4711", end=None)
    hand.click(tab.find_button)
    return tab


def _dropped(room: Path, path: Path, *words: str) -> str:
    with Window(room) as hand:
        page = hand.step("load")
        hand.drop(page.files.drop, path)
        hand.idle()
        assert hand.place.session.runs == ()
        return _noticed(hand, *words)


def _loop(room: Path) -> Path:
    from napari_fluoroinject.phantom import PhantomSettings
    from napari_fluoroinject.workflow import make_phantom_files

    settings = PhantomSettings(size=96, frames=16, frame_rate_hz=8.0, view="AP")
    return make_phantom_files(SCENE, settings, out=room / "loop")[0]


def _opened(hand: Hand, room: Path) -> None:
    page = hand.step("load")
    hand.drop(page.files.drop, _loop(room))
    hand.until(lambda: hand.place.session.run is not None, "the run is open")
    hand.idle()


def _written(hand: Hand, room: Path, *, write: bool = True) -> Any:
    """The last step, with the results of a run that was analysed."""
    _opened(hand, room)
    hand.click(hand.step("contrast").analyse_button)
    hand.idle()
    page = hand.step("send")
    if write:
        hand.click(page.write)
        hand.idle()
    return page


def _noticed(hand: Hand, *words: str) -> str:
    """The message in the window that holds these words."""
    texts = hand.place.dock.notices.texts
    found = [one for one in texts if all(word in one for word in words)]
    assert found, f"no message holds {words}: {texts}"
    return found[0]


def _says(text: str, *words: str) -> str:
    assert all(word in text for word in words), f"{words} expected in {text!r}"
    return text


TROUBLES: dict[str, Callable[[Path], str]] = {
    "a PACS that refuses": refused,
    "a PACS that is silent": silent,
    "a truncated file": truncated,
    "a text file": text_file,
    "an empty folder": empty_folder,
    "no graphics card": no_gpu,
    "a lost feed": lost_feed,
    "results that cannot be written": full_disk,
    "an archive that stops while receiving": stopped_while_sending,
    "a run closed while analysing": run_closed,
    "a window closed while analysing": window_closed,
}


if __name__ == "__main__":
    main()
