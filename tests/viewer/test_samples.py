"""Sample data: synthetic loops that say so, one for each group of procedures."""

from __future__ import annotations

import pytest
from npe2 import PluginManifest

from napari_fluoroinject.phantom import PhantomSettings, scenes
from napari_fluoroinject.viewer import samples
from napari_fluoroinject.viewer.reader import RUN_KEY


@pytest.fixture
def small(monkeypatch):
    """Loops that are made in no time."""
    for name, value in (("SIZE_PX", 64), ("FRAMES", 8)):
        monkeypatch.setattr(samples, name, value)
    samples._folder.cache_clear()
    yield
    samples._folder.cache_clear()


def keys():
    manifest = PluginManifest.from_distribution("napari-fluoroinject")
    return [one.key for one in manifest.contributions.sample_data]


@pytest.mark.parametrize("key", keys())
def test_every_sample_is_a_loop_that_tells_that_it_is_synthetic(small, key):
    ((_, options, kind),) = getattr(samples, key)()
    run = options["metadata"][RUN_KEY]
    assert kind == "image"
    assert run.loop.synthetic
    assert "synthetic" in run.origin
    assert run.files[0].is_file()


def test_a_sample_is_made_once(small):
    first = samples.sample_file("mbb_lumbar")
    at = first.stat().st_mtime_ns
    assert samples.sample_file("mbb_lumbar") == first
    assert first.stat().st_mtime_ns == at


def test_a_sample_lasts_long_enough_for_contrast_to_arrive():
    seconds = samples.FRAMES / samples.RATE_HZ
    assert seconds == 6
    assert PhantomSettings(size=samples.SIZE_PX, frames=samples.FRAMES)
    assert len(scenes()) >= len(keys())
