"""The procedure's rules: what is warned of, what is withheld, what is said about the frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.evidence import Evidence
from napari_fluoroinject.analysis.findings import RULES, assess, judge
from napari_fluoroinject.analysis.measures.seen import Seen
from napari_fluoroinject.analysis.measures.tip import tip_measurements
from napari_fluoroinject.model.annotation import Annotation, CArm, Event, Mark
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.spread import RunOff

FRAMES = 20
WHOLE = procedures.get("esi_il_lumbar")
FROM_THE_LOOP = ("vascular_uptake", "contrast_not_seen", "tip_off_target", "image_unfit")
IL = replace(WHOLE, warnings=tuple(one for one in WHOLE.warnings if one.id in FROM_THE_LOOP))
"""The rules that need nothing but the loop and its target."""


def loop(**changes):
    fields = {
        "frames": ArrayFrames(np.zeros((FRAMES, 4, 4), np.uint16)),
        "times_s": np.arange(FRAMES) / 15,
        "intensity": IntensityScale(relationship="linear", ln_beam=np.zeros(4, np.float32)),
        "reference": LoopReference(
            study_instance_uid="1.2",
            series_instance_uid="1.3",
            sop_instance_uid="1.4",
            sop_class_uid="1.5",
        ),
        "sha256": "0" * 64,
        "calibration": Calibration(mm_per_px=0.5, basis="iso_ermf"),
    }
    return CineLoop(**(fields | changes))


def motion(**changes):
    fields = {
        "shift_px": np.zeros((FRAMES, 2)),
        "residual": np.ones(FRAMES),
        "locked": np.ones(FRAMES, bool),
        "bone_weight": np.ones((4, 4), np.float32),
        "uncertainty_px": 0.05,
    }
    return Motion(**(fields | changes))


def needle(tip=(100.0, 100.0), sigma=0.5):
    followed = np.tile(np.array(tip), (FRAMES, 1))
    return Needle(
        tip_px=tip,
        hub_px=(50.0, 60.0),
        frame=3,
        tip_uncertainty_px=sigma,
        hub_uncertainty_px=1.0,
        tip_by_frame_px=followed,
        hub_by_frame_px=followed,
        source="detected",
        tip_end_by="contrast",
    )


def run_off(score=0.2, kind=None, **changes):
    fields = {
        "score": score,
        "kind": kind,
        "path_px": np.zeros((0, 2)),
        "frames": None,
        "smallest_seen_od": 0.05,
    }
    return RunOff(**(fields | changes))


def evidence(**changes):
    fields = {
        "loop": loop(),
        "annotation": Annotation(target_px=(100.0, 100.0)),
        "motion": motion(),
        "injection": Injection(mask_frames=(2, 3, 4, 5), onset_frame=8, onset_score=9.0),
        "needle": needle(),
        "run_off": run_off(),
    }
    return Evidence(**(fields | changes))


def ids(findings):
    return [finding.id for finding in findings]


def test_an_ordinary_run_raises_no_warning_and_every_frame_counts():
    assert judge(evidence(), IL) == ()
    assert assess(evidence(), IL).frames == FRAMES
    assert assess(evidence(), IL).reasons == ()


def test_a_run_off_at_the_threshold_is_warned_of_with_its_frames():
    found = judge(evidence(run_off=run_off(1.0, "transient", frames=(9, 14))), IL)
    assert ids(found) == ["vascular_uptake"]
    assert found[0].severity == "critical"
    assert found[0].frames == (9, 14)
    assert judge(evidence(run_off=run_off(0.99, "transient")), IL) == ()


def test_contrast_is_not_missed_where_nothing_can_be_seen():
    empty = evidence(
        injection=Injection(mask_frames=(2, 3), onset_frame=None, onset_score=0.0),
        illegible="the picture is empty",
    )
    assert ids(judge(empty, IL)) == ["image_unfit"]
    reasons = assess(empty, IL).reasons
    assert "contrast not seen: not judged (the picture is empty)" in reasons


def test_an_angle_that_contradicts_the_file_is_told():
    filed = loop(view=View(primary_angle_deg=-1.3))
    said = Annotation(c_arm=CArm(primary_angle_deg=-45.0))
    told = " ".join(assess(evidence(loop=filed, annotation=said), IL).reasons)
    assert "said to stand at -45 degrees (primary) where the file has -1.3" in told
    near = Annotation(c_arm=CArm(primary_angle_deg=-1.0))
    assert "said to stand" not in str(assess(evidence(loop=filed, annotation=near), IL).reasons)


def test_contrast_that_never_came_is_warned_of_only_where_a_procedure_expects_it():
    unseen = evidence(injection=Injection(mask_frames=(2, 3), onset_frame=None, onset_score=0.0))
    assert ids(judge(unseen, IL)) == ["contrast_not_seen"]
    assert judge(unseen, procedures.get("generic")) == ()


def test_a_run_off_alone_is_contrast_that_was_seen():
    lone = evidence(
        injection=Injection(mask_frames=(2, 3), onset_frame=None, onset_score=0.0),
        run_off=run_off(1.4, "transient"),
    )
    assert ids(judge(lone, IL)) == ["vascular_uptake"]


@pytest.mark.parametrize(("off_px", "warned"), [(3.0, False), (4.9, False), (7.0, True)])
def test_a_tip_is_off_target_only_beyond_tolerance_and_uncertainty(off_px, warned):
    marked = Annotation(target_px=(100.0, 100.0 + off_px))
    assert (ids(judge(evidence(annotation=marked), IL)) == ["tip_off_target"]) is warned


def test_the_tip_is_compared_with_the_target_in_the_pose_of_the_mask_frames():
    marked = Annotation(target_px=(100.0, 100.0))
    moved = motion(shift_px=np.tile([0.0, 20.0], (FRAMES, 1)))
    there = evidence(annotation=marked, motion=moved, needle=needle(tip=(100.0, 120.0)))
    assert judge(there, IL) == ()


def test_no_distance_is_judged_without_millimetres_or_needle():
    marked = Annotation(target_px=(0.0, 0.0))
    assert judge(evidence(annotation=marked, loop=loop(calibration=None)), IL) == ()
    assert judge(evidence(annotation=marked, needle=NoNeedle(reason="none seen")), IL) == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {
                "loop": loop(
                    intensity=IntensityScale(
                        relationship="display", ln_beam=np.zeros(4, np.float32)
                    )
                )
            },
            "for display",
        ),
        ({"loop": loop(times_s=None)}, "frame times"),
        ({"loop": loop(lossy=True)}, "with loss"),
        (
            {"injection": Injection(mask_frames=(0,), onset_frame=1, onset_score=5.0)},
            "1 frame before contrast",
        ),
        (
            {"motion": motion(locked=np.arange(FRAMES) < 15)},
            "more than a fifth",
        ),
    ],
)
def test_an_unfit_image_says_why(changes, told):
    found = judge(evidence(**changes), IL)
    assert ids(found) == ["image_unfit"]
    assert told in found[0].text


def test_without_a_mask_no_frame_is_assessable():
    blind = evidence(injection=Injection(mask_frames=(), onset_frame=0, onset_score=5.0))
    assert assess(blind, IL).frames == 0
    assert assess(blind, IL).reasons == ("0 frames before contrast: too few for a subtraction",)


def test_lost_and_badly_registered_frames_are_not_assessable():
    residual = np.ones(FRAMES)
    residual[7] = 2.0
    counted = assess(evidence(motion=motion(residual=residual, locked=np.arange(FRAMES) != 3)), IL)
    assert counted.frames == FRAMES - 2
    assert counted.not_judged == (3, 7)
    assert counted.reasons == ("frames 4 and 8 could not be registered to the mask frames",)


def test_frames_of_another_scene_are_told_as_such():
    other = np.arange(FRAMES) >= 12
    counted = assess(evidence(motion=motion(locked=~other, other_scene=other)), IL)
    assert counted.not_judged == tuple(range(12, FRAMES))
    assert counted.reasons[0].startswith("frames 13 to 20 show another scene")
    assert not any("could not be registered" in reason for reason in counted.reasons)


def test_frames_that_are_not_assessable_are_named_as_people_count():
    def named(*frames):
        locked = np.ones(FRAMES, bool)
        locked[list(frames)] = False
        return assess(evidence(motion=motion(locked=locked)), IL).reasons[0].split(" could")[0]

    assert named(4) == "frame 5"
    assert named(4, 5, 6, 9) == "frames 5 to 7 and 10"
    assert named(*range(0, FRAMES, 2)) == "frames 1, 3, 5, 7, 9, 11 and 4 more"


def test_without_a_mask_every_frame_is_named():
    blind = evidence(injection=Injection(mask_frames=(), onset_frame=0, onset_score=5.0))
    assert assess(blind, IL).not_judged == tuple(range(FRAMES))


def test_a_run_off_search_that_could_not_be_made_is_told():
    unsearched = evidence(run_off=run_off(None, reason="too few frames"))
    assert assess(unsearched, IL).reasons == ("vascular uptake: not assessed (too few frames)",)
    assert judge(unsearched, IL) == ()


def test_a_run_off_search_that_was_made_in_part_is_told():
    told = assess(evidence(run_off=run_off(0.5, "persistent", reason="ends early")), IL).reasons
    assert told == ("vascular uptake: assessed in part only (ends early)",)


def test_a_stricter_procedure_threshold_is_obeyed():
    rule = IL.warnings[0]
    strict = replace(rule, threshold=replace(rule.threshold, low=2.0, high=2.0))
    procedure = replace(IL, warnings=(strict,))
    assert judge(evidence(run_off=run_off(1.5, "persistent")), procedure) == ()
    assert judge(evidence(run_off=run_off(2.0, "persistent")), procedure)[0].score == 1.0


@pytest.mark.parametrize("key", procedures.all_keys())
def test_every_warning_that_a_procedure_lists_is_judged_or_said_not_to_be(key):
    procedure = procedures.get(key)
    told = " ".join(assess(evidence(), procedure).reasons)
    for rule in procedure.warnings:
        assert rule.id in RULES or rule.id.replace("_", " ") in told or "no procedure" in told


def past_the_line(tip_column, **changes):
    """A tip beside a line down the picture at column 100, whose far side is the right one."""
    line = Mark(
        landmark="ventral_interlaminar_line",
        points_px=((0.0, 100.0), (200.0, 100.0)),
        beyond_px=(100.0, 150.0),
    )
    fields = {"annotation": Annotation(view="CLO", marks=(line,)), **changes}
    given = evidence(needle=needle(tip=(100.0, tip_column)), **fields)
    seen = Seen(
        loop=given.loop,
        annotation=given.annotation,
        motion=given.motion,
        needle=given.needle,
        view=given.annotation.view,
    )
    return replace(given, measured=tip_measurements(seen, WHOLE))


@pytest.mark.parametrize(("column", "warned"), [(103.9, False), (104.1, True), (96.0, False)])
def test_a_tip_beyond_a_limit_and_its_margin_is_warned_of(column, warned):
    # 0.5 mm per pixel, 2 mm of margin
    found = [one for one in judge(past_the_line(column), WHOLE) if one.id == "tip_past_limit"]
    assert bool(found) is warned
    if warned:
        assert "2.0 mm ventral of the ventral interlaminar line" in found[0].text
        assert found[0].score > 1


def test_a_limit_in_millimetres_is_not_judged_without_them():
    blind = past_the_line(150.0, loop=loop(calibration=None))
    assert "tip_past_limit" not in ids(judge(blind, WHOLE))
    told = " ".join(assess(blind, WHOLE).reasons)
    assert "ventral interlaminar line not judged (there are no millimetres)" in told


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (Annotation(), "the line was not marked"),
        (Annotation(view="AP"), "it is measured in CLO, and this view is AP"),
        (
            Annotation(
                marks=(
                    Mark(landmark="ventral_interlaminar_line", points_px=((1.0, 1.0), (2.0, 2.0))),
                )
            ),
            "its ventral side was not marked",
        ),
    ],
)
def test_a_limit_that_cannot_be_judged_says_why(annotation, why):
    blind = past_the_line(150.0, annotation=annotation)
    assert "tip_past_limit" not in ids(judge(blind, WHOLE))
    assert why in " ".join(assess(blind, WHOLE).reasons)


@pytest.mark.parametrize(
    ("said", "recorded", "warned"),
    [
        ("left", "right", True),
        ("left", "left", False),
        ("left", None, False),
        (None, "right", False),
        ("bilateral", "right", False),
    ],
)
def test_a_side_that_contradicts_the_file_is_warned_of(said, recorded, warned):
    given = evidence(annotation=Annotation(side=said), loop=loop(laterality=recorded))
    assert ("wrong_level_or_side" in ids(judge(given, WHOLE))) is warned


@pytest.mark.parametrize(
    ("events", "flagged"),
    [
        ((), False),
        ((("contrast", 1.0), ("medication", 60.0)), False),
        ((("medication", 60.0),), True),
        ((("medication", 0.5), ("contrast", 1.0)), True),
        ((("contrast", 1.0), ("medication", 2.0), ("contrast", 9.0)), False),
    ],
)
def test_medication_before_contrast_is_flagged(events, flagged):
    done = tuple(Event(kind=kind, time_s=time) for kind, time in events)
    given = evidence(annotation=Annotation(events=done))
    assert ("order_violation" in ids(judge(given, WHOLE))) is flagged
    free = replace(WHOLE, contrast_first=None)
    assert "order_violation" not in ids(judge(given, free))


def test_a_rule_that_could_not_be_applied_is_told():
    told = assess(evidence(annotation=Annotation()), IL).reasons
    assert told == ("tip off target: not judged (no target was given)",)
    neither = evidence(needle=NoNeedle(reason="x"), loop=loop(calibration=None))
    assert assess(neither, IL).reasons == (
        "tip off target: not judged (no needle was found, there are no millimetres)",
    )


def test_where_no_procedure_is_known_contrast_that_was_not_seen_is_told_all_the_same():
    unseen = evidence(injection=Injection(mask_frames=(2, 3), onset_frame=None, onset_score=1.0))
    told = assess(unseen, procedures.get("generic")).reasons
    assert told[0].startswith("no contrast was seen to arrive: where any that was injected went")
    assert told[1].startswith("no procedure was stated")


def test_contrast_recorded_before_the_first_frame_makes_a_loop_unfit_and_is_not_called_unseen():
    unseen = Injection(mask_frames=(2, 3, 4, 5), onset_frame=None, onset_score=1.0)

    def given(*times_s, injection=unseen):
        events = tuple(Event(kind="contrast", time_s=time_s) for time_s in times_s)
        said = Annotation(target_px=(100.0, 100.0), events=events)
        return evidence(annotation=said, injection=injection)

    found = judge(given(-1.5), IL)
    assert ids(found) == ["image_unfit"]
    assert "contrast was recorded 1.5 s before the first frame" in found[0].text
    assert assess(given(-1.5), IL).frames == 0
    assert ids(judge(given(), IL)) == ids(judge(given(0.4), IL)) == ["contrast_not_seen"]
    # a second injection that was seen to arrive can be judged
    seen = Injection(mask_frames=(2, 3, 4, 5), onset_frame=8, onset_score=9.0)
    assert judge(given(-1.5, injection=seen), IL) == ()
