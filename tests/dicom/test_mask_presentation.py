"""Masks, ranges and shifts as XA/XRF presentation states: what they say, and read again."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
from example_report import example_report, written_source
from hypothesis import given, settings
from hypothesis import strategies as st
from presented import XA_XRF, encoded_with, faults_against_tables, source_files
from validators import complaints

from napari_fluoroinject.dicom.identity import identify, identify_loop
from napari_fluoroinject.dicom.mask_presentation import (
    encode_masks,
    encode_subtraction_masks,
    mask_omissions,
    report_masks,
    subtraction_masks,
    why_no_masks,
)
from napari_fluoroinject.dicom.read_presentation import read_presentation
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.cine import IntensityScale
from napari_fluoroinject.model.masks import HeaderMask, item_of_frames
from napari_fluoroinject.model.subtracted import SubtractedLoop

LOOPS = ["xa", "xa_log", "xa_display", "biplane", "rf", "enhanced_xa", "enhanced_xrf"]
OTHERS = [kind for kind in [*sources.SOURCES, "colour"] if kind not in LOOPS]


def masks_of(kind, tmp_path, **changes):
    paths = source_files(kind, tmp_path)
    report = example_report(paths, **changes)
    state = tmp_path / "masks.dcm"
    return report, encoded_with(encode_masks, report, paths, state), state


def shifts(dataset):
    """First and last frame, from 1, and the pair of each range of the one mask."""
    (mask,) = dataset.MaskSubtractionSequence
    return [
        (*one.PixelShiftFrameRange, *one.RegionPixelShiftSequence[0].MaskSubPixelShift)
        for one in mask.PixelShiftSequence
    ]


@pytest.mark.parametrize("kind", LOOPS)
def test_the_mask_is_averaged_and_moved_with_the_anatomy(kind, tmp_path):
    """Rows count down, columns to the left: anatomy moved by (dr, dc) gives [dr, -dc]."""
    report, dataset, _ = masks_of(kind, tmp_path)
    assert dataset.SOPClassUID == XA_XRF
    (mask,) = dataset.MaskSubtractionSequence
    assert mask.MaskOperation == "AVG_SUB"
    assert mask.MaskFrameNumbers == [1, 2, 3]
    assert mask.ApplicableFrameRange == [4, 12]
    against = report.motion.shift_px - report.motion.shift_px[:3].mean(axis=0)
    assert len(shifts(dataset)) == 9
    for first, last, down, left in shifts(dataset):
        assert first == last
        assert down == pytest.approx(against[first - 1, 0], abs=1e-6)
        assert left == pytest.approx(-against[first - 1, 1], abs=1e-6)


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_multi_frame_x_ray_image_has_none_and_a_reason(kind, tmp_path):
    paths = source_files(kind, tmp_path)
    report = example_report(paths)
    assert encode_masks(report, identify(report, paths)) is None
    (omission,) = mask_omissions(report)
    assert omission.reason == why_no_masks(report.loop)
    assert len(omission.reason) > 10


def test_a_loop_without_mask_frames_has_none_and_a_reason(tmp_path):
    paths = source_files("xa", tmp_path)
    report = example_report(paths)
    report = replace(report, injection=replace(report.injection, mask_frames=()))
    assert encode_masks(report, identify(report, paths)) is None
    assert "before contrast" in mask_omissions(report)[0].reason
    assert mask_omissions(example_report(paths)) == ()


def test_every_frame_is_shown_subtracted_or_as_it_is(tmp_path):
    paths = source_files("xa", tmp_path)
    report = example_report(paths)
    locked = ~np.isin(np.arange(12), [5, 6])
    report = replace(report, motion=replace(report.motion, locked=locked))
    dataset = encoded_with(encode_masks, report, paths)
    (shown,) = dataset.MultiFramePresentationSequence
    parts = [
        (part.StartTrim, part.StopTrim, part.RecommendedViewingMode)
        for part in shown.FrameDisplaySequence
    ]
    assert parts == [(1, 3, "NAT"), (4, 5, "SUB"), (6, 7, "NAT"), (8, 12, "SUB")]
    assert dataset.MaskSubtractionSequence[0].ApplicableFrameRange == [4, 5, 8, 12]
    for part in shown.FrameDisplaySequence:
        assert part.RecommendedDisplayFrameRateInFloat == pytest.approx(15.0)
        assert part.get("MaskVisibilityPercentage") == (
            0.0 if part.RecommendedViewingMode == "SUB" else None
        )


def test_a_loop_without_times_names_no_rate(tmp_path):
    paths = source_files("xa", tmp_path)
    report = example_report(paths)
    report = replace(report, loop=replace(report.loop, times_s=None))
    dataset = encoded_with(encode_masks, report, paths)
    assert "FrameDisplaySequence" not in dataset.MultiFramePresentationSequence[0]


def test_neighbours_that_hardly_moved_share_a_range(tmp_path):
    paths = source_files("xa", tmp_path)
    report = example_report(paths)
    moved = np.zeros((12, 2))
    moved[4:8] = 1.0
    moved[5] = 1.009
    moved[8:] = (1.0, 1.02)
    dataset = encoded_with(
        encode_masks, replace(report, motion=replace(report.motion, shift_px=moved)), paths
    )
    assert [(first, last) for first, last, *_ in shifts(dataset)] == [(4, 4), (5, 8), (9, 12)]


def test_values_are_brought_to_the_log_of_the_beam_unless_they_are_logs(tmp_path):
    """PS3.4 N.2.5.1: subtraction takes place in the log; a LOG image has no table."""
    report, dataset, _ = masks_of("xa", tmp_path)
    (lut,) = dataset.MaskSubtractionSequence[0].PixelIntensityRelationshipLUTSequence
    assert (lut.LUTFunction, lut.LUTFrameRange) == ("TO_LOG", [1, 12])
    assert lut.LUTDescriptor == [4096, 0, 16]
    table = np.frombuffer(lut.LUTData, "<u2").astype(float)
    ln = report.loop.intensity.ln_beam
    step = (ln[-1] - ln[0]) / 65535
    np.testing.assert_allclose(ln[0] + step * table, ln, atol=step)
    paths = source_files("xa_log", tmp_path)
    report = example_report(paths)
    scale = IntensityScale(relationship="log", ln_beam=np.linspace(0, 5, 1024))
    report = replace(report, loop=replace(report.loop, intensity=scale))
    dataset = encoded_with(encode_masks, report, paths)
    (mask,) = dataset.MaskSubtractionSequence
    assert "PixelIntensityRelationshipLUTSequence" not in mask


def test_contrast_is_dark_even_where_large_values_are_shown_dark(tmp_path):
    paths = source_files("xa", tmp_path)
    source = pydicom.dcmread(paths[0])
    source.PhotometricInterpretation = "MONOCHROME1"
    source.save_as(paths[0])
    dataset = encoded_with(encode_masks, example_report(paths), paths)
    assert dataset.PresentationLUTShape == "INVERSE"
    (lut,) = dataset.MaskSubtractionSequence[0].PixelIntensityRelationshipLUTSequence
    table = np.frombuffer(lut.LUTData, "<u2").astype(int)
    assert (table[0], table[-1]) == (65535, 0)  # less beam is more, and more is shown dark


def test_no_difference_is_mid_grey_and_frames_as_they_are_keep_their_window(tmp_path):
    report, dataset, _ = masks_of("xa", tmp_path)
    native, difference = dataset.SoftcopyVOILUTSequence
    assert (native.WindowCenter, native.WindowWidth) == (2048, 4096)
    assert native.ReferencedImageSequence[0].ReferencedFrameNumber == [1, 2, 3]
    assert difference.WindowCenter == 0
    assert difference.ReferencedImageSequence[0].ReferencedFrameNumber == list(range(4, 13))
    step = (report.loop.intensity.ln_beam[-1] - report.loop.intensity.ln_beam[0]) / 65535
    assert 0.1 < difference.WindowWidth * step / 2 < 1.5


@pytest.mark.parametrize("kind", LOOPS)
def test_it_has_what_the_modules_of_its_class_require_and_nothing_else(kind, tmp_path):
    """No outside validator knows the class: the tables of PS3.3 A.33.6 have to do."""
    _, dataset, _ = masks_of(kind, tmp_path)
    iod = "xa-xrf-grayscale-softcopy-presentation-state"
    assert faults_against_tables(dataset, iod) == []
    del dataset.MaskSubtractionSequence[0].PixelShiftSequence
    dataset.PixelSpacing = [1, 1]
    assert len(faults_against_tables(dataset, iod)) == 2


@pytest.mark.validator
@pytest.mark.parametrize("kind", LOOPS)
def test_validators_have_nothing_against_it(kind, tmp_path):
    *_, state = masks_of(kind, tmp_path)
    assert complaints(state) == ()


def test_the_same_report_gives_the_same_bytes(tmp_path):
    paths = source_files("xa", tmp_path)
    report = example_report(paths)
    first, second = (
        encoded_bytes(encode_masks(report, identify(report, paths))) for _ in range(2)
    )
    assert first == second


@pytest.mark.parametrize("kind", LOOPS)
def test_masks_and_shifts_of_a_report_come_back(kind, tmp_path):
    report, _, state = masks_of(kind, tmp_path)
    read = read_presentation(state, report.loop.reference, report.loop.shape)
    (wanted,) = report_masks(report)
    (mask,) = read.masks
    assert read.notes == ()
    assert (mask.operation, mask.frame_ranges) == (wanted.operation, wanted.frame_ranges)
    assert mask.mask_frames == wanted.mask_frames
    for frame in range(3, 12):
        assert mask.shift_of(frame) == tuple(map(float, np.float32(wanted.shift_of(frame))))


# what `subtract` made

SHIFT = st.floats(-20, 20, width=32)
SHIFTS = st.tuples(SHIFT, SHIFT)
OFFSETS = st.sampled_from([-2, -1, 1, 2, 3])
FRAMES = sources.FRAMES


@st.composite
def header_masks_of_a_loop(draw):
    """One to three masks of any operation, in ranges that may touch, with shifts of their own."""
    masks = []
    start = draw(st.integers(0, 4))
    for _ in range(draw(st.integers(1, 3))):
        if start >= FRAMES:
            break
        ends = sorted(draw(st.sets(st.integers(start, FRAMES - 1), min_size=1, max_size=4)))
        ranges = tuple(zip(ends[::2], ends[1::2] or ends[:1], strict=False)) or ((start, start),)
        operation = draw(st.sampled_from(["AVG_SUB", "TID", "REV_TID"]))
        covered = [k for a, b in ranges for k in range(a, b + 1)]
        shifted = draw(st.dictionaries(st.sampled_from(covered), SHIFTS, max_size=6))
        masks.append(
            HeaderMask(
                operation=operation,
                frame_ranges=ranges,
                mask_frames=tuple(
                    sorted(draw(st.sets(st.integers(0, FRAMES - 1), min_size=1, max_size=3)))
                )
                if operation == "AVG_SUB"
                else (),
                contrast_frames=draw(st.integers(1, 2)),
                tid_offset=draw(st.sampled_from([-2, -1, 1, 2, 3]))
                if operation != "AVG_SUB"
                else 1,
                shift_px=draw(SHIFTS),
                frame_shifts_px=tuple(sorted(shifted.items())),
            )
        )
        start = ranges[-1][1] + 1
    return tuple(masks)


@pytest.fixture(scope="module")
def loop_files(tmp_path_factory):
    paths = written_source("xa", tmp_path_factory.mktemp("loop"))
    return example_report(paths), paths


def subtracted(report, masks, **changes):
    fields = {
        "loop": report.loop,
        "stored": np.zeros(report.loop.shape, np.uint16),
        "subtracted": item_of_frames(masks, FRAMES) >= 0,
        "masks": masks,
        "mask_source": "header",
        "motion": None,
        "onset_frame": None,
        "window_ln": 0.25,
        "provenance": report.provenance,
    }
    return SubtractedLoop(**(fields | changes))


def read_again(made, paths, folder):
    identity = identify_loop(
        made.loop, paths, provenance=made.provenance, made_by=(repr(made.masks),)
    )
    path = folder / "again.dcm"
    path.write_bytes(encoded_bytes(encode_subtraction_masks(made, identity)))
    return read_presentation(path, made.loop.reference, made.loop.shape)


@settings(max_examples=60, deadline=None)
@given(masks=header_masks_of_a_loop())
def test_what_was_subtracted_from_each_frame_comes_back_exactly(
    masks, loop_files, tmp_path_factory
):
    report, paths = loop_files
    made = subtracted(report, masks)
    if not made.subtracted.any():
        return
    read = read_again(made, paths, tmp_path_factory.getbasetemp())
    seen, wanted = item_of_frames(read.masks, FRAMES), item_of_frames(masks, FRAMES)
    np.testing.assert_array_equal(seen >= 0, wanted >= 0)
    for frame in np.flatnonzero(wanted >= 0).tolist():
        mask, was = read.masks[seen[frame]], masks[wanted[frame]]
        assert mask.operation == was.operation
        assert mask.mask_for(frame) == was.mask_for(frame)
        assert mask.contrast_frames == was.contrast_frames
        assert mask.shift_of(frame) == was.shift_of(frame)


def test_measured_motion_is_told_against_each_mask(loop_files, tmp_path):
    report, paths = loop_files
    masks = (
        HeaderMask(operation="AVG_SUB", mask_frames=(0, 1), frame_ranges=((2, 6),)),
        HeaderMask(operation="TID", tid_offset=2, frame_ranges=((7, 11),)),
    )
    made = subtracted(report, masks, motion=report.motion)
    first, second = subtraction_masks(made)
    np.testing.assert_allclose(first.shift_of(4), (0.35, -0.7))  # from the mean of 0 and 1
    np.testing.assert_allclose(second.shift_of(9), (0.2, -0.4))  # over two frames
    read = read_again(made, paths, tmp_path)
    np.testing.assert_allclose(read.masks[1].shift_of(11), (0.2, -0.4), rtol=1e-6)


def test_nothing_is_told_of_a_subtracted_capture(tmp_path):
    paths = source_files("sc_word", tmp_path)
    report = example_report(paths)
    made = subtracted(report, (HeaderMask(operation="AVG_SUB", mask_frames=(0,)),))
    identity = identify_loop(made.loop, paths, provenance=made.provenance, made_by=())
    assert encode_subtraction_masks(made, identity) is None
    assert "secondary capture" in why_no_masks(made.loop)


def test_pydicom_reads_what_was_written(loop_files, tmp_path):
    report, paths = loop_files
    made = encode_masks(report, identify(report, paths))
    dataset = pydicom.dcmread(io.BytesIO(encoded_bytes(made)))
    assert sum(1 for _ in dataset.iterall()) > 100
