"""Stated events as a Procedure Log and back: by the clock, in order, in the source's zone."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import pydicom
import pytest
import sources
from example_report import example_report, written_source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_wording import NEVER_OF_A_RESULT, heard
from validators import complaints, page

from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.dicom.moments import Moment, first_frame_moment
from napari_fluoroinject.dicom.procedure_log import ENTRIES, encode_log, log_omission
from napari_fluoroinject.dicom.read_log import read_log
from napari_fluoroinject.dicom.write import encoded_bytes, sealed, write_objects
from napari_fluoroinject.errors import AnnotationError, EncodingError
from napari_fluoroinject.model.annotation import Annotation, Event

EVENTS = (
    Event(kind="medication", time_s=65.0),
    Event(kind="aspiration", time_s=-12.5),
    Event(kind="contrast", time_s=0.267),
    Event(kind="test_dose", time_s=30.1),
)
IN_ORDER = tuple(sorted(EVENTS, key=lambda event: event.time_s))
_NO_CLOCK = ("AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime")


def source(kind, folder, edit=lambda header: None, events=EVENTS):
    datasets = sources.SOURCES[kind]()
    for dataset in datasets:
        edit(dataset)
    paths = sources.write_source(datasets, folder / kind)
    report = replace(example_report(paths), annotation=Annotation(events=events))
    return report, identify(report, paths)


def timeless(header):
    for keyword in _NO_CLOCK:
        if keyword in header:
            delattr(header, keyword)


def entries(log):
    return [one for one in log.ContentSequence if one.RelationshipType == "CONTAINS"]


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_the_events_of_a_log_of_any_source_come_back_exactly(kind, tmp_path):
    report, identity = source(kind, tmp_path)
    log = pydicom.dcmread(io.BytesIO(encoded_bytes(encode_log(report, identity))))
    assert read_log(log) == IN_ORDER
    assert read_log(log, first_frame=first_frame_moment(identity.source)) == IN_ORDER
    assert log.StudyInstanceUID == report.loop.reference.study_instance_uid


def test_every_entry_has_its_moment_by_the_clock_of_the_source_in_its_zone(tmp_path):
    log = encode_log(*source("xa", tmp_path))
    assert [one.ObservationDateTime for one in entries(log)] == [
        "20260101101447.623000+0100",
        "20260101101500.390000+0100",
        "20260101101530.223000+0100",
        "20260101101605.123000+0100",
    ]
    assert log.TimezoneOffsetFromUTC == "+0100"


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.builds(
            Event,
            kind=st.sampled_from(sorted(ENTRIES)),
            time_s=st.one_of(st.floats(-1e5, 1e5), st.sampled_from([0.0, 1.0, 1.0 + 1e-9, -0.0])),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_moments_rise_strictly_and_no_event_is_lost_or_changed(tmp_path_factory, events):
    report, identity = _shared(tmp_path_factory)
    report = replace(report, annotation=Annotation(events=tuple(events)))
    log = encode_log(report, identity)
    moments = [one.ObservationDateTime for one in entries(log)]
    assert all(earlier < later for earlier, later in pairwise(moments))
    read = read_log(log, first_frame=first_frame_moment(identity.source))
    assert read == tuple(sorted(events, key=lambda event: event.time_s))


_MADE = []


def _shared(tmp_path_factory):
    if not _MADE:
        _MADE.append(source("xa", tmp_path_factory.mktemp("shared")))
    return _MADE[0]


def test_there_is_no_container_below_the_root_and_no_reference_to_an_item(tmp_path):
    log = encode_log(*source("xa", tmp_path))
    assert log.ValueType == "CONTAINER"
    below = [element for one in log.ContentSequence for element in one.iterall()]
    assert "CONTAINER" not in [one.value for one in below if one.keyword == "ValueType"]
    assert "ReferencedContentItemIdentifier" not in [one.keyword for one in below]
    assert all("ObservationDateTime" in one for one in entries(log))


def test_what_was_done_is_told_by_codes_and_as_stated_not_observed(tmp_path):
    log = encode_log(*source("xa", tmp_path))
    told = [
        (one.ConceptNameCodeSequence[0].CodeMeaning, one.ConceptCodeSequence[0].CodeMeaning)
        for one in entries(log)
    ]
    assert told == [
        ("Start Procedure Action", "Aspiration through the needle"),
        ("Contrast administered", "Contrast agent"),
        ("Drug administered", "Test dose"),
        ("Drug administered", "Medication"),
    ]
    words = [one.value for one in log.iterall() if one.keyword == "TextValue"]
    assert words.count("As stated by a person, not observed.") == 4
    assert heard(words, NEVER_OF_A_RESULT) == []


def test_without_events_there_is_no_log_and_nothing_to_explain(tmp_path):
    report, identity = source("xa", tmp_path, events=())
    assert encode_log(report, identity) is None
    assert log_omission(report, identity) is None


def test_a_loop_without_day_and_time_has_no_log_and_the_reason_is_told(tmp_path):
    report, identity = source("xa", tmp_path, timeless)
    assert encode_log(report, identity) is None
    omission = log_omission(report, identity)
    assert omission is not None
    assert "does not state on what day" in omission.reason
    timed = source("xa", tmp_path / "timed")
    assert log_omission(*timed) is None


def test_a_time_zone_that_the_source_does_not_tell_is_not_invented(tmp_path):
    def edit(header):
        del header.TimezoneOffsetFromUTC

    log = encode_log(*source("xa", tmp_path, edit))
    assert entries(log)[0].ObservationDateTime == "20260101101447.623000"
    assert "TimezoneOffsetFromUTC" not in log


def test_the_clock_of_the_source_is_named_as_the_source_names_it(tmp_path):
    unknown = encode_log(*source("xa", tmp_path))
    assert unknown.AcquisitionTimeSynchronized == "N"

    def edit(header):
        header.SynchronizationFrameOfReferenceUID = "1.2.840.10008.15.1.1"
        header.SynchronizationTrigger, header.AcquisitionTimeSynchronized = "EXTERNAL", "Y"

    known = encode_log(*source("xa", tmp_path / "synchronized", edit))
    assert known.SynchronizationFrameOfReferenceUID == "1.2.840.10008.15.1.1"
    assert known.AcquisitionTimeSynchronized == "Y"


def test_the_same_report_gives_the_same_bytes(tmp_path):
    first, second = (encoded_bytes(encode_log(*source("xa", tmp_path))) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("time_s", [1e13, -1e13, float("nan"), float("inf")])
def test_an_event_beyond_every_calendar_is_refused(time_s, tmp_path):
    far = (Event(kind="contrast", time_s=time_s),)
    with pytest.raises(EncodingError, match="no date"):
        encode_log(*source("xa", tmp_path, events=far))


def others_entry(when="20260101101503", **changes):
    drug = item(CodeValue="387173000", CodingSchemeDesignator="SCT", CodeMeaning="Some drug")
    name = item(CodeValue="122083", CodingSchemeDesignator="DCM", CodeMeaning="Drug administered")
    fields = {
        "RelationshipType": "CONTAINS",
        "ValueType": "CODE",
        "ObservationDateTime": when,
        "ConceptNameCodeSequence": [name],
        "ConceptCodeSequence": [drug],
    }
    return item(**(fields | changes))


def test_entries_of_another_log_are_counted_from_the_first_frame_over_time_zones():
    log = item(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.40",
        TimezoneOffsetFromUTC="+0200",
        ContentSequence=[
            others_entry(),
            others_entry("20260101091504+0000"),
            others_entry(ConceptNameCodeSequence=[]),
            others_entry(RelationshipType="HAS OBS CONTEXT"),
        ],
    )
    start = Moment(at=datetime(2026, 1, 1, 9, 15), offset="+0100")
    assert read_log(log, first_frame=start) == (
        Event(kind="medication", time_s=3.0),
        Event(kind="medication", time_s=3604.0),
    )


def test_an_event_without_seconds_or_a_first_frame_is_refused():
    log = item(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.40", ContentSequence=[others_entry()])
    with pytest.raises(AnnotationError, match="expected one or the other"):
        read_log(log)


def test_an_event_whose_moment_cannot_be_read_is_refused():
    entry = others_entry("202601011015")
    log = item(SOPClassUID="1.2.840.10008.5.1.4.1.1.88.40", ContentSequence=[entry])
    with pytest.raises(AnnotationError, match="to the second or finer"):
        read_log(log, first_frame=Moment(at=datetime(2026, 1, 1)))


def test_an_object_that_is_no_log_is_refused(tmp_path):
    with pytest.raises(AnnotationError, match="X-Ray Angiographic"):
        read_log(sources.xa())


def test_seconds_that_contradict_the_clock_are_refused(tmp_path):
    report, identity = source("xa", tmp_path)
    log = encode_log(report, identity)
    entries(log)[1].ObservationDateTime = "20260101101501.390000+0100"
    with pytest.raises(AnnotationError, match="of another loop, or was changed"):
        read_log(log, first_frame=first_frame_moment(identity.source))


@pytest.mark.validator
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_validators_have_nothing_against_a_log_of_any_source(kind, tmp_path):
    write_objects([sealed("log", encode_log(*source(kind, tmp_path)))], tmp_path)
    assert complaints(tmp_path / "log.dcm") == ()


@pytest.mark.validator
def test_a_person_can_read_what_was_done_when(tmp_path):
    paths = written_source("xa", tmp_path)
    report = replace(example_report(paths), annotation=Annotation(events=EVENTS))
    write_objects([sealed("log", encode_log(report, identify(report, paths)))], tmp_path)
    said = page(tmp_path / "log.dcm")
    for words in ("Aspiration through the needle", "Contrast agent", "Test dose", "10:14:47"):
        assert words in said


@pytest.mark.validator
@pytest.mark.slow
def test_pixelmed_accepts_the_log_by_its_class(tmp_path):
    write_objects([sealed("log", encode_log(*source("xa", tmp_path)))], tmp_path)
    assert complaints(tmp_path / "log.dcm", thorough=True) == ()
