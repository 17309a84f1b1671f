"""The service: `python -m napari_fluoroinject.service.run`, analysts and sender of one spool."""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.service.process import alone, begin

if TYPE_CHECKING:
    from napari_fluoroinject.service.analyst import Analyst
    from napari_fluoroinject.service.orders import Orders

log = logging.getLogger(__name__)

MODULE = "napari_fluoroinject.service.run"
_SENDER = "napari_fluoroinject.service.sender"
_POLL_S = 0.1
_AFTER_FAULT_S = 2.0


def main() -> None:
    """Work until asked to stop; status 1 where the spool cannot be used now."""
    orders, stop = begin()
    try:
        serve(orders, stop)
    except FluoroinjectError as error:  # started again, it takes up what it was doing
        log.error("the service stops: %s", error)
        sys.exit(1)


def serve(orders: Orders, stop: threading.Event) -> None:
    """Analyse what was received and return the results, until `stop` is set.

    Jobs that a crash interrupted begin again.

    Parameters
    ----------
    orders
        Which spool, and by which settings.
    stop
        Set when it is to end; an analysis that runs then is begun again at the next start.

    Raises
    ------
    FluoroinjectError
        The settings name what there is not, or the spool cannot be used.
    """
    from napari_fluoroinject.decide import check_settings
    from napari_fluoroinject.service.analyst import Analyst
    from napari_fluoroinject.service.peers import check_peers
    from napari_fluoroinject.service.scheduled import Schedule
    from napari_fluoroinject.service.supervised import Supervised
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.jobs import Jobs

    settings = orders.settings()
    check_settings(settings.service, site=settings.site_procedures)
    check_peers(settings)
    with (
        alone(orders.root, "service"),
        Database(orders.root) as database,
        Trail(orders.root / "audit") as trail,
        Supervised(_SENDER, orders) as sender,
    ):
        again = Jobs(database).recover()
        trail.note("started", what="service", count=again)
        analyst = Analyst(
            orders.root,
            database,
            settings,
            trail,
            stopping=stop.is_set,
            scheduled=Schedule(settings, stopping=stop.is_set),
        )
        threads = _started(analyst, stop, count=settings.service.workers)
        while not stop.wait(_POLL_S):
            sender.check()
        for thread in threads:
            thread.join()
        trail.note("stopped", what="service")


def _started(analyst: Analyst, stop: threading.Event, *, count: int) -> list[threading.Thread]:
    threads = [
        threading.Thread(target=_work, args=(analyst, stop), name=f"analyst {number}")
        for number in range(1, max(1, count) + 1)
    ]
    for thread in threads:
        thread.start()
    return threads


def _work(analyst: Analyst, stop: threading.Event) -> None:
    """Work on jobs for ever; what goes wrong now may go well later."""
    while not stop.is_set():
        try:
            if not analyst.step():
                stop.wait(_POLL_S)
        except FluoroinjectError as error:
            log.error("the spool cannot be used now: %s", error)
            stop.wait(_AFTER_FAULT_S)
        except Exception:  # the edge of a worker
            log.exception("an analyst stumbled")
            stop.wait(_AFTER_FAULT_S)


if __name__ == "__main__":
    main()
