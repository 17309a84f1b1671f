"""A multipart message is read as it comes, however it is cut, and nothing is believed."""

from __future__ import annotations

import io
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.endpoints.multipart import Body, PartReader, boundary_of
from napari_fluoroinject.errors import RefusedError

BOUNDARY = b"=_frontier.7"
# texts that nearly hold a boundary are what goes wrong
CONTENT = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([b"\r\n", b"--", b"\r", b"\n", b"-", BOUNDARY[:-1], BOUNDARY[:3], b"x"]),
        max_size=12,
    ).map(b"".join),
)


def message(parts, *, preamble=b"", headers=b"Content-Type: application/dicom\r\n", epilogue=b""):
    body = preamble
    for part in parts:
        body += b"\r\n--" + BOUNDARY + b"\r\n" + headers + b"\r\n" + part
    return body + b"\r\n--" + BOUNDARY + b"--\r\n" + epilogue


def cut(body, sizes):
    stream = io.BytesIO(body)
    for size in sizes:
        yield stream.read(size)
    while rest := stream.read(7):
        yield rest


def read(chunks):
    reader = PartReader(chunks, BOUNDARY, peer="the peer")
    return [b"".join(part) for part in reader.parts()]


@given(
    st.lists(CONTENT, max_size=4),
    st.lists(st.integers(0, 40), max_size=40),
    st.sampled_from([b"", b"preamble"]),
    st.sampled_from([b"", b"A: b\r\n", b"A: b\r\nC: d\r\n"]),
    st.sampled_from([b"", b"\r\nepilogue"]),
)
def test_parts_come_out_as_they_went_in_whatever_the_chunks(
    parts, sizes, preamble, headers, epilogue
):
    body = message(parts, preamble=preamble, headers=headers, epilogue=epilogue)
    assert read(cut(body, sizes)) == parts


@given(st.lists(CONTENT, min_size=1, max_size=3), st.data())
def test_a_message_cut_off_anywhere_is_refused(parts, data):
    body = message(parts)
    end = data.draw(st.integers(0, len(body) - 5))
    with pytest.raises(RefusedError, match="damaged multipart"):
        read([body[:end]])


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_any_bytes_are_parts_or_a_refusal(chunks):
    with suppress(RefusedError):
        assert isinstance(read(chunks), list)


def test_the_first_delimiter_may_stand_at_the_very_start():
    assert read([message([b"one", b"two"]).removeprefix(b"\r\n")]) == [b"one", b"two"]


def test_parts_that_are_not_read_are_skipped():
    reader = PartReader([message([b"one" * 100, b"two"])], BOUNDARY, peer="the peer")
    parts = reader.parts()
    next(parts)
    assert b"".join(next(parts)) == b"two"
    assert list(parts) == []


@pytest.mark.parametrize(
    "start",
    [b"", b"\r\n--" + BOUNDARY, b"\r\n--" + BOUNDARY + b"\r\nA: "],
    ids=["before the first part", "a boundary line", "headers"],
)
def test_what_never_ends_is_refused_soon(start):
    def endless():
        yield start
        while True:
            yield b" " * 1000

    with pytest.raises(RefusedError):
        read(endless())


def test_a_large_part_passes_in_constant_memory():
    def large():
        yield b"\r\n--" + BOUNDARY + b"\r\n\r\n"
        for _ in range(200):
            yield bytes(1 << 18)
        yield b"\r\n--" + BOUNDARY + b"--"

    tracemalloc.start()
    try:
        reader = PartReader(large(), BOUNDARY, peer="the peer")
        total = sum(len(chunk) for part in reader.parts() for chunk in part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == 200 << 18
    assert peak < 4 << 20


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/related",
        'multipart/related; boundary=""',
        "multipart/related; boundary=" + "x" * 71,
        "multipart/related; boundary=\xe4",
        "text/html",
        "",
    ],
)
def test_a_content_type_without_a_usable_boundary_is_refused(content_type):
    with pytest.raises(RefusedError):
        boundary_of(content_type, peer="the peer")


@pytest.mark.parametrize("quoted", ['"a b"', "ab", "'ab'"])
def test_a_boundary_may_be_quoted(quoted):
    found = boundary_of(f"multipart/related; boundary={quoted}; type=x", peer="the peer")
    assert found == quoted.strip('"').encode()


def test_what_is_sent_is_as_long_as_announced_and_reads_back(tmp_path):
    objects = [bytes(128) + b"DICM" + bytes([n]) * 100 for n in range(3)]
    path = tmp_path / "one.dcm"
    path.write_bytes(objects[1])
    body = Body(objects=[objects[0], path, objects[2]])
    for _ in range(2):  # a second time, as after a new token
        sent = b"".join(body)
        assert len(sent) == len(body)
        boundary = boundary_of(body.content_type, peer="us")
        reader = PartReader([sent], boundary, peer="us")
        assert [b"".join(part) for part in reader.parts()] == objects


def test_a_preamble_that_may_be_a_program_is_sent_zeroed(tmp_path):
    path = tmp_path / "one.dcm"
    path.write_bytes(b"MZ" + bytes(126) + b"DICM")
    for item in (path, path.read_bytes()):
        assert b"MZ" not in b"".join(Body(objects=[item]))
