"""The product's small archive alone in a process: `python -m tests.proofs.archive SPOOL PORT`."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path
from threading import Event


def main() -> None:
    """Keep, until SIGTERM."""
    from napari_fluoroinject.endpoints.archive import Archive
    from napari_fluoroinject.endpoints.storage_scp import Station, dataset_sha256
    from napari_fluoroinject.spool.store import Spool

    logging.basicConfig(level=logging.WARNING)
    ended = Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    station = Station(ae_title="ARCHIVE", port=int(sys.argv[2]))
    with Spool(Path(sys.argv[1]), digest=dataset_sha256) as spool, Archive(spool, station):
        ended.wait()


if __name__ == "__main__":
    main()
