"""The structural check: what is whole passes, everything else is one typed error, at once."""

from __future__ import annotations

import os
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    RLELossless,
)
from small_loops import data_set_of, item, raw_file, small_loop, small_object, written

from napari_fluoroinject.dicom import content, walk
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.dicom.scan import scan
from napari_fluoroinject.errors import UnreadableObjectError

UNDEFINED = 0xFFFFFFFF


def element(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    if vr in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
        return struct.pack("<HH2sHI", group, number, vr, 0, size) + value
    return struct.pack("<HH2sH", group, number, vr, size) + value


UIDS = element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.12.1") + element(
    8, 0x18, b"UI", b"1.2.3\0"
)
ITEM, ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED), b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def nested(depth: int) -> bytes:
    """Sequences in sequences, all of undefined length."""
    opened = element(0x40, 0xA730, b"SQ", b"", UNDEFINED) + ITEM
    return opened * depth + (ITEM_END + SEQUENCE_END) * depth


def nested_implicit(depth: int) -> bytes:
    opened = struct.pack("<HHI", 0x40, 0xA730, UNDEFINED) + ITEM
    return opened * depth + (ITEM_END + SEQUENCE_END) * depth


def refused(path, match: str):
    return pytest.raises(UnreadableObjectError, match=rf"{path.name}.*{match}")


@pytest.mark.parametrize("kind", ["xa", "enhanced_xa", "sc_word"])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, RLELossless, None])
def test_whole_objects_pass(tmp_path, kind, syntax):
    options = {} if syntax is None else {"transfer_syntax": syntax}
    dataset = small_object(kind=kind, **options)
    structure = scan(written(tmp_path, dataset))
    assert structure.fault is None
    assert structure.sop_instance_uid == dataset.SOPInstanceUID
    assert structure.sop_class_uid == dataset.SOPClassUID
    assert structure.frames == 5


def test_an_object_without_pixels_passes(tmp_path):
    structure = scan(raw_file(tmp_path, UIDS))
    assert structure.pixels is None
    assert structure.fault is None


@pytest.mark.parametrize("kind", ["xa", "enhanced_xa"])
@pytest.mark.parametrize("syntax", [None, JPEGLosslessSV1])
def test_no_file_that_was_cut_off_can_be_read(tmp_path, kind, syntax):
    options = {} if syntax is None else {"transfer_syntax": syntax}
    whole = written(tmp_path, small_object(kind=kind, **options)).read_bytes()
    cut = tmp_path / "cut.dcm"
    for length in {*range(0, len(whole), 97), *range(len(whole) - 20, len(whole))}:
        cut.write_bytes(whole[:length])
        with pytest.raises(UnreadableObjectError, match=r"cut\.dcm"):
            read_loop(cut)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(noise=st.binary(max_size=400))
def test_noise_is_not_dicom_and_noise_behind_a_prefix_is_not_read(tmp_path, noise):
    path = tmp_path / "noise.dcm"
    path.write_bytes(noise)
    with refused(path, "expected a DICOM file"):
        scan(path)
    with pytest.raises(UnreadableObjectError):
        scan(raw_file(tmp_path, noise))


@pytest.mark.parametrize("content", [b"", b"short"])
def test_empty_and_tiny_files_are_not_dicom(tmp_path, content):
    path = tmp_path / "tiny.dcm"
    path.write_bytes(content)
    with refused(path, "a DICOM file"):
        scan(path)


def test_a_missing_file_and_a_folder_are_typed_errors(tmp_path):
    with refused(tmp_path / "none.dcm", "No such file"):
        scan(tmp_path / "none.dcm")
    with refused(tmp_path, "a DICOM file"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("syntax", "build"),
    [("1.2.840.10008.1.2.1", nested), (ImplicitVRLittleEndian, nested_implicit)],
)
def test_sequences_may_nest_64_deep_and_no_deeper(tmp_path, syntax, build):
    uids = UIDS
    if syntax == ImplicitVRLittleEndian:
        uids = struct.pack("<HHI", 8, 0x16, 28) + b"1.2.840.10008.5.1.4.1.1.12.1"
        uids += struct.pack("<HHI", 8, 0x18, 6) + b"1.2.3\0"
    assert scan(raw_file(tmp_path, uids + build(64), syntax=syntax)).fault is None
    for depth in (65, 100_000):
        path = raw_file(tmp_path, uids + build(depth), syntax=syntax)
        with refused(path, "deeper than 64"):
            scan(path)


def test_a_sequence_of_unknown_representation_holds_implicit_items(tmp_path):
    inner = ITEM + struct.pack("<HHI", 8, 0x100, 4) + b"CODE" + ITEM_END + SEQUENCE_END
    unknown = element(9, 0x1001, b"UN", b"", UNDEFINED) + inner
    assert scan(raw_file(tmp_path, UIDS + unknown)).fault is None


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        (element(0x10, 0x20, b"LO", b"AB", 200), "past its end"),
        (element(0x10, 0x20, b"LO", b"AB")[:6], "no whole data element"),
        (element(0x7FE0, 0x10, b"OW", b"")[:10], "no whole data element"),
        (element(0x10, 0x20, b"\0\0", b"AB"), "no whole data element"),
        (element(0x10, 0x20, b"UT", b"", UNDEFINED), "without a length"),
        (element(0x40, 0xA730, b"SQ", b"", 50), "past their parent"),
        (element(0x40, 0xA730, b"SQ", element(8, 0x100, b"SH", b"AB")), "between items"),
        (element(0x40, 0xA730, b"SQ", SEQUENCE_END), "out of place"),
        (element(0x40, 0xA730, b"SQ", b"\xfe\xff\0\xe0"), "inside an item"),
        (ITEM_END, "out of place"),
        (element(8, 0x18, b"UI", b"1.2.3\0"), "twice"),
        (element(0x7FE0, 0x10, b"OW", b"") * 2, "twice"),
        (element(0x7FE0, 8, b"OW", b"") + element(0x7FE0, 0x10, b"OW", b""), "pixel data twice"),
        (element(0x10, 0x20, b"LO", b"1 ") + element(0x10, 0x10, b"PN", b""), "out of order"),
        (element(0x10, 0x20, b"LO", b"1 ") + element(0x10, 0x20, b"LO", b"2 "), "twice"),
        (
            element(0x7FE0, 0x10, b"OW", b"") + element(0x10, 0x20, b"LO", b"2 "),
            "out of order",
        ),
        (element(0x7FE0, 0x10, b"OB", SEQUENCE_END, UNDEFINED), "without an offset table"),
        (
            element(0x7FE0, 0x10, b"OB", struct.pack("<HHI", 0xFFFE, 0xE000, 99), UNDEFINED),
            "fragment of 99 bytes",
        ),
        (element(0x40, 0xA730, b"SQ", ITEM, UNDEFINED), "no whole data element"),
    ],
)
def test_a_broken_structure_is_named(tmp_path, tail, said):
    path = raw_file(tmp_path, UIDS + tail)
    with refused(path, said):
        scan(path)


@pytest.mark.parametrize("number", [0x16, 0x18])
@pytest.mark.parametrize("value", [b"", b"../../x\0", b"1.2." + b"3" * 62, b"1.02\0\0"])
def test_uids_must_be_valid(tmp_path, number, value):
    wanted = {0x16: b"1.2.840.10008.5.1.4.1.1.12.1", 0x18: b"1.2.3\0"} | {number: value}
    path = raw_file(tmp_path, b"".join(element(8, k, b"UI", v) for k, v in wanted.items()))
    with refused(path, "UID that is"):
        scan(path)


@pytest.mark.parametrize("number", [0x0002, 0x0010])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, None])
def test_a_data_set_names_no_transfer_syntax(tmp_path, number, syntax):
    smuggled = element(2, number, b"UI", b"1.2.840.10008.1.2.1.99") + UIDS
    options = {} if syntax is None else {"syntax": syntax}
    if syntax == DeflatedExplicitVRLittleEndian:
        packer = zlib.compressobj(wbits=-15)
        smuggled = packer.compress(smuggled) + packer.flush()
    path = raw_file(tmp_path, smuggled, **options)
    assert content.open_content(path.read_bytes(), path.name).syntax == (
        syntax or "1.2.840.10008.1.2.1"
    )
    with refused(path, rf"\(0002,{number:04X}\), which is no element of a data set"):
        scan(path)


def test_file_meta_information_without_its_length_ends_with_its_group(tmp_path):
    whole = raw_file(tmp_path, UIDS).read_bytes()
    path = tmp_path / "short.dcm"
    path.write_bytes(whole[:132] + whole[144:])
    assert scan(path).sop_instance_uid == "1.2.3"


def test_data_sets_with_endless_elements_are_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "MOST_ELEMENTS", 100)
    path = raw_file(tmp_path, UIDS + items(200))
    with refused(path, "more than 100 data elements"):
        scan(path)


def items(count: int) -> bytes:
    opened = element(0x40, 0xA730, b"SQ", b"", UNDEFINED)
    return opened + (ITEM + ITEM_END) * count + SEQUENCE_END


def frames_told(count: int) -> bytes:
    text = str(count).encode()
    return element(0x28, 0x08, b"IS", text + b" " * (len(text) % 2))


@pytest.mark.parametrize(
    "flood",
    [
        items(1_500_000),
        element(9, 0x1001, b"SQ", b"", UNDEFINED)
        + ITEM
        + element(9, 0x10, b"LO", b"") * 3_000_000,
        frames_told(60) + items(120_000),
        frames_told(999_999_999) + items(1_500_000),
        element(0x28, 0x08, b"IS", b"-1") + items(120_000),
    ],
    ids=["items", "elements", "for few frames", "for many frames", "for none"],
)
def test_a_flood_of_elements_is_given_up_in_time(tmp_path, flood):
    path = raw_file(tmp_path, UIDS + flood)
    start = time.monotonic()
    with refused(path, "more than [0-9]+ data elements"):
        scan(path)
    assert time.monotonic() - start < 20


def test_frames_may_have_as_many_elements_as_they_need(tmp_path):
    told = frames_told(3000)
    scan(raw_file(tmp_path, UIDS + told + items(300_000)))
    group = ITEM + element(0x08, 0x18, b"UI", b"1.2 ") * 100 + ITEM_END
    opened = element(0x5200, 0x9230, b"SQ", b"", UNDEFINED)
    scan(raw_file(tmp_path, UIDS + told + opened + group * 3000 + SEQUENCE_END))


def test_fragments_are_not_counted_as_elements(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "MOST_AROUND_FRAMES", 10)
    fragment = b"\xfe\xff\0\xe0\2\0\0\0ab"
    pixels = element(0x7FE0, 0x10, b"OB", b"", UNDEFINED) + fragment * 500 + SEQUENCE_END
    path = raw_file(tmp_path, UIDS + pixels, syntax=RLELossless)
    assert len(scan(path).pixels.fragments) == 499


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_or_device_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.dcm"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with refused(path, "no regular file"):
            scan(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Rows": 65535, "Columns": 65535}, "65535 x 65535"),
        ({"NumberOfFrames": 1_000_000_000}, "1000000000 frames"),
        ({"NumberOfFrames": 6}, "6 frames of 24 x 32 with 16 bits allocated need 9216"),
        ({"Rows": None}, "without Rows"),
        ({"Columns": 0}, "without Rows, Columns"),
        ({"NumberOfFrames": 0}, "no Number of Frames"),
    ],
)
@pytest.mark.parametrize("syntax", [None, JPEGLosslessSV1])
def test_pixel_data_shorter_than_declared_are_a_fault(tmp_path, changes, said, syntax):
    options = {} if syntax is None else {"transfer_syntax": syntax}
    dataset = small_object(**options)
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    path = written(tmp_path, dataset)
    structure = scan(path)
    assert structure.fault is not None
    if syntax is None:
        assert said in structure.fault
    with refused(path, "whole pixel data"):
        read_loop(path)


def test_longer_pixel_data_are_padding_and_noted(tmp_path):
    dataset = small_object()
    dataset.PixelData += bytes(100)
    loop = read_loop(written(tmp_path, dataset))
    assert "100 bytes after the last frame are ignored." in loop.notes
    assert loop.shape == (5, 24, 32)


def test_zeros_after_the_last_element_are_padding_and_noted(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(510))
    assert any(note.startswith("510 zero bytes") for note in read_loop(path).notes)
    path.write_bytes(path.read_bytes() + b"x")
    with refused(path, "no whole data element"):
        read_loop(path)


def test_an_icon_is_no_loop(tmp_path):
    dataset = small_object()
    icon = item(
        Rows=8,
        Columns=8,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        PixelData=bytes(64),
    )
    icon["PixelData"].VR = "OB"
    dataset.IconImageSequence = [icon]
    assert read_loop(written(tmp_path, dataset)).shape == (5, 24, 32)
    del dataset.PixelData
    path = written(tmp_path, dataset)
    with refused(path, "only an icon image"):
        read_loop(path)


def test_a_compressed_icon_does_not_hide_the_loop(tmp_path):
    dataset = small_object(transfer_syntax=RLELossless)
    icon = item(Rows=8, Columns=8, SamplesPerPixel=1, PixelData=bytes(dataset.PixelData))
    icon["PixelData"].VR = "OB"
    icon["PixelData"].is_undefined_length = True
    dataset.IconImageSequence = [icon]
    assert read_loop(written(tmp_path, dataset)).shape == (5, 24, 32)


def test_an_object_without_pixel_data_is_no_loop(tmp_path):
    dataset = small_object()
    del dataset.PixelData
    path = written(tmp_path, dataset)
    with refused(path, "no pixel data"):
        read_loop(path)


def test_encapsulation_must_agree_with_the_transfer_syntax(tmp_path):
    native, packed = tmp_path / "native", tmp_path / "packed"
    native.mkdir()
    packed.mkdir()
    plain = data_set_of(written(native))
    coded = data_set_of(written(packed, small_object(transfer_syntax=RLELossless)))
    assert "native pixel data under" in scan(raw_file(tmp_path, plain, syntax=RLELossless)).fault
    assert "encapsulated pixel data under" in scan(raw_file(tmp_path, coded)).fault


def test_a_frame_larger_than_any_detector_is_a_fault_even_when_compressed(tmp_path):
    dataset = small_object(transfer_syntax=JPEGLosslessSV1)
    dataset.Rows = dataset.Columns = 60000
    assert "more than can be decoded" in scan(written(tmp_path, dataset)).fault


def test_another_instance_in_the_file_meta_information_is_noted(tmp_path):
    dataset = small_object()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    path = raw_file(tmp_path, data_set_of(written(tmp_path, dataset)))
    assert scan(path).sop_instance_uid == "1.2.3.4.5"
    assert "names another SOP instance" in scan(path).notes[0]


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, "", "no.uid"])
def test_a_transfer_syntax_must_be_named_and_little_endian(tmp_path, syntax):
    path = tmp_path / "syntax.dcm"
    told = element(2, 0x10, b"UI", syntax.encode()) if syntax else b""
    path.write_bytes(b"\0" * 128 + b"DICM" + told + UIDS)
    with refused(path, "transfer syntax"):
        scan(path)


def test_damaged_file_meta_information_is_named(tmp_path):
    path = tmp_path / "meta.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM" + element(2, 0x10, b"UI", b"1.2", 500))
    with refused(path, "file meta information that is damaged"):
        scan(path)


def test_deflated_loops_are_read(tmp_path):
    loop = small_loop()
    path = written(tmp_path, small_object(loop, transfer_syntax=DeflatedExplicitVRLittleEndian))
    read = read_loop(path)
    assert (read.frames.every() == loop.frames.every()).all()
    assert (read.frames.frame(2) == loop.frames.frame(2)).all()


def deflated(data: bytes) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return stream.compress(data) + stream.flush()


def test_a_deflated_bomb_is_refused(tmp_path):
    bomb = deflated(UIDS + element(0x7FE0, 0x10, b"OW", bytes(20_000_000)))
    path = raw_file(tmp_path, bomb, syntax=DeflatedExplicitVRLittleEndian)
    with refused(path, "grows past"):
        scan(path)


def test_a_deflated_data_set_stands_in_memory_once_at_most(tmp_path, monkeypatch):
    monkeypatch.setattr(content, "LARGEST_INFLATED_BYTES", 30_000_000)
    noise = np.random.default_rng(0).bytes(1_000_000)
    for megabytes, fits in ((20, True), (40, False)):
        data = UIDS + element(9, 0x1001, b"OB", noise + bytes(megabytes * 1_000_000))
        path = raw_file(tmp_path, deflated(data), syntax=DeflatedExplicitVRLittleEndian)
        del data
        tracemalloc.start()
        try:
            if fits:
                scan(path)
            else:
                with refused(path, "grows past 30000000"):
                    scan(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 1.3 * (21_000_000 if fits else 2_000_000)


@pytest.mark.parametrize("damage", ["cut", "noise", "nothing"])
def test_damaged_deflated_data_sets_are_refused(tmp_path, damage):
    whole = deflated(UIDS * 1 + element(0x10, 0x20, b"LO", b"ABCD"))
    data = {"cut": whole[:-5], "noise": b"\xff" * 40, "nothing": b""}[damage]
    path = raw_file(tmp_path, data, syntax=DeflatedExplicitVRLittleEndian)
    with refused(path, "deflated data set"):
        scan(path)
