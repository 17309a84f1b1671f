"""Messages of OpenIGTLink, taken apart and put together, against pyigtl and by hand."""

from __future__ import annotations

import contextlib
import itertools
import struct

import numpy as np
import pyigtl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from igtl_messages import (
    WALL_S,
    asymmetric,
    by_hand,
    by_pyigtl,
    frames_of,
    image_body,
    notes_of,
    numbered,
    read,
)
from pyigtl.messages import MessageBase

from napari_fluoroinject.endpoints.igtl_pack import pack_picture, pack_text
from napari_fluoroinject.endpoints.igtl_wire import MOST_BODY_BYTES, GarbledError

METADATA = {"Source": "C-arm", "Empty": "", "Long": "x" * 300}


def unpacked(packed):
    data = b"".join(packed.parts)
    head = MessageBase.parse_header(data[: MessageBase.IGTL_HEADER_SIZE])
    message = MessageBase.create_message(head["message_type"])
    message.unpack(head, data[MessageBase.IGTL_HEADER_SIZE :])
    return message


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_a_picture_of_pyigtl_keeps_its_rows_and_columns(kind, version):
    pixels = asymmetric(kind=kind)
    metadata = METADATA if version > 1 else None
    data = by_pyigtl(pixels, version=version, number=9, metadata=metadata, stamp_s=WALL_S + 0.25)
    (frame,) = read(data)
    assert frame.pixels.dtype == kind
    assert frame.pixels.tolist() == pixels.tolist()
    assert (frame.index, frame.time_s, frame.wall_s) == (0, 0.0, WALL_S + 0.25)


def test_a_plane_of_pyigtl_which_calls_its_axes_otherwise_keeps_rows_and_columns():
    pixels = asymmetric()
    (frame,) = read(pyigtl.ImageMessage(pixels, timestamp=WALL_S, device_name="A").pack())
    assert frame.pixels.tolist() == pixels.tolist()


def test_pixels_of_either_byte_order_come_as_the_machine_s_own():
    pixels = asymmetric()
    big = by_hand(image_body(pixels.astype(">u2").tobytes(), (7, 5, 1), scalar=5, endian=1))
    little = by_hand(image_body(pixels.astype("<u2").tobytes(), (7, 5, 1), scalar=5, endian=2))
    for frame in frames_of(read(big + little)):
        assert frame.pixels.dtype == np.dtype(np.uint16)
        assert frame.pixels.tolist() == pixels.tolist()


@pytest.mark.parametrize(("says", "told"), [(1, True), (2, False)])
def test_pixels_that_look_swapped_are_told_once_and_not_swapped(says, told):
    pixels = 800 + np.random.default_rng(1).normal(0, 30, (16, 16)).cumsum(axis=1).astype("<u2")
    data = image_body(pixels.tobytes(), (16, 16, 1), scalar=5, endian=says)
    items = read(by_hand(data) + by_hand(data, stamp_s=WALL_S + 1))
    assert [note.event for note in notes_of(items)] == ["told"] * told
    wanted = pixels.view(">u2") if told else pixels
    assert frames_of(items)[0].pixels.tolist() == wanted.tolist()


def test_eight_bits_in_the_upper_half_of_sixteen_do_not_look_swapped():
    pixels = asymmetric(16, 16, np.uint8).astype(np.uint16) << 8
    assert notes_of(read(by_pyigtl(pixels))) == []


def test_grey_sent_as_three_equal_components_is_grey():
    pixels = asymmetric(kind=np.uint8)
    data = np.repeat(pixels[..., np.newaxis], 3, axis=2).tobytes()
    (frame,) = read(by_hand(image_body(data, (7, 5, 1), components=3)))
    assert frame.pixels.tolist() == pixels.tolist()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (image_body(bytes(range(18)), (3, 2, 1), components=3), "in colour"),
        (image_body(bytes(24), (3, 2, 1), components=4), "4 components"),
        (image_body(bytes(24), (3, 2, 1), scalar=10), "float32; expected uint8"),
        (image_body(bytes(6), (3, 2, 1), scalar=77), "type 77"),
        (image_body(bytes(12), (3, 2, 2)), "a volume of 2 slices|3 x 2 x 2|2 slices"),
        (image_body(b"", (3, 0, 1)), "3 x 0 x 1"),
        (image_body(bytes(4), (3, 2, 1), part=(2, 2, 1)), "part of a larger one"),
        (image_body(bytes(6), (3, 2, 1), offset=(1, 0, 0)), "part of a larger one"),
        (image_body(bytes(5), (3, 2, 1)), "5 bytes of pixels; expected 6"),
        (image_body(bytes(12), (3, 2, 1), scalar=5, endian=3), "byte order 3"),
        (b"short", "IMAGE of 5 bytes"),
    ],
)
def test_a_message_without_a_picture_that_can_be_taken_is_told_once_and_passed_over(body, told):
    good = by_hand(image_body(bytes(6), (3, 2, 1)))
    items = read(by_hand(body) + good + by_hand(body) + good)
    assert len(frames_of(items)) == 2
    garbage = [note for note in notes_of(items) if note.event == "garbage"]
    assert len(garbage) == 1
    assert any(one in garbage[0].text for one in told.split("|"))


@pytest.mark.parametrize("sizes", [(12, 60000, 9), (12, 0, 2**31), (3, 0, 0), (99, 0, 0)])
def test_an_extended_header_that_promises_more_than_there_is_holds_no_picture(sizes):
    body = struct.pack(">HHII", *sizes, 1) + bytes(20)
    (note,) = read(by_hand(body, version=2))
    assert note.event == "garbage"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (by_hand(b"", version=4), "version 4"),
        (by_hand(b"", version=0), "version 0"),
        (by_hand(b"", kind=b"\x07IMAGE"), "no text"),
        (by_hand(b"", kind=b""), "no text"),
        (by_hand(image_body(bytes(6), (3, 2, 1)), crc=1), "CRC"),
    ],
)
def test_what_is_no_message_ends_the_stream(data, told):
    with pytest.raises(GarbledError, match=told):
        read(data)


def test_a_size_beyond_the_limit_ends_the_stream_before_memory_is_taken():
    head = by_hand(b"")[:42] + struct.pack(">QQ", MOST_BODY_BYTES + 1, 0)
    with pytest.raises(GarbledError, match="expected 67108864 at most"):
        read(head)


def test_other_messages_are_passed_over_and_texts_are_handed_on():
    said = []
    picture = by_pyigtl(asymmetric())
    other = pyigtl.TransformMessage(np.eye(4), timestamp=WALL_S, device_name="Probe").pack()
    text = pyigtl.StringMessage("ready", device_name="State", timestamp=WALL_S).pack()
    unknown = by_hand(bytes(200_000), kind=b"VIDEO", name=b"V", crc=0)
    items = read(other + text + unknown + picture + text, said=lambda *one: said.append(one))
    assert len(items) == len(frames_of(items)) == 1
    assert said == [("State", "ready")] * 2


def test_the_first_device_is_taken_and_the_others_are_named():
    one = by_pyigtl(asymmetric(), name="One")
    other = by_pyigtl(asymmetric(9, 9), name="Other")
    items = read(one + other + one + other)
    assert [frame.pixels.shape for frame in frames_of(items)] == [(5, 7), (5, 7)]
    assert any("'One', 'Other'; those of 'One'" in note.text for note in notes_of(items))


def test_the_named_device_is_taken_and_nothing_is_said_of_others():
    one = by_pyigtl(asymmetric(), name="One")
    other = by_pyigtl(asymmetric(9, 9), name="Other", stamp_s=WALL_S + 1)
    items = read(one + other + one, device="Other")
    assert [item.pixels.shape for item in items] == [(9, 9)]


def test_a_picture_of_another_size_or_type_is_told_before_it_comes():
    sizes = [asymmetric(), asymmetric(), asymmetric(9, 9), asymmetric(9, 9, np.uint8)]
    data = b"".join(by_pyigtl(pixels, stamp_s=WALL_S + k) for k, pixels in enumerate(sizes))
    events = [getattr(item, "event", "frame") for item in read(data)]
    assert events == ["frame", "frame", "changed", "frame", "changed", "frame"]


def test_numbers_that_are_left_out_are_pictures_that_are_missing():
    messages = numbered(12)
    items = read(b"".join(messages[:5] + messages[8:]))
    assert [frame.index for frame in frames_of(items)] == [0, 1, 2, 3, 4, 8, 9, 10, 11]
    (note,) = notes_of(items)
    assert (note.event, note.text) == ("gap", "3 picture(s) are missing, by their numbers")


@pytest.mark.parametrize("step", [0, 2, 7])
def test_numbers_that_do_not_count_pictures_tell_of_no_gap(step):
    data = b"".join(
        by_pyigtl(asymmetric(), version=2, number=1 + k * step, stamp_s=WALL_S + k)
        for k in range(6)
    )
    assert [item.index for item in read(data)] == list(range(6))


@pytest.mark.parametrize(
    ("stamps", "told"),
    [
        ([0, 0, 0, 0], "tells no times"),
        ([5, 5, 6, 7], "one time twice"),
        ([5, 6, 4, 7], "run backwards"),
        ([5, 6, 5000, 5001], "leap by 4994 s"),
    ],
)
def test_times_that_make_no_sense_are_told_once_and_those_of_reception_used(stamps, told):
    data = b"".join(by_pyigtl(asymmetric(), stamp_s=WALL_S + s if s else 0) for s in stamps)
    items = read(data, step_s=0.5)
    times = [frame.time_s for frame in frames_of(items)]
    assert all(b > a for a, b in itertools.pairwise(times))
    assert times[-1] - times[-2] == pytest.approx(0.5)
    (note,) = notes_of(items)
    assert note.event == "told"
    assert told in note.text


def test_a_clock_that_counts_from_elsewhere_than_1970_orders_pictures_and_tells_no_wall_time():
    data = b"".join(by_pyigtl(asymmetric(), stamp_s=20.0 + 0.25 * k) for k in range(4))
    frames = read(data)
    assert [frame.time_s for frame in frames] == [0.0, 0.25, 0.5, 0.75]
    assert {frame.wall_s for frame in frames} == {None}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_pyigtl_reads_the_pictures_that_are_sent(kind, version):
    pixels = asymmetric(kind=kind)
    message = unpacked(pack_picture("Maps", pixels, WALL_S + 0.5, number=7, version=version))
    assert message.image[0].tolist() == pixels.tolist()
    assert (message.device_name, message.timestamp) == ("Maps", pytest.approx(WALL_S + 0.5))
    assert message.message_id == (7 if version == 2 else 0)


@pytest.mark.parametrize("text", ["ready", "", "müde"])
def test_pyigtl_reads_the_texts_that_are_sent(text):
    assert unpacked(pack_text("State", text, WALL_S, number=1)).string == text


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((2, 2), np.float32), np.zeros((2, 2, 2), np.uint8), np.zeros((0, 2), np.uint8)],
)
def test_an_array_that_is_no_picture_cannot_be_sent(pixels):
    with pytest.raises(ValueError, match="expected"):
        pack_picture("A", pixels, None, number=1)


STREAM = b"".join(
    [
        *numbered(3),
        pyigtl.TransformMessage(np.eye(4), timestamp=WALL_S, device_name="Probe").pack(),
        by_pyigtl(asymmetric(), version=2, number=4, metadata=METADATA, stamp_s=WALL_S + 1),
        by_pyigtl(asymmetric(), name="Other", stamp_s=WALL_S + 2),
        by_pyigtl(asymmetric(), stamp_s=WALL_S + 3),
    ]
)


def shown(items):
    return [
        (item.index, item.pixels.tolist()) if hasattr(item, "pixels") else item for item in items
    ]


EXTENDED = struct.pack(">HHII", 12, 2, 0, 1) + image_body(bytes(6), (3, 2, 1))
WHOLE = shown(read(STREAM))
GIVEN = [pixels for _, pixels in (item for item in WHOLE if isinstance(item, tuple))]


@given(cuts=st.lists(st.integers(1, len(STREAM)), max_size=40))
def test_pictures_are_the_same_however_the_stream_is_cut(cuts):
    assert shown(read(STREAM, cuts=cuts)) == WHOLE


def test_pictures_are_the_same_when_the_stream_comes_byte_by_byte():
    assert shown(read(STREAM, cuts=range(len(STREAM)))) == WHOLE


@settings(max_examples=300)
@given(
    damage=st.lists(
        st.tuples(st.integers(0, len(STREAM) - 1), st.integers(0, 60), st.binary(max_size=60)),
        min_size=1,
        max_size=3,
    )
)
def test_damage_changes_no_picture_and_raises_nothing_but_that_the_stream_is_garbled(damage):
    data = bytearray(STREAM)
    for place, gone, put in damage:
        data[place : place + gone] = put
    items = []
    with contextlib.suppress(GarbledError):
        read(bytes(data), items=items)
    assert all(frame.pixels.tolist() in GIVEN for frame in frames_of(items))


@given(data=st.binary(min_size=58, max_size=400))
def test_bytes_from_anywhere_give_no_picture(data):
    items = []
    with contextlib.suppress(GarbledError):
        read(data, items=items)
    assert frames_of(items) == []


@given(
    body=st.binary(max_size=200),
    begin=st.sampled_from([b"", image_body(bytes(6), (3, 2, 1)), EXTENDED]),
    kind=st.sampled_from([b"IMAGE", b"STRING"]),
    version=st.integers(1, 3),
)
def test_whole_messages_of_any_content_are_pictures_or_notes(body, begin, kind, version):
    said = []
    items = read(
        by_hand(begin + body, kind=kind, version=version), said=lambda *it: said.append(it)
    )
    assert all(frame.pixels.ndim == 2 and frame.pixels.size for frame in frames_of(items))
    assert {note.event for note in notes_of(items)} <= {"garbage", "told"}
    assert all(isinstance(text, str) for _, text in said)
