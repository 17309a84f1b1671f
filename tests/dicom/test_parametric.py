"""Maps as Parametric Maps: the 32-bit numbers themselves, and no NaN in the file."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
from example_report import display_processed, example_report, written_source
from validators import complaints, dciodvfy

from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.maps import map_kinds
from napari_fluoroinject.dicom.parametric import (
    PADDING,
    encode_parametric,
    encode_parametric_maps,
    read_parametric,
)
from napari_fluoroinject.dicom.seg import NOMINAL
from napari_fluoroinject.dicom.write import encoded_bytes, sealed, write_objects
from napari_fluoroinject.errors import EncodingError

GEOMETRY = {"PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence"}


def made(kind, folder, change=lambda report: report, profile="strict"):
    paths = written_source(kind, folder)
    report = change(example_report(paths))
    return report, encode_parametric_maps(report, identify(report, paths), profile=profile)


def read_back(dataset):
    return pydicom.dcmread(io.BytesIO(encoded_bytes(dataset)))


@pytest.mark.parametrize("profile", ["strict", "viewer"])
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_every_map_comes_back_bit_for_bit(kind, profile, tmp_path):
    report, maps = made(kind, tmp_path, profile=profile)
    assert [one.name for one, _ in maps] == [one.name for one in map_kinds(report)]
    for one, dataset in maps:
        values = getattr(report.maps, one.attribute)
        read = read_parametric(read_back(dataset))
        assert read.dtype == np.float32
        np.testing.assert_array_equal(read, values)


def test_the_file_holds_no_nan_and_undefined_is_padding(tmp_path):
    report, maps = made("xa", tmp_path)
    for one, dataset in maps:
        stored = np.frombuffer(read_back(dataset).FloatPixelData, "<f4")
        assert np.isfinite(stored).all()
        undefined = np.isnan(getattr(report.maps, one.attribute)).ravel()
        np.testing.assert_array_equal(stored == np.float32(PADDING), undefined)
        assert np.float32(dataset.FloatPixelPaddingValue) == np.float32(PADDING)


def test_infinite_values_are_undefined_too(tmp_path):
    def endless(report):
        peak = report.maps.peak_od.copy()
        peak[0, :2] = np.inf, -np.inf
        return replace(report, maps=replace(report.maps, peak_od=peak))

    _, maps = made("xa", tmp_path, endless)
    peak = next(read_parametric(read_back(d)) for one, d in maps if one.name == "peak_opacity")
    assert np.isnan(peak[0, :2]).all()


def test_the_mapping_says_unit_quantity_and_range_and_leaves_padding_out(tmp_path):
    report, maps = made("xa", tmp_path)
    dataset = {one.name: d for one, d in maps}["arrival"]
    (mapping,) = dataset.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence
    assert (mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept) == (1.0, 0.0)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "s"
    assert mapping.DoubleFloatRealWorldValueFirstValueMapped == np.nanmin(report.maps.arrival_s)
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == np.nanmax(report.maps.arrival_s)


def test_a_map_that_is_undefined_everywhere_can_be_written(tmp_path):
    def unknown(report):
        nothing = np.full(report.maps.region.shape, np.nan)
        return replace(report, maps=replace(report.maps, washout_per_s=nothing))

    _, maps = made("xa", tmp_path, unknown)
    washout = next(d for one, d in maps if one.name == "washout")
    assert np.isnan(read_parametric(read_back(washout))).all()


def test_the_strict_profile_invents_no_geometry_and_the_viewer_profile_says_that_it_does(
    tmp_path,
):
    _, strict = made("xa", tmp_path)
    _, viewer = made("xa", tmp_path, profile="viewer")
    for _, dataset in strict:
        assert not GEOMETRY & {element.keyword for element in dataset.iterall()}
    for _, dataset in viewer:
        assert {element.keyword for element in dataset.iterall()} >= GEOMETRY
        assert dataset.ContentDescription == NOMINAL
        assert dataset.SeriesDescription.endswith(f"; {NOMINAL}")
        assert len(dataset.SeriesDescription) <= 64
    assert strict[0][1].SeriesInstanceUID != viewer[0][1].SeriesInstanceUID
    assert strict[0][1].SeriesNumber != viewer[0][1].SeriesNumber


def test_a_loop_that_is_not_quantitative_gives_relative_maps_and_says_so(tmp_path):
    _, maps = made("xa_display", tmp_path, display_processed)
    peak = next(d for one, d in maps if one.name == "peak_opacity")
    assert (
        "RELATIVE"
        in peak.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0].LUTExplanation
    )


def test_without_maps_there_is_nothing_to_encode(tmp_path):
    report, maps = made("xa", tmp_path, lambda report: replace(report, maps=None))
    assert maps == ()
    paths = written_source("xa", tmp_path / "again")
    whole = example_report(paths)
    with pytest.raises(EncodingError, match="no maps"):
        encode_parametric(report, identify(whole, paths), map_kinds(whole)[0])


def test_an_object_without_float_pixels_is_no_parametric_map(tmp_path):
    with pytest.raises(EncodingError, match="Float Pixel Data"):
        read_parametric(sources.xa())


def test_the_same_report_gives_the_same_bytes(tmp_path):
    first, second = (made("xa", tmp_path)[1] for _ in range(2))
    for (_, one), (_, other) in zip(first, second, strict=True):
        assert encoded_bytes(one) == encoded_bytes(other)


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_have_nothing_but_the_missing_geometry_against_the_strict_profile(
    kind, tmp_path
):
    _, maps = made(kind, tmp_path)
    objects = [sealed(one.name, dataset) for one, dataset in maps[:2]]
    for output in write_objects(objects, tmp_path):
        assert complaints(tmp_path / output.file) == ()


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_dciodvfy_finds_no_error_in_the_viewer_profile_without_any_waiver(kind, tmp_path):
    _, maps = made(kind, tmp_path, profile="viewer")
    objects = [sealed(one.name, dataset) for one, dataset in maps[:2]]
    for output in write_objects(objects, tmp_path):
        assert [c for c in dciodvfy(tmp_path / output.file) if c.level == "error"] == []
        assert complaints(tmp_path / output.file) == ()
