"""Saves the last run of a station that goes on, when a person asks for it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.live.desk import Papers, keep_beside, write_run
from napari_fluoroinject.live.handing import Outgoing
from napari_fluoroinject.live.ordering import find_order
from napari_fluoroinject.live.runs import runs_of
from napari_fluoroinject.model.recorded import FeedGeometry

if TYPE_CHECKING:
    from napari_fluoroinject.live.ordering import OrderQuery
    from napari_fluoroinject.live.station import Station
    from napari_fluoroinject.settings import Settings

_PATIENCE_S = 3.0
_POLL_S = 0.05


def save_last_run(station: Station, query: OrderQuery, settings: Settings) -> str:
    """End the run that goes on, if one does, write the last one, and hand it on where set up.

    Parameters
    ----------
    station
        Of the feed.
    query
        Which worklist item is the run's.
    settings
        Of live feeds, and of endpoints.

    Returns
    -------
    What was done, for a person.

    Raises
    ------
    FluoroinjectError
        The order is not found, nothing is recorded, or it cannot be written.
    """
    if station.folder is None:
        raise StorageError("this feed is not recorded: no run can be saved")
    own = settings.live.geometry
    papers = Papers(
        order=find_order(query, settings),
        geometry=None
        if own is None
        else FeedGeometry(
            source_detector_mm=own.source_detector_mm,
            source_patient_mm=own.source_patient_mm,
            detector_mm_per_px=own.detector_mm_per_px,
            radiation=own.radiation,
        ),
    )
    _end_run(station)
    runs = runs_of(station.folder)
    if not runs:
        raise StorageError("no run has been seen yet; expected one: see the recording itself")
    number = runs[-1].number
    encoded = write_run(station.folder, number, papers)
    if settings.live.hand_to is None:
        path = keep_beside(station.folder, number, encoded)
        return f"Run {number} is written: {path.name}, beside its recording."
    outgoing = Outgoing(station.folder.parent, settings)
    order = outgoing.add(encoded, settings.live.hand_to, of=(station.folder, number))
    outgoing.round()
    if order.exists():
        return f"Run {number} is written and waits to be handed over: {outgoing.told.error}"
    return f"Run {number} is written and handed over."


def _end_run(station: Station) -> None:
    station.end_run()
    give_up_s = time.monotonic() + _PATIENCE_S
    while station.told.running and time.monotonic() < give_up_s:
        time.sleep(_POLL_S)
