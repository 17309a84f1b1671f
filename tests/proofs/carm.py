"""A C-arm that pushes until it is acknowledged: `python -m tests.proofs.carm PORT FIRST STEP LOG`.

It is no part of the product: pynetdicom as its documentation shows it. Objects are numbered FIRST,
FIRST + STEP ...; the log gets one line, UID and status, for each answer, written before the next
object. It ends when it is told to (SIGTERM), or after COUNT objects.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pynetdicom import AE, _config

from tests.proofs.objects import content, from_file, uid_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pynetdicom.association import Association

XA, EXPLICIT = "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.1.2.1"
_PAUSE_S = 0.03
_PER_ASSOCIATION = 5


def main() -> None:
    """Push."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "first", "step"):
        parser.add_argument(name, type=int)
    parser.add_argument("log", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--called", default="FLUOROINJECT")
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--like", type=Path, help="a file that all are like")
    asked = parser.parse_args()
    _config.STORE_SEND_CHUNKED_DATASET = True
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    log = os.open(asked.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    file_of = partial(content, frames=asked.frames)
    if asked.like is not None:
        file_of = partial(from_file, asked.like)
    numbers = range(asked.first, asked.first + asked.step * asked.count, asked.step)
    with tempfile.TemporaryDirectory() as folder:
        waiting = list(numbers[:_PER_ASSOCIATION])
        done = len(waiting)
        while waiting and not ended:
            with _associated(asked.port, asked.called) as association:
                while waiting and association.is_established and not ended:
                    if not _push(association, waiting[0], Path(folder), log, file_of):
                        break
                    waiting.pop(0)
            if not waiting:
                waiting = list(numbers[done : done + _PER_ASSOCIATION])
                done += len(waiting)


def _push(
    association: Association,
    number: int,
    folder: Path,
    log: int,
    file_of: Callable[[int], bytes],
) -> bool:
    """Send one object; whether it was acknowledged."""
    path = folder / f"{number}.dcm"
    if not path.exists():
        path.write_bytes(file_of(number))
    try:
        answer = association.send_c_store(path)
    except (RuntimeError, OSError, ValueError):
        return False
    if "Status" not in answer:
        return False
    os.write(log, f"{uid_of(number)} {answer.Status:04X}\n".encode())
    if answer.Status == 0:
        path.unlink()
    else:
        time.sleep(_PAUSE_S)
    return bool(answer.Status == 0)


@contextmanager
def _associated(port: int, called: str) -> Iterator[Association]:
    ae = AE("CARM")
    ae.connection_timeout, ae.acse_timeout, ae.dimse_timeout = 5, 5, 30
    ae.add_requested_context(XA, EXPLICIT)
    association = ae.associate("127.0.0.1", port, ae_title=called, max_pdu=131_072)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        else:
            association.abort()
            time.sleep(_PAUSE_S)


if __name__ == "__main__":
    main()
