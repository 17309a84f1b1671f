"""Files that are damaged or made to harm: a fault or a clear error, never more."""

from __future__ import annotations

import os
import time

import checkable
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_fluoroinject.dicom.check.run import check_files

LIMIT_S = 60.0
"""A hang would be told by it; each file here takes a second or so."""


def _checked(path):
    begin = time.perf_counter()
    (checked,) = check_files([path])
    assert time.perf_counter() - begin < LIMIT_S
    return checked


@pytest.fixture(scope="module")
def wholes():
    from io import BytesIO

    found = {}
    for name, build in checkable.EXAMPLES.items():
        stream = BytesIO()
        build().save_as(stream, enforce_file_format=True)
        found[name] = stream.getvalue()
    return found


@pytest.mark.parametrize(
    "example", ["binary", "labelmap rle", "angio state", "report", "document"]
)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_has_a_fault(example, share, wholes, tmp_path):
    whole = wholes[example]
    path = tmp_path / "cut.dcm"
    path.write_bytes(whole[: int(len(whole) * share)])
    assert _checked(path).faults


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_file_with_other_bytes_ends_in_faults_or_none(data, wholes, tmp_path):
    example = data.draw(st.sampled_from(["labelmap rle", "angio state", "report", "derived xa"]))
    spoilt = bytearray(wholes[example])
    for _ in range(data.draw(st.integers(1, 8))):
        spoilt[data.draw(st.integers(132, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "spoilt.dcm"
    path.write_bytes(bytes(spoilt))
    for fault in _checked(path).faults:
        assert str(fault).isprintable() or "\\" in str(fault) or fault.seen


def _nested(depth: int) -> Dataset:
    outer = inner = Dataset()
    for _ in range(depth):
        following = Dataset()
        following.TextValue = "x"
        inner.ContentSequence = [following]
        inner = following
    return outer


@pytest.mark.parametrize("depth", [50, 80])
def test_deep_nesting_is_read_or_refused(depth, tmp_path):
    made = checkable.report()
    made.ContentSequence = [_nested(depth)]
    checked = _checked(checkable.written(made, tmp_path))
    assert checked.faults
    assert ("file.readable" in {fault.rule for fault in checked.faults}) is (depth > 64)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("NumberOfFrames", 2_000_000_000),
        ("NumberOfFrames", 0),
        ("NumberOfFrames", -3),
        ("Rows", 65535),
        ("BitsAllocated", 0),
        ("BitsAllocated", 65535),
        ("SamplesPerPixel", 65535),
    ],
)
@pytest.mark.parametrize("example", ["binary", "labelmap rle", "parametric map", "derived xa"])
def test_counts_that_cannot_be_are_faults(example, keyword, value, tmp_path):
    made = checkable.EXAMPLES[example]()
    setattr(made, keyword, value)
    checked = _checked(checkable.written(made, tmp_path))
    assert {fault.rule for fault in checked.faults} & {
        *("pixels.length", "pixels.values", "file.readable")
    }


@pytest.mark.parametrize("value", [2_147_483_647, -1, 0])
def test_frame_numbers_that_cannot_be_are_faults(value, tmp_path):
    made = checkable.angio_state()
    made.MaskSubtractionSequence[0].MaskFrameNumbers = 65535
    made.MultiFramePresentationSequence[0].FrameDisplaySequence[1].StopTrim = value
    made.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedFrameNumber = value
    checkable.written(checkable.source(), tmp_path, "source")
    rules = {fault.rule for fault in _checked(checkable.written(made, tmp_path)).faults}
    assert {"mask.frames", "display.ranges", "reference.frame"} <= rules


def test_many_elements_are_refused_or_read_in_time(tmp_path):
    made = checkable.report()
    one = made.ContentSequence[1]
    made.ContentSequence = [one] * 400
    checked = _checked(checkable.written(made, tmp_path))
    assert checked.title


@pytest.mark.parametrize("content", [b"", b"DICM", b"\0" * 128 + b"DICM", b"PK\x03\x04" * 100])
def test_what_is_no_dicom_file_is_said_to_be_none(content, tmp_path):
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    assert [fault.rule for fault in _checked(path).faults] == ["file.readable"]


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes elsewhere")
def test_a_pipe_is_not_waited_for(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert [fault.rule for fault in _checked(path).faults] == ["file.readable"]


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_other_transfer_syntaxes_without_fault_have_none(syntax, tmp_path):
    checkable.written(checkable.source(), tmp_path, "source")
    made = checkable.report()
    made.file_meta.TransferSyntaxUID = syntax
    assert [str(f) for f in _checked(checkable.written(made, tmp_path)).faults] == []


def test_a_folder_without_dicom_gives_nothing(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing here")
    assert check_files([tmp_path]) == ()
