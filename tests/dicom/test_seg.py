"""Contrast and needle as a Segmentation that highdicom reads back by source frame."""

from __future__ import annotations

from dataclasses import replace

import highdicom as hd
import numpy as np
import pytest
import sources
from example_report import ONSET, encoded, example_report, written_source
from pydicom.dataset import Dataset

from napari_fluoroinject.dicom.encode import omissions
from napari_fluoroinject.dicom.outputs import Outputs
from napari_fluoroinject.dicom.seg import NOMINAL
from napari_fluoroinject.dicom.segments import segments_of
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.needle import NoNeedle


def made(kind, tmp_path, change=lambda report: report, **options):
    paths = written_source(kind, tmp_path)
    report = change(example_report(paths))
    return report, encoded(report, paths, **options).get("segmentation")


def mask_of(segment):
    return np.stack([segment.draw(frame) for frame in segment.frames])


def read_by_source(segmentation, report, tmp_path):
    """(frames, rows, columns, segments) as highdicom finds them by reference to the source."""
    path = tmp_path / "segmentation.dcm"
    path.write_bytes(encoded_bytes(segmentation))
    read = hd.seg.segread(path)
    reference, frames = report.loop.reference, report.loop.shape[0]
    if reference.frame_instance_uids or frames == 1:
        return read.get_pixels_by_source_instance(
            reference.frame_instance_uids or [reference.sop_instance_uid],
            assert_missing_frames_are_empty=True,
        )
    return read.get_pixels_by_source_frame(
        reference.sop_instance_uid,
        list(range(1, frames + 1)),
        assert_missing_frames_are_empty=True,
    )


@pytest.mark.parametrize("profile", ["strict", "viewer"])
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_highdicom_reads_every_mask_back_by_source_frame(kind, profile, tmp_path):
    report, segmentation = made(kind, tmp_path, outputs=Outputs(seg_profile=profile))
    pixels = read_by_source(segmentation, report, tmp_path)
    expected = np.stack([mask_of(segment) for segment in segments_of(report)], axis=-1)
    np.testing.assert_array_equal(pixels.astype(bool), expected)


def test_frames_are_in_time_order_and_refer_to_the_frame_they_were_drawn_on(tmp_path):
    report, segmentation = made("xa", tmp_path)
    referred: dict[int, list[int]] = {}
    for group in segmentation.PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == report.loop.reference.sop_instance_uid
        content = group.FrameContentSequence[0]
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        assert content.DimensionIndexValues == [number, source.ReferencedFrameNumber]
        assert content.TemporalPositionIndex == source.ReferencedFrameNumber
        referred.setdefault(number, []).append(source.ReferencedFrameNumber)
    frames = report.loop.shape[0]
    assert referred == {1: list(range(ONSET + 1, frames + 1)), 2: list(range(1, frames + 1))}


def test_a_loop_of_single_frames_is_referred_to_by_instance_without_frame_numbers(tmp_path):
    report, segmentation = made("series", tmp_path)
    uids = report.loop.reference.frame_instance_uids
    needle = [
        group.DerivationImageSequence[0].SourceImageSequence[0]
        for group in segmentation.PerFrameFunctionalGroupsSequence
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 2
    ]
    assert [source.ReferencedSOPInstanceUID for source in needle] == list(uids)
    assert all("ReferencedFrameNumber" not in source for source in needle)
    (series,) = segmentation.ReferencedSeriesSequence
    listed = [item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence]
    assert listed == list(uids)


def test_the_strict_profile_invents_no_geometry(tmp_path):
    _, segmentation = made("xa", tmp_path)
    geometry = {
        *("PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence"),
        *("FrameOfReferenceUID", "ImagePositionPatient", "PixelSpacing"),
    }
    assert not geometry & {element.keyword for element in segmentation.iterall()}


def test_the_viewer_profile_says_that_its_geometry_is_nominal_and_is_another_object(tmp_path):
    _, strict = made("xa", tmp_path)
    report, viewer = made("xa", tmp_path, outputs=Outputs(seg_profile="viewer"))
    assert viewer.ContentDescription == NOMINAL
    assert viewer.SeriesDescription.endswith(f"; {NOMINAL}")
    assert len(viewer.SeriesDescription) <= 64
    assert viewer.SOPInstanceUID != strict.SOPInstanceUID
    assert viewer.SeriesInstanceUID != strict.SeriesInstanceUID
    measures = viewer.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.PixelSpacing == [report.loop.mm_per_px] * 2


def test_without_contrast_only_the_needle_is_a_segment(tmp_path):
    report, segmentation = made("xa", tmp_path, lambda report: replace(report, maps=None))
    (segment,) = segmentation.SegmentSequence
    assert (segment.SegmentNumber, segment.SegmentLabel) == (1, "Needle")
    assert segmentation.NumberOfFrames == report.loop.shape[0]


def test_without_a_needle_only_contrast_is_a_segment(tmp_path):
    _, segmentation = made(
        "xa", tmp_path, lambda report: replace(report, needle=NoNeedle(reason="none passed"))
    )
    (segment,) = segmentation.SegmentSequence
    assert segment.SegmentLabel == "Contrast spread"
    assert segmentation.SegmentsOverlap == "NO"


def test_with_neither_there_is_no_segmentation_and_the_reason_is_told(tmp_path):
    report, segmentation = made(
        "xa",
        tmp_path,
        lambda report: replace(report, maps=None, needle=NoNeedle(reason="none passed")),
    )
    assert segmentation is None
    assert "nothing to mark" in {o.name: o.reason for o in omissions(report)}["Segmentation"]


def test_contrast_over_the_needle_is_declared_as_overlap(tmp_path):
    _, segmentation = made("xa", tmp_path)
    assert segmentation.SegmentsOverlap == "YES"


def test_a_needle_that_a_person_marked_is_semiautomatic(tmp_path):
    def marked(report):
        return replace(report, needle=replace(report.needle, source="given", tip_end_by="given"))

    _, segmentation = made("xa", tmp_path, marked)
    contrast, needle = segmentation.SegmentSequence
    assert contrast.SegmentAlgorithmType == "AUTOMATIC"
    assert needle.SegmentAlgorithmType == "SEMIAUTOMATIC"


def test_the_algorithm_and_its_parameters_stand_in_every_segment(tmp_path):
    _, segmentation = made("xa", tmp_path)
    for segment in segmentation.SegmentSequence:
        (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
        assert algorithm.AlgorithmName == "napari-fluoroinject"
        assert algorithm.AlgorithmVersion == "0.1.0"
        assert "backend=reference" in algorithm.AlgorithmParameters
        assert "needle_gauge=22" in algorithm.AlgorithmParameters


def test_frames_whose_pixels_do_not_fill_whole_bytes_are_packed_without_gaps(tmp_path):
    (source,) = sources.SOURCES["xa"]()
    source.Rows, source.Columns = 7, 5
    source.PixelData = b"\0" * (7 * 5 * 2 * sources.FRAMES)
    paths = sources.write_source([source], tmp_path / "odd")
    report = example_report(paths)
    needle = replace(
        report.needle,
        hub_by_frame_px=np.tile((0.0, 4.0), (sources.FRAMES, 1)),
        tip_by_frame_px=np.tile((5.0, 1.0), (sources.FRAMES, 1)),
    )
    report = replace(report, needle=needle, annotation=Annotation())
    segmentation = encoded(report, paths)["segmentation"]
    pixels = read_by_source(segmentation, report, tmp_path)
    np.testing.assert_array_equal(pixels[..., 0].astype(bool), mask_of(segments_of(report)[0]))
    assert len(segmentation.PixelData) % 2 == 0


def test_tracking_uids_stay_when_version_and_parameters_change(tmp_path):
    _, first = made("xa", tmp_path)
    _, second = made(
        "xa",
        tmp_path,
        lambda r: replace(r, provenance=replace(r.provenance, version="0.2.0")),
    )
    assert [s.TrackingUID for s in first.SegmentSequence] == [
        s.TrackingUID for s in second.SegmentSequence
    ]
    assert first.SOPInstanceUID != second.SOPInstanceUID


def test_the_shared_groups_hold_no_segment_of_their_own(tmp_path):
    _, segmentation = made("xa", tmp_path)
    assert segmentation.SharedFunctionalGroupsSequence == [Dataset()]
