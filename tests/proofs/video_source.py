"""Play a video at its rate to a local address, in a process of its own: the peer of live proofs.

    python -m tests.proofs.video_source --to tcp://127.0.0.1:5000 --seconds 600

sends a synthetic C-arm's monitor, 1024 x 1024 at 30 frames a second, over TCP as NUT, uncoded, so
that the sender costs little beside what is measured; `--codec ffv1` and `libx264` are lossless as
well and coded as they are sent. `--make` writes the same as a video file in place of sending it,
and `--film` plays such a file without coding it anew. `--stamp` writes into the first row of each
picture when it was sent: 64 pixels, white for 1 and black for 0, the microseconds since 1970 with
the highest bit first, then 32 pixels, the frame's number; read by `stamp_of`. It prints what it
sent, and how late.
"""

from __future__ import annotations

import argparse
import time
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from tests.films import write_film

if TYPE_CHECKING:
    import numpy as np

TIME_BITS, NUMBER_BITS = 64, 32
_CODECS = {
    "rawvideo": ("nut", "gray"),
    "ffv1": ("nut", "gray"),
    "libx264": ("mpegts", "yuv420p"),
}
"""Of each codec the container and the pixels."""


def stamp(picture: np.ndarray, number: int, wall_s: float) -> None:
    """Write moment and number into the first 96 pixels of a picture, (rows, columns) uint8."""
    bits = f"{int(wall_s * 1e6):064b}{number:032b}"
    picture[0, : len(bits)] = [255 * int(bit) for bit in bits]


def stamp_of(picture: np.ndarray) -> tuple[int, float]:
    """Frame number and seconds since 1970 that `stamp` wrote."""
    bits = "".join("1" if value > 127 else "0" for value in picture[0, : TIME_BITS + NUMBER_BITS])
    return int(bits[TIME_BITS:], 2), int(bits[:TIME_BITS], 2) / 1e6


def main() -> None:
    """Run one source until it has sent everything, or nobody takes it any more."""
    asked = _asked()
    paces = _Pace()
    container, pix_fmt = _CODECS[asked.codec]
    place = asked.to
    if place.startswith("tcp://") and not asked.connect:
        place += "?listen=1&tcp_nodelay=1"
    try:
        if asked.film:
            _copy(asked.film, place, container, paces)
        else:
            count = round(asked.seconds * asked.rate)
            write_film(
                asked.make or place,
                _pictures(asked, count, None if asked.make else paces),
                (number / asked.rate for number in range(count)),
                codec=asked.codec,
                pix_fmt=pix_fmt,
                container=container,
                options={"flush_packets": "1"},
            )
    except OSError as error:
        print(f"the taker went: {error.strerror}")
    print(f"sent {paces.sent} frames; latest {1e3 * paces.latest_s:.1f} ms after its time")


class _Pace:
    def __init__(self) -> None:
        self.sent, self.latest_s = 0, 0.0
        self._began_s: float | None = None

    def wait(self, time_s: float) -> None:
        """Wait until a frame is due; the second begins the clock: the first waits for a taker."""
        now_s = time.perf_counter()
        if self._began_s is None or self.sent < 2:
            self._began_s = now_s - time_s
        due_s = self._began_s + time_s
        time.sleep(max(0.0, due_s - now_s))
        self.latest_s = max(self.latest_s, time.perf_counter() - due_s)
        self.sent += 1


def _pictures(asked, count, paces=None):
    """The loop of a scene again and again, and at last on a C-arm's monitor."""
    from napari_fluoroinject.phantom import PhantomSettings, make_phantom
    from napari_fluoroinject.phantom.screen import make_screen
    from napari_fluoroinject.phantom.screen_settings import BARE, ScreenSettings

    side = asked.size
    source = PhantomSettings(
        size=min(side, 512), frames=asked.frames, frame_rate_hz=asked.rate, shutter="none"
    )
    phantom = make_phantom(asked.scene, settings=source)
    usual = {"grab_hz": asked.rate, "off_s": 0.0, "hold_s": 1.0, "shape": (side, side)}
    if asked.bare:
        from dataclasses import replace

        settings = replace(BARE, picture_px=side, **usual)
    else:
        settings = ScreenSettings(panels="none", **usual)
    screen = make_screen(phantom, settings)
    # made before they are due: making a frame takes longer than sending one
    ready = [screen.frame(number) for number in range(len(screen.times_s))]
    for number in range(count):
        picture = ready[number % len(ready)]
        if paces is not None:
            paces.wait(number / asked.rate)
        if asked.stamp:
            picture = picture.copy()
            stamp(picture, number, time.time())
        yield picture


def _copy(film: Path, place: str, container: str, paces: _Pace) -> None:
    """Send a film's packets as they are, each when it is due."""
    with av.open(str(film)) as source, av.open(place, "w", format=container) as sink:
        video = source.streams.video[0]
        out = sink.add_stream_from_template(video)
        for packet in source.demux(video):
            if packet.dts is None:
                continue
            paces.wait(float(packet.pts * (packet.time_base or Fraction(1))))
            packet.stream = out
            sink.mux(packet)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--to", default="tcp://127.0.0.1:5000", help="address to send to")
    parser.add_argument(
        "--connect", action="store_true", help="call that address; else wait there to be called"
    )
    parser.add_argument("--codec", choices=sorted(_CODECS), default="rawvideo")
    parser.add_argument("--make", type=Path, help="write this video file in place of sending")
    parser.add_argument("--film", type=Path, help="a video file that is played as it is")
    parser.add_argument("--scene", default="esi_il_lumbar")
    parser.add_argument("--bare", action="store_true", help="the X-ray picture without a monitor")
    parser.add_argument("--stamp", action="store_true", help="write time and number into pictures")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--frames", type=int, default=150, help="frames of the loop")
    parser.add_argument("--rate", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=600.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
