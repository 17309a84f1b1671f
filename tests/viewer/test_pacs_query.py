"""A PACS is asked for what was typed, and its answers are listed as runs."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.endpoints.querying import check_keys
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError
from napari_fluoroinject.viewer.pacs_query import (
    WANTED,
    Filters,
    advice,
    days_back,
    fault,
    keys_of,
    origin_of,
    runs_among,
)

XA = "1.2.840.10008.5.1.4.1.1.12.1"
SR = "1.2.840.10008.5.1.4.1.1.88.33"


def test_nothing_typed_is_no_question():
    assert "whole archive" in fault(Filters())
    assert fault(Filters(accession="A1")) == ""


def test_a_day_that_is_none_and_days_in_the_wrong_order_are_told():
    assert "2026-13-01" in fault(Filters(first_day="2026-13-01"))
    assert "order" in fault(Filters(first_day="2026-02-01", last_day="2026-01-01"))


@pytest.mark.parametrize(
    ("first", "last", "asked"),
    [
        ("2026-01-02", "2026-01-02", "20260102"),
        ("2026-01-02", "2026-01-05", "20260102-20260105"),
        ("2026-01-02", "", "20260102-"),
        ("", "20260105", "-20260105"),
    ],
)
def test_days_are_asked_for_as_a_range(first, last, asked):
    assert keys_of(Filters(first_day=first, last_day=last))[0]["StudyDate"] == asked


def test_two_modalities_are_two_questions_since_a_key_takes_one():
    keys = keys_of(Filters(name="Doe", modality="XA or RF"))
    assert [one["ModalitiesInStudy"] for one in keys] == ["XA", "RF"]
    assert {one["PatientName"] for one in keys} == {"Doe*"}
    assert keys_of(Filters(name="D*e", modality="any")) == ({"PatientName": "D*e"},)


_words = st.text("ABCxyz 0123^*-", max_size=12)


@given(
    st.builds(
        Filters,
        patient_id=_words,
        name=_words,
        accession=_words,
        first_day=st.dates().map(date.isoformat) | st.just(""),
        modality=st.sampled_from(WANTED),
    )
)
def test_whatever_is_typed_becomes_keys_that_can_be_sent(filters):
    for keys in keys_of(filters):
        check_keys(keys)
        assert all(keys.values())


def test_seven_days_are_today_and_six_before():
    assert days_back(7, today=date(2026, 3, 3)) == ("2026-02-25", "2026-03-03")


def _object(
    number: int, *, series: str = "1.1", kind: str = XA, frames: str = ""
) -> dict[str, str]:
    return {
        "SOPInstanceUID": f"9.{number}",
        "SeriesInstanceUID": "1.1",
        "SOPClassUID": kind,
        "NumberOfFrames": frames,
    }


def test_loops_are_runs_of_their_own_and_reports_are_none():
    found = [_object(1, frames="90"), _object(2, frames="60"), _object(3, kind=SR)]
    rows = runs_among(found, "1", {"1.1": ("spine", "XA")})
    assert [(row.sop_instance_uid, row.frames) for row in rows] == [("9.1", 90), ("9.2", 60)]
    assert rows[0].description == "spine"
    assert rows[0].words == "XA, 90 frames"
    assert rows[0].what.startswith("spine · X-Ray Angiographic")


def test_results_that_were_sent_are_told_from_runs_and_come_last():
    result = _object(1) | {"SeriesInstanceUID": "1.2"}
    names = {"1.1": ("spine", "XA"), "1.2": ("Research: contrast kinetics", "XA")}
    run, last = runs_among([result, _object(2, frames="60")], "1", names)
    assert (run.words, run.result) == ("XA, 60 frames", False)
    assert (last.words, last.result) == ("Result: contrast kinetics", True)


def test_single_pictures_of_a_series_are_one_run_that_is_fetched_as_a_series():
    rows = runs_among([_object(n, frames="1") for n in range(5)], "1", {})
    assert len(rows) == 1
    assert (rows[0].frames, rows[0].sop_instance_uid) == (5, "")
    assert rows[0].address("archive") == "archive?StudyInstanceUID=1&SeriesInstanceUID=1.1"


def test_frames_that_the_pacs_does_not_tell_are_not_made_up():
    (row,) = runs_among([_object(1)], "1", {"1.1": ("", "RF")})
    assert row.frames is None
    assert row.words.startswith("RF, frames not told")
    assert "SOPInstanceUID=9.1" in row.address("archive?StudyInstanceUID=8")
    assert "StudyInstanceUID=8" not in row.address("archive?StudyInstanceUID=8")


def test_a_run_is_said_to_come_from_a_name_or_a_host():
    assert origin_of("archive?StudyInstanceUID=1") == "archive"
    assert origin_of("dicomweb+https://pacs.example/dicom-web") == "pacs.example"
    assert origin_of("pacs://US:THEM@192.0.2.1:104") == "192.0.2.1"


def test_each_failure_says_what_to_do():
    told = {
        advice(kind("it went wrong"), "archive")
        for kind in (UnreachableError, RefusedError, EndpointError)
    }
    assert len(told) == 3
    assert all(one.startswith("It went wrong. ") and len(one) > 40 for one in told)
