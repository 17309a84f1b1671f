"""Results belong to the study of their source, and to no other."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from datetime import datetime

import pydicom
import pytest
import sources
from example_report import encoded, example_report, with_events, written_source

from napari_fluoroinject.dicom import identity
from napari_fluoroinject.dicom.check.run import check_files
from napari_fluoroinject.dicom.encode import encode_results
from napari_fluoroinject.dicom.header import COPIED
from napari_fluoroinject.dicom.identity import UNKNOWN_MOMENT, identify
from napari_fluoroinject.dicom.write import encoded_bytes, write_objects
from napari_fluoroinject.errors import IdentityMismatchError


def edited(tmp_path, kind="xa", **attributes):
    """Write a source with other attributes; None deletes one."""
    datasets = sources.SOURCES[kind]()
    for dataset in datasets:
        for keyword, value in attributes.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)
    return sources.write_source(datasets, tmp_path / "edited")


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_patient_and_study_are_those_of_the_source_in_every_result(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    source = pydicom.dcmread(paths[0])
    for name, made in encoded(example_report(paths), paths).items():
        for keyword in COPIED:
            assert made.get(keyword) == source.get(keyword), (name, keyword)


def test_nothing_about_a_person_is_in_a_result_but_what_the_source_says(tmp_path):
    paths = written_source("xa", tmp_path)
    for made in encode_results(example_report(paths), paths):
        names = {str(e.value) for e in made.dataset.iterall() if e.VR == "PN" and e.value}
        assert names == {"Synthétique^Fluoro"}


def test_nothing_private_leaks_not_even_from_copied_sequences(tmp_path):
    (source,) = sources.SOURCES["xa"]()
    step = sources.code("X1", "99LOCAL", "Local procedure")
    step.private_block(0x0009, "SYNTHETIC SECRET", create=True).add_new(1, "LO", "hidden")
    source.ProcedureCodeSequence = [step]
    paths = sources.write_source([source], tmp_path / "private")
    for made in encode_results(example_report(paths), paths):
        assert made.dataset.ProcedureCodeSequence[0].CodeValue == "X1"
        assert not [e for e in made.dataset.iterall() if e.tag.is_private]
        assert b"SYNTHETIC SECRET" not in encoded_bytes(made.dataset)


@pytest.mark.parametrize(
    ("charset", "name"),
    [
        ("ISO_IR 100", "Müller^Jürgen"),
        ("ISO_IR 138", "שרון^דבורה"),
        ("GB18030", "Wang^XiaoDong=王^小东"),
        (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    ],
)
def test_the_name_keeps_its_bytes_and_its_character_set(charset, name, tmp_path):
    paths = edited(tmp_path, SpecificCharacterSet=charset, PatientName=name)
    source = paths[0].read_bytes()
    for made in encode_results(example_report(paths), paths):
        written = encoded_bytes(made.dataset)
        start = source.index(b"\x10\x00\x10\x00PN")
        length = int.from_bytes(source[start + 6 : start + 8], "little")
        assert source[start : start + 8 + length] in written
        read = pydicom.dcmread(pydicom.filebase.DicomBytesIO(written))
        assert read.PatientName == name


def test_empty_patient_fields_stay_empty_and_absent_ones_become_empty(tmp_path):
    paths = edited(tmp_path, PatientID="", PatientName="", PatientSex=None, AccessionNumber=None)
    for made in encode_results(example_report(paths), paths):
        assert made.dataset.PatientID == ""
        assert str(made.dataset.PatientName) == ""
        assert "PatientSex" in made.dataset
        assert not made.dataset.PatientSex
        assert not made.dataset.AccessionNumber


def test_the_equipment_is_ours_and_the_c_arm_is_named_as_having_contributed(tmp_path):
    paths = written_source("xa", tmp_path)
    for made in encode_results(example_report(paths), paths):
        dataset = made.dataset
        assert dataset.Manufacturer == "napari-fluoroinject"
        assert dataset.DeviceSerialNumber == "none (software)"
        assert list(dataset.SoftwareVersions) == ["0.1.0", "reference 2.0"]
        ours, acquired = dataset.ContributingEquipmentSequence
        assert "backend=reference 2.0 (any processor)" in ours.ContributionDescription
        assert "needle_gauge=22" in ours.ContributionDescription
        assert (acquired.Manufacturer, acquired.ManufacturerModelName) == ("Synthetic", "CARM-0")


def test_the_body_part_is_the_sources_then_the_procedures_then_unknown(tmp_path):
    paths = edited(tmp_path / "own", BodyPartExamined="KNEE", Laterality="L")
    made = encoded(example_report(paths), paths)
    assert made["segmentation"].BodyPartExamined == "KNEE"
    assert "Laterality" not in made["segmentation"]
    assert (made["map_arrival"].BodyPartExamined, made["map_arrival"].Laterality) == ("KNEE", "L")
    paths = edited(tmp_path / "procedure", AnatomicRegionSequence=None, Laterality="L")
    report = example_report(paths)
    made = encoded(report, paths)
    assert made["segmentation"].BodyPartExamined == "LSPINE"
    assert "Laterality" not in made["map_arrival"]
    paths = edited(tmp_path / "nowhere", AnatomicRegionSequence=None)
    report = example_report(paths)
    report = replace(report, procedure=replace(report.procedure, anatomic_region=None))
    made = encoded(report, paths)
    assert "BodyPartExamined" not in made["segmentation"]
    assert made["map_arrival"].Laterality == ""
    assert "AnatomicRegionSequence" not in made["segmentation"].SegmentSequence[0]
    assert "AnatomicRegionSequence" not in made["map_arrival"]


def test_an_anatomic_region_that_names_no_body_part_is_kept_as_a_code(tmp_path):
    region = [sources.code("39723000", "SCT", "Sacroiliac joint")]
    paths = edited(tmp_path, AnatomicRegionSequence=region)
    report = example_report(paths)
    report = replace(report, procedure=replace(report.procedure, anatomic_region=None))
    made = encoded(report, paths)
    segment = made["segmentation"].SegmentSequence[0]
    assert segment.AnatomicRegionSequence[0].CodeValue == "39723000"
    assert made["map_arrival"].AnatomicRegionSequence[0].CodeValue == "39723000"
    assert "BodyPartExamined" not in made["map_arrival"]


def test_loss_once_suffered_is_told_on(tmp_path):
    paths = edited(
        tmp_path,
        LossyImageCompression="01",
        LossyImageCompressionRatio="12.5",
        LossyImageCompressionMethod="ISO_10918_1",
    )
    made = encoded(example_report(paths), paths)
    for name in ("segmentation", "map_arrival"):
        assert made[name].LossyImageCompression == "01"
        assert made[name].LossyImageCompressionRatio == 12.5
    paths = edited(tmp_path / "silent", LossyImageCompression="01")
    report = example_report(paths)
    assert encoded(report, paths)["segmentation"].LossyImageCompression == "01"
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    report = replace(report, loop=replace(report.loop, lossy=True))
    assert encoded(report, paths)["segmentation"].LossyImageCompression == "01"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, datetime(2026, 1, 1, 10, 15, 0, 123000)),
        ({"ContentDate": None, "AcquisitionTime": "0930"}, datetime(2026, 1, 1, 9, 30)),
        ({"ContentTime": ""}, datetime(2026, 1, 1)),
        ({"ContentTime": "996060"}, datetime(2026, 1, 1)),
        (
            {"ContentDate": "", "AcquisitionDate": None, "SeriesDate": "20251231"},
            datetime(2025, 12, 31, 10, 15, 0, 123000),
        ),
        (
            {
                "ContentDate": None,
                "AcquisitionDate": None,
                "AcquisitionDateTime": "20260102030405.5+0100",
            },
            datetime(2026, 1, 2, 3, 4, 5, 500000),
        ),
        (
            {"ContentDate": "", "AcquisitionDate": "", "SeriesDate": "", "StudyDate": ""},
            UNKNOWN_MOMENT,
        ),
    ],
)
def test_the_content_date_is_the_most_specific_that_the_source_tells(
    attributes, expected, tmp_path
):
    with pydicom.config.disable_value_validation():
        paths = edited(tmp_path, **attributes)
        assert identify(example_report(paths), paths).moment == expected


def test_a_file_and_its_copy_from_the_network_give_the_same_results(tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    dataset = pydicom.dcmread(paths[0])
    dataset.file_meta.ImplementationVersionName = "ANOTHER WRITER"
    copy = tmp_path / "copy.dcm"
    dataset.save_as(copy)
    assert copy.read_bytes() != paths[0].read_bytes()
    assert identify(report, [copy]).seed == identify(report, paths).seed
    uids = [one.dataset.SOPInstanceUID for one in encode_results(report, paths)]
    assert uids == [one.dataset.SOPInstanceUID for one in encode_results(report, [copy])]


def test_a_file_that_changed_since_the_analysis_is_refused(tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    paths[0].write_bytes(paths[0].read_bytes()[:-2] + b"\1\1")
    with pytest.raises(IdentityMismatchError, match="changed since"):
        encode_results(report, paths)


@pytest.mark.skipif(os.name != "posix", reason="only there is the time of a change kept")
def test_a_file_that_was_changed_under_its_old_time_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "_SETTLED_NS", 0)
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    encode_results(report, paths)
    time.sleep(0.05)  # longer than a step of the file system's clock
    before = paths[0].stat()
    paths[0].write_bytes(paths[0].read_bytes()[:-2] + b"\1\1")
    os.utime(paths[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(IdentityMismatchError, match="changed since"):
        encode_results(report, paths)


@pytest.mark.skipif(os.name != "posix", reason="only there is the time of a change kept")
@pytest.mark.parametrize(("settled_s", "remembered"), [(0, True), (3600, False)])
def test_the_digest_of_an_untouched_file_is_remembered_unless_it_is_new(
    settled_s, remembered, tmp_path, monkeypatch
):
    monkeypatch.setattr(identity, "_SETTLED_NS", settled_s * 10**9)
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    encode_results(report, paths)
    hits = identity._digest_of_untouched.cache_info().hits
    encode_results(report, paths)
    assert (identity._digest_of_untouched.cache_info().hits > hits) is remembered


def test_another_loop_is_refused(tmp_path):
    report = example_report(written_source("xa", tmp_path))
    with pytest.raises(IdentityMismatchError, match="give the files that were analysed"):
        encode_results(report, written_source("rf", tmp_path))
    with pytest.raises(IdentityMismatchError, match="0 instances"):
        encode_results(report, [])


def test_a_frame_missing_from_or_added_to_a_loop_of_single_frames_is_refused(tmp_path):
    paths = written_source("series", tmp_path)
    report = example_report(paths)
    with pytest.raises(IdentityMismatchError):
        encode_results(report, paths[1:])
    with pytest.raises(IdentityMismatchError):
        encode_results(report, [*paths, paths[0]])


def test_another_study_under_the_same_uid_is_refused(tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    other = edited(tmp_path, StudyInstanceUID=sources.uid("other study"))
    with pytest.raises(IdentityMismatchError, match="studies"):
        encode_results(report, other)


def test_frames_of_two_patients_are_never_one_loop(tmp_path):
    datasets = sources.SOURCES["series"]()
    datasets[3].PatientID = "OTHER"
    paths = sources.write_source(datasets, tmp_path / "mixed")
    with pytest.raises(IdentityMismatchError, match="2 patients"):
        encode_results(example_report(paths), paths)


def test_an_id_of_two_values_is_not_the_text_that_shows_them(tmp_path):
    datasets = sources.SOURCES["series"]()
    for dataset in datasets:
        dataset.PatientID = ["A", "B"]
    datasets[3].PatientID = "['A', 'B']"
    paths = sources.write_source(datasets, tmp_path / "mixed")
    with pytest.raises(IdentityMismatchError, match="2 patients"):
        encode_results(example_report(paths), paths)


@pytest.mark.parametrize("keyword", ["AccessionNumber", "StudyID"])
def test_frames_of_two_requests_are_never_one_loop(tmp_path, keyword):
    datasets = sources.SOURCES["series"]()
    setattr(datasets[3], keyword, "SECRET")
    paths = sources.write_source(datasets, tmp_path / "mixed")
    with pytest.raises(IdentityMismatchError, match=f"2 values of {keyword}") as refused:
        encode_results(example_report(paths), paths)
    assert "SECRET" not in str(refused.value)


def test_what_frames_of_one_loop_say_differently_is_left_empty_and_no_fault(tmp_path):
    datasets = sources.SOURCES["series"]()
    datasets[3].ReferringPhysicianName, datasets[4].ReferringPhysicianName = "One", "Two"
    datasets[2].StudyDate, datasets[5].PatientAge = "20260102", "040Y"
    paths = sources.write_source(datasets, tmp_path / "mixed")
    results = encode_results(example_report(paths), paths)
    for made in results:
        assert not made.dataset.StudyDate
        assert not made.dataset.ReferringPhysicianName
        assert made.dataset.PatientAge == "040Y"
    write_objects(results, tmp_path / "out")
    for one in check_files([tmp_path / "out"], paths):
        assert [str(fault) for fault in one.faults] == []


@pytest.mark.parametrize("zone", ["+9999", "Z", "+01:0", "-0000"])
def test_a_time_zone_that_is_none_is_unknown(zone, tmp_path):
    paths = edited(tmp_path, TimezoneOffsetFromUTC=zone)
    results = encode_results(with_events(example_report(paths)), paths)
    assert not any("TimezoneOffsetFromUTC" in made.dataset for made in results)
    assert not any(zone.encode() in made.content for made in results if zone == "+9999")
    write_objects(results, tmp_path / "out")
    for one in check_files([tmp_path / "out"], paths):
        assert [str(fault) for fault in one.faults] == []


def test_a_source_that_is_gone_or_no_longer_dicom_is_refused(tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    paths[0].write_bytes(b"not DICOM at all")
    with pytest.raises(IdentityMismatchError, match="cannot be read again"):
        encode_results(report, paths)
    paths[0].unlink()
    with pytest.raises(IdentityMismatchError, match="cannot be read again"):
        encode_results(report, paths)


@pytest.mark.parametrize(("number", "expected"), [(5, 591), (None, 91), (2_000_000, 91)])
def test_result_series_are_numbered_after_the_source(number, expected, tmp_path):
    paths = edited(tmp_path, SeriesNumber=number)
    assert encoded(example_report(paths), paths)["report"].SeriesNumber == expected


def test_a_moment_with_a_zone_stays_as_it_is_where_the_source_names_none(tmp_path):
    paths = edited(tmp_path, TimezoneOffsetFromUTC=None)
    moment = datetime.fromisoformat("2026-03-04T05:06:07-05:00")
    identity = identify(example_report(paths), paths, content_time=moment)
    assert identity.moment == datetime(2026, 3, 4, 5, 6, 7)


def test_a_value_that_cannot_be_understood_stops_nothing(tmp_path):
    paths = edited(tmp_path, PatientSize="1.75", AcquisitionDuration=0.8)
    whole = paths[0].read_bytes()
    start = whole.index(b"FD\x08\x00")
    cut = whole[:start] + b"FD\x04\x00" + whole[start + 8 :]  # half a double
    cut = cut.replace(b"DS\x04\x001.75", b"DS\x04\x00x.75").replace(
        b"IS\x02\x005 ", b"IS\x02\x005x"
    )
    paths[0].write_bytes(cut)
    made = encoded(example_report(paths), paths)["report"]
    assert made.PatientID == "FLUORO01"
    assert made.SeriesNumber == 91
    assert b"x.75" in encoded_bytes(made)
