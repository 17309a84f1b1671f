"""A picture that holds nothing is never counted as looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from moving_scenes import breathing, moving_scene
from spread_scenes import Scene, make_loop

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.legible import why_illegible
from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import ArrayFrames

ON = choose("cpu")
FRAMES, SIZE = 20, 64
FIELD = np.ones((SIZE, SIZE), bool)


def noise(level: float) -> np.ndarray:
    return level * np.random.default_rng(0).standard_normal((FRAMES, SIZE, SIZE))


def anatomy() -> np.ndarray:
    return moving_scene(breathing(FRAMES))


EMPTY = {
    "black": np.zeros((FRAMES, SIZE, SIZE)),
    "noise": 5.0 + noise(0.3),
    "one frame again and again": np.repeat(anatomy()[:1], FRAMES, axis=0),
    "a picture that comes and goes": np.where(
        np.arange(FRAMES)[:, None, None] % 2, anatomy(), 9.0
    ),
}


@pytest.mark.parametrize("what", EMPTY)
def test_what_holds_no_picture_is_told(what):
    assert why_illegible(EMPTY[what].astype(np.float32), FIELD)


def test_without_an_open_part_there_is_no_picture():
    assert why_illegible(anatomy(), np.zeros_like(FIELD)) == "no part of the picture is open"


@pytest.mark.parametrize("level", [0.0, 0.05, 0.2])
def test_anatomy_in_noise_is_a_picture(level):
    assert why_illegible((anatomy() + noise(level)).astype(np.float32), FIELD) is None


def test_a_single_frame_is_a_picture_if_anything_is_in_it():
    assert why_illegible(anatomy()[:1], FIELD) is None
    assert why_illegible(np.zeros((1, SIZE, SIZE), np.float32), FIELD)


def report_of(stored: np.ndarray, procedure: str = "generic"):
    loop = replace(
        make_loop(Scene())[0].loop,
        frames=ArrayFrames(stored.astype(np.uint16)),
        times_s=np.arange(len(stored)) * 0.1,
    )
    return analyze_loop(loop, procedures.get(procedure), Annotation(), on=ON)


@pytest.mark.parametrize("value", [0, 2000])
def test_an_empty_loop_is_reported_as_unfit_and_no_frame_as_judged(value):
    report = report_of(np.full((FRAMES, SIZE, SIZE), value))
    assert report.assessable.frames == 0
    assert "the picture is empty" in report.assessable.reasons
    assert any(finding.id == "image_unfit" for finding in report.findings)


@pytest.mark.parametrize("what", ["empty", "noise"])
def test_where_there_is_no_picture_contrast_is_not_judged_rather_than_missed(what):
    stored = {
        "empty": np.full((FRAMES, SIZE, SIZE), 500),
        "noise": 2000 + 100 * noise(1.0),
    }[what]
    report = report_of(stored, "esi_il_lumbar")
    raised = [finding.id for finding in report.findings]
    assert "contrast_not_seen" not in raised
    assert "image_unfit" in raised
    assert any("contrast not seen: not judged" in why for why in report.assessable.reasons)


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (15, 200), (200, 15)])
def test_a_picture_too_small_for_any_filter_is_refused_in_words(shape):
    with pytest.raises(AnalysisError, match="at least 16 x 16"):
        report_of(np.ones((3, *shape)))


@pytest.mark.parametrize("run", [2, 3, 5])
def test_two_views_that_take_turns_are_told(run):
    turn = (np.arange(FRAMES) // run) % 2 == 1
    mixed = np.where(turn[:, None, None], np.rot90(anatomy(), axes=(1, 2)), anatomy())
    told = why_illegible((mixed + noise(0.02)).astype(np.float32), FIELD)
    assert told is not None
    assert "take turns" in told
