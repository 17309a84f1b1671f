"""Where source, detector and table stood: what headers of every kind say of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from small_loops import edited, item, small_object, written

from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.dicom.setup import over_all, setup
from napari_fluoroinject.model.pose import Setup

KINDS = ("xa", "enhanced_xa")


@pytest.mark.parametrize("kind", KINDS)
def test_distances_are_read_from_every_kind(tmp_path, kind):
    setup = read_loop(written(tmp_path, small_object(kind=kind))).setup
    ratio = setup.source_to_isocentre_mm / setup.source_to_detector_mm
    assert ratio == pytest.approx(0.287 / 0.41, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"DistanceSourceToDetector": "1000", "DistanceSourceToPatient": "720"}, (1000, 720)),
        ({"DistanceSourceToDetector": None}, (None, None)),
        ({"DistanceSourceToDetector": "0"}, (None, None)),
        ({"DistanceSourceToDetector": "1000", "DistanceSourceToPatient": "1200"}, (1000, None)),
        (
            {
                "DistanceSourceToDetector": "1000",
                "DistanceSourceToPatient": "0",
                "EstimatedRadiographicMagnificationFactor": "1.25",
            },
            (1000, 800),
        ),
    ],
)
def test_distances_that_cannot_be_are_unknown(tmp_path, changes, expected):
    setup = read_loop(edited(tmp_path, small_object(kind="xa"), **changes)).setup
    assert (setup.source_to_detector_mm, setup.source_to_isocentre_mm) == expected


def test_a_table_is_read_where_it_is_told(tmp_path):
    setup = read_loop(written(tmp_path, small_object(kind="enhanced_xa"))).setup
    assert setup.table == (0.0,) * 6
    assert not setup.table_moved
    assert read_loop(written(tmp_path, small_object(kind="xa"))).setup.table == (None,) * 6


def test_a_table_that_moves_during_the_run_has_moved(tmp_path):
    dataset = small_object(kind="xa")
    dataset.TableMotion = "DYNAMIC"
    assert read_loop(written(tmp_path, dataset)).setup.table_moved
    dataset = small_object(kind="enhanced_xa")
    del dataset.SharedFunctionalGroupsSequence[0].TablePositionSequence
    for k, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        group.TablePositionSequence = [item(TableTopLateralPosition=float(k))]
    setup = read_loop(written(tmp_path, dataset)).setup
    assert setup.table_moved
    assert setup.table == (None,) * 6


def test_the_start_is_that_of_the_acquisition(tmp_path):
    changes = {"AcquisitionDate": "20260101", "AcquisitionTime": "101500.5"}
    started = read_loop(edited(tmp_path, small_object(kind="xa"), **changes)).setup.started
    assert started == datetime(2026, 1, 1, 10, 15, 0, 500000)


def test_where_rows_run_is_read_and_nothing_is_made_up(tmp_path):
    told = read_loop(edited(tmp_path, PatientOrientation=["L", "F"])).setup
    assert told.rows_towards == "L"
    assert read_loop(edited(tmp_path, PatientOrientation=["", ""])).setup.rows_towards is None


def test_single_frames_stand_as_the_first_and_tell_what_differs():
    first = Setup(source_to_detector_mm=1000.0, source_to_isocentre_mm=700.0, table=(1.0,) * 6)
    assert over_all([first, first]) == first
    apart = over_all([first, replace(first, source_to_detector_mm=1100.0, table=(2.0,) * 6)])
    assert (apart.source_to_detector_mm, apart.source_to_isocentre_mm) == (None, None)
    assert apart.table_moved


def test_an_attribute_that_cannot_be_read_is_unknown_and_costs_no_loop():
    header = item(PatientOrientation="L")
    header.add_new("TableTopLateralPosition", "FL", [float("nan")])
    header.add_new("DistanceSourceToDetector", "DS", "1000")
    header.add_new("AcquisitionDate", "DA", "20260101")
    header.add_new("AcquisitionTime", "TM", "")
    found = setup(header)
    assert found.table == (None,) * 6
    assert found.started is None
    assert found.source_to_detector_mm == 1000
    assert found.rows_towards == "L"
