"""The live view's controls: which feed, its recording, its maps, and freezing the last seconds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_fluoroinject.errors import FluoroinjectError, StorageError
from napari_fluoroinject.live.connect import Connected, connect_feed
from napari_fluoroinject.live.receiver import Received, Receiver
from napari_fluoroinject.live.running import RunningMaps
from napari_fluoroinject.recording import Recorder, Recording, new_folder
from napari_fluoroinject.recording.recorder import RESERVE_BYTES
from napari_fluoroinject.viewer.live.controls import Controls
from napari_fluoroinject.viewer.live.screen import LiveScreen
from napari_fluoroinject.viewer.live.words import (
    legend_words,
    maps_words,
    received_words,
    room_words,
)
from napari_fluoroinject.viewer.pages.page import Page
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.works import look_at

if TYPE_CHECKING:
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Progress

FROZEN_S = 10.0
"""How much is looped while the picture is frozen."""
NO_WRITING_BACK = (
    "This run was recorded from a live feed: it names no patient and no study, so that results "
    "can be looked at but not written back."
)
_TELL_EVERY_MS = 250
_ROOM_EVERY = 8
"""The disk is asked at every eighth telling."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Watched:
    """One feed while it is watched; `folder` None = it is not recorded."""

    receiver: Receiver
    maps: RunningMaps
    folder: Path | None


class LivePanel(Page):
    """Starts and stops a feed, and says how it stands.

    Attributes
    ----------
    picture
        The picture: a window of its own, unless it was put into a dock.
    """

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        self.controls = Controls()
        self.picture = LiveScreen()
        self._watched: _Watched | None = None
        self._folder: Path | None = None
        self._told = 0
        self.column.addWidget(self.controls)
        self.column.addStretch(1)
        self._connect()
        self._timer = QTimer(self)
        self._timer.setInterval(_TELL_EVERY_MS)
        self._timer.timeout.connect(self.tell)
        self._timer.start()
        self.tell()

    @property
    def running(self) -> bool:
        """Whether a feed is being received."""
        return self._watched is not None and not self._watched.receiver.told.ended

    def start(self) -> None:
        """Connect to the feed that is named, and show it once it is there."""
        text, again = self.controls.source.text(), self.controls.again.isChecked()

        def work(progress: Progress) -> Connected:
            progress("connecting", 0.0)
            return connect_feed(text, again=again)

        self.controls.say("Connecting …")
        self.controls.start.setEnabled(False)
        self.bench.jobs.start("Connect the live feed", work, self._watch, failed=self._refused)

    def stop(self) -> None:
        """End the feed; its recording stays."""
        watched = self._watched
        if watched is None:
            return
        watched.receiver.stop()
        watched.maps.stop()
        self.controls.say("Stopped. The recording stays.")

    def begin(self) -> None:
        """Say that contrast starts now."""
        if self._watched is not None:
            self._watched.maps.begin()

    def freeze(self, frozen: bool) -> None:
        """Loop the last seconds of the recording, or go back to the newest frame."""
        if not frozen:
            self.picture.view.thaw()
            return
        loop = self._recorded(last_s=FROZEN_S)
        if loop is None:
            self.controls.freeze.setChecked(False)
        else:
            self.picture.view.freeze(loop)

    def show_picture(self) -> None:
        """Bring the picture to the front, also where its window was closed."""
        self.picture.show()
        self.picture.raise_()

    def open_recording(self) -> None:
        """Open what is recorded so far as a run, beside those that lie open."""
        loop = self._recorded(last_s=None)
        if loop is None:
            return
        run = Run(loop=loop, files=(), name=f"Recorded feed {loop.shape[0]} fr", origin="live")
        new = run.uid not in {one.uid for one in self.bench.session.runs}
        self.bench.session.open(run)
        self.bench.session.signals.notice.emit(NO_WRITING_BACK)
        self.controls.say(NO_WRITING_BACK)
        if new:
            look_at(self.bench, run)

    def tell(self) -> None:
        """Say how feed, recording, maps and disk stand."""
        watched = self._watched
        received = Received() if watched is None else watched.receiver.told
        controls, running = self.controls, self.running
        controls.follow(running=running, recorded=bool(received.recorded))
        if watched is not None:
            controls.received.setText(received_words(received))
            controls.received.show()
            controls.maps.show()
            told, kind = watched.maps.told, controls.kind
            watched.maps.kind = kind
            controls.maps.setText(maps_words(told, watched.maps.missed))
            controls.problem.setText(told.message)
            controls.problem.setVisible(bool(told.message))
            controls.show_legend(kind, legend_words(watched.maps.picture))
        if self._told % _ROOM_EVERY == 0:
            free_bytes = shutil.disk_usage(_existing(self._root)).free
            controls.room.setText(room_words(free_bytes, received, reserve_bytes=RESERVE_BYTES))
        self._told += 1
        if watched is not None and received.ended:
            self._end(watched, received)

    def release(self) -> None:
        """End the feed and everything that belongs to it."""
        self._timer.stop()
        if self._watched is not None:
            self._watched.receiver.stop()
            self._watched.maps.stop()
            self._watched.receiver.close()
            self._watched.maps.close()
            self._watched = None
        self.picture.release()
        super().release()

    @property
    def _root(self) -> Path:
        return self.bench.results / "recordings"

    def _connect(self) -> None:
        controls = self.controls
        controls.start.clicked.connect(self.start)
        controls.source.returnPressed.connect(self.start)
        controls.stop.clicked.connect(self.stop)
        controls.begin.clicked.connect(self.begin)
        controls.freeze.toggled.connect(self.freeze)
        controls.brighten.clicked.connect(self.picture.view.brighten)
        controls.open.clicked.connect(self.open_recording)
        controls.show_picture.clicked.connect(self.show_picture)
        controls.map_kind.currentIndexChanged.connect(self.tell)

    def _watch(self, connected: Connected) -> None:
        self.stop()
        recorder = self._recorder(connected)
        maps = RunningMaps(
            intensity=connected.intensity,
            on=self.bench.settings.defaults.on,
            automatic=self.controls.automatic.isChecked(),
        )
        receiver = Receiver(connected.feed, recorder=recorder, others=(maps,))
        self._folder = None if recorder is None else recorder.folder
        self._watched = _Watched(receiver=receiver, maps=maps, folder=self._folder)
        self.controls.freeze.setChecked(False)
        self.picture.set_synthetic(connected.synthetic)
        self.picture.view.watch(receiver, maps)
        self.show_picture()
        maps.start()
        receiver.start()
        self.tell()

    def _recorder(self, connected: Connected) -> Recorder | None:
        try:
            recorder = Recorder(
                new_folder(self._root),
                intensity=connected.intensity,
                source=connected.kind,
                synthetic=connected.synthetic,
            )
        except StorageError as error:
            self.controls.say(f"NOT RECORDING: {error}")
            return None
        self.controls.say(f"Every frame is recorded: {recorder.folder.name}")
        return recorder

    def _refused(self, message: str) -> None:
        self.controls.say(message)
        self.tell()

    def _end(self, watched: _Watched, received: Received) -> None:
        """The feed has ended: the threads are gone or going, the picture stays."""
        if received.error:
            self.controls.say(received.error)
        watched.maps.stop()
        if not self.picture.view.frozen:
            self.picture.view.leave()

    def _recorded(self, *, last_s: float | None) -> CineLoop | None:
        """What is recorded so far; None, and told, where there is nothing."""
        try:
            if self._folder is None:
                raise StorageError("this feed is not recorded: there is nothing to go back to")
            return Recording.open(self._folder).loop(last_s=last_s)
        except FluoroinjectError as error:
            self.controls.say(str(error))
            return None


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
