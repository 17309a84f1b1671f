"""How each process of the service begins: orders from stdin, a log, a way to be stopped."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from napari_fluoroinject.confined.limits import die_with_parent
from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.service.orders import Orders
from napari_fluoroinject.spool.disk import lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_TIME = "%Y-%m-%d %H:%M:%S%z"
_PATIENCE_S = 60.0
_POLL_S = 0.05


def begin() -> tuple[Orders, threading.Event]:
    """Read the orders; the event is set when the process is asked to stop (SIGTERM).

    It ends at once when its parent is gone. Whatever it was doing is on disk.
    """
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    orders = Orders.read(sys.stdin.buffer.readline())
    die_with_parent(sys.stdin.buffer, parent=int(sys.argv[1]))
    os.umask(0o077)
    logging.basicConfig(level=logging.WARNING, format=LOG_FORMAT, datefmt=LOG_TIME)
    if orders.verbose:
        logging.getLogger("napari_fluoroinject").setLevel(logging.INFO)
    for library in ("pydicom", "pynetdicom"):  # they quote values, which may be a patient's
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return orders, stop


def is_running(root: Path, name: str) -> bool:
    """Whether a process of this name works on a spool.

    Parameters
    ----------
    root
        Folder of the spool.
    name
        As given to `alone`.
    """
    try:
        with (root / f"{name}.lock").open("r+b") as file:
            lock(file)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


@contextmanager
def alone(root: Path, name: str) -> Iterator[None]:
    """Be the only process of this name on a spool; one that is ending is waited for.

    Raises
    ------
    StorageError
        Another one runs and does not end.
    """
    give_up_s = time.monotonic() + _PATIENCE_S
    with (root / f"{name}.lock").open("a+b") as file:
        while True:
            try:
                lock(file)
                break
            except OSError as error:
                if time.monotonic() >= give_up_s:
                    raise StorageError(
                        f"{root}: another {name} works on this spool; stop it, or choose another "
                        "folder"
                    ) from error
                time.sleep(_POLL_S)
        yield
