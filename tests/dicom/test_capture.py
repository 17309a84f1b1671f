"""Drawn pictures as colour Secondary Captures, and what they say of their source's pixels."""

from __future__ import annotations

import io
import subprocess

import numpy as np
import pydicom
import pytest
import sources
from example_report import example_report, written_source
from validators import complaints, need

from napari_fluoroinject.dicom.capture import CAPTURES, SC_STORAGE, encode_capture
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.write import encoded_bytes, sealed, write_objects
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.key_frame import key_frame

PICTURE = np.random.default_rng(0).integers(0, 256, (61, 85, 3), np.uint8)
"""Of an odd number of bytes."""


def made(kind, folder, name="key_image", edit=lambda header: None):
    datasets = sources.SOURCES[kind]()
    for dataset in datasets:
        edit(dataset)
    paths = sources.write_source(datasets, folder / kind)
    report = example_report(paths)
    return report, encode_capture(report, identify(report, paths), name, PICTURE)


def burned(*said):
    """Let the frames of a source say in turn what is burned in; None = they say nothing."""
    turn = iter(said * 20)

    def edit(header):
        header.BurnedInAnnotation = next(turn)
        if header.BurnedInAnnotation is None:
            del header.BurnedInAnnotation

    return edit


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_pydicom_reads_the_picture_back(kind, name, tmp_path):
    _, capture = made(kind, tmp_path, name)
    read = pydicom.dcmread(io.BytesIO(encoded_bytes(capture)))
    assert read.SOPClassUID == SC_STORAGE
    assert read.PhotometricInterpretation == "RGB"
    np.testing.assert_array_equal(read.pixel_array, PICTURE)


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_have_nothing_against_captures_of_any_source(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    report = example_report(paths)
    identity = identify(report, paths)
    objects = [sealed(name, encode_capture(report, identity, name, PICTURE)) for name in CAPTURES]
    for output in write_objects(objects, tmp_path / "out"):
        assert complaints(tmp_path / "out" / output.file) == ()


@pytest.mark.validator
def test_dcmtk_shows_the_picture(tmp_path):
    need("dcm2pnm")
    _, capture = made("xa", tmp_path)
    write_objects([sealed("capture", capture)], tmp_path)
    shown = tmp_path / "shown.ppm"
    subprocess.run(
        ["dcm2pnm", "+op", str(tmp_path / "capture.dcm"), str(shown)], check=True, timeout=60
    )
    head, content = shown.read_bytes().split(b"\n255\n", 1)
    assert f"{PICTURE.shape[1]} {PICTURE.shape[0]}".encode() in head
    assert content == PICTURE.tobytes()


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_a_capture_belongs_to_the_study_and_refers_to_the_frame_that_it_shows(kind, tmp_path):
    report, capture = made(kind, tmp_path)
    assert capture.StudyInstanceUID == report.loop.reference.study_instance_uid
    assert capture.SeriesInstanceUID != report.loop.reference.series_instance_uid
    (source,) = capture.SourceImageSequence
    frame = key_frame(report)[0]
    single = report.loop.reference.frame_instance_uids
    shown = single[frame] if single else report.loop.reference.sop_instance_uid
    assert source.ReferencedSOPInstanceUID == shown
    many = report.loop.shape[0] > 1 and not single
    assert source.get("ReferencedFrameNumber") == (frame + 1 if many else None)
    assert f"Frame {frame + 1} " in capture.DerivationDescription


def test_a_colour_map_refers_to_the_loop_and_to_the_mask_frames(tmp_path):
    _, capture = made("xa", tmp_path, "color_map")
    loop, mask = capture.SourceImageSequence
    assert loop.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert mask.PurposeOfReferenceCodeSequence[0].CodeValue == "121321"
    assert mask.ReferencedFrameNumber == [1, 2, 3]
    assert capture.ImageType[3] == "COLOR_MAP"
    assert "not to be measured in" in capture.ImageComments
    assert "Research software" in capture.ImageComments


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (("NO",), "NO"),
        (("YES",), "YES"),
        ((None,), None),
        (("NO", None), None),
        (("NO", "YES"), "YES"),
        ((None, "YES"), "YES"),
    ],
)
def test_of_burned_in_text_the_capture_says_what_its_source_says(said, expected, tmp_path):
    kind = "xa" if len(said) == 1 else "series"
    _, capture = made(kind, tmp_path, edit=burned(*said))
    assert capture.get("BurnedInAnnotation") == expected


def test_side_and_lossy_compression_are_carried_over(tmp_path):
    def edit(header):
        header.Laterality, header.BodyPartExamined = "L", "HIP"
        header.LossyImageCompression, header.LossyImageCompressionRatio = "01", "12.5"
        header.LossyImageCompressionMethod = "ISO_10918_1"
        del header.AnatomicRegionSequence

    _, capture = made("xa", tmp_path, edit=edit)
    assert (capture.BodyPartExamined, capture.Laterality) == ("HIP", "L")
    assert (capture.LossyImageCompression, capture.LossyImageCompressionRatio) == ("01", 12.5)


def test_two_captures_share_a_series_and_have_uids_of_their_own(tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    first, second = (
        sealed(name, encode_capture(report, identify(report, paths), name, PICTURE)).dataset
        for name in CAPTURES
    )
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert first.SOPInstanceUID != second.SOPInstanceUID
    assert (first.InstanceNumber, second.InstanceNumber) == (1, 2)


def test_the_same_picture_gives_the_same_bytes(tmp_path):
    assert encoded_bytes(made("xa", tmp_path)[1]) == encoded_bytes(made("xa", tmp_path)[1])


def test_nothing_private_is_in_a_capture(tmp_path):
    _, capture = made("xa", tmp_path)
    assert not [element for element in capture.iterall() if element.tag.is_private]
    assert b"SYNTHETIC SECRET" not in encoded_bytes(capture)


@pytest.mark.parametrize(
    "picture", [PICTURE[..., 0], PICTURE[..., :2], PICTURE.astype(np.float32)]
)
def test_what_is_no_picture_in_eight_bit_colours_is_refused(picture, tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    with pytest.raises(EncodingError, match="8 bits, red, green and blue"):
        encode_capture(report, identify(report, paths), "key_image", picture)
