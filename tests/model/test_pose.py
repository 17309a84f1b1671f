"""A pose of a C-arm is one that can be, and errors are stated as such."""

from __future__ import annotations

import pytest

from napari_fluoroinject.model.pose import CArmPose, PoseSigma

FIELDS = {
    "source_to_detector_mm": 1000.0,
    "source_to_isocentre_mm": 700.0,
    "primary_deg": 0.0,
    "secondary_deg": 0.0,
    "detector_mm_per_px": 0.3,
    "principal_px": (0.0, 0.0),
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source_to_isocentre_mm": 1100.0}, "isocentre between source and detector"),
        ({"source_to_isocentre_mm": 0.0}, "isocentre between source and detector"),
        ({"source_to_detector_mm": float("inf")}, "isocentre between source and detector"),
        ({"detector_mm_per_px": 0.0}, "no length"),
        ({"primary_deg": 181.0}, "-180 to 180"),
        ({"secondary_deg": float("nan")}, "-90 to 90"),
        ({"principal_px": (float("nan"), 0.0)}, "no point of a picture"),
    ],
)
def test_a_pose_that_cannot_be_is_refused(changes, words):
    assert CArmPose(**FIELDS).zero == "ventral"
    with pytest.raises(ValueError, match=words):
        CArmPose(**(FIELDS | changes))


@pytest.mark.parametrize("name", ["angle_deg", "isocentre_mm", "roll_deg"])
@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_an_error_is_a_standard_deviation(name, value):
    fields = {"angle_deg": 1.0, "isocentre_mm": 1.0, "roll_deg": 0.0}
    with pytest.raises(ValueError, match="expected a standard deviation"):
        PoseSigma(**(fields | {name: value}))


def test_pictures_turn_as_much_as_angles_err_unless_it_is_said():
    assert PoseSigma(angle_deg=2.0, isocentre_mm=0.0).turns_deg == (2.0, 2.0, 2.0)
    assert PoseSigma(angle_deg=2.0, isocentre_mm=0.0, roll_deg=0.5).turns_deg == (2.0, 2.0, 0.5)
