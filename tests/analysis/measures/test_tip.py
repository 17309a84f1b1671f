"""The tip against marked lines and target: exact, with an uncertainty, or a reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from measured_loops import seen

from napari_fluoroinject.analysis.measures.tip import tip_measurements
from napari_fluoroinject.model.annotation import Annotation, Mark
from napari_fluoroinject.procedures import get

IL = get("esi_il_lumbar")
LINE = Mark(
    landmark="ventral_interlaminar_line",
    points_px=((0.0, 100.0), (199.0, 100.0)),
    beyond_px=(100.0, 150.0),
)


def past(**changes):
    (found,) = [m for m in tip_measurements(seen(**changes), IL) if m.id == "tip_to_line"]
    return found


@pytest.mark.parametrize("column", [80.0, 100.0, 107.3])
def test_a_tip_beyond_a_line_is_positive_in_millimetres(column):
    found = past(annotation=Annotation(view="CLO", marks=(LINE,)), tip=(60.0, column))
    assert found.value == pytest.approx((column - 100) * 0.5)
    assert (found.unit, found.of, found.view) == ("mm", "ventral_interlaminar_line", "CLO")


def test_the_tip_is_taken_to_where_the_line_was_marked():
    found = past(annotation=Annotation(marks=(LINE,)), tip=(60.0, 110.0), shift_px=(2.0, 4.0))
    assert found.value == pytest.approx(6.0 * 0.5)


def test_without_millimetres_there_are_pixels():
    found = past(annotation=Annotation(marks=(LINE,)), tip=(60.0, 110.0), calibration=None)
    assert (found.value, found.unit) == (pytest.approx(10.0), "{pixels}")


def test_pixels_are_those_of_the_file_where_the_analysis_averaged_them():
    marks = Annotation(marks=(LINE,))
    whole = seen(annotation=marks, tip=(60.0, 110.0), calibration=None)
    binned = replace(whole, loop=replace(whole.loop, binned=2))
    (found,) = [m for m in tip_measurements(binned, IL) if m.id == "tip_to_line"]
    assert found.value == pytest.approx(20.0)


def test_a_tip_is_less_certain_along_its_shaft_than_across_it():
    marks = Annotation(marks=(LINE,))
    along = past(annotation=marks, hub=(60.0, 50.0), tip=(60.0, 110.0), sigma=3.0)
    across = past(annotation=marks, hub=(10.0, 110.0), tip=(60.0, 110.0), sigma=3.0)
    assert along.sigma > 2 * across.sigma


def test_a_line_of_one_place_is_refused_with_its_reason():
    point = Mark(landmark=LINE.landmark, points_px=((5.0, 5.0), (5.0, 5.0)), beyond_px=(9.0, 9.0))
    assert "all points of the line are one" in past(annotation=Annotation(marks=(point,))).reason


def test_the_target_is_measured_or_missing_is_said():
    (_, found) = tip_measurements(seen(annotation=Annotation(target_px=(103.0, 104.0))), IL)
    assert found.value == pytest.approx(2.5)
    (_, missing) = tip_measurements(seen(), IL)
    assert missing.reason == "no target was marked"
