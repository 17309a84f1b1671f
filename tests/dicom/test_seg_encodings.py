"""A segmentation as bits, as shares, as labels: read back by others on the right frames."""

from __future__ import annotations

from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
import sources
from example_report import display_processed, example_report, uncalibrated, written_source
from validators import complaints, dciodvfy, dcmdump

from napari_fluoroinject.dicom.encode import segmentation_object
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.seg import NOMINAL, encode_segmentation
from napari_fluoroinject.dicom.segments import LARGEST_FRACTION, segments_of
from napari_fluoroinject.dicom.write import encoded_bytes

RLE, JPEG_LS = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"
WAYS = [
    ("fractional", "rle"),
    ("fractional", "jpegls"),
    ("labelmap", "rle"),
    ("labelmap", "jpegls"),
]


def made(kind, tmp_path, change=lambda report: report, **options):
    paths = written_source(kind, tmp_path)
    report = change(example_report(paths))
    return report, segmentation_object(report, identify(report, paths), **options)


def stored(report, encoding):
    """(segments, frames, rows, columns), or (frames, rows, columns) of labels."""
    segments = segments_of(report)
    if encoding == "labelmap":
        labels = np.zeros(report.loop.shape, np.uint8)
        for number, segment in enumerate(segments, 1):
            labels[np.stack([segment.draw(frame) for frame in segment.frames])] = number
        return labels
    if encoding == "binary":
        return np.stack([[s.draw(frame) for frame in s.frames] for s in segments])
    shares = np.stack([[s.occupy(frame) for frame in s.frames] for s in segments])
    return np.rint(shares * LARGEST_FRACTION).astype(np.uint8)


def by_source(path, report):
    """As highdicom finds them by reference to the source."""
    read = hd.seg.segread(path)
    reference, frames = report.loop.reference, report.loop.shape[0]
    options = {"assert_missing_frames_are_empty": True, "rescale_fractional": False}
    if read.segmentation_type == hd.seg.SegmentationTypeValues.LABELMAP:
        options |= {"combine_segments": True}
    if reference.frame_instance_uids or frames == 1:
        uids = reference.frame_instance_uids or [reference.sop_instance_uid]
        return read.get_pixels_by_source_instance(uids, **options)
    numbers = list(range(1, frames + 1))
    return read.get_pixels_by_source_frame(reference.sop_instance_uid, numbers, **options)


@pytest.mark.parametrize("profile", ["strict", "viewer"])
@pytest.mark.parametrize(("encoding", "compression"), WAYS)
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_highdicom_and_pydicom_read_every_pixel_on_its_frame(
    kind, encoding, compression, profile, tmp_path
):
    report, encoded = made(
        kind, tmp_path, profile=profile, encoding=encoding, compression=compression
    )
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded.content)
    expected = stored(report, encoding)
    pixels = by_source(path, report)
    if encoding == "labelmap":
        np.testing.assert_array_equal(pixels, expected)
    else:
        np.testing.assert_array_equal(pixels, np.moveaxis(expected, 0, -1))
    dataset = pydicom.dcmread(path)
    assert dataset.file_meta.TransferSyntaxUID == (RLE if compression == "rle" else JPEG_LS)
    flat = expected.reshape(-1, *report.loop.shape[1:])
    frames = dataset.pixel_array.reshape(-1, *report.loop.shape[1:])
    np.testing.assert_array_equal(frames, flat[flat.any(axis=(1, 2))])


@pytest.mark.parametrize(("encoding", "compression"), WAYS)
def test_frames_are_in_time_order_and_name_the_frame_they_were_drawn_on(
    encoding, compression, tmp_path
):
    report, encoded = made("xa", tmp_path, encoding=encoding, compression=compression)
    places = []
    for group in encoded.dataset.PerFrameFunctionalGroupsSequence:
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        content = group.FrameContentSequence[0]
        assert source.ReferencedSOPInstanceUID == report.loop.reference.sop_instance_uid
        assert content.TemporalPositionIndex == source.ReferencedFrameNumber
        if encoding == "labelmap":
            assert "SegmentIdentificationSequence" not in group
            assert content["DimensionIndexValues"].value == source.ReferencedFrameNumber
            places.append(source.ReferencedFrameNumber)
        else:
            number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            assert content.DimensionIndexValues == [number, source.ReferencedFrameNumber]
            places.append((number, source.ReferencedFrameNumber))
    assert places == sorted(set(places))


def test_a_fractional_one_says_that_it_holds_shares_and_what_they_are_shares_of(tmp_path):
    _, encoded = made("xa", tmp_path, encoding="fractional")
    dataset = encoded.dataset
    assert dataset.SegmentationType == "FRACTIONAL"
    assert dataset.SegmentationFractionalType == "OCCUPANCY"
    assert dataset.MaximumFractionalValue == 255
    contrast, needle = dataset.SegmentSequence
    assert "most opaque twentieth" in contrast.SegmentDescription
    assert "as wide as 22 G is" in needle.SegmentDescription
    for segment in (contrast, needle):
        assert "No probability" in segment.SegmentDescription


def test_the_share_of_contrast_is_that_of_the_beam_that_the_densest_contrast_would_take(tmp_path):
    report, _ = made("xa", tmp_path)
    still = replace(report.motion, shift_px=np.zeros_like(report.motion.shift_px))
    report = replace(report, motion=still)
    contrast, _ = segments_of(report)
    maps = report.maps
    most = np.quantile(maps.peak_od[maps.region], 0.95)
    last = contrast.frames[-1]
    inside = contrast.draw(last)
    peak = np.maximum(maps.peak_od[inside], maps.region_threshold_od)
    share = np.clip((1 - np.exp(-peak)) / (1 - np.exp(-most)), 1 / 255, 1)
    np.testing.assert_allclose(contrast.occupy(last)[inside], share, rtol=1e-5)
    assert not contrast.occupy(last)[~inside].any()


def test_every_pixel_that_counts_as_contrast_has_a_share_above_zero(tmp_path):
    def nothing_known(report):
        peak = np.full_like(report.maps.peak_od, np.nan)
        return replace(report, maps=replace(report.maps, peak_od=peak))

    report, encoded = made("xa", tmp_path, nothing_known, encoding="fractional")
    contrast, _ = segments_of(report)
    shares = stored(report, "fractional")[0]
    drawn = np.stack([contrast.draw(frame) for frame in contrast.frames])
    np.testing.assert_array_equal(shares > 0, drawn)
    assert encoded is not None


def test_where_opacity_is_not_quantitative_contrast_fills_its_pixels_and_says_so(tmp_path):
    report, encoded = made("xa", tmp_path, display_processed, encoding="fractional")
    assert set(np.unique(stored(report, "fractional")[0])) == {0, 255}
    assert "not quantitative" in encoded.dataset.SegmentSequence[0].SegmentDescription


def test_a_needle_of_unknown_width_is_said_to_be_drawn_so(tmp_path):
    _, encoded = made("xa", tmp_path, uncalibrated, encoding="fractional")
    assert "true width is not known" in encoded.dataset.SegmentSequence[1].SegmentDescription


def test_a_label_map_gives_the_needle_what_it_shares_with_contrast_and_says_so(tmp_path):
    report, encoded = made("xa", tmp_path, encoding="labelmap")
    contrast, needle = stored(report, "binary")
    twice = contrast & needle
    _, first, second = encoded.dataset.SegmentSequence
    assert f"{twice.sum()} pixels in {twice.any(axis=(1, 2)).sum()} frames" in (
        first.SegmentDescription
    )
    assert first.SegmentDescription.endswith("the later one (Needle).")
    assert "SegmentDescription" not in second
    assert (stored(report, "labelmap")[twice] == 2).all()
    assert encoded.dataset.SegmentsOverlap == "NO"


def test_a_label_map_describes_its_background_which_no_reader_may_take_for_a_segment(tmp_path):
    _, encoded = made("xa", tmp_path, encoding="labelmap")
    dataset = encoded.dataset
    assert dataset.PixelPaddingValue == 0
    assert [s.SegmentNumber for s in dataset.SegmentSequence] == [0, 1, 2]
    assert dataset.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeValue == "125040"
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.7"


@pytest.mark.parametrize("encoding", ["binary", "fractional", "labelmap"])
def test_every_encoding_and_profile_is_a_series_of_its_own(encoding, tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    identity = identify(report, paths)
    seen = {
        profile: encode_segmentation(report, identity, profile=profile, encoding=encoding)
        for profile in ("strict", "viewer")
    }
    kinds = {
        "strict": "segmentation" if encoding == "binary" else f"segmentation {encoding}",
        "viewer": "segmentation viewer"
        if encoding == "binary"
        else f"segmentation {encoding} viewer",
    }
    for profile, dataset in seen.items():
        assert dataset.SeriesInstanceUID == identity.uid(kinds[profile], "series")
    assert seen["viewer"].ContentDescription == NOMINAL
    planes = [g.PlanePositionSequence for g in seen["viewer"].PerFrameFunctionalGroupsSequence]
    assert len(planes) == seen["viewer"].NumberOfFrames
    geometry = {"PixelMeasuresSequence", "PlanePositionSequence", "FrameOfReferenceUID"}
    assert not geometry & {element.keyword for element in seen["strict"].iterall()}


@pytest.mark.parametrize(("encoding", "compression"), WAYS)
def test_what_is_sealed_is_what_pydicom_writes_and_another_pixel_is_another_uid(
    encoding, compression, tmp_path
):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    identity = identify(report, paths)
    options = {"encoding": encoding, "compression": compression}
    first, again = (segmentation_object(report, identity, **options) for _ in range(2))
    assert first.content == again.content == encoded_bytes(first.dataset)
    assert first.name == f"segmentation_{encoding}"
    assert first.content[-8:] == bytes.fromhex("fe ff dd e0 00 00 00 00")
    region = report.maps.region_by_frame.copy()
    region[-1, 0, 0] = True
    other = replace(report, maps=replace(report.maps, region_by_frame=region))
    changed = segmentation_object(other, identity, **options)
    assert changed.dataset.SOPInstanceUID != first.dataset.SOPInstanceUID


@pytest.mark.validator
@pytest.mark.parametrize("profile", ["strict", "viewer"])
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_accept_a_fractional_segmentation_of_every_kind_of_source(
    kind, profile, tmp_path
):
    _, encoded = made(kind, tmp_path, profile=profile, encoding="fractional")
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded.content)
    assert complaints(path) == ()


@pytest.mark.validator
@pytest.mark.slow
@pytest.mark.parametrize(("kind", "profile"), [("xa", "viewer"), ("sc_color", "strict")])
def test_pixelmed_accepts_a_fractional_segmentation(kind, profile, tmp_path):
    _, encoded = made(kind, tmp_path, profile=profile, encoding="fractional")
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded.content)
    assert complaints(path, thorough=True) == ()


@pytest.mark.validator
def test_a_fractional_segmentation_without_its_largest_value_is_complained_about(tmp_path):
    _, encoded = made("xa", tmp_path, encoding="fractional")
    del encoded.dataset.MaximumFractionalValue
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded_bytes(encoded.dataset))
    assert any("MaximumFractionalValue" in c.text for c in complaints(path))


@pytest.mark.validator
@pytest.mark.parametrize("compression", ["rle", "jpegls"])
def test_of_a_label_map_the_tools_of_2022_say_only_that_they_do_not_know_the_class(
    compression, tmp_path
):
    """PixelMed and dciodvfy are older than label maps: they are not asked about them elsewhere."""
    _, encoded = made("xa", tmp_path, encoding="labelmap", compression=compression)
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded.content)
    assert dcmdump(path) == ()
    assert [c.text for c in dciodvfy(path)] == [
        "Error - SegmentNumber not monotonically increasing from one by one - have "
        "SegmentSequence item number 1 (from one) with SegmentNumber of 0",
        "Error - Information Object Not found",
    ]
