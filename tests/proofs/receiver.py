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
    from napari_fluoroinject.spool.store import Spool

    logging.basicConfig(level=logging.WARNING)
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    station = Station(ae_title="FLUOROINJECT", port=int(sys.argv[2]))
    with Spool(Path(sys.argv[1]), digest=dataset_sha256) as spool, Receiver(spool, station):
        ended.wait()


if __name__ == "__main__":
    main()
