"""A station with all that a clinic wants around it: written runs, their hand-over, a server."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.live.desk import Desk, Papers
from napari_fluoroinject.live.fates import waiting_in
from napari_fluoroinject.live.handing import Handed, Outgoing
from napari_fluoroinject.live.ordering import OrderQuery, find_order
from napari_fluoroinject.live.station import Station, StationSettings, Told
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from napari_fluoroinject.live.connect import Connected
    from napari_fluoroinject.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SessionWish:
    """What is wanted around a feed.

    Attributes
    ----------
    station
        How it is taken.
    papers, order
        What runs are written with, and which worklist item is theirs; None = none is asked for.
    hand_to
        Where runs go to; None = they stay beside the recording.
    serve
        Host and port to serve at; None = nothing is served.
    """

    station: StationSettings = field(default_factory=StationSettings)
    papers: Papers = field(default_factory=Papers)
    order: OrderQuery | None = None
    hand_to: str | None = None
    serve: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTold:
    """How a session stands; None where it has no such part.

    Attributes
    ----------
    station
        Of the feed.
    written, handed, clients
        Runs written, runs on their way, and viewers that are connected.
    faults
        What failed, in sentences for a person.
    """

    station: Told
    written: int | None
    handed: Handed | None
    clients: int | None
    faults: tuple[str, ...]


class LiveSession(Closing):
    """Puts a feed's parts together, and takes them apart in order.

    An order that is not found, and a disk that cannot be written, are told in `told` and cost no
    picture: what is recorded can be written later.

    Parameters
    ----------
    connected
        The feed.
    wish
        What is wanted.
    settings
        Names endpoints.

    Attributes
    ----------
    station
        Of the feed.
    port
        Where it is served; None = nowhere.

    Raises
    ------
    EndpointError
        The port cannot be had.
    """

    def __init__(self, connected: Connected, wish: SessionWish, settings: Settings) -> None:
        self._faults: list[str] = []
        self._desk: Desk | None = None
        self._outgoing: Outgoing | None = None
        self.port: int | None = None
        with ExitStack() as stack:
            self._prepare_papers(wish, settings, stack)
            self._serving = None
            if wish.serve is not None:
                from napari_fluoroinject.live.serving import Serving

                self._serving = stack.enter_context(Serving(*wish.serve))
                self.port = self._serving.port
            self.station = Station(
                connected,
                wish.station,
                others=() if self._serving is None else (self._serving,),
                ended=self._put,
            )
            if self.station.refused:
                self._faults.append(f"NOT RECORDING: {self.station.refused}")
            stack.enter_context(self.station)
            self._stack = stack.pop_all()

    def start(self) -> None:
        """Begin to receive."""
        for part in (self._outgoing, self._desk):
            if part is not None:
                part.start()
        if self._serving is not None:
            self._serving.follow(self.station)
        self.station.start()

    @property
    def told(self) -> SessionTold:
        """How it stands; may be read from any thread."""
        desk = self._desk
        return SessionTold(
            station=self.station.told,
            written=None if desk is None else desk.written,
            handed=None if self._outgoing is None else self._outgoing.told,
            clients=None if self._serving is None else self._serving.clients,
            faults=(*self._faults, *(() if desk is None else desk.faults)),
        )

    def close(self) -> None:
        """End the feed, then its server, then write what has ended, then try to hand it over."""
        self._stack.close()
        if self._outgoing is not None:
            self._outgoing.close()
            self._outgoing.round(last=True)

    def _prepare_papers(self, wish: SessionWish, settings: Settings, stack: ExitStack) -> None:
        recordings, papers = wish.station.recordings, wish.papers
        if recordings is not None and (wish.hand_to is not None or waiting_in(recordings)):
            try:
                self._outgoing = Outgoing(recordings, settings)
            except StorageError as error:
                self._faults.append(str(error))
        query = wish.order
        if papers.complete or query is not None:
            self._desk = stack.enter_context(
                Desk(
                    papers,
                    order=None if query is None else partial(find_order, query, settings),
                    outgoing=self._outgoing,
                    destination=wish.hand_to,
                )
            )

    def _put(self, number: int) -> None:
        folder = self.station.folder
        if self._desk is not None and folder is not None:
            self._desk.put(folder, number)
