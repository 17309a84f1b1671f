"""Expected patterns end to end: synthetic loops whose spread is the intended one, or misses it."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from napari_fluoroinject import workflow
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.summary import summarize, summary_schema
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.phantom.catalogue import SPECS

INTENDED = [
    ("esi_il_lumbar", "CLO", 5100),
    ("esi_tf_lumbar_subpedicular", "AP", 5100),
    ("mbb_lumbar", "AP", 5101),
]
MISSED = [
    (key, view, name)
    for key, view, _ in INTENDED
    for name, twin in SPECS[key].twins.items()
    if not twin.intended and any(warning.endswith("_like") for warning in twin.warnings)
]


def drawn(key, view, twin, seed):
    settings = PhantomSettings(seed=seed, twin=twin, view=view, frames=50, size=192)
    return make_phantom(key, settings=settings)


def analysed(key, view, twin, seed):
    phantom = drawn(key, view, twin, seed)
    return workflow.analyze(phantom.loop, key, phantom.truth.annotation)


@pytest.mark.parametrize(("key", "view", "seed"), INTENDED)
def test_an_intended_spread_shows_its_pattern_and_the_summary_tells_it(key, view, seed):
    report = analysed(key, view, "none", seed)
    (one,) = report.expected
    assert one.state == "shown", one.text
    assert one.text.endswith("This does not exclude other spread or vessels.")
    summary = summarize(report)
    Draft202012Validator(summary_schema()).validate(summary)
    (told,) = summary["expected"]
    assert (told["state"], told["text"]) == (one.state, one.text)
    assert [f["measure"] for f in told["features"]] == [f.measure for f in one.told]


@pytest.mark.parametrize(("key", "view", "twin"), MISSED)
def test_a_spread_that_misses_its_space_does_not_show_the_expected_pattern(key, view, twin):
    (one,) = analysed(key, view, twin, 5100).expected
    assert one.state != "shown", one.text


def test_a_vessels_warning_stands_alone():
    report = analysed("mbb_lumbar", "AP", "vascular", 5100)
    assert "vascular_uptake" in {finding.id for finding in report.findings}
    (one,) = report.expected
    assert one.reason == "a warning comes first: vascular uptake"


def test_without_marks_nothing_is_judged_and_the_summary_says_why():
    phantom = drawn("esi_tf_lumbar_subpedicular", "AP", "none", 5100)
    report = workflow.analyze(phantom.loop, "esi_tf_lumbar_subpedicular", Annotation(view="AP"))
    (told,) = summarize(report)["expected"]
    assert (told["state"], told["score"], told["features"]) == ("not judged", None, [])
    assert "was not marked" in told["reason"]
