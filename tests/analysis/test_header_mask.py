"""Mask frames of the header: used where asked for, and never without saying what that means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from run_off_scenes import EVENT_FRAME, registered_scene
from test_findings import evidence
from test_lone_run_off import run_off, vessel_od

from napari_fluoroinject import analyze, procedures
from napari_fluoroinject.analysis.findings import assess
from napari_fluoroinject.analysis.header_mask import check_mask, choose_mask
from napari_fluoroinject.analysis.registered import FOUND, MaskChoice
from napari_fluoroinject.analysis.vascular import begin_at_run_off
from napari_fluoroinject.analysis.working import binned_loop
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import ArrayFrames
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.phantom import PhantomSettings, make_phantom

FRAMES = 20
SILENT = replace(procedures.get("esi_il_lumbar"), warnings=())
"""A procedure of whose rules nothing has to be said."""
BREATHING = np.stack([np.sin(np.arange(FRAMES)), np.cos(np.arange(FRAMES))], axis=1)
FOUND_FRAMES = (2, 3, 4, 5)


def average(*mask_frames: int, **changes) -> HeaderMask:
    return HeaderMask(operation="AVG_SUB", mask_frames=mask_frames, **changes)


def chosen(*masks: HeaderMask, wish="header", locked=(), seen_at_px=None, frames=()):
    """Injection, motion and choice in a loop that breathes, with these masks in its header."""
    motion = Motion(
        shift_px=BREATHING,
        residual=np.ones(FRAMES),
        locked=np.array([frame not in locked for frame in range(FRAMES)]),
        bone_weight=np.ones((4, 4)),
        uncertainty_px=0.05,
    )
    injection = Injection(
        mask_frames=FOUND_FRAMES, onset_frame=8, onset_score=9.0, seen_at_px=seen_at_px
    )
    loop = replace(evidence().loop, masks=masks)
    return choose_mask(loop, injection, motion, wish=wish, frames=frames)


def told(choice: MaskChoice, *mask_frames: int) -> str:
    injection = Injection(mask_frames=mask_frames, onset_frame=8, onset_score=9.0)
    return " ".join(assess(evidence(injection=injection, mask=choice), SILENT).reasons)


def test_nobody_who_did_not_ask_gets_the_headers_mask():
    injection, motion, choice = chosen(average(0), wish="auto")
    assert injection.mask_frames == FOUND_FRAMES
    assert motion.shift_px[list(FOUND_FRAMES)].mean(axis=0) == pytest.approx([0, 0])
    assert choice == FOUND


def test_the_item_that_subtracts_from_most_frames_gives_the_mask():
    injection, motion, choice = chosen(
        average(0, frame_ranges=((1, 4),)), average(6, 7, frame_ranges=((5, 19),))
    )
    assert injection.mask_frames == (6, 7)
    assert motion.shift_px[[6, 7]].mean(axis=0) == pytest.approx([0, 0])
    assert (choice.source, choice.quiet_frames, choice.elsewhere) == ("header", FOUND_FRAMES, 4)
    assert "for 4 frames the header has other masks" in told(choice, 6, 7)


def test_where_contrast_was_seen_stays_where_it_was_in_its_frame():
    before, aligned, _ = chosen(wish="auto", seen_at_px=(20.0, 30.0))
    for masks in ((average(7),), (average(7, shift_px=(3.0, 2.0)),)):
        after, placed, _ = chosen(*masks, seen_at_px=(20.0, 30.0))
        assert np.add(after.seen_at_px, placed.shift_px[8]) == pytest.approx(
            np.add(before.seen_at_px, aligned.shift_px[8])
        )


def test_frames_lie_as_far_from_the_mask_as_the_header_says_and_move_as_measured():
    mask = average(0, 1, frame_ranges=((2, 19),), shift_px=(1.5, -2.25))
    _, motion, choice = chosen(mask)
    assert motion.shift_px[:2].mean(axis=0) == pytest.approx([0, 0])
    assert motion.shift_px[2:].mean(axis=0) == pytest.approx([1.5, -2.25])
    assert np.diff(motion.shift_px[2:], axis=0) == pytest.approx(np.diff(BREATHING[2:], axis=0))
    assert "mask shift, which was used, differs" in told(choice, 0, 1)


def test_a_shift_that_agrees_with_the_measured_motion_is_not_told():
    measured = BREATHING[2:].mean(axis=0) - BREATHING[:2].mean(axis=0)
    shift = tuple((measured + 0.1).tolist())
    _, motion, choice = chosen(average(0, 1, frame_ranges=((2, 19),), shift_px=shift))
    assert motion.shift_px[2:].mean(axis=0) == pytest.approx(shift)
    assert told(choice, 0, 1) == ""


def test_without_a_shift_in_the_header_the_measured_motion_stays():
    _, motion, choice = chosen(average(0))
    assert motion.shift_px == pytest.approx(BREATHING - BREATHING[0])
    assert choice.offset_px is None


def test_mask_frames_that_were_lost_are_left_out_and_told():
    injection, _, choice = chosen(average(1, 3), locked=(3,))
    assert injection.mask_frames == (1,)
    assert "frame 4 of the header's mask could not be registered" in told(choice, 1)
    injection, _, choice = chosen(average(3), locked=(3,))
    assert injection.mask_frames == (3,)
    assert choice.unused_frames == ()


def by_person(*frames: int, locked=()):
    return chosen(average(0), wish="auto", locked=locked, frames=frames)


def test_frames_that_a_person_chose_are_the_mask_whatever_the_header_has():
    injection, motion, choice = by_person(1, 6, 7)
    assert injection.mask_frames == (1, 6, 7)
    assert injection.onset_frame == 8
    assert motion.shift_px[[1, 6, 7]].mean(axis=0) == pytest.approx([0, 0])
    assert (choice.source, choice.quiet_frames) == ("given", FOUND_FRAMES)
    assert told(choice, 1, 6, 7) == ""


def test_what_is_doubtful_about_chosen_frames_is_told():
    injection, _, choice = by_person(1, 3, locked=(3,))
    assert injection.mask_frames == (1,)
    assert "frame 4 of the mask that was chosen could not be registered" in told(choice, 1)
    _, _, choice = by_person(4, 8, 9)
    assert "the mask that was chosen holds contrast (frames 9 to 10, onset in frame 9)" in told(
        choice, 4, 8, 9
    )


def test_a_mask_of_which_no_frame_was_registered_is_told():
    injection, motion, choice = by_person(3, 4, locked=(3, 4))
    assert injection.mask_frames == (3, 4)
    seen = evidence(injection=injection, motion=motion, mask=choice)
    assert "no frame of the mask that was chosen could be registered" in " ".join(
        assess(seen, SILENT).reasons
    )


def test_a_mask_that_holds_contrast_is_told():
    _, _, choice = chosen(average(4, 8, 9))
    assert "the header's mask holds contrast (frames 9 to 10, onset in frame 9)" in told(
        choice, 4, 8, 9
    )
    assert told(choice, 4, 5) == ""
    assert told(FOUND, 8, 9) == ""


def test_a_header_of_pairs_alone_leaves_the_mask_found_and_says_so():
    injection, _, choice = chosen(HeaderMask(operation="TID"))
    assert injection.mask_frames == FOUND_FRAMES
    assert choice.source == "found"
    assert "(TID) and names no mask frames" in told(choice, *FOUND_FRAMES)


@pytest.mark.parametrize("masks", [(), (HeaderMask(operation="NONE"),)])
def test_a_header_without_masks_is_an_error_where_they_were_asked_for(masks):
    loop = replace(evidence().loop, masks=masks)
    check_mask(loop, "auto")
    with pytest.raises(AnalysisError, match="the file names none that can be used"):
        check_mask(loop, "header")


def test_the_shift_follows_a_loop_that_is_analysed_at_half_its_size():
    frames = ArrayFrames(np.ones((2, 1100, 1100), np.uint8))
    loop = replace(
        evidence().loop, frames=frames, times_s=None, masks=(average(0, shift_px=(3.0, -1.0)),)
    )
    (mask,) = binned_loop(loop, on=choose("reference")).masks
    assert mask.shift_of(1) == (1.5, -0.5)


def test_a_lone_run_off_gives_an_onset_and_leaves_the_headers_mask():
    opacity, registered = registered_scene(vessel_od(), onset=None)
    choice = MaskChoice(source="header", quiet_frames=(1, 2))
    injection = replace(registered.injection, mask_frames=(0, 1))
    registered = replace(registered, injection=injection, mask=choice)
    begun, found = begin_at_run_off(registered, opacity, run_off(1.2))
    assert begun.injection.mask_frames == (0, 1)
    assert begun.injection.onset_frame <= EVENT_FRAME + 2
    assert EVENT_FRAME > max(begun.quiet_frames) > 2
    assert np.array_equal(found.path_px, run_off(1.2).path_px)


def test_one_mask_frame_of_the_header_is_enough_for_maps():
    phantom = make_phantom("mbb_lumbar", settings=PhantomSettings(seed=1, size=160, frames=40))
    loop = replace(phantom.loop, masks=(average(4),))
    found, header = analyze(loop), analyze(loop, annotation=Annotation(mask="header"))
    assert header.injection.mask_frames == (4,)
    assert dict(header.provenance.parameters)["mask"] == "header"
    assert dict(found.provenance.parameters)["mask"] == "found"
    assert dict(found.provenance.parameters)["false_alarm_rate"] == "0.05"
    assert header.injection.onset_frame == found.injection.onset_frame
    assert header.maps.region.sum() == pytest.approx(found.maps.region.sum(), rel=0.15)
    assert header.maps.detection_limit_od > found.maps.detection_limit_od
