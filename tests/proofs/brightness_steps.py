"""What a step of brightness does to live maps: `python -m tests.proofs.brightness_steps`.

A loop is followed twice, as it is and with a step 12 frames after contrast began, once with the
offset that is taken off each frame and once without. Pixels whose opacity peaks above 0.1 are
compared: those that are lost, those that are new, and by how much the others' peaks differ.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import numpy as np

from napari_fluoroinject.analysis.following import Placer
from napari_fluoroinject.analysis.live_run import LiveRun
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.screen import make_screen
from napari_fluoroinject.phantom.screen_settings import BARE, BrightnessStep

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.following import LiveSnapshot
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.phantom import Phantom

FACTORS = (0.6, 0.8, 0.9, 1.1, 1.2, 1.4)
AFTER_FRAMES, PEAK, SIZE = 12, 0.1, 256


def main() -> None:
    """Follow loops with steps, and print what became of the maps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs=2, default=(300, 302), metavar=("FROM", "TO"))
    parser.add_argument("--procedure", default="mbb_lumbar")
    asked = parser.parse_args()
    settings = PhantomSettings(size=SIZE, detector_mm_per_px=0.8, shutter="none")
    for seed in range(*asked.seeds):
        phantom = make_phantom(asked.procedure, settings=replace(settings, seed=seed))
        onset = phantom.truth.onset_frame
        if onset is None:
            continue
        for kind in ("linear", "display"):
            usual = _followed(_stepped(phantom, kind, 1.0), onset)
            for factor in FACTORS:
                loop = _stepped(phantom, kind, factor)
                for offset in (True, False):
                    other = _followed(loop, onset, offset=offset)
                    name = f"{seed} {kind} x {factor} {'with' if offset else 'without'} offset"
                    print(f"{name}: {_compared(usual, other)}", flush=True)


def _stepped(phantom: Phantom, kind: str, factor: float) -> tuple[CineLoop, np.ndarray]:
    """The loop and its frames, from the step on brighter by the factor."""
    at = (phantom.truth.onset_frame or 0) + AFTER_FRAMES
    if kind == "linear":
        stored = phantom.loop.frames.every().copy()
        stored[at:] = np.minimum(np.rint(stored[at:] * factor), 4095)
        return phantom.loop, stored
    step = BrightnessStep(frame=at, ln=float(np.log(factor)), over_frames=1)
    bare = replace(BARE, shape=(SIZE, SIZE), picture_px=SIZE, grab_hz=15.0, off_s=0.0, hold_s=0.0)
    screen = make_screen(phantom, replace(bare, brightness=(step,)))
    return screen.loop(), screen.every()


def _followed(
    shown: tuple[CineLoop, np.ndarray], onset: int, *, offset: bool = True
) -> LiveSnapshot:
    loop, stored = shown
    run = LiveRun(loop.intensity, stored.shape[1:], on=choose("cpu"), automatic=False)
    own = Placer._opacity
    assert loop.times_s is not None
    with patch.object(
        Placer, "_opacity", own if offset else lambda self, binned: (own(self, binned)[0], 0.0)
    ):
        for frame, pixels in enumerate(stored):
            if frame == onset:
                run.begin()
            run.add(pixels, float(loop.times_s[frame]))
        snapshot = run.snapshot()
    assert snapshot is not None
    return snapshot


def _compared(usual: LiveSnapshot, other: LiveSnapshot) -> str:
    valid = usual.valid & other.valid
    one, two = (valid & (np.nan_to_num(each.maps.peak) > PEAK) for each in (usual, other))
    both = one & two
    if not both.any():
        return "no pixel in both"
    change = np.abs(other.maps.peak - usual.maps.peak)[both]
    median, most = np.percentile(change, (50, 95))
    lost, new = 1 - both.sum() / one.sum(), (two & ~one).sum() / one.sum()
    return (
        f"of {one.sum()} pixels lost {lost:.3f} new {new:.3f}, peaks differ by {median:.4f} "
        f"(95 %: {most:.4f}); frames lost {len(other.lost_frames)}"
    )


if __name__ == "__main__":
    main()
