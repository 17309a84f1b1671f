"""What the viewer's tests need: Qt and napari where a test asks for them, runs, and a bench.

Qt is loaded here and nowhere else: `pytest tests/model` and its like never load a binding. Widgets
need no screen (`qt`); what opens a real viewer needs one (`screen`), and is skipped without.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.utils import _testsupport as of_napari

from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.model.report import Provenance
from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, SubtractedLoop
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.viewer.bench import Bench, MapKind
from napari_fluoroinject.viewer.jobs import Jobs
from napari_fluoroinject.viewer.run import FirstLook, Run
from napari_fluoroinject.viewer.session import Session
from napari_fluoroinject.workflow import make_phantom_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.viewer.pages.page import Page

HAS_SCREEN = sys.platform != "linux" or bool(os.environ.get("DISPLAY"))
OF_QT = ("qt", "screen")
SIZE_PX, FRAMES = 96, 16

make_napari_viewer = of_napari.make_napari_viewer
make_napari_viewer_proxy = of_napari.make_napari_viewer_proxy
mock_app_model = of_napari.mock_app_model
pytest_runtest_makereport = of_napari.pytest_runtest_makereport


def pytest_configure(config: pytest.Config) -> None:
    """Turn pytest-qt on; everywhere else it is off, for it loads Qt at the start."""
    binding = os.environ.get("QT_API") or os.environ.get("PYTEST_QT_API") or "pyqt6"
    os.environ["QT_API"] = os.environ["PYTEST_QT_API"] = binding
    if not HAS_SCREEN:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Never the settings of the person who runs the tests.
    os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp(prefix="napari-")) / "settings.yaml")
    if not config.pluginmanager.has_plugin("pytestqt.plugin"):
        of_napari.pytest_addoption(config._parser)
        config.pluginmanager.import_plugin("pytestqt.plugin")


def pytest_unconfigure() -> None:
    """Take napari's settings away."""
    shutil.rmtree(Path(os.environ["NAPARI_CONFIG"]).parent, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a screen where there is none."""
    for item in items:
        if not HAS_SCREEN and item.get_closest_marker("screen"):
            item.add_marker(pytest.mark.skip(reason="needs a screen; none at DISPLAY: xvfb-run"))


@pytest.fixture(autouse=True)
def leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail where a test of ours leaves a thread running, or a widget alive."""
    shown = {"qtbot", "qapp", "make_napari_viewer"} & set(request.fixturenames)
    qt = bool(shown) or any(request.node.get_closest_marker(one) for one in OF_QT)
    if qt:
        request.getfixturevalue("qapp")
    before = _top_level_widgets() if qt else set()
    yield
    assert _left(_our_threads) == [], "threads are still running"
    called = getattr(request.node, "rep_call", None)
    if qt and called is not None and called.passed:  # a traceback keeps what it names alive
        left = _left(lambda: [str(one) for one in _top_level_widgets() - before])
        assert left == [], "widgets are still alive"


def _our_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("fluoroinject")]


def _top_level_widgets() -> set[Any]:
    from qtpy.QtWidgets import QApplication

    gone = ("CanvasBackendDesktop", "QtViewer", "_QtMainWindow")  # napari's own, at its own time
    every = QApplication.topLevelWidgets()
    return {one for one in every if type(one).__name__ not in gone}


def _left(look: Callable[[], list[str]]) -> list[str]:
    """What is there still after Qt and Python were given time to take it away."""
    end = time.monotonic() + 2.0
    while left := look():
        if time.monotonic() > end:
            break
        gc.collect()
        if "qtpy" in sys.modules:
            from qtpy.QtCore import QCoreApplication, QEvent

            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            QCoreApplication.processEvents()
        time.sleep(0.02)
    return left


@pytest.fixture(autouse=True)
def _views_of_earlier_tests_are_gone(request: pytest.FixtureRequest) -> None:
    """PySide6 keeps Python's half of a window until Qt's is deleted and the garbage collected.

    napari counts what is left when a test asks for a viewer, without waiting for either.
    """
    if "make_napari_viewer" in request.fixturenames:
        from napari._qt.qt_viewer import QtViewer

        _left(lambda: [repr(id(one)) for one in QtViewer._instances])


@pytest.fixture(autouse=True)
def _no_warning_about_the_screen(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As napari's own tests have it, but only where a viewer is opened."""
    if "make_napari_viewer" in request.fixturenames:
        from napari._qt import qt_main_window

        monkeypatch.setattr(qt_main_window, "SHOW_QT_WARNING", False, raising=False)


@pytest.fixture(scope="session")
def phantom_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small AP loop as DICOM, with truth.json and annotation.json beside it; never change it."""
    settings = PhantomSettings(size=SIZE_PX, frames=FRAMES, frame_rate_hz=8.0, view="AP")
    return make_phantom_files("mbb_lumbar", settings, out=tmp_path_factory.mktemp("phantom"))[0]


@pytest.fixture
def run(phantom_file: Path, tmp_path: Path) -> Run:
    """That loop, from a file of the test's own."""
    return opened(phantom_file, tmp_path / "loops")


@pytest.fixture
def session(run: Run) -> Session:
    """A session in which the run lies open."""
    made = Session()
    made.open(run)
    return made


@pytest.fixture
def tools() -> Tools:
    """A picture that only remembers what was asked of it."""
    return Tools()


@pytest.fixture
def bench(session: Session, tools: Tools, tmp_path: Path) -> Iterator[Bench]:
    """A bench whose jobs are done before `start` returns, in the thread of the test."""
    jobs = Jobs(lambda call: call())
    jobs._threads.shutdown()
    jobs._threads = AtOnce()
    yield _bench(session, jobs, tools, tmp_path)
    jobs.close()


@pytest.fixture
def pump() -> Pump:
    """Calls that wait for the main thread; `pump.until(condition)` makes them."""
    return Pump()


@pytest.fixture
def threaded_bench(session: Session, tools: Tools, pump: Pump, tmp_path: Path) -> Iterator[Bench]:
    """A bench whose jobs work in threads; their calls wait in `pump`."""
    jobs = Jobs(pump.post)
    yield _bench(session, jobs, tools, tmp_path)
    jobs.close()


@pytest.fixture
def motion(run: Run) -> Motion:
    """Nothing moved; frames 5, 6 and 9 could not be judged."""
    frames, rows, columns = run.loop.shape
    locked = np.ones(frames, bool)
    locked[[5, 6, 9]] = False
    return Motion(
        shift_px=np.zeros((frames, 2)),
        residual=np.ones(frames),
        locked=locked,
        bone_weight=np.ones((rows, columns), np.float32),
        uncertainty_px=0.1,
    )


@pytest.fixture
def look(motion: Motion) -> FirstLook:
    """A first look: three mask frames, contrast from frame 4 on, no needle."""
    injection = Injection(mask_frames=(0, 1, 2), onset_frame=4, onset_score=9.0)
    return FirstLook(motion=motion, injection=injection, needle=NoNeedle(reason="none was seen"))


@pytest.fixture
def subtracted(run: Run, motion: Motion) -> SubtractedLoop:
    """A subtraction with contrast all over the picture from frame 4 on."""
    stored = np.full(run.loop.shape, MIDDLE, np.uint16)
    stored[4:] = MIDDLE - round(0.5 / STEP_LN)
    return SubtractedLoop(
        loop=run.loop,
        stored=stored,
        subtracted=np.ones(len(stored), bool),
        masks=(HeaderMask(operation="AVG_SUB", mask_frames=(1, 2)),),
        mask_source="found",
        motion=motion,
        onset_frame=4,
        window_ln=0.5,
        provenance=Provenance(
            software="", version="", backend="cpu", device="", backend_version=""
        ),
    )


@pytest.fixture
def show_page(qtbot: Any) -> Iterator[Callable[[Page], Page]]:
    """Shows a page, and releases it at the end of the test."""
    shown: list[Page] = []

    def show(page: Page) -> Page:
        qtbot.addWidget(page)
        shown.append(page)
        page.show()
        return page

    yield show
    for page in shown:
        page.release()


def opened(file: Path, folder: Path, *, name: str = "AP run 1") -> Run:
    """Copy the file of a loop into a folder, and read it from there as a run."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = Path(shutil.copy(file, folder))
    return Run(loop=read_loop(copy), files=(copy,), name=name, origin="sample")


def _bench(session: Session, jobs: Jobs, tools: Tools, folder: Path) -> Bench:
    return Bench(
        session=session, jobs=jobs, settings=Settings(), tools=tools, results=folder / "results"
    )


@dataclass
class Tools:
    """The picture's double: what was armed, which map lies there, and where it was to point."""

    armed: str | None = None
    map_kind: MapKind = "none"
    pointed: list[tuple[int, tuple[tuple[float, float], ...]]] = field(default_factory=list)

    def arm(self, tool: str | None) -> None:
        self.armed = tool

    def show_map(self, kind: MapKind) -> None:
        self.map_kind = kind

    def point_at(self, frame: int, points_px: tuple[tuple[float, float], ...]) -> None:
        self.pointed.append((frame, points_px))

    def after_drawing(self, call: Callable[[], None]) -> None:
        call()


class Pump:
    """A main thread's list of calls to make."""

    def __init__(self) -> None:
        self._calls: deque[Callable[[], None]] = deque()

    def post(self, call: Callable[[], None]) -> None:
        """Keep a call for later; from any thread."""
        self._calls.append(call)

    def run(self) -> None:
        """Make every call that waits."""
        while self._calls:
            self._calls.popleft()()

    def until(self, condition: Callable[[], bool], *, within_s: float = 60.0) -> None:
        """Make calls until something holds."""
        end = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < end, "it did not come to pass"
            self.run()
            time.sleep(0.005)


class AtOnce(Executor):
    """Does work when it is handed in."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done
