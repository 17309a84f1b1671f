"""Expected patterns end to end: synthetic loops whose spread is the intended one, or misses it."""

from __future__ import annotations

import pytest
from true_marks import truly_marked

from napari_fluoroinject import workflow
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.catalogue import MISPLACED, SPECS

SEEDS = (5100, 5101)
INTENDED = [
    ("esi_il_lumbar", "CLO"),
    ("esi_tf_lumbar_subpedicular", "AP"),
    ("mbb_lumbar", "AP"),
]


def analysed(key, view, twin, seed):
    settings = PhantomSettings(seed=seed, twin=twin, view=view, frames=50, size=192)
    phantom = make_phantom(key, settings=settings)
    return workflow.analyze(phantom.loop, key, truly_marked(phantom))


@pytest.mark.parametrize(("key", "view"), INTENDED)
def test_most_intended_spreads_show_their_pattern_and_never_all_of_it_is_said(key, view):
    reports = [analysed(key, view, "none", seed) for seed in SEEDS]
    (one,) = reports[0].expected
    assert one.text
    assert "shown" in {report.expected[0].state for report in reports}
    for report in reports:
        (told,) = report.expected
        assert (told.state == "not judged") == (told.score is None)
        if told.state != "not judged":
            assert told.text.endswith("This does not exclude other spread or vessels.")


@pytest.mark.parametrize(
    ("key", "view", "twin"),
    [(k, v, twin) for k, v in INTENDED for twin in SPECS[k].twins if twin in MISPLACED],
)
def test_a_spread_that_misses_its_space_does_not_show_the_expected_pattern(key, view, twin):
    (one,) = analysed(key, view, twin, SEEDS[0]).expected
    assert one.state != "shown", one.text


def test_a_vessels_warning_stands_alone():
    report = analysed("mbb_lumbar", "AP", "vascular", SEEDS[0])
    assert "vascular_uptake" in {finding.id for finding in report.findings}
    (one,) = report.expected
    assert one.reason == "a warning comes first: vascular uptake"
