"""Numbers by key on disk: those of a dictionary, in order, and forgotten at the end."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.spool.places import Places

UIDS = st.text("0123456789.", min_size=1, max_size=5)


@settings(max_examples=30)
@given(told=st.lists(st.tuples(UIDS, st.integers(0, 2**40), st.booleans())))
def test_they_are_those_of_a_dictionary_in_the_order_of_their_keys(told):
    known: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as made, Places(Path(made) / "in" / "places") as places:
        for key, number, anew in told:
            if anew:
                places.put(key, number)
                known[key] = number
            else:
                assert places.add(key, number) == (key not in known)
                known.setdefault(key, number)
        assert [*places.numbers()] == [known[key] for key in sorted(known)]
        assert {key: places.get(key) for key in known} == known
        assert places.get("none") is None
        assert len(places) == len(known)


def test_what_a_killed_program_left_is_not_kept_and_nothing_is_left(tmp_path):
    path = tmp_path / "places"
    path.write_bytes(b"whatever stood there")
    with Places(path) as places:
        assert places.add("1.2")
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_a_place_that_cannot_be_had_is_told(tmp_path):
    (tmp_path / "places").mkdir()
    with pytest.raises(StorageError, match="expected a private file"):
        Places(tmp_path / "places")
