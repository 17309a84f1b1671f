"""Formats of values: what may stand in an element of each representation."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import generate_uid

from napari_fluoroinject.dicom.check.formats import LONGEST, format_fault, zone_fault

RIGHT = {
    "AS": ["040Y", "003D"],
    "CS": ["", "ABC_1 2", "X" * 16],
    "DA": ["20240229", "19000101"],
    "DS": ["1", "-1.5e-10", " 12.", ".5", "+0", "1234567890123456"],
    "DT": ["2026", "202601", "20260101", "20260101101500.123456+0100", "20260101-0500"],
    "IS": ["0", "-2147483648", " 12 "],
    "LO": ["free text", "x" * 64],
    "PN": ["a^b^c^d^e", "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060", ""],
    "SH": ["x" * 16],
    "TM": ["10", "1015", "101500", "235960.999999"],
    "UI": ["1.2.840.10008.1.1", "2.25.0\0", "1"],
    "LT": ["two\r\nlines"],
}
WRONG = {
    "AS": ["40Y", "040X"],
    "CS": ["lower", "X" * 17, "A-B"],
    "DA": ["20230229", "2024-02-29", "2024"],
    "DS": ["", "1,5", "nan", "inf", "1" * 17, "1.0000000000000000"],
    "DT": ["2026010", "20261301", "20260101246060", "20260101101500.3+9999"],
    "IS": ["1.0", "2147483648", "1" * 13],
    "LO": ["x" * 65, "tab\there"],
    "PN": ["a=b=c=d", "^^^^^", "x" * 65],
    "SH": ["x" * 17],
    "TM": ["1", "2460", "10.5", "101500.1234567"],
    "UI": ["1.02", "1..2", "a.b", ".1", "1" * 65, "1.2 "],
    "LT": ["bell\a"],
}


@pytest.mark.parametrize(("vr", "text"), [(vr, t) for vr, texts in RIGHT.items() for t in texts])
def test_a_value_in_its_format_is_no_fault(vr, text):
    assert format_fault(vr, text) is None


@pytest.mark.parametrize(
    ("vr", "text"), [(vr, t) for vr, texts in WRONG.items() for t in texts if t]
)
def test_a_value_out_of_its_format_is_told(vr, text):
    assert format_fault(vr, text) is not None


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_every_number_in_16_characters_is_a_decimal_string(number):
    assert format_fault("DS", f"{number:.8g}") is None


@given(st.integers(-(2**40), 2**40))
def test_a_whole_number_is_an_integer_string_up_to_32_bits(number):
    assert (format_fault("IS", str(number)) is None) is (-(2**31) <= number < 2**31)


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_every_moment_has_its_date_and_time(moment):
    assert format_fault("DA", moment.strftime("%Y%m%d")) is None
    assert format_fault("TM", moment.strftime("%H%M%S.%f")) is None
    assert format_fault("DT", moment.replace(tzinfo=UTC).strftime("%Y%m%d%H%M%S.%f%z")) is None


@given(st.binary(max_size=20))
def test_every_uid_that_is_made_is_one(entropy):
    assert format_fault("UI", generate_uid(entropy_srcs=[entropy.hex()])) is None


@given(st.sampled_from(sorted(LONGEST)), st.text(max_size=80))
def test_any_text_is_judged(vr, text):
    told = format_fault(vr, text)
    assert told is None or told


@pytest.mark.parametrize("zone", ["", "+0000", "-1200", "+1400", "+0545 "])
def test_time_zones_of_this_earth_are_right(zone):
    assert zone_fault(zone) is None


@pytest.mark.parametrize(
    "zone", ["Z", "+9999", "+01:0", "-0000", "+0160", "-1201", "+1401", "0100", "+010"]
)
def test_other_time_zones_are_told(zone):
    assert zone_fault(zone) == "a time zone &ZZXX, -1200 to +1400"
