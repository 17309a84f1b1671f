"""Pictures over OpenIGTLink from another process: lost ones, CPU time for each, and their age.

Run as `python -m tests.proofs.igtl_speed` from the root of the repository. The age of a picture
runs from the moment at which it was sent to the moment at which the feed gives it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

import numpy as np

from napari_fluoroinject.endpoints.base import Frame
from napari_fluoroinject.endpoints.igtl import IgtlFeed

ROWS = ((8, 30.0), (16, 30.0), (8, 120.0), (16, 120.0))


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--bits", type=int, choices=(8, 16), help="only rows of these")
    parser.add_argument("--rate", type=float, choices=(30, 120), help="only rows of these")
    words = parser.parse_args()
    wanted = [
        (bits, hz) for bits, hz in ROWS if words.bits in (None, bits) and words.rate in (None, hz)
    ]
    print("bits  per s  sent  came  missing  CPU ms/picture  age ms: median  p99  largest")
    lost = sum(_row(bits, hz, words) for bits, hz in wanted)
    return 1 if lost else 0


def _row(bits: int, hz: float, words: argparse.Namespace) -> int:
    count = round(hz * words.seconds)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.proofs.igtl_source", "pattern", "--port", "0"),
            *("--size", str(words.size), "--bits", str(bits), "--rate", str(hz)),
            *("--frames", str(count)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as source:
        assert source.stdout is not None
        port = int(source.stdout.readline().split()[3].rstrip(","))
        ages_s, indices, cpu_s = _received(port, count)
        late = source.stdout.readline().strip()
    ages_ms = 1000 * np.array(ages_s)
    print(
        f"{bits:4d} {hz:6g} {count:5d} {len(indices):5d} {count - len(indices):8d}"
        f" {1000 * cpu_s / max(1, len(indices)):15.2f} {np.median(ages_ms):15.1f}"
        f" {np.percentile(ages_ms, 99):4.1f} {ages_ms.max():8.1f}   ({late})",
        flush=True,
    )
    return count - len(indices) + (indices != list(range(count)))


def _received(port: int, count: int) -> tuple[list[float], list[int], float]:
    ages_s, indices = [], []
    cpu_s = 0.0
    with IgtlFeed("127.0.0.1", port) as feed:
        for item in feed:
            if isinstance(item, Frame):
                assert item.wall_s is not None
                ages_s.append(time.time() - item.wall_s)
                indices.append(item.index)
                cpu_s = cpu_s or time.process_time()  # the first: everything is loaded
            elif item.event == "lost":
                break
            if len(indices) == count:
                break
    return ages_s, indices, time.process_time() - cpu_s


if __name__ == "__main__":
    sys.exit(main())
