"""Frames: every transfer syntax gives the stored values back, and damage is named by its frame."""

from __future__ import annotations

import mmap
import os
import struct
import tracemalloc

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from small_loops import edited, picture, small_loop, small_object, written

from napari_fluoroinject.dicom.codestream import coded_size
from napari_fluoroinject.dicom.frames import MOST_THREADS, thread_count
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import UnreadableObjectError

LOSSLESS = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    HTJ2KLossless,
    RLELossless,
]
ENCAPSULATED = LOSSLESS[3:]


def coded(syntax=RLELossless, bits=12, **options):
    return small_object(small_loop(bits), transfer_syntax=syntax, **options)


def frames_of(dataset):
    return list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))


def recoded(folder, frames, dataset, syntax=None):
    """A file with these very codestreams as its frames."""
    dataset.PixelData = encapsulate(frames)
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = syntax
    return written(folder, dataset)


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_lossless_syntaxes_give_the_stored_values_back(tmp_path, syntax, bits):
    loop = read_loop(written(tmp_path, coded(syntax, bits)))
    stored = picture(bits)
    assert loop.frames.every().dtype == stored.dtype
    assert np.array_equal(loop.frames.every(), stored)
    assert np.array_equal(loop.frames.frame(3), stored[3])
    assert np.array_equal(loop.frames.frame(-1), stored[-1])
    assert not loop.frames.every().flags.writeable
    assert not loop.lossy


@pytest.mark.parametrize(
    ("syntax", "bits", "off_by"),
    [(JPEGBaseline8Bit, 8, 15), (JPEGExtended12Bit, 12, 90), (JPEG2000, 12, 100)],
)
def test_lossy_syntaxes_come_close_and_say_so(tmp_path, syntax, bits, off_by):
    loop = read_loop(written(tmp_path, coded(syntax, bits)))
    inner = (slice(None), slice(4, None), slice(4, None))
    error = np.abs(loop.frames.every().astype(int) - picture(bits))[inner]
    assert error.max() <= off_by
    assert loop.lossy
    assert "The pixels were compressed with loss." in loop.notes


def test_jpeg_lossless_of_any_predictor_is_read(tmp_path):
    dataset = coded(JPEGLosslessSV1)
    frames = [
        imagecodecs.jpeg8_encode(frame, lossless=True, predictor=p, bitspersample=12)
        for p, frame in enumerate(picture(), 1)
    ]
    loop = read_loop(recoded(tmp_path, frames, dataset, JPEGLossless))
    assert np.array_equal(loop.frames.every(), picture())


@pytest.mark.parametrize("syntax", [*LOSSLESS[:4], *LOSSLESS[5:]])
def test_colour_is_read_as_luma_and_noted(tmp_path, syntax):
    loop = small_loop(8, "display")
    dataset = small_object(loop, kind="sc_color", transfer_syntax=syntax)
    read = read_loop(written(tmp_path, dataset))
    assert np.array_equal(read.frames.every(), picture(8))
    assert "The loop is in colour; its luma is used." in read.notes


def rgb():
    return np.random.default_rng(3).integers(0, 256, (5, 24, 32, 3)).astype(np.uint8)


def luma(colour):
    return np.rint(colour @ np.array([0.299, 0.587, 0.114]))


def test_planes_of_colour_are_read(tmp_path):
    dataset = small_object(small_loop(8, "display"), kind="sc_color")
    dataset.PlanarConfiguration = 1
    dataset.PixelData = np.moveaxis(rgb(), -1, 1).tobytes()
    loop = read_loop(written(tmp_path, dataset))
    assert np.abs(loop.frames.every() - luma(rgb())).max() <= 1
    assert np.array_equal(loop.frames.frame(1), loop.frames.every()[1])


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
def test_luma_is_taken_from_ybr_without_a_detour(tmp_path, photometric):
    dataset = small_object(small_loop(8, "display"), kind="sc_color")
    dataset.PhotometricInterpretation = photometric
    y = picture(8)
    if photometric == "YBR_FULL":
        samples = np.stack([y, np.full_like(y, 99), np.full_like(y, 77)], axis=-1)
    else:
        pairs = y.reshape(-1, 2)
        samples = np.concatenate([pairs, np.full_like(pairs, 99)], axis=-1)
    dataset.PixelData = samples.tobytes()
    loop = read_loop(written(tmp_path, dataset))
    assert np.array_equal(loop.frames.every(), y)
    assert np.array_equal(loop.frames.frame(2), y[2])


def test_luma_is_taken_from_colour_jpeg(tmp_path):
    grey = picture(8)
    dataset = small_object(
        small_loop(8, "display"), kind="sc_color", transfer_syntax=JPEGBaseline8Bit
    )
    assert (
        np.abs(read_loop(written(tmp_path, dataset)).frames.every() - grey.astype(int)).max() < 16
    )
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    frames = [imagecodecs.jpeg8_encode(np.repeat(g[..., None], 3, -1), level=95) for g in grey]
    loop = read_loop(recoded(tmp_path, frames, dataset))
    assert loop.shape == grey.shape
    assert np.abs(loop.frames.every() - grey.astype(int))[:, 3:].max() < 16


def test_bits_above_the_stored_ones_are_masked_off(tmp_path):
    dataset = small_object()
    dataset.PixelData = (picture() | 0x5000).astype("<u2").tobytes()
    loop = read_loop(written(tmp_path, dataset))
    assert np.array_equal(loop.frames.every(), picture())
    assert np.array_equal(loop.frames.frame(0), picture()[0])


def test_stored_bits_may_lie_high(tmp_path):
    dataset = small_object()
    dataset.HighBit = 15
    dataset.PixelData = (picture() << 4 | 0x3).astype("<u2").tobytes()
    assert np.array_equal(read_loop(written(tmp_path, dataset)).frames.every(), picture())


def test_signed_values_are_read_as_the_header_says(tmp_path):
    dataset = small_object(small_loop(12, "log"))
    signed = picture().astype(int) - 2048
    dataset.PixelRepresentation = 1
    dataset.PixelData = (signed & 0x0FFF | 0x6000).astype("<u2").tobytes()  # overlays above
    loop = read_loop(written(tmp_path, dataset))
    assert loop.frames.every().dtype == np.int16
    assert np.array_equal(loop.frames.every(), signed)
    assert loop.intensity.first_stored == -2048
    assert loop.intensity.ln(loop.frames.every()).shape == loop.shape


@pytest.mark.parametrize("declared", [0, 1])
def test_the_header_decides_the_sign_of_a_jpeg_2000_stream(tmp_path, declared):
    dataset = coded(JPEG2000Lossless)
    signed = (picture().astype(int) - 2048).astype(np.int16)
    frames = [
        imagecodecs.jpeg2k_encode(
            frame, level=0, codecformat="j2k", reversible=True, bitspersample=12
        )
        for frame in signed
    ]
    dataset.PixelRepresentation = declared
    loop = read_loop(recoded(tmp_path, frames, dataset))
    expected = signed if declared else signed.astype(int) & 0xFFF
    assert np.array_equal(loop.frames.every(), expected)


def test_single_bits_are_read_across_byte_borders(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2, (5, 7, 9)).astype(np.uint8)
    loop = small_loop(1, "unknown", stored=bits)
    read = read_loop(written(tmp_path, small_object(loop, kind="sc_bit")))
    assert np.array_equal(read.frames.every(), bits)
    assert all(np.array_equal(read.frames.frame(k), bits[k]) for k in range(5))


@pytest.mark.parametrize("table", [True, False])
def test_frames_in_several_fragments_are_put_together(tmp_path, table):
    dataset = coded(JPEGLosslessSV1)
    dataset.PixelData = encapsulate(frames_of(dataset), fragments_per_frame=3, has_bot=table)
    loop = read_loop(written(tmp_path, dataset))
    assert np.array_equal(loop.frames.every(), picture())


def test_one_frame_may_have_any_number_of_fragments(tmp_path):
    dataset = small_object(small_loop(stored=picture()[:1]), transfer_syntax=JPEG2000Lossless)
    dataset.NumberOfFrames = 1
    dataset.PixelData = encapsulate(frames_of(dataset), fragments_per_frame=4, has_bot=False)
    assert np.array_equal(read_loop(written(tmp_path, dataset)).frames.every(), picture()[:1])


@pytest.mark.parametrize("table", [True, False])
def test_frames_that_cannot_be_told_apart_are_refused(tmp_path, table):
    dataset = coded(RLELossless)
    data = bytearray(encapsulate(frames_of(dataset), fragments_per_frame=2, has_bot=table))
    if table:
        data[12:16] = (8).to_bytes(4, "little")  # an offset between two fragments
    dataset.PixelData = bytes(data)
    with pytest.raises(UnreadableObjectError, match="no usable offset table for 5 frames"):
        read_loop(written(tmp_path, dataset))


@pytest.mark.parametrize("syntax", ENCAPSULATED)
def test_a_damaged_frame_is_named_and_the_others_can_be_had(tmp_path, syntax):
    dataset = coded(syntax)
    frames = frames_of(dataset)
    frames[2] = frames[2][: len(frames[2]) // 3]
    path = recoded(tmp_path, frames, dataset)
    with pytest.raises(UnreadableObjectError, match=r"loop\.dcm.*frame number 3"):
        read_loop(path).frames.every()


@pytest.mark.parametrize("syntax", ENCAPSULATED)
def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(tmp_path, syntax):
    other = small_loop(stored=picture(12, 5, 40, 32))
    frames = frames_of(small_object(other, transfer_syntax=syntax))
    path = recoded(tmp_path, frames, coded(syntax))
    if syntax == RLELossless:
        with pytest.raises(UnreadableObjectError, match="frame number 1"):
            read_loop(path).frames.every()
        return
    with pytest.raises(UnreadableObjectError, match="frame number 1: a codestream of 40 x 32"):
        read_loop(path)


@pytest.mark.parametrize(
    ("syntax", "frame", "said"),
    [
        (RLELossless, b"\x09\0\0\0" + bytes(60), "9 RLE segments where 2 are needed"),
        (RLELossless, b"\x02\0\0\0" + bytes(60), "frame number 1"),
        (JPEGLosslessSV1, b"\xff\xd8\xff\xda" + bytes(40), "no codestream header"),
        (JPEGLosslessSV1, b"\xff\xd8\xff\xc3\0\x0b", "no codestream header"),
        (JPEGLosslessSV1, b"\xff\xd8\xff\xff\xff\xd0\xff\xe0\0\x04ab", "no codestream header"),
        (JPEG2000Lossless, b"\xff\x4f\xff\x51\0\x29", "no codestream header"),
        (HTJ2K, bytes(100), "no codestream header"),
    ],
)
def test_frames_without_a_usable_header_are_refused(tmp_path, syntax, frame, said):
    dataset = coded(syntax if syntax in ENCAPSULATED else HTJ2KLossless)
    path = recoded(tmp_path, [frame, *frames_of(dataset)[1:]], dataset, syntax)
    with pytest.raises(UnreadableObjectError, match=said):
        read_loop(path).frames.every()


def test_a_frame_without_its_end_marker_is_refused(tmp_path):
    dataset = coded(JPEGLosslessSV1)
    frames = frames_of(dataset)
    frames[4] = frames[4].rstrip(b"\0")[:-2]
    with pytest.raises(
        UnreadableObjectError, match="frame number 5: a codestream without its end"
    ):
        read_loop(recoded(tmp_path, frames, dataset))


def test_precision_beyond_the_allocated_bits_is_refused(tmp_path):
    dataset = coded(JPEGLSLossless, bits=8)
    frames = frames_of(coded(JPEGLSLossless, bits=16))
    with pytest.raises(UnreadableObjectError, match="16 bits"):
        read_loop(recoded(tmp_path, frames, dataset))


def test_fill_bytes_and_standalone_markers_may_stand_before_the_frame_header():
    encoded = frames_of(coded(JPEGLosslessSV1))[0]
    size = coded_size(encoded[:2] + b"\xff\xff\xff\x01" + encoded[2:])
    assert size == coded_size(encoded)


def box(kind: bytes, content: bytes, *, long: bool = False) -> bytes:
    """A box of a JP2 file (T.800 I.4)."""
    if long:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


SIGNATURE = box(b"jP  ", b"\r\n\x87\n")
KIND = box(b"ftyp", b"jp2 \0\0\0\0jp2 ")


@pytest.mark.parametrize("long", [False, True])
def test_the_codestream_of_a_jp2_file_is_found(tmp_path, long):
    dataset = coded(JPEG2000Lossless)
    stored = read_loop(written(tmp_path, dataset)).frames.every()
    frames = [imagecodecs.jpeg2k_encode(f, level=0, codecformat="jp2") for f in stored]
    plain = frames_of(dataset)[0]
    head = frames[0][: frames[0].find(b"jp2c") - 4]
    jp2 = head + box(b"free", b"abc", long=long) + box(b"jp2c", plain, long=long)
    assert coded_size(jp2) == coded_size(plain) != None  # noqa: E711 - a chain of comparisons
    padded = [bytes(f) + b"\0" * (len(f) % 2) for f in frames]
    assert (read_loop(recoded(tmp_path, padded, dataset)).frames.every() == stored).all()


def test_a_decoy_before_the_codestream_hides_no_larger_picture(tmp_path):
    dataset = coded(JPEG2000Lossless)
    decoy = frames_of(dataset)[0][:80]
    large = bytes(imagecodecs.jpeg2k_encode(np.zeros((900, 900), np.uint8), level=0))
    jp2 = SIGNATURE + KIND + box(b"free", decoy) + large[large.find(b"ftyp") + 16 :]
    for frame in (jp2, b"\0\0" + decoy + large, decoy[4:] + frames_of(dataset)[0]):
        path = recoded(tmp_path, [frame + b"\0" * (len(frame) % 2)] * 5, dataset)
        with pytest.raises(
            UnreadableObjectError, match=r"frame number 1: (a codestream of 900|no)"
        ):
            read_loop(path)


def test_a_palette_that_multiplies_the_samples_is_refused():
    plain = frames_of(coded(JPEG2000Lossless))[0]
    head = box(b"jp2h", box(b"pclr", bytes(40)))
    assert coded_size(SIGNATURE + KIND + box(b"jp2c", plain)) is not None
    assert coded_size(SIGNATURE + KIND + head + box(b"jp2c", plain)) is None


@pytest.mark.parametrize(
    "boxes",
    [b"", b"\0" * 40, box(b"free", b""), struct.pack(">I4sQ", 1, b"free", 3), b"\0\0\0\5free"],
)
def test_a_jp2_file_without_a_codestream_has_no_size(boxes):
    assert coded_size(SIGNATURE + boxes) is None


def test_a_jpeg_decoder_finds_no_other_frame_header_than_we_do():
    encoded = frames_of(coded(JPEGLosslessSV1))[0]
    assert coded_size(encoded[:2] + b"\xff\0\0\x04ab" + encoded[2:]) is None


def test_an_unknown_transfer_syntax_is_named(tmp_path):
    dataset = coded(RLELossless)
    dataset.file_meta.TransferSyntaxUID = MPEG2MPML
    with pytest.raises(UnreadableObjectError, match="MPEG2 Main Profile"):
        read_loop(written(tmp_path, dataset))


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_a_file_that_shrinks_or_goes_after_it_was_opened_is_a_typed_error(tmp_path, syntax):
    path = written(tmp_path, coded(syntax))
    loop = read_loop(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UnreadableObjectError, match="frame number 5"):
        loop.frames.frame(4)
    path.unlink()
    with pytest.raises(UnreadableObjectError, match=r"loop\.dcm"):
        loop.frames.every()


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless])
def test_a_frame_beyond_the_last_is_an_index_error(tmp_path, syntax):
    loop = read_loop(written(tmp_path, coded(syntax)))
    with pytest.raises(IndexError):
        loop.frames.frame(5)


@pytest.mark.parametrize(
    "changes",
    [
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"PhotometricInterpretation": None},
        {"SamplesPerPixel": 2},
        {"BitsAllocated": 12},
        {"BitsStored": 17},
        {"HighBit": 3},
        {"BitsStored": 12, "HighBit": 16},
    ],
)
def test_pixels_of_another_kind_are_refused(tmp_path, changes):
    dataset = small_object()
    dataset.PixelData = bytes(5 * 24 * 32 * 4)
    with pytest.raises(UnreadableObjectError, match=r"samples of|bits"):
        read_loop(edited(tmp_path, dataset, **changes))


def test_signed_colour_is_refused(tmp_path):
    dataset = small_object(small_loop(8, "display"), kind="sc_color")
    with pytest.raises(UnreadableObjectError, match="signed"):
        read_loop(edited(tmp_path, dataset, PixelRepresentation=1))


def test_a_raw_loop_is_mapped_and_not_copied(tmp_path):
    memory = read_loop(written(tmp_path, small_object())).frames.every()
    while isinstance(memory, np.ndarray):
        memory = memory.base
    assert isinstance(memory, mmap.mmap)


@pytest.mark.parametrize("kind", ["signed", "overlays"])
def test_values_that_must_be_changed_are_changed_frame_by_frame(tmp_path, kind):
    dataset = small_object(small_loop(stored=picture(12, 64, 128, 128)))
    if kind == "signed":
        dataset.PixelRepresentation = 1
    else:
        dataset.PixelData = (picture(12, 64, 128, 128) | 0x8000).astype("<u2").tobytes()
    frames = read_loop(written(tmp_path, dataset)).frames
    tracemalloc.start()
    stored = frames.every()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1.5 * stored.nbytes


@pytest.mark.parametrize("syntax", ENCAPSULATED)
def test_of_several_damaged_frames_the_first_is_always_the_one_named(tmp_path, syntax):
    dataset = coded(syntax)
    frames = frames_of(dataset)
    path = recoded(tmp_path, frames, dataset)
    loop = read_loop(path)
    whole = path.read_bytes()
    for frame in frames[2:]:  # after the loop was opened, or opening would tell
        whole = whole.replace(frame, bytes(len(frame)), 1)
    path.write_bytes(whole)
    for _ in range(5):
        with pytest.raises(UnreadableObjectError, match="frame number 3:"):
            loop.frames.every()


def test_no_more_threads_decode_than_the_process_has_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert thread_count() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert thread_count() == MOST_THREADS
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert thread_count() == 2
