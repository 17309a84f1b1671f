"""Reports and dose reports, ours and others', become values again."""

from __future__ import annotations

import highdicom as hd
import numpy as np
import pydicom
import pytest
import sources
from dose_reports import dose_report, named, number, plane, scope
from example_report import (
    encoded,
    example_annotation,
    example_report,
    marked,
    written_source,
)
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    DateTimeContentItem,
    NumContentItem,
    RelationshipTypeValues,
    UIDRefContentItem,
)
from pydicom.config import disable_value_validation
from pydicom.sr.coding import Code

from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.dicom.read_back import READERS, read_back
from napari_fluoroinject.dicom.study import read_dose_report
from napari_fluoroinject.errors import AnnotationError, UnreadableObjectError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.plain import plain, typed

STUDY = "1.2.826.0.1.3680043.10.1.7"


def saved(dataset, folder, name="one.dcm"):
    path = folder / name
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture(params=sorted(sources.SOURCES))
def report(request, tmp_path):
    paths = written_source(request.param, tmp_path)
    made = marked(example_report(paths))
    return made, encoded(made, paths)["report"]


def test_a_report_of_ours_gives_its_annotation_and_its_numbers(report, tmp_path):
    made, document = report
    found = read_back(saved(document, tmp_path))
    assert found.kind == "measurement report"
    assert found.study_instance_uid == made.loop.reference.study_instance_uid
    assert typed(Annotation, plain_lists(found.values["annotation"])) == example_annotation()
    wanted = made.loop.reference.frame_instance_uids or (made.loop.reference.sop_instance_uid,)
    assert set(found.values["about"]) == set(wanted)
    shaped = [one for one in found.values["measurements"] if one["label"].endswith(":Length")]
    needle = made.needle
    assert shaped[0]["name"] == "Length"
    np.testing.assert_allclose(shaped[0]["points_px"], [needle.hub_px, needle.tip_px], atol=1e-4)
    if not made.loop.reference.frame_instance_uids and made.loop.shape[0] > 1:
        assert shaped[0]["frames"] == [needle.frame]


def plain_lists(value):
    if isinstance(value, dict):
        return {key: plain_lists(one) for key, one in value.items()}
    return [plain_lists(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.mark.filterwarnings("ignore:Invalid value for VR DS")
def test_a_number_that_is_none_is_said_to_be_none(tmp_path):
    paths = written_source("xa", tmp_path)
    document = encoded(example_report(paths), paths)["report"]
    assert all("note" not in one for one in measured(document, tmp_path))
    with disable_value_validation():
        for element in document.iterall():
            if element.keyword == "NumericValue":
                element.value = "nan"
        found = measured(document, tmp_path)
    assert {one.get("note") for one in found} == {"NumericValue 'nan' is no number"}


def measured(document, folder):
    return read_back(saved(document, folder)).values["measurements"]


def test_a_report_of_ours_that_was_changed_is_refused(tmp_path):
    paths = written_source("xa", tmp_path)
    document = encoded(marked(example_report(paths)), paths)["report"]
    for element in document.iterall():
        if element.keyword == "GraphicData":
            element.value = [one + 1 for one in element.value]
    with pytest.raises(AnnotationError, match="content was changed"):
        read_back(saved(document, tmp_path))


def test_a_report_of_another_maker_gives_its_numbers_and_claims_no_annotation(tmp_path):
    paths = written_source("xa", tmp_path)
    document = encoded(marked(example_report(paths)), paths)["report"]
    document.ManufacturerModelName = "Other workstation"
    found = read_back(saved(document, tmp_path))
    assert found.values["annotation"] is None
    assert "not a report of this software" in found.values["note"]
    assert found.values["measurements"]
    assert found.values["about"]


@pytest.mark.parametrize("kind", ["segmentation", "map_arrival"])
def test_a_class_without_a_reader_says_which_there_are(kind, tmp_path):
    paths = written_source("xa", tmp_path)
    results = encoded(example_report(paths), paths)
    if str(results[kind].SOPClassUID) in READERS:
        return
    with pytest.raises(UnreadableObjectError, match=r"radiation dose report"):
        read_back(saved(results[kind], tmp_path))


def test_what_is_no_dicom_or_is_cut_off_is_named(tmp_path):
    path = tmp_path / "noise"
    path.write_bytes(b"noise")
    with pytest.raises(UnreadableObjectError, match="noise"):
        read_back(path)
    whole = dose_report(tmp_path, STUDY, plane(1e-4, 0.01, 3.0))
    whole.write_bytes(whole.read_bytes()[:-7])
    with pytest.raises(UnreadableObjectError):
        read_back(whole)


def event(*content, uid="1.2.3.4"):
    reference = item(
        RelationshipType="CONTAINS",
        ValueType="UIDREF",
        ConceptNameCodeSequence=named("113769", "Irradiation Event UID"),
        UID=uid,
    )
    return item(
        RelationshipType="CONTAINS",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=named("113706", "Irradiation Event X-Ray Data"),
        ContentSequence=[reference, *content],
    )


def container(code, *content):
    return item(
        RelationshipType="CONTAINS",
        ValueType="CONTAINER",
        ConceptNameCodeSequence=named(code, "container"),
        ContentSequence=list(content),
    )


def test_a_dose_report_tells_totals_and_every_event(tmp_path):
    started = item(
        RelationshipType="CONTAINS",
        ValueType="DATETIME",
        ConceptNameCodeSequence=named("111526", "DateTime Started"),
        DateTime="20260101101500",
    )
    kind = item(
        RelationshipType="CONTAINS",
        ValueType="CODE",
        ConceptNameCodeSequence=named("113721", "Irradiation Event Type"),
        ConceptCodeSequence=[
            item(CodeValue="44491008", CodingSchemeDesignator="SCT", CodeMeaning="Fluoroscopy")
        ],
    )
    path = dose_report(
        tmp_path,
        STUDY,
        scope(STUDY),
        event(
            kind,
            started,
            number("122130", "Dose Area Product", 1.2e-5, "Gy.m2"),
            number("113738", "Dose (RP)", 0.002, "Gy"),
            number("113742", "Irradiation Duration", 4.5, "s"),
            number("112011", "Positioner Primary Angle", -25, "deg"),
        ),
        event(uid="1.2.3.5"),
        plane(2.16e-4, 0.012, 30.0),
    )
    found = read_back(path)
    assert found.kind == "radiation dose report"
    assert found.values["scope"] == STUDY
    assert found.values["fluoroscopy_s"] == 30
    assert found.values["kap_gycm2"] == pytest.approx(2.16)
    first, second = found.values["events"]
    assert first["event_uid"] == "1.2.3.4"
    assert first["kind"] == "Fluoroscopy"
    assert first["started"] == "20260101101500"
    assert first["duration_s"] == 4.5
    assert first["kap_gycm2"] == pytest.approx(0.12)
    assert first["kerma_mgy"] == pytest.approx(2.0)
    assert first["primary_angle_deg"] == -25
    assert first["secondary_angle_deg"] is None
    assert {value for key, value in second.items() if key != "event_uid"} == {None}


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        *(("Gy.m2", 2e-4), ("Gym2", 2e-4), ("Gy.cm2", 2.0), ("dGy.cm2", 20)),
        *(("cGy.cm2", 200), ("mGy.cm2", 2000), ("uGy.m2", 200), ("uGy.cm2", 2e6)),
    ],
)
def test_areas_in_every_unit_that_makers_write_are_the_same(unit, value, tmp_path):
    accumulated = container("113702", number("113722", "Dose Area Product Total", value, unit))
    report = read_dose_report(dose_report(tmp_path, STUDY, accumulated))
    assert report.kap_gycm2 == pytest.approx(2.0)


def test_totals_stand_where_they_may_deeper_and_after_the_events(tmp_path):
    deep = container(
        "113702", container("113700", number("113730", "Total Fluoro Time", 1, "min"))
    )
    before = event(number("113730", "Total Fluoro Time", 9000, "s"))
    report = read_dose_report(dose_report(tmp_path, STUDY, before, container("121118", deep)))
    assert report.fluoroscopy_s == 60
    assert report.kap_gycm2 is None
    assert len(report.events) == 1


def test_a_total_is_added_up_of_its_parts_only_if_all_are_told(tmp_path):
    fluoro = number("113726", "Fluoro Dose Area Product Total", 1e-4, "Gy.m2")
    taken = number("113727", "Acquisition Dose Area Product Total", 2e-4, "Gy.m2")
    both = dose_report(tmp_path, STUDY, container("113702", fluoro, taken))
    assert read_dose_report(both).kap_gycm2 == pytest.approx(3.0)
    one = dose_report(tmp_path, STUDY, container("113702", fluoro), number=2)
    assert read_dose_report(one).kap_gycm2 is None


def test_a_total_that_contains_another_is_not_added_to_it(tmp_path):
    inner = container("113702", number("113722", "Dose Area Product Total", 1e-4, "Gy.m2"))
    outer = container("113702", number("113722", "Dose Area Product Total", 3e-4, "Gy.m2"), inner)
    report = read_dose_report(dose_report(tmp_path, STUDY, outer))
    assert report.kap_gycm2 == pytest.approx(3.0)


def test_one_value_that_is_no_number_does_not_cost_the_rest(tmp_path):
    accumulated = plane(1e-4, 0.01, 20)
    path = dose_report(tmp_path, STUDY, accumulated)
    raw = path.read_bytes()
    assert raw.count(b"DS\x04\x0020.0") == 1
    path.write_bytes(raw.replace(b"20.0", b"????"))
    report = read_dose_report(path)
    assert report.fluoroscopy_s is None
    assert report.kerma_mgy == pytest.approx(10.0)


def coded(value, meaning, scheme="DCM"):
    return CodedConcept(value, scheme, meaning)


def test_a_dose_report_made_by_another_library_is_read(tmp_path):
    contains = RelationshipTypeValues.CONTAINS
    gym2, second = Code("Gy.m2", "UCUM", "Gy.m2"), Code("s", "UCUM", "s")
    totals = ContainerContentItem(
        coded("113702", "Accumulated X-Ray Dose Data"), False, relationship_type=contains
    )
    totals.ContentSequence = ContentSequence(
        [
            NumContentItem(
                coded("113722", "Dose Area Product Total"), 4e-4, gym2, relationship_type=contains
            ),
            NumContentItem(
                coded("113730", "Total Fluoro Time"), 41, second, relationship_type=contains
            ),
        ]
    )
    beam = ContainerContentItem(
        coded("113706", "Irradiation Event X-Ray Data"), False, relationship_type=contains
    )
    beam.ContentSequence = ContentSequence(
        [
            CodeContentItem(
                coded("113764", "Acquisition Plane"), coded("113622", "Single Plane"), contains
            ),
            UIDRefContentItem(coded("113769", "Irradiation Event UID"), "1.2.3.9", contains),
            DateTimeContentItem(
                coded("111526", "DateTime Started"), "20260101101500.25", contains
            ),
        ]
    )
    root = ContainerContentItem(coded("113701", "X-Ray Radiation Dose Report"), False)
    root.ContentSequence = ContentSequence([totals, beam])
    paths = written_source("xa", tmp_path)
    document = hd.sr.ComprehensiveSR(
        evidence=[pydicom.dcmread(paths[0])],
        content=root,
        series_instance_uid=hd.UID(),
        series_number=9,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="Other",
        record_evidence=False,
    )
    document.SOPClassUID = pydicom.uid.XRayRadiationDoseSRStorage
    document.file_meta.MediaStorageSOPClassUID = document.SOPClassUID
    found = read_back(saved(document, tmp_path)).values
    assert found["kap_gycm2"] == pytest.approx(4.0)
    assert found["fluoroscopy_s"] == 41
    assert found["events"][0]["plane"] == "Single Plane"
    assert found["events"][0]["event_uid"] == "1.2.3.9"
    assert found["events"][0]["started"].startswith("20260101101500")


def test_a_dose_object_with_another_title_is_refused(tmp_path):
    with pytest.raises(UnreadableObjectError, match="another title"):
        read_back(dose_report(tmp_path, STUDY, title="126000"))


def test_plain_values_are_what_json_can_hold(report, tmp_path):
    import json

    made, document = report
    found = read_back(saved(document, tmp_path))
    assert json.loads(json.dumps(found.values, allow_nan=False))["annotation"] == plain_lists(
        plain(made.annotation)
    )
