"""A receiver with its service: what comes is analysed by other processes, under this one's eye."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from napari_fluoroinject.service.process import is_running
from napari_fluoroinject.service.run import MODULE
from napari_fluoroinject.service.supervised import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from napari_fluoroinject.endpoints.commitment import Report
    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.endpoints.storage_scp import Station
    from napari_fluoroinject.service.orders import Orders
    from napari_fluoroinject.settings.network import ListenSettings


@contextmanager
def attended(
    settings: ListenSettings, station: Station, orders: Orders
) -> Iterator[tuple[Receiver, Callable[[], None]]]:
    """Receive, analyse and return while the context lasts.

    Gives the receiver, and what is to be called again and again: it starts the service again where
    that has ended.

    Parameters
    ----------
    settings, station
        Of the receiver.
    orders
        Of the service.

    Raises
    ------
    FluoroinjectError
        The spool, the port or the status page's port cannot be had, or a guard does not act.
    """
    from napari_fluoroinject.endpoints.receive import receiving
    from napari_fluoroinject.service.observed import observed
    from napari_fluoroinject.service.witness import witnessed

    with ExitStack() as stack:
        taking = stack.enter_context(_taking_reports(orders.root))
        told = orders.settings()
        used = (settings, told.service, told.endpoints, told.defaults, told.dose)
        witness = stack.enter_context(witnessed(orders.root, settings=used))

        def prepare(receiver: Receiver) -> None:
            taking(receiver)
            receiver.witness = witness

        receiver = stack.enter_context(receiving(settings, station, job=True, prepare=prepare))
        service = stack.enter_context(Supervised(MODULE, orders))

        def parts() -> Mapping[str, bool]:
            return {"worker": service.runs, "sender": is_running(orders.root, "sender")}

        stack.enter_context(
            observed(
                receiver,
                settings,
                told.service,
                parts=parts,
                flush=witness.flush,
                knows=told.knows,
            )
        )
        yield receiver, service.check


@contextmanager
def _taking_reports(spool: Path) -> Iterator[Callable[[Receiver], None]]:
    """Give what lets a receiver take reports of storage commitment, and keep them in the spool."""
    from napari_fluoroinject.endpoints.commitment import support_commitment
    from napari_fluoroinject.service.confirm import take_report
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.queue import Queue

    with Database(spool) as database, Trail(spool / "audit") as trail:
        queue = Queue(database)

        def reported(report: Report) -> None:
            take_report(queue, trail, report, now_s=time.time())

        yield lambda receiver: support_commitment(receiver, reported)
