"""Sample data: synthetic loops that say so, one for each group of procedures."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from npe2 import PluginManifest

from napari_fluoroinject.phantom import scenes
from napari_fluoroinject.viewer import sample_scenes, samples
from napari_fluoroinject.viewer.reader import RUN_KEY


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Loops that are made in no time."""
    for name, value in (("SIZE_PX", 64), ("FRAMES", 8)):
        monkeypatch.setattr(sample_scenes, name, value)
    monkeypatch.setattr(samples, "_folder", lambda: SimpleNamespace(name=str(tmp_path)))


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
    ((_, first, _),), ((_, again, _),) = samples.medial_branch(), samples.medial_branch()
    assert first["metadata"][RUN_KEY].files == again["metadata"][RUN_KEY].files


def test_the_manifest_offers_every_scene_and_tells_them_apart():
    assert len(keys()) == len(set(keys())) == len(sample_scenes.SCENES)
    assert {one.key for one in sample_scenes.SCENES} <= scenes().keys()
