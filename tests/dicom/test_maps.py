"""Maps that read back in their real unit, on the loop's pixel grid."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
from example_report import display_processed, encoded, example_report, written_source
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_fluoroinject.dicom.derived import SC_WORD_STORAGE, XA_IMAGE_STORAGE
from napari_fluoroinject.dicom.encode import omissions
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.maps import KINDS, encode_maps, map_kinds, read_map
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.geometry import View

NAMES = ("arrival", "time_to_peak", "peak_opacity", "washout", "transit")


def made(kind, tmp_path, change=lambda report: report):
    paths = written_source(kind, tmp_path)
    report = change(example_report(paths))
    return report, {
        name.removeprefix("map_"): dataset
        for name, dataset in encoded(report, paths).items()
        if name.startswith("map_")
    }


def read_again(dataset):
    return pydicom.dcmread(io.BytesIO(encoded_bytes(dataset)))


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_every_map_reads_back_within_half_a_step_and_undefined_stays_undefined(kind, tmp_path):
    report, maps = made(kind, tmp_path)
    assert tuple(maps) == NAMES
    for map_kind in KINDS:
        written = getattr(report.maps, map_kind.attribute)
        dataset = read_again(maps[map_kind.name])
        read = read_map(dataset)
        np.testing.assert_array_equal(np.isnan(read), np.isnan(written))
        assert np.nanmax(np.abs(read - written)) <= map_kind.step / 2 + 1e-6
        assert (dataset.pixel_array.reshape(read.shape)[np.isnan(written)] == 0).all()
        assert dataset.PixelPaddingValue == 0


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_the_class_is_xray_angiography_or_secondary_capture_as_the_source_is(kind, tmp_path):
    _, maps = made(kind, tmp_path)
    expected = SC_WORD_STORAGE if kind.startswith("sc_") else XA_IMAGE_STORAGE
    assert {dataset.SOPClassUID for dataset in maps.values()} == {expected}


values = arrays(
    np.float32,
    (3, 4),
    elements=st.one_of(
        st.just(np.float32(np.nan)), st.floats(-1e4, 1e4, width=32, allow_subnormal=False)
    ),
)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    paths = written_source("xa", tmp_path_factory.mktemp("maps"))
    report = example_report(paths)
    return report, identify(report, paths)


@given(values)
@settings(max_examples=60, deadline=None)
def test_whatever_the_range_nothing_is_clipped_and_one_is_the_smallest_value(example, stored):
    report, identity = example
    odd = replace(report, maps=replace(report.maps, arrival_s=stored))
    dataset = dict(zip(NAMES, (d for _, d in encode_maps(odd, identity)), strict=True))["arrival"]
    dataset.Rows, dataset.Columns = stored.shape
    step = dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope
    read = read_map(read_again(dataset))
    np.testing.assert_array_equal(np.isnan(read), np.isnan(stored))
    defined = np.isfinite(stored)
    if defined.any():
        spread = stored[defined].max() - min(stored[defined].min(), 0)
        assert np.abs(read[defined] - stored[defined]).max() <= step * 0.51 + 1e-3
        assert step == pytest.approx(0.001) or step < spread / 6000


def test_stored_one_is_time_zero(tmp_path):
    _, maps = made("xa", tmp_path)
    (mapping,) = maps["arrival"].RealWorldValueMappingSequence
    assert mapping.RealWorldValueIntercept + mapping.RealWorldValueSlope == pytest.approx(0)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "s"
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeValue == "126371"


def test_a_loop_that_is_not_quantitative_gives_relative_opacity_and_says_so(tmp_path):
    _, maps = made("xa_display", tmp_path, display_processed)
    for name, code in (("peak_opacity", "peak-relative"), ("washout", "washout-relative")):
        dataset = maps[name]
        (mapping,) = dataset.RealWorldValueMappingSequence
        quantity = mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0]
        assert quantity.CodeValue == code
        assert mapping.MeasurementUnitsCodeSequence[0].CodeValue.startswith("[arb'U]")
        assert "RELATIVE" in mapping.LUTExplanation
        assert "RELATIVE" in dataset.DerivationDescription
        assert dataset.ImageType[3].endswith("_REL")
        assert "not quantitative" in dataset.ImageComments
    assert maps["arrival"].RealWorldValueMappingSequence[0].LUTLabel == "ARRIVAL"


def test_a_loop_without_times_gives_no_map_of_times_and_the_reason_is_told(tmp_path):
    def timeless(report):
        return replace(report, loop=replace(report.loop, times_s=None))

    report, maps = made("xa", tmp_path, timeless)
    assert tuple(maps) == ("peak_opacity",)
    told = {omission.name: omission.reason for omission in omissions(report)}
    assert set(told) == {
        "Map of arrival",
        "Map of time to peak",
        "Map of washout",
        "Map of transit",
    }
    assert set(told.values()) == {"the loop does not state when its frames were taken"}


def test_without_opacity_there_is_no_map_and_the_reason_is_told(tmp_path):
    report, maps = made("xa", tmp_path, lambda report: replace(report, maps=None))
    assert maps == {}
    assert map_kinds(report) == ()
    told = {omission.reason for omission in omissions(report)}
    assert told == {"there are no usable frames before contrast"}


def test_a_map_without_any_defined_pixel_is_all_padding(tmp_path):
    def undefined(report):
        nowhere = np.full(report.loop.shape[1:], np.nan, np.float32)
        return replace(report, maps=replace(report.maps, arrival_s=nowhere))

    _, maps = made("xa", tmp_path, undefined)
    assert np.isnan(read_map(read_again(maps["arrival"]))).all()


def test_a_map_refers_to_the_loop_and_to_the_mask_frames_in_whose_pose_it_lies(tmp_path):
    report, maps = made("xa", tmp_path)
    loop, mask = maps["arrival"].SourceImageSequence
    assert "ReferencedFrameNumber" not in loop
    assert mask.ReferencedFrameNumber == [k + 1 for k in report.injection.mask_frames]
    assert mask.PurposeOfReferenceCodeSequence[0].CodeValue == "121321"
    assert mask.SpatialLocationsPreserved == "YES"


def test_a_map_of_a_loop_of_single_frames_refers_to_every_instance(tmp_path):
    report, maps = made("series", tmp_path)
    referred = maps["arrival"].SourceImageSequence
    uids = report.loop.reference.frame_instance_uids
    masks = [uids[k] for k in report.injection.mask_frames]
    assert [r.ReferencedSOPInstanceUID for r in referred] == [*uids, *masks]


def test_calibration_and_angles_come_along_but_no_dose_cine_shutter_or_lut(tmp_path):
    _, maps = made("xa_log", tmp_path)
    dataset = maps["arrival"]
    assert dataset.ImagerPixelSpacing == [0.84, 0.84]
    assert dataset.EstimatedRadiographicMagnificationFactor == 1.4286
    assert (dataset.PositionerPrimaryAngle, dataset.PositionerSecondaryAngle) == (-25, 5)
    for keyword in (
        *("ImageAndFluoroscopyAreaDoseProduct", "FrameTime", "FrameIncrementPointer"),
        *("NumberOfFrames", "ShutterShape", "ModalityLUTSequence", "CineRate"),
    ):
        assert keyword not in dataset
    assert dataset.PixelIntensityRelationship == "DISP"


def test_an_enhanced_source_gives_its_angles_and_spacing_through_the_loop(tmp_path):
    _, maps = made("enhanced_xa", tmp_path)
    dataset = maps["arrival"]
    assert (dataset.PositionerPrimaryAngle, dataset.PositionerSecondaryAngle) == (-25, 5)
    assert dataset.ImagerPixelSpacing == [0.84, 0.84]
    assert dataset.KVP == 78


def test_what_nobody_knows_is_left_empty(tmp_path):
    def unknown(report):
        bare = replace(report.loop, view=View(), kvp=None, detector_mm_per_px=None)
        return replace(report, loop=bare)

    (source,) = sources.SOURCES["enhanced_xa"]()
    del source.KVP
    paths = sources.write_source([source], tmp_path / "bare")
    dataset = encoded(unknown(example_report(paths)), paths)["map_arrival"]
    assert dataset.KVP is None
    assert dataset.PositionerPrimaryAngle is None
    assert "ImagerPixelSpacing" not in dataset
    assert dataset.Exposure is None


def test_a_biplane_source_keeps_its_plane_and_its_twin(tmp_path):
    _, maps = made("biplane", tmp_path)
    assert maps["arrival"].ImageType[2] == "BIPLANE A"
    (twin,) = maps["arrival"].ReferencedImageSequence
    assert twin.ReferencedSOPInstanceUID == sources.uid("other plane")


def test_a_reference_to_another_kind_of_image_is_no_twin(tmp_path):
    source = sources.biplane()
    del source.ReferencedImageSequence[0].PurposeOfReferenceCodeSequence
    paths = sources.write_source([source], tmp_path / "biplane")
    dataset = encoded(example_report(paths), paths)["map_arrival"]
    assert dataset.ImageType[2] == "SINGLE PLANE"
    assert "ReferencedImageSequence" not in dataset


def test_an_xray_source_without_radiation_setting_gives_secondary_captures(tmp_path):
    (source,) = sources.SOURCES["xa"]()
    del source.RadiationSetting
    paths = sources.write_source([source], tmp_path / "unset")
    dataset = encoded(example_report(paths), paths)["map_arrival"]
    assert dataset.SOPClassUID == SC_WORD_STORAGE
    assert "RadiationSetting" not in dataset


def test_an_image_that_is_no_map_is_refused(tmp_path):
    with pytest.raises(EncodingError, match="no linear real world value mapping"):
        read_map(sources.xa())


def test_the_pixel_spacing_of_a_map_is_the_sources_own_and_absent_where_it_has_none(tmp_path):
    _, maps = made("sc_word", tmp_path)
    assert "PixelSpacing" not in maps["arrival"]
    assert "ImagerPixelSpacing" not in maps["arrival"]
