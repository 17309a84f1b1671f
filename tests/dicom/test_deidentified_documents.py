"""Dose reports, other makers' reports and presentation states, de-identified."""

from __future__ import annotations

from importlib.resources import files

import pydicom
import pytest
import sources
from dose_reports import dose_report, named, number, plane, scope

from napari_fluoroinject.dicom.deidentify import make_tables
from napari_fluoroinject.dicom.deidentify.clean import Rules
from napari_fluoroinject.dicom.deidentify.dates import DatePolicy
from napari_fluoroinject.dicom.deidentify.export import export
from napari_fluoroinject.dicom.deidentify.pseudonyms import Pseudonyms
from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.dicom.read_back import read_back

PSEUDONYMS = Pseudonyms(secret=b"k" * 32)
STUDY = "1.2.826.0.1.3680043.10.1.7"
MARK = "GEHEIM"


def deidentified(path, out, deed="remove", days=0):
    rules = Rules(pseudonyms=PSEUDONYMS, dates=DatePolicy(deed=deed, days=days))
    done = export([path], rules, out=out)
    assert (done.failures, done.doubts) == ((), ())
    return done.written[0]


def said(kind, code, meaning, **value):
    return item(
        RelationshipType="CONTAINS",
        ValueType=kind,
        ConceptNameCodeSequence=named(code, meaning),
        **value,
    )


def hostile_dose_report(folder):
    event = said(
        "CONTAINER",
        "113706",
        "Irradiation Event X-Ray Data",
        ContentSequence=[
            said("UIDREF", "113769", "Irradiation Event UID", UID="1.2.3.4"),
            said("DATETIME", "111526", "DateTime Started", DateTime="20250607080910"),
            said("TEXT", "125203", "Acquisition Protocol", TextValue=MARK),
            number("122130", "Dose Area Product", 1.2e-5, "Gy.m2"),
        ],
    )
    return dose_report(
        folder,
        STUDY,
        scope(STUDY),
        said("PNAME", "121008", "Person Observer Name", PersonName=f"{MARK}^A"),
        said("TEXT", "121106", "Comment", TextValue=MARK),
        number("121033", "Subject Age", 77, "a"),
        plane(2.16e-4, 0.012, 30.0),
        event,
    )


def test_a_dose_report_keeps_its_numbers_and_loses_names_ages_and_dates(tmp_path):
    path = deidentified(hostile_dose_report(tmp_path), tmp_path / "out")
    values = read_back(path).values
    assert values["kap_gycm2"] == pytest.approx(2.16)
    assert values["fluoroscopy_s"] == 30
    (event,) = values["events"]
    assert event["kap_gycm2"] == pytest.approx(0.12)
    assert event["event_uid"] == PSEUDONYMS.uid("1.2.3.4")
    assert event["started"] == "19000101000000"
    new = pydicom.dcmread(path)
    assert values["scope"] == new.StudyInstanceUID == PSEUDONYMS.uid(STUDY)
    raw = path.read_bytes()
    for secret in (MARK, "20250607", "Subject Age", STUDY):
        assert secret.encode() not in raw


def test_dates_in_a_report_are_moved_with_the_rest(tmp_path):
    path = deidentified(hostile_dose_report(tmp_path), tmp_path / "out", "shift", 30)
    assert read_back(path).values["events"][0]["started"] == "20250707080910"


OUR_NAMES = (
    *("fluoroinject:needle", "fluoroinject:outline+followed", "fluoroinject:line:midline"),
    "fluoroinject:line:midline:L4",
)
WORDS = (MARK, f"fluoroinject:line:{MARK}", f"fluoroinject:line:midline:{MARK}")


def test_a_presentation_state_keeps_its_shapes_and_loses_its_words(tmp_path):
    state = sources.common("1.2.840.10008.5.1.4.1.1.11.1", "PR", bits=8, frames=None, key="pr")
    for keyword in ("PixelData", "Rows", "Columns", "BurnedInAnnotation"):
        state.pop(keyword)
    reference = item(
        ReferencedSOPClassUID=sources.XA, ReferencedSOPInstanceUID="1.2.3", ReferencedFrameNumber=2
    )
    state.GraphicAnnotationSequence = [
        item(
            GraphicLayer="NEEDLE",
            ReferencedImageSequence=[reference],
            TextObjectSequence=[item(UnformattedTextValue=MARK, AnchorPoint=[1.0, 2.0])],
            GraphicObjectSequence=[
                item(GraphicType="POINT", GraphicData=[3.5, 4.5], TrackingID=name)
                for name in (*OUR_NAMES, *WORDS)
            ],
        )
    ]
    state.PresentationCreationDate, state.ContentCreatorName = "20250607", MARK
    state.PresentationCreationTime = "101112"
    state.save_as(tmp_path / "pr.dcm", enforce_file_format=True)
    path = deidentified(tmp_path / "pr.dcm", tmp_path / "out")
    new = pydicom.dcmread(path)
    (annotation,) = new.GraphicAnnotationSequence
    assert annotation.GraphicLayer == "NEEDLE"
    assert annotation.GraphicObjectSequence[0].GraphicData == [3.5, 4.5]
    names = [one.TrackingID for one in annotation.GraphicObjectSequence]
    assert names == [*OUR_NAMES, *("REMOVED" for _ in WORDS)]
    assert (new.PresentationCreationDate, new.PresentationCreationTime) == ("19000101", "000000")
    assert annotation.TextObjectSequence[0].UnformattedTextValue == "REMOVED"
    (image,) = annotation.ReferencedImageSequence
    assert image.ReferencedSOPInstanceUID == PSEUDONYMS.uid("1.2.3")
    assert image.ReferencedFrameNumber == 2
    codes = [one.CodeValue for one in new.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113103"]
    assert MARK.encode() not in path.read_bytes()


def test_what_was_done_to_the_pixels_before_is_still_told(tmp_path):
    loop = sources.xa()
    loop.DeidentificationMethodCodeSequence = [
        *named("113101", "Clean Pixel Data Option"),
        *named("113100", "Basic Application Confidentiality Profile"),
    ]
    loop.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    new = pydicom.dcmread(deidentified(tmp_path / "a.dcm", tmp_path / "out"))
    codes = [one.CodeValue for one in new.DeidentificationMethodCodeSequence]
    assert codes == ["113100", "113101"]


def shipped(name):
    folder = files("napari_fluoroinject.dicom.deidentify")
    return (folder / name).read_text(encoding="utf-8").splitlines()


def test_the_shipped_tables_are_what_the_script_makes_of_the_standard():
    rows = [line.split("\t") for line in shipped("profile.tsv")[1:]]
    dates = {"retain_longitudinal_modified_dates": "C"}
    standard = {
        "source": {"edition": "2026d"},
        "rules": [
            {"tag": tag, "basic": deeds, "name": name, "options": dates if temporal else {}}
            for tag, deeds, temporal, name in rows
        ]
        + [{"tag": "50XXXXXX", "basic": "X", "name": "Curve Data", "options": {}}],
        "content_items": [
            {
                "code": code,
                "scheme": scheme,
                "value_type": kind,
                "basic": deeds,
                "meaning": meaning,
                "options": dates if temporal else {},
            }
            for code, scheme, kind, deeds, temporal, meaning in (
                line.split("\t") for line in shipped("content.tsv")[1:]
            )
        ],
    }
    assert make_tables.profile(standard).splitlines() == shipped("profile.tsv")
    assert make_tables.content(standard).splitlines() == shipped("content.tsv")
    made = make_tables.required(standard).splitlines()
    for uid in (sources.XA, sources.XRF, sources.ENHANCED_XA, sources.SC_WORD):
        (line,) = (one for one in made if one.split("\t")[0] == uid)
        assert line in shipped("required.tsv")
