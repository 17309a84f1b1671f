"""What headers and dose reports record of a study is read, and what they do not is unknown."""

from __future__ import annotations

import pytest
from dose_reports import dose_report, plane, scope
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag
from small_loops import REFERENCE, edited, raw_file, small_object, written

from napari_fluoroinject.dicom.read import LoopFiles, find_loops
from napari_fluoroinject.dicom.study import read_dose_report
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.model.study import DoseReport, Recorded

STUDY = REFERENCE.study_instance_uid


def found_in(folder):
    (loop,) = find_loops([folder])
    assert isinstance(loop, LoopFiles)
    return loop.recorded


def test_a_loop_records_its_angles_dose_and_what_is_known_of_the_patient(tmp_path):
    edited(
        tmp_path,
        ImageAndFluoroscopyAreaDoseProduct="21.5",
        TotalTimeOfFluoroscopy=34,
        Allergies=["iodine", "latex"],
        PregnancyStatus=2,
    )
    recorded = found_in(tmp_path)
    assert recorded.view == View(primary_angle_deg=2.0, secondary_angle_deg=-1.5, name="AP")
    assert recorded.kap_gycm2 == pytest.approx(2.15)  # the attribute is in dGy.cm2
    assert recorded.fluoroscopy_s == 34
    assert recorded.allergies == "iodine, latex"
    assert recorded.pregnancy == "possibly pregnant"


def test_what_a_header_does_not_record_is_unknown(tmp_path):
    written(tmp_path)
    assert found_in(tmp_path) == Recorded(
        view=View(primary_angle_deg=2.0, secondary_angle_deg=-1.5, name="AP")
    )


def test_a_dose_of_zero_was_not_measured(tmp_path):
    edited(tmp_path, ImageAndFluoroscopyAreaDoseProduct="0", TotalTimeOfFluoroscopy=0)
    recorded = found_in(tmp_path)
    assert recorded.kap_gycm2 is None
    assert recorded.fluoroscopy_s is None


def test_a_dose_that_is_no_number_is_unknown_and_does_not_cost_the_loop(tmp_path):
    dataset = small_object()
    tag = Tag("ImageAndFluoroscopyAreaDoseProduct")
    dataset._dict[tag] = RawDataElement(tag, "DS", 4, b"much", 0, False, True)
    dataset.PregnancyStatus = 9
    written(tmp_path, dataset)
    recorded = found_in(tmp_path)
    assert recorded.kap_gycm2 is None
    assert recorded.pregnancy is None


def test_a_dose_report_tells_its_totals_in_the_units_of_the_house(tmp_path):
    path = dose_report(tmp_path, STUDY, scope(STUDY), plane(2.16e-4, 0.012, 30.0))
    report = read_dose_report(path)
    assert report is not None
    assert report.scope == report.study_instance_uid == STUDY
    assert report.kap_gycm2 == pytest.approx(2.16)
    assert report.kerma_mgy == pytest.approx(12.0)
    assert report.fluoroscopy_s == 30.0


def test_of_two_planes_areas_add_up_and_the_larger_kerma_and_time_count(tmp_path):
    path = dose_report(tmp_path, STUDY, plane(1e-4, 0.010, 20.0), plane(2e-4, 0.004, 25.0))
    report = read_dose_report(path)
    assert report is not None
    assert report.kap_gycm2 == pytest.approx(3.0)
    assert report.kerma_mgy == pytest.approx(10.0)
    assert report.fluoroscopy_s == 25.0


def test_a_quantity_in_an_unknown_unit_and_one_that_is_missing_are_unknown(tmp_path):
    strange = dose_report(tmp_path, STUDY, plane(1e-4, 0.01, 0.5, time_unit="h"))
    assert getattr(read_dose_report(strange), "fluoroscopy_s", 0) is None
    empty = dose_report(tmp_path, STUDY, number=2)
    assert read_dose_report(empty) == DoseReport(study_instance_uid=STUDY, scope=STUDY)


def test_a_report_with_another_title_is_no_dose_report(tmp_path):
    assert read_dose_report(dose_report(tmp_path, STUDY, title="126000")) is None


@pytest.mark.parametrize("named", [True, False])
def test_dose_reports_are_collected_beside_the_loops(tmp_path, named):
    loop = written(tmp_path)
    report = dose_report(tmp_path, STUDY, plane(2.16e-4, 0.012, 30.0))
    doses = []
    found = list(find_loops([loop, report] if named else [tmp_path], doses=doses))
    assert [one.paths for one in found if isinstance(one, LoopFiles)] == [(loop,)]
    assert len(found) == 1
    assert [one.fluoroscopy_s for one in doses] == [30.0]


def test_a_damaged_dose_report_is_named_and_the_loop_is_found(tmp_path):
    written(tmp_path)
    whole = dose_report(tmp_path, STUDY, plane(2.16e-4, 0.012, 30.0))
    whole.write_bytes(whole.read_bytes()[:-40])
    found = list(find_loops([tmp_path]))
    assert sum(isinstance(one, LoopFiles) for one in found) == 1
    (error,) = (one for one in found if isinstance(one, UnreadableObjectError))
    assert whole.name in str(error)


def test_what_is_no_dicom_is_an_error_of_its_own_kind(tmp_path):
    path = raw_file(tmp_path, b"no data set")
    with pytest.raises(UnreadableObjectError):
        read_dose_report(path)
