"""A run of a recorded monitor as it is filed: every exposure of it, and each of them once."""

from __future__ import annotations

from napari_fluoroinject.live.filing import recorded_run
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.screen import ScreenSettings, make_screen
from napari_fluoroinject.recording import Recorder


def test_the_first_run_of_a_monitor_is_filed_with_its_first_exposures(tmp_path):
    phantom = make_phantom(
        "mbb_lumbar", settings=PhantomSettings(size=128, frames=30, shutter="none")
    )
    screen = make_screen(phantom, ScreenSettings(shape=(180, 320), hold_s=0.5, grab_noise=1))
    loop = screen.loop()
    with Recorder(tmp_path, intensity=loop.intensity, source="screen") as recorder:
        for index, time_s in enumerate(loop.times_s):
            recorder.add(loop.frames.frame(index), index=index, time_s=float(time_s))
    filed = recorded_run(tmp_path, 1)
    assert len(filed.times_s) == screen.truth.fresh.sum() == 30
