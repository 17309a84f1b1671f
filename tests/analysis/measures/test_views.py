"""Which view a loop shows: said by a person, else told by the C-arm's angle where it can be."""

from __future__ import annotations

import pytest

from napari_fluoroinject.analysis.measures.views import shown_view
from napari_fluoroinject.model.annotation import Annotation, CArm
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.procedures import get


@pytest.mark.parametrize(
    ("key", "primary", "side", "name"),
    [
        ("esi_il_lumbar", 10.0, "left", "AP"),
        ("esi_il_lumbar", 0.0, "right", "AP"),
        ("esi_il_lumbar", 10.0, "right", None),
        ("esi_il_lumbar", -45.0, "left", "CLO"),
        ("esi_il_lumbar", 45.0, "right", "CLO"),
        ("esi_il_lumbar", 45.0, "left", None),
        ("esi_il_lumbar", 45.0, None, None),
        ("esi_il_lumbar", 90.0, None, "LAT"),
        ("esi_il_lumbar", -88.0, None, "LAT"),
        ("esi_tf_lumbar_subpedicular", 30.0, "left", "OBL"),
        ("esi_tf_lumbar_subpedicular", 0.0, None, "AP"),
        ("si_joint_ia", 15.0, "right", "OBL"),
        ("si_joint_ia", 15.0, None, None),
        ("esi_tf_cervical", 70.0, None, None),
        ("generic", 0.0, "left", None),
    ],
)
def test_the_angle_tells_the_view_where_the_side_leaves_one(key, primary, side, name):
    recorded = View(primary_angle_deg=primary)
    assert shown_view(recorded, Annotation(side=side), get(key)) == name


def test_the_view_that_a_person_names_counts_first_and_angles_only_where_the_file_has_none():
    recorded, procedure = View(primary_angle_deg=0.0), get("esi_il_lumbar")
    assert shown_view(recorded, Annotation(view="CLO"), procedure) == "CLO"
    turned = Annotation(side="left", c_arm=CArm(primary_angle_deg=-47.0))
    assert shown_view(recorded, turned, procedure) == "AP"
    assert shown_view(View(), turned, procedure) == "CLO"
    assert shown_view(View(), Annotation(), procedure) is None
