"""Damaged files: a typed error or a good loop, never anything else, and never much memory."""

from __future__ import annotations

import struct
import tracemalloc
from math import prod

import numpy as np
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from small_loops import small_loop, small_object, written

from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import UnreadableObjectError

SEEDS = [
    ("xa", 12, "log", ExplicitVRLittleEndian),
    ("xa", 12, "linear", ImplicitVRLittleEndian),
    ("xa", 12, "linear", DeflatedExplicitVRLittleEndian),
    ("xa", 8, "display", JPEGBaseline8Bit),
    ("xa", 12, "linear", JPEGLosslessSV1),
    ("xa", 12, "linear", JPEGLSLossless),
    ("xa", 12, "linear", JPEG2000Lossless),
    ("xa", 12, "linear", HTJ2KLossless),
    ("xa", 12, "linear", RLELossless),
    ("enhanced_xa", 12, "log", ExplicitVRLittleEndian),
    ("sc_color", 8, "display", JPEGLosslessSV1),
]
MUTATIONS_PER_SEED = 40
SLACK_BYTES = 8 << 20
"""What parsing a header and a table of 65536 entries takes, whatever the file."""
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Content with up to eight places damaged: header and codestreams alike."""
    data = bytearray(content)
    # half of the damage goes where structure is: headers are short beside pixels
    for _ in range(random.integers(1, 9)):
        end = len(data) if random.random() < 0.5 else min(len(data), 2500)
        at = int(random.integers(128, max(end, 129)))
        kind = random.integers(0, 6)
        if kind == 0:
            data[at : at + 1] = bytes([random.integers(0, 256)])
        elif kind == 1:
            data[at : at + 4] = struct.pack("<I", EXTREMES[random.integers(0, len(EXTREMES))])
        elif kind == 2:
            data[at : at + 2] = struct.pack("<H", random.integers(0, 65536))
        elif kind == 3:
            del data[at : at + int(random.integers(1, 40))]
        elif kind == 4:
            data[at:at] = data[at : at + int(random.integers(1, 200))]
        else:
            del data[int(random.integers(at, len(data) + 1)) :]
    return bytes(data)


def declared_bytes(loop) -> int:
    return 2 * prod(loop.shape)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_a_damaged_file_is_a_typed_error_or_a_good_loop(tmp_path, seed):
    kind, bits, relationship, syntax = SEEDS[seed]
    dataset = small_object(small_loop(bits, relationship), kind=kind, transfer_syntax=syntax)
    whole = written(tmp_path, dataset).read_bytes()
    random = np.random.default_rng(seed)
    path = tmp_path / "mutated.dcm"
    refused = 0
    tracemalloc.start()
    try:
        for _ in range(MUTATIONS_PER_SEED):
            path.write_bytes(mutated(whole, random))
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            allowed = 4 * path.stat().st_size + SLACK_BYTES
            try:
                loop = read_loop(path)
                allowed += 4 * declared_bytes(loop)
                stored = loop.frames.every()
            except UnreadableObjectError as error:
                refused += error.source == "mutated.dcm"
            else:
                assert stored.shape == loop.shape
                assert loop.intensity.ln(stored).dtype == np.float32
            assert tracemalloc.get_traced_memory()[1] - before <= allowed
    finally:
        tracemalloc.stop()
    assert refused > MUTATIONS_PER_SEED // 4


def test_headers_of_65535_by_65535_are_refused_without_memory(tmp_path):
    tracemalloc.start()
    try:
        for syntax in (ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless):
            dataset = small_object(transfer_syntax=syntax)
            dataset.Rows = dataset.Columns = 65535
            dataset.NumberOfFrames = 5
            path = written(tmp_path, dataset)
            tracemalloc.reset_peak()
            with pytest.raises(UnreadableObjectError, match="65535 x 65535"):
                read_loop(path)
        assert tracemalloc.get_traced_memory()[1] < SLACK_BYTES
    finally:
        tracemalloc.stop()
