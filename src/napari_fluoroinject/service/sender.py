"""Returns results: `python -m napari_fluoroinject.service.sender`, a process of its own."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.service.process import alone, begin

if TYPE_CHECKING:
    import threading

    from napari_fluoroinject.service.orders import Orders

log = logging.getLogger(__name__)

_POLL_S = 0.5


def main() -> None:
    """Send what is due until asked to stop; status 1 where the spool cannot be used now."""
    orders, stop = begin()
    try:
        send(orders, stop)
    except FluoroinjectError as error:  # started again, it takes up what it was doing
        log.error("the sender stops: %s", error)
        sys.exit(1)


def send(orders: Orders, stop: threading.Event) -> None:
    """Send what is due, again and again.

    Parameters
    ----------
    orders
        Which spool.
    stop
        Set when it is to end.

    Raises
    ------
    FluoroinjectError
        The spool cannot be used now.
    """
    from napari_fluoroinject.service.clear import Clearing
    from napari_fluoroinject.service.confirm import Confirmation
    from napari_fluoroinject.service.delivery import Delivery
    from napari_fluoroinject.spool.audit import Trail
    from napari_fluoroinject.spool.database import Database

    settings = orders.settings()
    with (
        alone(orders.root, "sender"),
        Database(orders.root) as database,
        Trail(orders.root / "audit") as trail,
    ):
        delivery = Delivery(database, settings, trail)
        confirmation = Confirmation(delivery)
        clearing = Clearing(database, delivery)
        delivery.queue.recover()
        clearing.recover()
        while not stop.is_set():
            busy = delivery.round()
            confirmation.round()
            clearing.round()
            if not busy:
                stop.wait(_POLL_S)


if __name__ == "__main__":
    main()
