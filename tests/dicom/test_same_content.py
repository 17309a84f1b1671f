"""A re-send in another encoding is the same content; anything else, or any doubt, is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tracemalloc
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, JPEGLSNearLossless
from small_loops import data_set_of, edited, picture, raw_file, small_loop, small_object, written

from napari_fluoroinject.dicom.same_content import same_content, same_content_apart

if TYPE_CHECKING:
    from pathlib import Path


def transcoded(path: Path, *command: str) -> Path:
    """The file as a program of DCMTK encodes it; pynetdicom installs others of these names."""
    tool = shutil.which(command[0], path="/usr/local/bin:/usr/bin:/opt/homebrew/bin")
    if tool is None:
        pytest.skip(f"DCMTK's {command[0]} is not installed")
    out = path.with_name(f"{'_'.join(command)}.dcm")
    subprocess.run([tool, *command[1:], str(path), str(out)], check=True, timeout=60)
    return out


def both_ways(kept: Path, new: Path) -> bool:
    answers = {same_content(kept, new), same_content(new, kept)}
    assert len(answers) == 1
    return answers.pop()


LOSSLESS = [
    ["dcmcjpeg"],
    ["dcmcjpls"],
    ["dcmcrle"],
    ["dcmconv", "+ti"],
    ["dcmconv", "+td"],
    ["dcmconv", "+g"],
]


@pytest.mark.validator
@pytest.mark.parametrize("command", LOSSLESS, ids=" ".join)
def test_the_same_loop_in_another_lossless_encoding_is_the_same(command, tmp_path):
    loop = written(tmp_path)
    other = transcoded(loop, *command)
    assert both_ways(loop, other)


@pytest.mark.validator
def test_two_lossless_encodings_are_compared_with_each_other(tmp_path):
    loop = written(tmp_path)
    assert both_ways(transcoded(loop, "dcmcjpeg"), transcoded(loop, "dcmcjpls"))


@pytest.mark.validator
def test_a_lossy_copy_is_not_the_same_though_it_may_look_so(tmp_path):
    loop = written(tmp_path)
    packed = pydicom.dcmread(transcoded(loop, "dcmcjpls"))
    assert both_ways(loop, written(tmp_path, packed, "packed.dcm"))
    packed.file_meta.TransferSyntaxUID = JPEGLSNearLossless
    assert not both_ways(loop, written(tmp_path, packed, "lossy.dcm"))


@pytest.mark.validator
@pytest.mark.parametrize("command", [["dcmcjpeg"], ["dcmcrle"], ["dcmconv", "+ti"]], ids=" ".join)
def test_one_pixel_of_one_frame_makes_another_loop(command, tmp_path):
    stored = picture()
    loop = written(tmp_path, small_object(small_loop(stored=stored)))
    stored = stored.copy()
    stored[-1, -1, -1] ^= 1
    other = written(tmp_path, small_object(small_loop(stored=stored)), "other.dcm")
    assert not both_ways(loop, other)
    assert not both_ways(loop, transcoded(other, *command))


@pytest.mark.parametrize(
    "change",
    [
        {"PatientName": "Somebody^Else"},
        {"PatientID": None},
        {"ImageComments": "one more"},
        {"KVP": "76"},
        {"Rows": 32, "Columns": 24},
        {"PixelRepresentation": 1},
    ],
    ids=str,
)
@pytest.mark.parametrize("syntax", ["same", "implicit"])
def test_one_attribute_makes_another_loop(change, syntax, tmp_path):
    loop = written(tmp_path)
    (tmp_path / "other").mkdir()
    dataset = small_object()
    if syntax == "implicit":
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert both_ways(loop, edited(tmp_path / "other", small_object()))
    assert not both_ways(loop, edited(tmp_path / "other", dataset, **change))


def nested(value: str, *, items: int = 1) -> Dataset:
    dataset = small_object()
    inner = Dataset()
    inner.CodeValue = value
    outer = Dataset()
    outer.ConceptNameCodeSequence = [inner] * items
    block = dataset.private_block(0x0029, "OURS", create=True)
    block.add_new(1, "SQ", [outer])
    dataset.ViewCodeSequence = [outer]
    return dataset


@pytest.mark.validator
def test_sequences_are_compared_item_by_item_however_they_are_delimited(tmp_path):
    loop = written(tmp_path, nested("T-1"))
    for command in (["dcmconv", "-e"], ["dcmconv", "+e"], ["dcmconv", "+ti"]):
        assert both_ways(loop, transcoded(loop, *command))
    for k, other in enumerate((nested("T-2"), nested("T-1", items=2))):
        assert not both_ways(loop, written(tmp_path, other, f"{k}.dcm"))


def test_a_sequence_that_implicit_encoding_hides_is_found(tmp_path):
    loop = written(tmp_path, nested("T-1"))
    for value, same in (("T-1", True), ("T-2", False)):
        dataset = nested(value)
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        assert both_ways(loop, written(tmp_path, dataset, "implicit.dcm")) == same


def test_what_stands_after_the_pixels_counts_and_padding_does_not(tmp_path):
    loop = written(tmp_path)
    data = data_set_of(loop)
    padding = b"\xfc\xff\xfc\xffOB\0\0\x04\0\0\0\0\0\0\0"
    signed = b"\xfa\xff\xfa\xffSQ\0\0\0\0\0\0"
    assert both_ways(loop, raw_file(tmp_path, data + bytes(16)))
    assert both_ways(loop, raw_file(tmp_path, data + padding))
    assert not both_ways(loop, raw_file(tmp_path, data + signed))


def test_the_form_of_colours_is_encoding_and_other_colours_are_not(tmp_path):
    loop = small_object(small_loop(bits=8, stored=picture(8, frames=2)))
    loop.SamplesPerPixel, loop.PhotometricInterpretation, loop.PlanarConfiguration = 3, "RGB", 0
    grey = np.frombuffer(loop.PixelData, np.uint8)
    for name, colours in (("a", grey), ("b", grey[::-1])):
        loop.PixelData = np.repeat(colours, 3).tobytes()
        written(tmp_path, loop, f"{name}.dcm")
    assert both_ways(tmp_path / "a.dcm", tmp_path / "a.dcm")
    assert not both_ways(tmp_path / "a.dcm", tmp_path / "b.dcm")


@pytest.mark.validator
def test_an_overlay_in_unused_bits_cannot_be_compared_once_compressed(tmp_path):
    dataset = small_object()
    dataset.add_new(0x60000100, "US", 1)
    dataset.add_new(0x60000102, "US", 12)
    loop = written(tmp_path, dataset)
    assert not both_ways(loop, transcoded(loop, "dcmcrle"))
    assert both_ways(loop, transcoded(loop, "dcmconv", "+ti"))


def test_objects_without_pixels_are_compared_by_their_elements(tmp_path):
    for name, title in (("a", "one"), ("b", "one"), ("c", "two")):
        dataset = small_object()
        del dataset.PixelData
        dataset.ImageComments = title
        if name == "b":
            dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        written(tmp_path, dataset, f"{name}.dcm")
    assert both_ways(tmp_path / "a.dcm", tmp_path / "b.dcm")
    assert not both_ways(tmp_path / "a.dcm", tmp_path / "c.dcm")
    assert not both_ways(tmp_path / "a.dcm", written(tmp_path))


def test_what_cannot_be_read_is_not_the_same(tmp_path):
    loop = written(tmp_path)
    data = data_set_of(loop)
    assert not both_ways(loop, raw_file(tmp_path, data[:-1000]))
    (tmp_path / "no.dcm").write_bytes(b"nothing of DICOM")
    assert not both_ways(loop, tmp_path / "no.dcm")
    assert not both_ways(loop, tmp_path / "absent.dcm")
    short = edited(tmp_path, small_object(), NumberOfFrames=50)
    assert not same_content(short, short)


def test_a_header_that_is_too_long_is_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_fluoroinject.dicom.same_content.LARGEST_HEADER_BYTES", 100)
    loop = written(tmp_path)
    assert not same_content(loop, loop)


@pytest.mark.validator
def test_a_long_loop_is_compared_frame_by_frame(tmp_path):
    stored = np.repeat(picture(12, frames=4, rows=256, columns=256), 20, axis=0)
    loop = written(tmp_path, small_object(small_loop(stored=stored)))
    packed = transcoded(loop, "dcmcrle")
    same_content(loop, packed)  # what is imported once counts once
    tracemalloc.start()
    try:
        assert same_content(loop, packed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < stored.nbytes / 2


@pytest.mark.validator
def test_apart_it_says_the_same_and_ends_in_time(tmp_path):
    loop = written(tmp_path)
    assert same_content_apart(loop, transcoded(loop, "dcmcjpeg"))
    other = small_object()
    other.KVP = "76"
    assert not same_content_apart(loop, written(tmp_path, other, "other.dcm"))
    same = written(tmp_path, name="same.dcm")
    assert same_content_apart(loop, same)
    assert not same_content_apart(same, same, time_limit_s=0.0)


def test_apart_no_program_to_run_is_a_no(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    loop = written(tmp_path)
    assert not same_content_apart(loop, loop)
