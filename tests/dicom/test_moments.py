"""When a loop was taken, by the clock: the frame's own moment first, and never a guess."""

from __future__ import annotations

from datetime import datetime

import pytest
import sources

from napari_fluoroinject.dicom.moments import Moment, first_frame_moment, parsed, seconds_between

AT = datetime(2026, 1, 1, 10, 15, 0, 123000)


def without(header, *keywords):
    for keyword in keywords:
        if keyword in header:
            delattr(header, keyword)
    return header


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_every_kind_of_source_tells_the_moment_of_its_first_frame(kind):
    moment = first_frame_moment(sources.SOURCES[kind]()[0])
    assert moment is not None
    assert moment.at.replace(microsecond=0) == datetime(2026, 1, 1, 10, 15)
    assert moment.offset == "+0100"


def test_an_enhanced_object_tells_the_first_frames_own_moment():
    header = sources.enhanced()
    content = header.PerFrameFunctionalGroupsSequence[0].FrameContentSequence[0]
    content.FrameReferenceDateTime = "20260101101700.25-0500"
    assert first_frame_moment(header) == Moment(
        at=datetime(2026, 1, 1, 10, 17, 0, 250000), offset="-0500"
    )


def test_content_counts_where_there_is_no_acquisition_but_not_of_a_capture():
    gone = ("AcquisitionDate", "AcquisitionTime")
    assert first_frame_moment(without(sources.xa(), *gone)).at == AT
    (captured,) = sources.SOURCES["sc_word"]()
    assert first_frame_moment(without(captured, *gone)) is None


@pytest.mark.parametrize(
    ("date", "time"),
    [("20260101", ""), ("", "101500"), ("20260101", "1015"), ("20261301", "101500"), ("x", "y")],
)
def test_a_day_without_a_time_to_the_second_is_no_moment(date, time):
    header = without(sources.xa(), "ContentDate", "ContentTime")
    header.add_new("AcquisitionDate", "LO", date)
    header.add_new("AcquisitionTime", "LO", time)
    assert first_frame_moment(header) is None


def test_a_zone_that_is_none_is_not_taken():
    header = sources.xa()
    header.add_new("TimezoneOffsetFromUTC", "LO", "CET")
    moment = first_frame_moment(header)
    assert moment == Moment(at=AT)
    assert moment.text(1.5) == "20260101101501.623000"


def test_a_year_has_four_digits_however_long_ago():
    assert Moment(at=datetime(900, 1, 2)).text() == "09000102000000.000000"


def test_seconds_are_counted_over_zones_where_both_are_known():
    here, there = parsed("20260101101500+0100"), parsed("20260101041501.5-0500")
    assert seconds_between(here, there) == 1.5
    assert seconds_between(here, parsed("20260101101502")) == 2.0
