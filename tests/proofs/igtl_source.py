"""An OpenIGTLink server that sends a loop at its own rate or another: a C-arm to try things on.

Run as `python -m tests.proofs.igtl_source phantom:mbb_lumbar` from the root of the repository,
then connect to `igtl://127.0.0.1:18944`. SOURCE is `phantom:PROCEDURE`, a DICOM file or folder
with one run, a folder with a recording, or `pattern` (moving noise, which costs next to nothing to
make). Nothing is left out: it waits for clients that are late, and says how late it was itself.
Each picture is stamped with the moment at which it was sent, and numbered.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_fluoroinject.endpoints.igtl import PORT
from napari_fluoroinject.endpoints.igtl_server import IgtlServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from napari_fluoroinject.model.cine import CineLoop

_PATTERN_HZ = 30.0
_PATTERNS = 8


def main() -> int:
    """Send pictures until the end, or until it is interrupted."""
    words = _words()
    pictures, hz = _pictures(words)
    with IgtlServer(words.host, words.port, lossless=True, version=words.header) as server:
        print(f"listening on port {server.port}, {hz:g} pictures a second", flush=True)
        while not server.clients and not words.at_once:
            time.sleep(0.01)
        sent, late_s, began_s = 0, 0.0, time.perf_counter()
        for pixels in itertools.islice(pictures, words.frames):
            due_s = began_s + sent / hz
            time.sleep(max(0.0, due_s - time.perf_counter()))
            late_s = max(late_s, time.perf_counter() - due_s)
            server.put(words.name, pixels, time.time())
            sent += 1
    print(f"sent {sent} pictures, at most {late_s * 1000:.0f} ms late", flush=True)
    return 0


def _words() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=PORT, help="0 = any free one")
    parser.add_argument("--name", default="Fluoroscopy", help="of the image device")
    parser.add_argument("--rate", type=float, metavar="HZ", help="as the source's where left out")
    parser.add_argument("--size", type=int, default=512, help="of a phantom or pattern, pixels")
    parser.add_argument("--bits", type=int, choices=(8, 16), default=16, help="8 = leading bits")
    parser.add_argument("--frames", type=int, metavar="N", help="end after so many")
    parser.add_argument("--once", action="store_true", help="end with the loop")
    parser.add_argument("--at-once", action="store_true", help="do not wait for a client")
    parser.add_argument(
        "--header", type=int, choices=(1, 2), default=2, help="version; 1 = without numbers"
    )
    return parser.parse_args()


def _pictures(words: argparse.Namespace) -> tuple[Iterator[npt.NDArray[Any]], float]:
    """The pictures, without end as usual, and how many a second."""
    if words.source == "pattern":
        pictures, hz = _pattern(words.size, words.bits), _PATTERN_HZ
    else:
        loop = _loop(words.source, words.size)
        pictures, hz = _of_loop(loop, words.bits), _rate_of(loop)
    without_end = iter(pictures) if words.once else itertools.cycle(pictures)
    return without_end, words.rate or hz


def _pattern(size: int, bits: int) -> list[npt.NDArray[Any]]:
    kind = np.uint8 if bits == 8 else np.uint16
    first = np.random.default_rng(1).integers(0, 1 << min(bits, 12), (size, size), kind)
    return _still([np.roll(first, 8 * k, axis=1) for k in range(_PATTERNS)])


def _of_loop(loop: CineLoop, bits: int) -> list[npt.NDArray[Any]]:
    frames = [loop.frames.frame(k) for k in range(loop.frames.shape[0])]
    if bits == 16:
        return _still([frame.astype(np.uint16) for frame in frames])
    shift = max(0, int(max(int(frame.max()) for frame in frames)).bit_length() - 8)
    return _still([(frame >> shift).astype(np.uint8) for frame in frames])


def _still(pictures: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """What nobody can write to is not copied at each sending."""
    for picture in pictures:
        picture.flags.writeable = False
    return pictures


def _loop(source: str, size: int) -> CineLoop:
    from pathlib import Path

    from napari_fluoroinject.recording import Recording
    from napari_fluoroinject.recording.segment import SUFFIX
    from napari_fluoroinject.sources import only_loop

    if source.startswith("phantom:"):
        from napari_fluoroinject.phantom import PhantomSettings, make_phantom

        key = source.removeprefix("phantom:")
        return make_phantom(key, settings=PhantomSettings(size=size)).loop
    if Path(source).is_dir() and any(Path(source).glob(f"*{SUFFIX}")):
        return Recording.open(Path(source)).loop()
    return only_loop(source)


def _rate_of(loop: CineLoop) -> float:
    if loop.times_s is None:
        raise SystemExit("this loop tells no frame times: name a --rate")
    return 1.0 / float(np.median(np.diff(loop.times_s)))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
