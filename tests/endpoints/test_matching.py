"""Wild cards of a query mean what the standard says, and cost no more than reading them."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.endpoints.matching import glob

_REGEX = {"*": ".*", "?": "."}


@given(own=st.text("abA^ \n", max_size=8), asked=st.text("abA^ \n*?", max_size=8))
def test_a_pattern_matches_what_its_regular_expression_does(own, asked):
    pattern = "".join(_REGEX.get(c, re.escape(c)) for c in asked)
    assert glob(own, asked) == (re.fullmatch(pattern, own, re.DOTALL) is not None)


@pytest.mark.parametrize("asked", ["*a" * 25 + "*b", "*a?" * 300 + "b", "*" * 1000 + "b"])
@pytest.mark.parametrize("length", [60, 1000, 1_000_000])
def test_no_pattern_of_a_peer_takes_long(asked, length):
    start = time.perf_counter()
    assert not glob("a" * length, asked)
    assert time.perf_counter() - start < 2.0


def test_a_long_text_is_matched_as_a_whole_or_by_anything():
    long = "a" * 100_000
    assert glob(long, long)
    assert glob(long, "**")
    assert not glob(long, "a*")
