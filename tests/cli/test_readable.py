"""What a physician reads says what was seen, in which unit, and what nobody knows."""

from __future__ import annotations

import re

import pytest
from jsonschema import Draft202012Validator
from summaries import summary

from napari_fluoroinject.cli.readable import WIDTH, statement
from napari_fluoroinject.model.spread import RUN_OFF_MISSED
from napari_fluoroinject.model.summary import summary_schema

WARNING = {
    "id": "vascular_uptake",
    "severity": "critical",
    "text": "A tubular component ran away from the tip.",
    "score": 2.4,
    "frames": [15, 20],
}


LENGTHS = (
    *("area_px", "area_mm2", "along_px", "along_mm", "across_px", "across_mm"),
    *("cranial_px", "cranial_mm", "caudal_px", "caudal_mm"),
    *("front_speed_px_s", "front_speed_mm_s"),
)
UNTOLD = (
    *("first_arrival_s", "peak_od"),
    *("iodine_mg", "peak_iodine_mg_cm2", "iodine_relative_uncertainty"),
)


def test_the_summary_of_these_tests_is_one_that_analyze_writes():
    Draft202012Validator(summary_schema()).validate(summary())


def test_what_was_measured_has_its_unit():
    text = statement(summary(), title="Lumbar epidural")
    for part in (
        "Lumbar epidural, L4-L5, left",
        "31 frames of 512 x 512 pixels - 15 frames/s - view AP - 0.250 mm per pixel "
        "(isocentre plane, header factor; 1 sigma 5 %)",
        "row 250.4, column 255.6 (1 sigma 0.4 px along the needle) in frame 6",
        "in frame 6 of 31 (counted from 1); told from the hub because contrast left it",
        "frame 10 (0.60 s)",
        "0.62 s, the first pixels' fitted opacity rises above 0.06",
        "100 mm2",
        "20.0 mm",
        "15.0 mm/s",
        "0.62 s",
        "187 mg, 41 mg/cm2 at its densest (1 sigma 14 %)",
        "0.031 (natural log)",
        "score 0.20, a warning is raised at 1",
        f"about 0.080 (natural log); {RUN_OFF_MISSED}",
    ):
        assert part in re.sub(r"\s+", " ", text)


def test_without_a_warning_nothing_reads_as_a_clearance():
    text = statement(summary(), title="Lumbar epidural")
    assert "none raised" in text
    assert "not a clearance" in text
    assert "29 of 31 frames could be judged" in text
    for word in ("safe", "negative", "normal", "no vascular", "clear "):
        assert word not in text.lower()


@pytest.mark.parametrize(("score", "said"), [(None, "not assessed"), (0.8, "in part only")])
def test_a_run_off_search_not_made_in_full_is_said_among_the_warnings(score, said):
    told = summary()
    told["run_off"] |= {"score": score, "reason": "loop too short"}
    told["assessable"]["reasons"] = [f"vascular uptake: {said} (loop too short)"]
    text = statement(told, title="Lumbar epidural")
    warnings, measured = text.index("Warnings"), text.index("Measured")
    assert f"{said}: loop too short" in text[warnings:measured]
    assert text.count("loop too short") == 1
    assert ("not searched" in text) is (score is None)


def test_an_alarm_needs_no_word_on_the_rest_of_the_search_among_the_warnings():
    told = summary()
    told["run_off"] |= {"score": 1.4, "reason": "loop too short"}
    told["assessable"]["reasons"] = ["vascular uptake: assessed in part only (loop too short)"]
    told["warnings"] = [WARNING]
    text = statement(told, title="Lumbar epidural")
    assert text.count("loop too short") == 1
    assert text.index("loop too short") > text.index("Not known")


def test_extents_at_the_edge_of_the_field_are_at_least_so_much():
    told = summary()
    told["spread"]["lower_bounds"] = ["area", "along", "cranial"]
    text = re.sub(r"\s+", " ", statement(told, title="Lumbar epidural"))
    for part in ("at the end at least 100 mm2", "spine at least 20.0 mm", "tip at least 12.5 mm"):
        assert part in text
    assert text.count("(contrast reaches the edge of the open field)") == 1
    assert "caudal of the tip 7.5 mm" in text


def test_a_spread_that_was_not_measured_has_no_number():
    told = summary()
    told["contrast_onset_frame"] = None
    told["spread"] |= dict.fromkeys((*LENGTHS, *UNTOLD))
    told["spread"]["reasons"] = ["no contrast was seen: there is no spread to measure"]
    text = statement(told, title="Lumbar epidural")
    assert "contrast spread           not measured" in text
    assert "mm2" not in text
    assert text.lower().count("no contrast was seen") == 1


def test_one_frame_is_one_frame():
    told = summary()
    told["source"] |= {"frames": 1, "times_s": None}
    told["assessable"] |= {"frames": 0, "of": 1}
    told["warnings"] = [WARNING | {"frames": [0, 0]}]
    text = statement(told, title="Lumbar epidural")
    assert "1 frame of 512" in text
    assert "0 of 1 frame could be judged" in text
    assert "vascular uptake in frame 1:" in text
    assert "1 frames" not in text


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
    told["run_off"] |= {"score": None, "reason": "no frames after contrast"}
    told["spread"]["reasons"] = ["no spread outside the suspected vessel was seen"]
    text = re.sub(r"\s+", " ", statement(told, title="Lumbar epidural"))
    for part in (
        "frame times unknown",
        "view unknown",
        "pixel values are display",
        "No spread outside the suspected vessel was seen",
        "nobody said which",
        "no frames after contrast",
        "not found: no straight shaft",
        "Frames 4 to 5 could not be registered",
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


def test_a_distance_from_a_marked_line_is_told_with_its_uncertainty_and_view():
    measured = {
        "id": "tip_to_line",
        "of": "ventral_interlaminar_line",
        "value": 1.26,
        "sigma": 0.4,
        "unit": "mm",
        "view": "CLO",
        "reason": None,
    }
    unknown = measured | {"value": None, "sigma": None, "reason": "the line was not marked"}
    told = " ".join(statement(summary() | {"measured": [measured]}, title="x").split())
    assert "tip to line: ventral interlaminar line 1.3 mm (1 sigma 0.4 mm) in CLO" in told
    assert "tip to line" not in statement(summary() | {"measured": [unknown]}, title="x")


def test_the_dose_of_the_study_stands_beside_the_sites_own_and_the_literature():
    told = summary()
    assert "Radiation" not in statement(told, title="")
    told["dose"] |= {"kap_gycm2": 2.16, "basis": "headers"}
    told["dose"]["site_p75"]["kap_gycm2"] = 2.5
    told["dose"]["literature"] = [
        {
            "name": "fluoroscopy_time",
            "low": 30,
            "high": 30,
            "unit": "s",
            "note": "+- 17.5 s",
            "grade": "S",
            "sources": ["DOSEBMI"],
        }
    ]
    Draft202012Validator(summary_schema()).validate(told)
    text = statement(told, title="")
    for part in (
        "Radiation of the study, from the headers of the loops that were given",
        "at least 2.16 Gy.cm2; the site's 75th percentile: 2.5 Gy.cm2",
        "fluoroscopy time          not recorded",
        "literature, no limit      fluoroscopy time 30 s (+- 17.5 s) [S: DOSEBMI]",
    ):
        assert part in text
    told["dose"]["basis"] = "report"
    text = statement(told, title="")
    assert "from the dose report" in text
    assert "at least 2.16" not in text


def test_the_expected_pattern_is_told_without_weakening_a_warning_beside_it():
    told = summary()
    said = "Of the expected pattern (pool on bone) the AP view shows: so much."
    told["warnings"] = [WARNING]
    told["expected"] = [
        {
            "pattern": "medial_branch_pool",
            "name": "Pool on bone",
            "state": state,
            "score": None if state == "not judged" else 1.2,
            "features": [
                {
                    "measure": "line_contact",
                    "of": None,
                    "view": "AP",
                    "value": 40.0,
                    "sigma": None,
                    "unit": "%",
                    "bound": "least",
                    "limit": 30.0,
                    "reached": True,
                }
            ],
            "reason": "why" if state == "not judged" else None,
            "text": said,
        }
        for state in ("shown", "not shown", "not judged")
    ]
    Draft202012Validator(summary_schema()).validate(told)
    text = " ".join(statement(told, title="x").split())
    assert f"Expected spread features shown {said} not all shown {said} not judged {said}" in text
    assert text.index("CRITICAL") < text.index("Expected spread")


def test_levels_that_were_seen_are_told_only_where_the_levels_are_not_known():
    told = summary()
    one = {"of": "end_plates", "sigma": 0.02, "unit": "{levels}", "view": "AP", "reason": None}
    told["measured"] = [
        one | {"id": "levels", "value": 2.5},
        one | {"id": "levels_seen", "value": 2.5},
    ]
    assert "levels seen" not in statement(told, title="x")
    told["measured"][0] |= {"value": None, "reason": "contrast reaches the edge"}
    assert "levels seen: end plates" in statement(told, title="x")


def test_reminders_are_told_as_such():
    told = summary()
    assert "Reminders" not in statement(told, title="")
    told["reminders"] = ["Gadolinium in place of iodine [S: CONTRADV21]"]
    assert "Reminders\n  checklist                 Gadolinium" in statement(told, title="")


def test_each_lead_is_named_and_its_contacts_are_counted_whole():
    lead = {"contacts_px": [[1.0, 1.0]] * 8, "sigma_px": 0.1, "order": "distal_first"}
    one = {"of": None, "sigma": None, "unit": "1", "view": "LAT", "reason": None}
    counts = [one | {"id": "contact_positions", "value": count} for count in (8.0, 8.0)]
    told = statement(summary() | {"leads": [lead, lead], "measured": counts}, title="x")
    words = " ".join(told.split())
    assert "lead 1 8 contacts in LAT lead 2 8 contacts in LAT" in words
    assert "8.00" not in words


def test_the_distance_to_the_target_has_its_uncertainty_and_levels_have_no_braces():
    target = {"target_px": [1.0, 2.0], "tip_distance_px": 12.0, "tip_distance_mm": 3.0}
    one = {"of": None, "view": "AP", "reason": None}
    measured = [
        one | {"id": "tip_to_target", "value": 3.0, "sigma": 0.31, "unit": "mm"},
        one | {"id": "levels_seen", "value": 0.9, "sigma": 0.02, "unit": "{levels}"},
    ]
    told = statement(summary() | {"target": target, "measured": measured}, title="x")
    words = " ".join(told.split())
    assert "tip to target 3.0 mm (1 sigma 0.3 mm)" in words
    assert "levels seen 0.9 levels (1 sigma 0.02 levels)" in words
