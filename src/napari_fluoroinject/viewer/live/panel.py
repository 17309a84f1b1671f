"""The live view's controls: which feed, its recording, its maps, and freezing the last seconds."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer

from napari_fluoroinject.errors import FluoroinjectError, StorageError
from napari_fluoroinject.live.connect import Connected, connect_feed
from napari_fluoroinject.live.ordering import OrderQuery
from napari_fluoroinject.live.receiver import Received
from napari_fluoroinject.live.saving import save_last_run
from napari_fluoroinject.live.served import ServedMaps, served_maps
from napari_fluoroinject.live.station import Station, StationSettings
from napari_fluoroinject.recording import Recording
from napari_fluoroinject.recording.recorder import RESERVE_BYTES
from napari_fluoroinject.viewer.live.controls import BACK, FREEZE, Controls
from napari_fluoroinject.viewer.live.screen import LiveScreen
from napari_fluoroinject.viewer.live.words import (
    contrast_words,
    legend_words,
    maps_words,
    received_words,
    room_words,
    said_words,
    warning_words,
)
from napari_fluoroinject.viewer.pages.page import Page, scroll_area
from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.works import look_at

if TYPE_CHECKING:
    from pathlib import Path

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
        self._station: Station | None = None
        self._folder: Path | None = None
        self._told = 0
        self.column.addWidget(scroll_area(self.controls))
        self._connect()
        self._timer = QTimer(self)
        self._timer.setInterval(_TELL_EVERY_MS)
        self._timer.timeout.connect(self.tell)
        self._timer.start()
        self.tell()

    @property
    def running(self) -> bool:
        """Whether a feed is being received."""
        return self._station is not None and not self._station.receiver.told.ended

    def start(self) -> None:
        """Connect to the feed that is named, and show it once it is there."""
        text, again = self.controls.source.text(), self.controls.again.isChecked()
        settings = self.bench.settings

        def work(progress: Progress) -> tuple[Connected, ServedMaps | None]:
            progress("connecting", 0.0)
            found = served_maps(text)
            if found is None:
                return connect_feed(text, again=again, settings=settings), None
            return connect_feed(found[0], settings=settings), found[1]

        self.controls.say("Connecting …")
        self.controls.start.setEnabled(False)
        self.bench.jobs.start("Connect the live feed", work, self._watch, failed=self._refused)

    def stop(self) -> None:
        """End the feed; its recording stays."""
        if self._station is None:
            return
        self._station.stop()
        self.controls.say("Stopped. The recording stays.")

    def begin(self) -> None:
        """Say that contrast starts now."""
        if self._station is not None:
            self._station.begin()

    def freeze(self, frozen: bool) -> None:
        """Loop the last seconds of the recording, or go back to the newest frame."""
        self.controls.freeze.setText(BACK if frozen else FREEZE)
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

    def save(self) -> None:
        """Write the last run under the patient of the order that is named."""
        station, worklist = self._station, self._worklist
        accession = self.controls.accession.text().strip()
        if station is None or station.folder is None or worklist is None:
            self.controls.say("Nothing is recorded here that could be saved.")
            return
        query = OrderQuery(worklist=worklist, accession=accession)
        settings = self.bench.settings

        def work(progress: Progress) -> str:
            progress("asking the worklist", 0.0)
            return save_last_run(station, query, settings)

        self.controls.say("Saving the run …")
        self.controls.save.setEnabled(False)
        self.bench.jobs.start("Save the live run", work, self.controls.say, failed=self._refused)

    def tell(self) -> None:
        """Say how feed, recording, maps and disk stand."""
        station = self._station
        received = Received() if station is None else station.receiver.told
        controls, running = self.controls, self.running
        controls.follow(running=running, recorded=self._kept(received))
        if station is not None:
            words = received_words(received, recording=station.folder is not None)
            controls.received.setText(words)
            controls.received.show()
            controls.maps.show()
            told, kind = station.maps.told, controls.kind
            station.maps.kind = kind
            controls.maps.setText(maps_words(told, station.maps.missed))
            controls.problem.setText(told.message)
            controls.problem.setVisible(bool(told.message))
            controls.tell(
                warning=warning_words(told),
                contrast=contrast_words(told),
                said=said_words(station.told.said),
            )
            controls.show_legend(kind, legend_words(station.maps.picture))
        if self._told % _ROOM_EVERY == 0:
            free_bytes = shutil.disk_usage(_existing(self._root)).free
            controls.room.setText(room_words(free_bytes, received, reserve_bytes=RESERVE_BYTES))
        self._told += 1
        if station is not None and received.ended:
            self._end(station, received)

    def release(self) -> None:
        """End the feed and everything that belongs to it."""
        self._timer.stop()
        if self._station is not None:
            self._station.close()
            self._station = None
        self.picture.release()
        super().release()

    @property
    def _worklist(self) -> str | None:
        settings = self.bench.settings
        return settings.live.worklist or settings.service.worklist

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
        controls.save.clicked.connect(self.save)
        controls.offer_saving(self._worklist is not None)
        controls.show_picture.clicked.connect(self.show_picture)
        controls.map_kind.currentIndexChanged.connect(self.tell)

    def _watch(self, met: tuple[Connected, ServedMaps | None]) -> None:
        self.stop()
        connected, served = met
        elsewhere = served is not None and served.recording
        station = Station(
            connected,
            StationSettings(
                recordings=None if elsewhere else self._root,
                on=self.bench.settings.defaults.on,
                automatic=self.controls.automatic.isChecked(),
            ),
            maps=served,
        )
        self._folder = served.folder if served is not None and elsewhere else station.folder
        self._station = station
        self.controls.say(_recorded_words(station, elsewhere=elsewhere))
        self.controls.freeze.setChecked(False)
        self.picture.set_synthetic(connected.synthetic)
        self.picture.view.watch(station.receiver, station.maps)
        self.show_picture()
        station.start()
        self.tell()

    def _kept(self, received: Received) -> bool:
        """Whether there is something to go back to, recorded here or where it is served."""
        station = self._station
        elsewhere = station is not None and station.folder is None and self._folder is not None
        return bool(received.frames if elsewhere else received.recorded)

    def _refused(self, message: str) -> None:
        self.controls.say(message)
        self.tell()

    def _end(self, station: Station, received: Received) -> None:
        """The feed has ended: the threads are gone or going, the picture stays."""
        if received.error:
            self.controls.say(received.error)
        station.maps.stop()
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


def _recorded_words(station: Station, *, elsewhere: bool) -> str:
    if elsewhere:
        return "Recorded by the process that serves it, and not again here: runs are saved there."
    if station.folder is None:
        return f"NOT RECORDING: {station.refused}"
    return f"Every frame is recorded: {station.folder.name}"


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
