"""Segmentations come back on the right frames, whoever wrote them; what cannot be is refused."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import highdicom as hd
import numpy as np
import pydicom
import pytest
import sources
from example_report import example_report, written_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from napari_fluoroinject.dicom.encode import segmentation_object
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.patient import patient as patient_of
from napari_fluoroinject.dicom.read_seg import read_segmentation
from napari_fluoroinject.dicom.segments import LARGEST_FRACTION, segments_of
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.cine import ArrayFrames

WAYS = [
    ("binary", "rle"),
    ("fractional", "rle"),
    ("fractional", "jpegls"),
    ("labelmap", "rle"),
    ("labelmap", "jpegls"),
]


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    paths = written_source("xa", tmp_path_factory.mktemp("source"))
    report = example_report(paths)
    return report, identify(report, paths)


def stacked(segment, shape, dtype=bool):
    """(frames, rows, columns): a frame that is missing is empty."""
    whole = np.zeros(shape, dtype)
    for frame, mask in segment.masks.items():
        whole[frame] = mask
    return whole


def expected_masks(report, encoding):
    segments = segments_of(report)
    if encoding == "fractional":
        shares = np.stack([[s.occupy(frame) for frame in s.frames] for s in segments])
        return np.rint(shares * LARGEST_FRACTION).astype(np.float32) / np.float32(LARGEST_FRACTION)
    masks = np.stack([[s.draw(frame) for frame in s.frames] for s in segments])
    if encoding == "labelmap" and len(masks) > 1:
        masks[0] &= ~masks[1]
    return masks


def check_round_trip(report, identity, path, **options):
    encoded = segmentation_object(report, identity, **options)
    path.write_bytes(encoded.content)
    read = read_segmentation(path, loops=[report.loop])
    encoding = options["encoding"]
    assert read.encoding == encoding
    assert read.size == report.loop.shape[1:]
    segments = segments_of(report)
    assert [s.label for s in read.segments] == [s.label for s in segments]
    assert [s.code for s in read.segments] == [
        (s.kind.value, s.kind.scheme_designator, s.kind.meaning) for s in segments
    ]
    dtype = np.float32 if encoding == "fractional" else bool
    for segment, expected in zip(read.segments, expected_masks(report, encoding), strict=True):
        assert all(mask.dtype == dtype for mask in segment.masks.values())
        np.testing.assert_array_equal(stacked(segment, report.loop.shape, dtype), expected)
    return read


@pytest.mark.parametrize(("encoding", "compression"), WAYS)
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_our_own_come_back_equal_frame_by_frame(kind, encoding, compression, tmp_path):
    paths = written_source(kind, tmp_path)
    report = example_report(paths)
    read = check_round_trip(
        report,
        identify(report, paths),
        tmp_path / "seg.dcm",
        encoding=encoding,
        compression=compression,
        profile="viewer" if kind == "rf" else "strict",
    )
    reference = report.loop.reference
    assert read.label == "SEGMENTATION"
    assert read.fraction == ("OCCUPANCY" if encoding == "fractional" else None)
    assert read.notes == ()
    assert read.instances == (reference.frame_instance_uids or (reference.sop_instance_uid,))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    size=st.tuples(st.integers(1, 19), st.integers(1, 19)),
    way=st.sampled_from(WAYS),
    seed=st.integers(0, 2**32 - 1),
    density=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
)
def test_random_masks_come_back_equal(example, tmp_path_factory, size, way, seed, density):
    """Empty frames, overlaps, and sizes that do not fill whole bytes among them."""
    report, identity = example
    random = np.random.default_rng(seed)
    wide = random.random() < 0.5
    frames = report.loop.shape[0]
    shape = (frames, *size)
    region = random.random(shape) < density
    region[random.random(frames) < 0.3] = False
    ends = random.uniform(-3, max(size) + 3, (2, frames, 2))
    ends[:, random.random(frames) < 0.3] = np.nan
    report = replace(
        report,
        loop=replace(
            report.loop,
            frames=ArrayFrames(np.zeros(shape, np.uint8)),
            calibration=replace(report.loop.calibration, mm_per_px=0.1 if wide else 2.0),
        ),
        motion=replace(report.motion, bone_weight=np.ones(size, np.float32)),
        needle=replace(report.needle, hub_by_frame_px=ends[0], tip_by_frame_px=ends[1]),
        maps=replace(
            report.maps,
            region=region[-1],
            region_by_frame=region,
            peak_od=random.random(size, dtype=np.float32),
        ),
    )
    options = {"encoding": way[0], "compression": way[1]}
    if segmentation_object(report, identity, **options) is None:
        assert not segments_of(report) or not expected_masks(report, way[0]).any()
        return
    path = tmp_path_factory.mktemp("random") / "seg.dcm"
    check_round_trip(report, identity, path, **options)


def in_a_volume(tmp_path):
    """A loop of single frames that somebody gave a geometry, so that highdicom takes it."""
    frames = sources.single_frame_series()
    for k, frame in enumerate(frames):
        frame.SOPClassUID = frame.file_meta.MediaStorageSOPClassUID = sources.SC
        frame.FrameOfReferenceUID = sources.uid("frame of reference")
        frame.ImagePositionPatient = ["0", "0", str(-k)]
        frame.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        frame.PixelSpacing, frame.SliceThickness = ["0.5", "0.5"], "1"
        frame.PositionReferenceIndicator = ""
        frame.remove_private_tags()
    paths = sources.write_source(frames, tmp_path / "volume")
    return [pydicom.dcmread(path) for path in paths], example_report(paths).loop


def of_highdicom(instances, masks, kind):
    described = [
        hd.seg.SegmentDescription(
            segment_number=number,
            segment_label=f"part {number}",
            segmented_property_category=codes.SCT.PhysicalObject,
            segmented_property_type=codes.SCT.Needle,
            algorithm_type="MANUAL",
        )
        for number in (1, 2)
    ]
    return hd.seg.Segmentation(
        source_images=instances,
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=sources.uid("theirs"),
        series_number=7,
        sop_instance_uid=sources.uid("theirs", kind),
        instance_number=1,
        manufacturer="Somebody",
        manufacturer_model_name="Else",
        software_versions="1",
        device_serial_number="1",
        max_fractional_value=200,
    )


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_those_of_highdicom_come_back_equal_whatever_the_order_of_their_frames(kind, tmp_path):
    instances, loop = in_a_volume(tmp_path)
    random = np.random.default_rng(3)
    masks = random.random((len(instances), *loop.shape[1:], 2)) < 0.3
    masks[..., 1] &= ~masks[..., 0]
    masks[4] = False
    values = masks.astype(np.float32) * (0.5 if kind == "FRACTIONAL" else 1)
    given = values if kind == "FRACTIONAL" else masks
    theirs = of_highdicom(instances, given, kind)
    path = tmp_path / "theirs.dcm"
    theirs.save_as(path)
    read = read_segmentation(path, loops=[loop])
    assert read.encoding == kind.lower()
    assert [(s.number, s.label) for s in read.segments] == [(1, "part 1"), (2, "part 2")]
    assert read.segments[0].code == ("79068005", "SCT", "Needle")
    order = [loop.reference.frame_instance_uids.index(i.SOPInstanceUID) for i in instances]
    assert order != sorted(order)
    for k, segment in enumerate(read.segments):
        dtype = np.float32 if kind == "FRACTIONAL" else bool
        whole = stacked(segment, loop.shape, dtype)
        np.testing.assert_array_equal(whole[order], given[..., k].astype(dtype))


def test_frames_in_any_order_and_groups_that_are_shared_are_understood(example, tmp_path):
    report, identity = example
    dataset = segmentation_object(report, identity, encoding="binary").dataset
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    pixels = dataset.pixel_array
    order = np.random.default_rng(0).permutation(len(groups))
    needle = [
        k for k in order if groups[k].SegmentIdentificationSequence[0][0x0062000B].value == 2
    ]
    shared = dataset.SharedFunctionalGroupsSequence[0]
    shared.SegmentIdentificationSequence = groups[needle[0]].SegmentIdentificationSequence
    for k in needle:
        del groups[k].SegmentIdentificationSequence
        del groups[k].FrameContentSequence
    dataset.PerFrameFunctionalGroupsSequence = [groups[k] for k in needle]
    dataset.NumberOfFrames = len(needle)
    dataset.PixelData = np.packbits(pixels[needle].ravel(), bitorder="little").tobytes()
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded_bytes(dataset))
    contrast, read = read_segmentation(path, loops=[report.loop]).segments
    assert dict(contrast.masks) == {}
    drawn = expected_masks(report, "binary")[1]
    np.testing.assert_array_equal(stacked(read, report.loop.shape), drawn)


def changed(example, tmp_path, change, encoding="binary"):
    report, identity = example
    dataset = segmentation_object(report, identity, encoding=encoding).dataset
    change(dataset)
    path = tmp_path / "changed.dcm"
    path.write_bytes(encoded_bytes(dataset))
    return path, report.loop


def source_of(dataset, k=0):
    group = dataset.PerFrameFunctionalGroupsSequence[k]
    return group.DerivationImageSequence[0].SourceImageSequence[0]


def second_frame_twice(dataset):
    source_of(dataset, 1).ReferencedFrameNumber = source_of(dataset, 0).ReferencedFrameNumber


def other_source(dataset):
    derivation = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    other = pydicom.Dataset()
    other.update(derivation.SourceImageSequence[0])
    other.ReferencedFrameNumber = 1
    derivation.SourceImageSequence.append(other)


def without(keyword):
    return lambda dataset: dataset.pop(keyword)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: setattr(d, "SOPClassUID", sources.XA), "SOP class"),
        (lambda d: setattr(d, "SegmentationType", "SURFACE"), "Segmentation Type SURFACE"),
        (
            lambda d: d.PerFrameFunctionalGroupsSequence[3].pop("DerivationImageSequence"),
            "frame number 4 without a reference",
        ),
        (
            lambda d: source_of(d).pop("ReferencedFrameNumber"),
            "refers to a whole loop; expected a Referenced Frame Number, 1 to 12",
        ),
        (
            lambda d: setattr(source_of(d), "ReferencedFrameNumber", 13),
            "frame number 13; expected one from 1 to 12",
        ),
        (lambda d: setattr(source_of(d), "ReferencedFrameNumber", 0), "frame number 0"),
        (
            lambda d: setattr(source_of(d), "ReferencedSOPInstanceUID", "1.2.3"),
            "of another loop, 1.2.3 and 1 more",
        ),
        (
            lambda d: setattr(source_of(d), "SpatialLocationsPreserved", "NO"),
            "not where those of its source are",
        ),
        (other_source, "refers to 2 source frames; expected one"),
        (second_frame_twice, "two frames for frame number 5 of the loop, segment 1"),
        (
            lambda d: d.PerFrameFunctionalGroupsSequence[0].pop("SegmentIdentificationSequence"),
            "without the number of its segment",
        ),
        (lambda d: d.SegmentSequence.pop(), r"a frame of segment 2; expected .*\[1\]"),
        (
            lambda d: setattr(d.SegmentSequence[1], "SegmentNumber", 1),
            "a segment without a number of its own",
        ),
        (without("SegmentSequence"), "no segment; expected a Segment Sequence"),
        (lambda d: d.PerFrameFunctionalGroupsSequence.pop(), "19 functional groups for 20 frames"),
        (lambda d: setattr(d, "NumberOfFrames", 2_000_000_000), "2000000000 frames of 48 x 64"),
        (lambda d: setattr(d, "Rows", 65535), "bytes of pixel data; 20 frames of 65535 x 64"),
        (without("PixelData"), "no pixel data"),
        (
            lambda d: (setattr(d, "Rows", 64), setattr(d, "Columns", 48)),
            "frames of 64 x 48; expected those of the loop, 48 x 64",
        ),
    ],
)
def test_what_cannot_be_placed_is_refused_with_what_was_seen_and_expected(
    example, tmp_path, change, said
):
    path, loop = changed(example, tmp_path, change)
    with pytest.raises(AnnotationError, match=said) as refused:
        read_segmentation(path, loops=[loop])
    assert "changed.dcm: cannot be used as a segmentation" in str(refused.value)


@pytest.mark.parametrize(
    ("keyword", "value", "said"),
    [
        ("StudyInstanceUID", "1.2.3", r"another study, 1\.2\.3"),
        ("PatientID", "SECRET", "another patient .the ID differs, not shown"),
    ],
)
def test_a_segmentation_of_another_study_or_patient_is_refused(
    example, tmp_path, keyword, value, said
):
    path, loop = changed(example, tmp_path, lambda d: None)
    own = replace(loop, patient=patient_of(pydicom.dcmread(path)))
    assert read_segmentation(path, loops=[own]).segments
    path, _ = changed(example, tmp_path, lambda d: setattr(d, keyword, value))
    with pytest.raises(AnnotationError, match=said) as refused:
        read_segmentation(path, loops=[own])
    assert "SECRET" not in str(refused.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without("MaximumFractionalValue"), "no usable Maximum Fractional Value"),
        (lambda d: setattr(d, "MaximumFractionalValue", 0), "no usable Maximum Fractional Value"),
        (without("SegmentationFractionalType"), "Segmentation Fractional Type None"),
        (lambda d: setattr(d, "Rows", 8000), "expected those of the loop, 48 x 64"),
    ],
)
def test_shares_of_an_unknown_whole_are_refused(example, tmp_path, change, said):
    path, loop = changed(example, tmp_path, change, encoding="fractional")
    with pytest.raises(AnnotationError, match=said):
        read_segmentation(path, loops=[loop])


def test_shares_above_the_whole_are_taken_as_it_with_a_note(example, tmp_path):
    path, loop = changed(
        example,
        tmp_path,
        lambda d: setattr(d, "MaximumFractionalValue", 100),
        encoding="fractional",
    )
    read = read_segmentation(path, loops=[loop])
    assert read.notes == ("Values above the Maximum Fractional Value are taken as it.",)
    assert max(mask.max() for s in read.segments for mask in s.masks.values()) == 1


def test_a_label_that_no_segment_describes_is_left_out_with_a_note(example, tmp_path):
    path, loop = changed(example, tmp_path, lambda d: d.SegmentSequence.pop(), encoding="labelmap")
    read = read_segmentation(path, loops=[loop])
    assert [segment.label for segment in read.segments] == ["Contrast spread"]
    assert read.notes == ("Pixels of 2, which no segment has, are left out.",)


def test_a_mask_image_among_the_sources_is_not_what_was_drawn_on(example, tmp_path):
    def with_mask(dataset):
        other_source(dataset)
        source = source_of(dataset)
        mask = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
        mask = mask.SourceImageSequence[1]
        mask.PurposeOfReferenceCodeSequence = [
            sources.code("121321", "DCM", "Mask image for image processing operation")
        ]
        assert mask.ReferencedFrameNumber != source.ReferencedFrameNumber

    path, loop = changed(example, tmp_path, with_mask)
    read = read_segmentation(path, loops=[loop])
    drawn = expected_masks(example[0], "binary")[0]
    np.testing.assert_array_equal(stacked(read.segments[0], loop.shape), drawn)


def test_among_several_loops_that_which_was_drawn_on_is_found(example, tmp_path):
    path, loop = changed(example, tmp_path, lambda d: None)
    other = replace(loop, reference=replace(loop.reference, sop_instance_uid="1.2.3"))
    read = read_segmentation(path, loops=[other, loop])
    assert read.instances == (loop.reference.sop_instance_uid,)
    with pytest.raises(
        AnnotationError, match=r"expected one of the loop that it is used on, 1.2.3"
    ):
        read_segmentation(path, loops=[other])


def test_without_a_loop_frames_of_one_instance_are_found_by_number(example, tmp_path):
    path, loop = changed(example, tmp_path, lambda d: None)
    read = read_segmentation(path)
    drawn = expected_masks(example[0], "binary")
    for segment, expected in zip(read.segments, drawn, strict=True):
        np.testing.assert_array_equal(stacked(segment, loop.shape), expected)


def test_without_a_loop_single_frames_have_no_order(tmp_path):
    paths = written_source("series", tmp_path)
    report = example_report(paths)
    path = tmp_path / "seg.dcm"
    path.write_bytes(segmentation_object(report, identify(report, paths)).content)
    with pytest.raises(AnnotationError, match="12 instances; expected the loop"):
        read_segmentation(path)


def test_without_a_loop_a_frame_without_a_number_is_taken_as_the_only_one(tmp_path):
    paths = written_source("xa_single", tmp_path)
    report = example_report(paths)
    path = tmp_path / "seg.dcm"
    path.write_bytes(segmentation_object(report, identify(report, paths)).content)
    read = read_segmentation(path)
    assert list(read.segments[0].masks) == [0]
    assert read.notes == ("No frame number is referred to: taken to be the only frame.",)


def test_a_palette_only_tells_how_labels_are_shown(example, tmp_path):
    def coloured(dataset):
        dataset.PhotometricInterpretation = "PALETTE COLOR"

    path, loop = changed(example, tmp_path, coloured, encoding="labelmap")
    drawn = expected_masks(example[0], "labelmap")
    for segment, expected in zip(
        read_segmentation(path, loops=[loop]).segments, drawn, strict=True
    ):
        np.testing.assert_array_equal(stacked(segment, loop.shape), expected)


def test_bits_that_take_a_byte_each_are_read(example, tmp_path):
    report, identity = example
    dataset = segmentation_object(report, identity, encoding="binary").dataset
    pixels = dataset.pixel_array
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelData = 7, pixels.tobytes()
    path = tmp_path / "seg.dcm"
    path.write_bytes(encoded_bytes(dataset))
    read = read_segmentation(path, loops=[report.loop])
    drawn = expected_masks(report, "binary")
    for segment, expected in zip(read.segments, drawn, strict=True):
        np.testing.assert_array_equal(stacked(segment, report.loop.shape), expected)


def test_masks_cannot_be_written_to(example, tmp_path):
    path, loop = changed(example, tmp_path, lambda d: None)
    segment = read_segmentation(path, loops=[loop]).segments[1]
    with pytest.raises(ValueError, match="read-only"):
        segment.masks[0][0, 0] = True
    with pytest.raises(TypeError):
        segment.masks[0] = None


def test_a_small_file_that_declares_much_costs_no_memory(example, tmp_path):
    def vast(dataset):
        dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.5"
        dataset.Rows = dataset.Columns = 16000

    path, loop = changed(example, tmp_path, vast, encoding="labelmap")
    tracemalloc.start()
    for loops in ([loop], []):
        with pytest.raises(AnnotationError):
            read_segmentation(path, loops=loops)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 300 << 20


@pytest.mark.parametrize("content", [b"", b"DICM" * 100, b"{}"])
def test_what_is_no_dicom_file_is_refused(content, tmp_path):
    path = tmp_path / "no.dcm"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=r"no\.dcm: cannot be used as a segmentation"):
        read_segmentation(path)
    with pytest.raises(AnnotationError, match=r"gone\.dcm"):
        read_segmentation(tmp_path / "gone.dcm")


@pytest.mark.parametrize("encoding", ["binary", "fractional", "labelmap"])
def test_a_file_that_is_cut_or_changed_anywhere_is_read_or_refused(example, tmp_path, encoding):
    report, identity = example
    whole = segmentation_object(report, identity, encoding=encoding).content
    random = np.random.default_rng(5)
    path = tmp_path / "damaged.dcm"
    for _ in range(60):
        damaged = bytearray(whole)
        for place in random.integers(132, len(whole), 3):
            damaged[place] = int(random.integers(256))
        cut = int(random.integers(200, len(whole))) if random.random() < 0.3 else len(whole)
        path.write_bytes(bytes(damaged[:cut]))
        try:
            read = read_segmentation(path, loops=[report.loop])
        except AnnotationError:
            continue
        assert read.size == report.loop.shape[1:]


def test_a_label_map_of_sixteen_bits_is_read(example, tmp_path):
    def wide(dataset):
        labels = dataset.pixel_array.astype("<u2")
        labels[labels == 2] = 3000
        dataset.SegmentSequence[2].SegmentNumber = 3000
        dataset.BitsAllocated = dataset.BitsStored = 16
        dataset.HighBit = 15
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.PixelData = labels.tobytes()
        dataset["PixelData"].VR = "OW"
        dataset["PixelData"].is_undefined_length = False

    path, loop = changed(example, tmp_path, wide, encoding="labelmap")
    read = read_segmentation(path, loops=[loop])
    assert [segment.number for segment in read.segments] == [1, 3000]
    drawn = expected_masks(example[0], "labelmap")
    for segment, expected in zip(read.segments, drawn, strict=True):
        np.testing.assert_array_equal(stacked(segment, loop.shape), expected)
