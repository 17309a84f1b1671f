"""The product's receiver alone in a process: `python -m tests.proofs.receiver SPOOL PORT`."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from threading import Event


def main() -> None:
    """Receive until SIGTERM."""
    from napari_fluoroinject.endpoints.receive import Receiver
    from napari_fluoroinject.endpoints.storage_scp import Station, dataset_sha256
    from napari_fluoroinject.spool.database import Database
    from napari_fluoroinject.spool.index import Index
    from napari_fluoroinject.spool.store import Spool

    logging.basicConfig(level=logging.WARNING)
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    station = Station(ae_title="FLUOROINJECT", port=int(sys.argv[2]))
    root = Path(sys.argv[1])
    with (
        Spool(root, digest=dataset_sha256) as spool,
        Database(root) as database,
        Receiver(spool, station, index=Index(database), job=True),
    ):
        ended.wait()


if __name__ == "__main__":
    main()
