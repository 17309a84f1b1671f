"""What a physician reads says what was seen, in which unit, and what nobody knows."""

from __future__ import annotations

import re

import pytest
from jsonschema import Draft202012Validator
from summaries import summary

from napari_fluoroinject.cli.readable import WIDTH, statement
from napari_fluoroinject.model.summary import summary_schema

WARNING = {
    "id": "vascular_uptake",
    "severity": "critical",
    "text": "A tubular component ran away from the tip.",
    "score": 2.4,
    "frames": [15, 20],
}


def test_the_summary_of_these_tests_is_one_that_analyze_writes():
    Draft202012Validator(summary_schema()).validate(summary())


def test_what_was_measured_has_its_unit():
    text = statement(summary(), title="Lumbar epidural")
    for part in (
        "Lumbar epidural, L4-L5, left",
        "31 frames of 512 x 512 pixels - 15 frames/s - view AP - 0.250 mm per pixel "
        "(isocentre plane, header factor; 1 sigma 5 %)",
        "row 250.4, column 255.6 (1 sigma 0.4 px along the needle) in frame 6",
        "contrast left it",
        "100 mm2",
        "20.0 mm",
        "15.0 mm/s",
        "0.62 s",
        "0.031 (natural log)",
        "0.20 of what raises a warning",
        "0.080 (natural log)",
    ):
        assert part in re.sub(r"\s+", " ", text)


def test_without_a_warning_nothing_reads_as_a_clearance():
    text = statement(summary(), title="Lumbar epidural")
    assert "none raised" in text
    assert "not a clearance" in text
    assert "29 of 31 frames could be judged" in text
    for word in ("safe", "negative", "normal", "no vascular", "clear "):
        assert word not in text.lower()


def test_warnings_come_with_severity_frames_and_seconds_the_worst_first():
    told = summary()
    told["warnings"] = [
        {"id": "tip_off_target", "severity": "info", "text": "Off.", "score": 1.0, "frames": None},
        WARNING,
    ]
    text = statement(told, title="Lumbar epidural")
    assert "vascular uptake in frames 16 to 21 (1.0 to 1.3 s)" in text
    assert text.index("CRITICAL") < text.index("INFO")
    assert "none raised" not in text


def test_pixels_stand_where_there_are_no_millimetres():
    told = summary()
    told["source"]["mm_per_px"], told["source"]["mm_per_px_basis"] = None, "none"
    for name in list(told["spread"]):
        if "_mm" in name:
            told["spread"][name] = None
    text = statement(told, title="Lumbar epidural")
    assert "1600 pixels" in text
    assert "60.0 pixels/s" in text
    assert "uncalibrated" in text
    assert "no calibration; lengths are in pixels" in text
    assert " mm" not in text


def test_everything_that_is_unknown_is_said_once():
    told = summary()
    told["source"] |= {
        "times_s": None,
        "intensity": "display",
        "quantitative": False,
        "view": {"name": None, "primary_angle_deg": None, "secondary_angle_deg": None},
    }
    told |= {
        "side": None,
        "contrast_onset_frame": None,
        "needle": None,
        "needle_reason": "no straight shaft of a needle's width",
        "notes": ["The first frame is brighter.", "The first frame is brighter."],
    }
    told["run_off"]["reason"] = "no frames after contrast"
    told["warnings"] = [WARNING]
    text = re.sub(r"\s+", " ", statement(told, title="Lumbar epidural"))
    for part in (
        "frame times unknown",
        "view unknown",
        "pixel values are display",
        "no arrival was seen",
        "nobody said which",
        "no frames after contrast",
        "not found: no straight shaft",
        "Frames 4 and 5 moved too fast.",
    ):
        assert part in text
    assert text.count("The first frame is brighter.") == 1
    assert "(1.0 to" not in text


@pytest.mark.parametrize("distance", [3.2, None])
def test_the_distance_to_a_given_target_is_told_or_unknown(distance):
    told = summary()
    told["target"] = {
        "target_px": [1.0, 2.0],
        "tip_distance_px": None,
        "tip_distance_mm": distance,
    }
    assert f"tip to target             {'not known' if distance is None else '3.2 mm'}" in (
        statement(told, title="Lumbar epidural")
    )


def test_no_line_is_wider_than_a_terminal():
    told = summary()
    told["notes"] = ["A very long sentence. " * 20]
    assert (
        max(len(line) for line in statement(told, title="Lumbar epidural").splitlines()) <= WIDTH
    )
