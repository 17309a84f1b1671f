"""Subtracted loops as DICOM objects: for every kind of source, and what validators say."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
from example_report import written_source
from example_subtraction import LOOPS, subtraction
from validators import complaints

from napari_fluoroinject.dicom.derived import SC_WORD_STORAGE, XA_IMAGE_STORAGE
from napari_fluoroinject.dicom.encode import encode_subtraction
from napari_fluoroinject.dicom.read import find_loops, read_loop
from napari_fluoroinject.dicom.write import write_objects
from napari_fluoroinject.errors import EncodingError, IdentityMismatchError, UnreadableObjectError
from napari_fluoroinject.model.masks import HeaderMask
from napari_fluoroinject.model.subtracted import MIDDLE, STEP_LN, UNDEFINED


def encoded(kind, tmp_path, **changes):
    paths = written_source(kind, tmp_path)
    made = subtraction(paths, **changes)
    content = encode_subtraction(made, paths)[0].content
    return made, pydicom.dcmread(io.BytesIO(content))


@pytest.mark.parametrize("kind", LOOPS)
def test_stored_values_map_back_to_ln_units_and_mid_grey_is_none(kind, tmp_path):
    made, dataset = encoded(kind, tmp_path)
    (mapping,) = dataset.RealWorldValueMappingSequence
    pixels = dataset.pixel_array
    np.testing.assert_array_equal(pixels, made.stored)
    ln = mapping.RealWorldValueIntercept + mapping.RealWorldValueSlope * pixels.astype(float)
    assert ln[8, 25, 30] == pytest.approx(-0.5)
    assert ln[8, 40, 50] == pytest.approx(0.0, abs=1e-9)
    assert mapping.RealWorldValueFirstValueMapped == UNDEFINED + 1
    assert dataset.PixelPaddingValue == UNDEFINED
    assert dataset.WindowCenter == MIDDLE
    assert dataset.WindowWidth == pytest.approx(0.5 / STEP_LN, abs=1)
    assert dataset.PhotometricInterpretation == "MONOCHROME2"


@pytest.mark.parametrize("kind", LOOPS)
def test_it_is_a_derived_image_in_the_study_of_its_source_with_its_times(kind, tmp_path):
    made, dataset = encoded(kind, tmp_path)
    source = pydicom.dcmread(written_source(kind, tmp_path / "again")[-1])
    captured = kind.startswith("sc_")
    assert dataset.SOPClassUID == (SC_WORD_STORAGE if captured else XA_IMAGE_STORAGE)
    assert dataset.StudyInstanceUID == source.StudyInstanceUID
    assert dataset.SeriesInstanceUID != source.SeriesInstanceUID
    assert (dataset.PatientID, dataset.PatientName) == (source.PatientID, source.PatientName)
    assert dataset.ImageType[0] == "DERIVED"
    assert dataset.ImageType[3] == "SUBTRACTED"
    assert captured or dataset.PixelIntensityRelationship == "DISP"
    assert dataset.NumberOfFrames == len(made.stored)
    steps = dataset.get("FrameTimeVector") or [0, *[dataset.FrameTime] * (len(made.stored) - 1)]
    np.testing.assert_allclose(np.cumsum(steps) / 1e3, made.loop.times_s, atol=1e-6)
    assert "MaskSubtractionSequence" not in dataset


@pytest.mark.validator
@pytest.mark.parametrize("kind", LOOPS)
def test_validators_have_nothing_against_it(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    write_objects(encode_subtraction(subtraction(paths), paths)[:1], tmp_path)
    assert complaints(tmp_path / "subtracted.dcm") == ()


@pytest.mark.validator
def test_validators_have_nothing_against_pages_without_times(tmp_path):
    paths = written_source("xa", tmp_path)
    made = subtraction(paths)
    made = replace(made, loop=replace(made.loop, times_s=None))
    write_objects(encode_subtraction(made, paths)[:1], tmp_path)
    assert complaints(tmp_path / "subtracted.dcm") == ()
    dataset = pydicom.dcmread(tmp_path / "subtracted.dcm")
    assert dataset.SOPClassUID == SC_WORD_STORAGE
    assert dataset.PageNumberVector == list(range(1, 13))


def test_it_refers_to_the_loop_and_to_the_frames_of_its_mask(tmp_path):
    _, dataset = encoded("xa", tmp_path)
    loop, mask = dataset.SourceImageSequence
    assert loop.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert "SpatialLocationsPreserved" not in loop
    assert mask.PurposeOfReferenceCodeSequence[0].CodeValue == "121321"
    assert mask.ReferencedFrameNumber == [1, 2, 3]
    assert mask.SpatialLocationsPreserved == "YES"
    assert dataset.DerivationCodeSequence[0].CodeValue == "113062"
    assert "mean of frames 1-3 (found before contrast)" in dataset.DerivationDescription
    assert "motion measured and undone" in dataset.DerivationDescription


def test_intervals_have_no_mask_frames_and_frames_as_stored_lie_where_they_lay(tmp_path):
    interval = HeaderMask(operation="TID")
    undefined = np.arange(12) != 0
    _, dataset = encoded(
        "xa",
        tmp_path,
        masks=(interval,),
        mask_source="header",
        motion=None,
        subtracted=undefined,
    )
    (loop,) = dataset.SourceImageSequence
    assert loop.SpatialLocationsPreserved == "YES"
    told = dataset.DerivationDescription
    assert "TID, interval 1 (of the header); motion not corrected" in told
    assert "nothing to subtract from frames 1" in told


def test_the_contrast_agent_comes_along_but_no_dose_shutter_or_modality_lut(tmp_path):
    (source,) = sources.SOURCES["xa_log"]()
    source.ContrastBolusAgent, source.ContrastBolusVolume = "Iohexol", "3"
    paths = sources.write_source([source], tmp_path)
    dataset = encode_subtraction(subtraction(paths), paths)[0].dataset
    assert (dataset.ContrastBolusAgent, dataset.ContrastBolusVolume) == ("Iohexol", 3)
    for keyword in ("ImageAndFluoroscopyAreaDoseProduct", "ShutterShape", "ModalityLUTSequence"):
        assert keyword not in dataset
    assert dataset.ImagerPixelSpacing == [0.84, 0.84]


def test_a_loop_that_is_not_quantitative_gives_relative_values_and_says_so(tmp_path):
    paths = written_source("xa_display", tmp_path)
    made = subtraction(paths)
    scale = replace(made.loop.intensity, relationship="display")
    made = replace(made, loop=replace(made.loop, intensity=scale))
    dataset = encode_subtraction(made, paths)[0].dataset
    (mapping,) = dataset.RealWorldValueMappingSequence
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "[arb'U]"
    assert "RELATIVE" in mapping.LUTExplanation
    assert "RELATIVE" in dataset.DerivationDescription


def test_the_same_input_gives_the_same_bytes_and_other_masks_another_object(tmp_path):
    paths = written_source("xa", tmp_path)
    first, again = (encode_subtraction(subtraction(paths), paths)[0] for _ in range(2))
    assert first.content == again.content
    tid = subtraction(paths, masks=(HeaderMask(operation="TID"),))
    other = encode_subtraction(tid, paths)[0]
    assert other.dataset.SOPInstanceUID != first.dataset.SOPInstanceUID
    assert other.dataset.SeriesInstanceUID != first.dataset.SeriesInstanceUID


def test_it_is_never_written_into_another_study(tmp_path):
    paths = written_source("xa", tmp_path)
    made = subtraction(paths)
    reference = replace(made.loop.reference, study_instance_uid="1.2.3")
    strange = replace(made, loop=replace(made.loop, reference=reference))
    with pytest.raises(IdentityMismatchError, match="1 studies"):
        encode_subtraction(strange, paths)
    with paths[0].open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x07")
    with pytest.raises(IdentityMismatchError, match="changed since"):
        encode_subtraction(made, paths)


def test_more_pixels_than_one_object_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.dicom.subtracted._MOST_BYTES", 1000)
    with pytest.raises(EncodingError, match="shorter part"):
        encoded("xa", tmp_path)


def test_a_header_of_very_many_ranges_is_told_in_short(tmp_path):
    ranges = tuple((frame, frame) for frame in range(0, 2000, 2))
    many = HeaderMask(operation="TID", frame_ranges=ranges)
    _, dataset = encoded("xa", tmp_path, masks=(many,) * 8, mask_source="header")
    assert len(dataset.DerivationDescription) <= 1024
    assert len(dataset.ImageComments) <= 10240
    assert "motion measured" in dataset.DerivationDescription


def test_it_is_a_result_and_not_a_loop_to_analyse(tmp_path):
    paths = written_source("xa", tmp_path / "source")
    folder = tmp_path / "results"
    write_objects(encode_subtraction(subtraction(paths), paths), folder)
    (found,) = find_loops([folder / "subtracted.dcm"])
    assert isinstance(found, UnreadableObjectError)
    assert "result" in str(found)


def test_read_as_any_image_its_values_are_for_display_and_not_quantitative(tmp_path):
    paths = written_source("xa", tmp_path)
    write_objects(encode_subtraction(subtraction(paths), paths)[:1], tmp_path)
    assert not read_loop(tmp_path / "subtracted.dcm").intensity.quantitative
