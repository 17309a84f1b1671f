"""Pairs of a loop and what results would be written for: one identifier differs, none is written.

Ten thousand pairs, a minute of a processor:
`IDENTITY_PAIRS=10000 pytest tests/dicom/test_identity_pairs.py -k pairs`.
"""

from __future__ import annotations

import os
import random
import warnings
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
import sources
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydicom.config import disable_value_validation

from napari_fluoroinject.dicom.header import COPIED, result_header
from napari_fluoroinject.dicom.identity import identify_loop, sha256_of
from napari_fluoroinject.dicom.opened import open_object
from napari_fluoroinject.dicom.order import in_order
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.errors import IdentityMismatchError
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.report import Provenance

if TYPE_CHECKING:
    from pathlib import Path

PAIRS = int(os.environ.get("IDENTITY_PAIRS", "1000"))
MADE_BY = Provenance(
    software="test",
    version="0",
    backend="reference",
    device="any",
    backend_version="1",
    parameters=(),
)
SCALE = IntensityScale(relationship="linear", ln_beam=np.zeros(16, np.float32))
FIELDS = {
    # what stands in the file, padded to a fixed length so that bytes can be exchanged
    "PatientID": b"FLUORO01",
    "PatientName": b"Somebody^Synthetic",
    "IssuerOfPatientID": b"HOSPITAL",
    "PatientBirthDate": b"19600101",
    "AccessionNumber": b"ACCESS01",
    "StudyInstanceUID": b"1.2.826.0.1.3680043.10.1001",
    "SeriesInstanceUID": b"1.2.826.0.1.3680043.10.1002",
    "SOPInstanceUID": b"1.2.826.0.1.3680043.10.1003",
    "SpecificCharacterSet": b"ISO_IR 192",
    "StudyDate": b"20260101",
}


def _small(**changes: object) -> pydicom.Dataset:
    """An XA run of 3 frames of 4 x 4 pixels."""
    ds = sources.xa("pair", frames=3)
    ds.Rows = ds.Columns = 4
    ds.PixelData = np.arange(48, dtype="<u2").tobytes()
    ds["PixelData"].VR = "OW"
    for keyword, value in FIELDS.items():
        setattr(ds, keyword, value.decode("ascii"))
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def _encoded(ds: pydicom.Dataset) -> bytes:
    stream = BytesIO()
    with disable_value_validation():
        ds.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _loop(paths: list[Path]) -> CineLoop:
    """What the reader would say of the files, without their pixels."""
    objects = in_order(tuple(open_object(path) for path in paths))
    first = objects[0].header
    uids = tuple(one.structure.sop_instance_uid for one in objects)
    frames = sum(one.pixels.frames for one in objects)
    return CineLoop(
        frames=ArrayFrames(np.zeros((frames, int(first.Rows), int(first.Columns)), np.uint16)),
        times_s=None,
        intensity=SCALE,
        reference=LoopReference(
            study_instance_uid=str(first.StudyInstanceUID),
            series_instance_uid=str(first.SeriesInstanceUID),
            sop_instance_uid=uids[0],
            sop_class_uid=str(first.SOPClassUID),
            frame_instance_uids=uids if len(uids) > 1 else (),
        ),
        sha256=sha256_of(objects),
    )


def _written(loop: CineLoop, paths: list[Path]) -> bool:
    """Whether a result would be written: everything that writes asks this first."""
    try:
        identify_loop(loop, paths, provenance=MADE_BY, made_by=())
    except IdentityMismatchError:
        return False
    return True


def _exchanged(whole: bytes, old: bytes, new: bytes) -> bytes:
    """The same file with other bytes of the same length in its data set."""
    assert len(old) == len(new)
    start = whole.rindex(b"\x08\x00\x05\x00CS")  # file meta information names UIDs too
    at = whole.index(old, start)
    return whole[:at] + new + whole[at + len(old) :]


def _other(value: bytes, key: str, chance: random.Random) -> bytes:
    """Another value of the same length: a digit, a letter, its case, a blank."""
    if key == "SpecificCharacterSet":
        return chance.choice([b"ISO_IR 100", b"ISO_IR 138", b"ISO_IR 166"])
    digits = [k for k, byte in enumerate(value) if chr(byte).isdigit()]
    at = chance.choice(digits) if "UID" in key or "Date" in key else chance.randrange(len(value))
    at = digits[-1] if "UID" in key else at
    choices = b"0123456789" if at in digits else b"abcxyzABCXYZ ^"
    byte = chance.choice([c for c in choices if c != value[at]])
    return value[:at] + bytes([byte]) + value[at + 1 :]


def _file_change(whole: bytes, chance: random.Random) -> tuple[str, bytes]:
    """One identifier of the file changes, or a pixel, or the class, or the number of frames."""
    what = chance.choice([*FIELDS, "pixel", "class", "frames", "nothing"])
    if what == "nothing":
        return what, whole
    if what == "pixel":
        at = len(whole) - chance.randrange(1, 97)
        return what, whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
    if what == "class":
        old = b"1.2.840.10008.5.1.4.1.1.12.1\0\0"[:28]
        return what, _exchanged(whole, old, old[:-1] + b"2")
    if what == "frames":
        return what, _exchanged(
            whole, b"IS\x02\x003 ", b"IS\x02\x00" + chance.choice([b"2 ", b"1 "])
        )
    return what, _exchanged(whole, FIELDS[what], _other(FIELDS[what], what, chance))


def _report_change(loop: CineLoop, chance: random.Random) -> tuple[str, CineLoop]:
    """The report names another study, series, instance, class, hash or number of frames."""
    what = chance.choice(["study", "series", "instance", "class", "hash", "frames", "nothing"])
    reference = loop.reference
    other = f"1.2.{chance.randrange(10**9)}"
    named = {
        "study": {"study_instance_uid": other},
        "series": {"series_instance_uid": other},
        "instance": {"sop_instance_uid": other},
        "class": {"sop_class_uid": sources.XRF},
    }
    if what in named:
        return what, replace(loop, reference=replace(reference, **named[what]))
    if what == "hash":
        return what, replace(loop, sha256=f"{chance.randrange(16**64):064x}")
    if what == "frames":
        count = chance.choice([1, 2, 4])
        return what, replace(loop, frames=ArrayFrames(np.zeros((count, 4, 4), np.uint16)))
    return what, loop


def test_of_many_pairs_none_is_written_where_an_identifier_differs(tmp_path):
    chance = random.Random(5)
    whole = _encoded(_small())
    path = tmp_path / "source.dcm"
    path.write_bytes(whole)
    made_from = _loop([path])
    tried: dict[str, list[bool]] = {}
    for _ in range(PAIRS):
        if chance.random() < 0.7:
            what, content = _file_change(whole, chance)
            loop = made_from
        else:
            content = whole
            what, loop = _report_change(made_from, chance)
            what = f"report's {what}"
        path.write_bytes(content)
        tried.setdefault(what, []).append(_written(loop, [path]))
    equal = {what for what in tried if what.endswith("nothing")}
    assert {what: sum(told) for what, told in tried.items() if what not in equal} == dict.fromkeys(
        set(tried) - equal, 0
    )
    assert all(all(tried[what]) for what in equal)
    assert min(map(len, tried.values())) > PAIRS // 60
    assert len(tried) == 21


def _series(folder: Path, *, key: str = "series", **changes: object) -> list[Path]:
    """Four single frames; `changes` are made to the third."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k in range(4):
        ds = _small(
            SOPInstanceUID=f"1.2.3.{sum(key.encode())}.{k + 1}",
            InstanceNumber=k + 1,
            NumberOfFrames=1,
        )
        ds.PixelData = np.full(16, k, "<u2").tobytes()
        for keyword in ("FrameTime", "FrameIncrementPointer", "NumberOfFrames", "CineRate"):
            del ds[keyword]
        for keyword, value in changes.items() if k == 2 else ():
            setattr(ds, keyword, value)
        paths.append(folder / f"{k}.dcm")
        paths[-1].write_bytes(_encoded(ds))
    return paths


def test_a_series_of_single_frames_is_written_in_whatever_order_its_files_are_given(tmp_path):
    paths = _series(tmp_path)
    assert _written(_loop(paths), paths)
    assert _written(_loop(paths[::-1]), [paths[2], paths[0], paths[3], paths[1]])


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "FLUORO02"),
        ("PatientID", "fluoro01"),
        ("PatientID", ""),
        ("PatientName", "Somebody^Else"),
        ("IssuerOfPatientID", "ELSEWHERE"),
        ("PatientBirthDate", "19600102"),
        ("PatientSex", "F"),
        ("StudyInstanceUID", "1.2.3"),
        ("SeriesInstanceUID", "1.2.3"),
        ("SOPClassUID", sources.XRF),
    ],
)
def test_a_frame_of_another_patient_study_or_series_stops_the_whole_loop(keyword, value, tmp_path):
    """Even where the report was made from these very files."""
    paths = _series(tmp_path, **{keyword: value})
    assert not _written(_loop(paths), paths)


def test_a_patient_called_none_is_not_a_patient_without_id(tmp_path):
    paths = _series(tmp_path, PatientID="None")
    whole = pydicom.dcmread(paths[0])
    del whole.PatientID
    paths[0].write_bytes(_encoded(whole))
    assert not _written(_loop(paths), paths)


def test_frames_that_change_places_with_those_of_another_loop_are_refused(tmp_path):
    ours, theirs = _series(tmp_path / "a"), _series(tmp_path / "b", key="others")
    same_uids = _series(tmp_path / "c", PatientID="FLUORO02")
    loop = _loop(ours)
    for k in range(4):
        mixed = [*ours[:k], theirs[k], *ours[k + 1 :]]
        assert not _written(loop, mixed)
        assert not _written(loop, [*ours[:k], *ours[k + 1 :], ours[k - 1]])
    assert not _written(loop, same_uids)
    assert not _written(loop, [*ours[:2], same_uids[2], ours[3]])
    assert not _written(_loop(same_uids[:2]), ours[:2][:1])


def test_pixels_that_change_places_between_two_frames_are_refused(tmp_path):
    paths = _series(tmp_path)
    loop = _loop(paths)
    first, second = (pydicom.dcmread(path) for path in paths[:2])
    pixels = first.PixelData, second.PixelData
    for dataset, path, other in ((first, paths[0], pixels[1]), (second, paths[1], pixels[0])):
        dataset.PixelData = other
        path.write_bytes(_encoded(dataset))
    assert not _written(loop, paths)


def test_frames_that_change_places_in_the_report_are_refused(tmp_path):
    paths = _series(tmp_path)
    loop = _loop(paths)
    uids = loop.reference.frame_instance_uids
    swapped = (uids[1], uids[0], *uids[2:])
    reference = replace(loop.reference, frame_instance_uids=swapped, sop_instance_uid=uids[1])
    assert not _written(replace(loop, reference=reference), paths)


LATIN = st.text(st.characters(min_codepoint=0xC0, max_codepoint=0xFF), min_size=1, max_size=12)
JAPANESE = st.text(
    "\u5c71\u7530\u592a\u90ce\u3084\u307e\u3060\u305f\u308d\u3046", min_size=1, max_size=6
)
CHINESE = st.text("\u738b\u5c0f\u4e1c\u674e\u56db\u5f20\u4e09", min_size=1, max_size=6)
ANY = st.text(
    st.characters(min_codepoint=0xA1, max_codepoint=0x2FFF, exclude_categories=("C", "Z", "M")),
    min_size=1,
    max_size=12,
)
ASCII = st.text("abcdefgXYZ'-. ", min_size=1, max_size=10).map(str.strip).filter(bool)
NAMES = {
    "ISO_IR 100": LATIN,
    "ISO_IR 192": ANY,
    "GB18030": CHINESE,
    ("", "ISO 2022 IR 87"): JAPANESE,
}


@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
@pytest.mark.parametrize("charset", NAMES, ids=str)
def test_a_name_of_any_character_set_stays_as_it_is_byte_for_byte(charset, data, tmp_path):
    letters = NAMES[charset]
    family, given_name, first, second = (
        data.draw(one) for one in (ASCII, ASCII, letters, letters)
    )
    name = data.draw(
        st.sampled_from(
            [
                f"{family}^{given_name}={first}^{second}",
                f"{family}^{given_name}={first}^{second}={second}^{first}",
                f"{family}^^^Dr.^={first}",
            ]
            + ([f"{first}^{second}", first] if isinstance(charset, str) else [])
        )
    )
    said = list(charset) if isinstance(charset, tuple) else charset
    ds = _small(SpecificCharacterSet=said, PatientName=name, ReferringPhysicianName=name)
    path = tmp_path / "source.dcm"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            path.write_bytes(_encoded(ds))
        except (UserWarning, UnicodeError):
            assume(False)  # a letter that this character set lacks
    made, written = _result([path])
    whole = path.read_bytes()
    for tag in (b"\x10\x00\x10\x00PN", b"\x08\x00\x90\x00PN"):
        start = whole.index(tag)
        length = int.from_bytes(whole[start + 6 : start + 8], "little")
        assert whole[start : start + 8 + length] in written
    read = pydicom.dcmread(BytesIO(written))
    assert read.PatientName == ds.PatientName
    assert read.SpecificCharacterSet == made.SpecificCharacterSet


def _result(paths: list[Path]) -> tuple[pydicom.Dataset, bytes]:
    """The header of a result, and its bytes."""
    identity = identify_loop(_loop(paths), paths, provenance=MADE_BY, made_by=())
    made = result_header(identity, "report", "1.2.840.10008.5.1.4.1.1.88.33", modality="SR")
    return made, encoded_bytes(made)


EDGES = {
    "PatientID": ["x" * 64, " leading", "a/b:c*d?", "'; DROP TABLE", "0", "None", "a=b^c"],
    "IssuerOfPatientID": ["", "x" * 64],
    "PatientBirthDate": ["", "18991231", "20240229"],
    "PatientBirthTime": ["", "07", "0705", "070507.123456", "235960"],
    "PatientSex": ["", "M", "F", "O"],
    "PatientAge": ["000D", "104Y"],
    "PatientSize": ["1.75", " 1.750", "175e-2", "+1.7500000000000", "1.75000000000001"],
    "PatientWeight": ["70", "-0", "7.0E+01", "0000070.50000000"],
    "StudyID": ["", "x" * 16, " 1"],
    "AccessionNumber": ["", "x" * 16, "A B"],
    "StudyDate": ["", "20260101"],
    "StudyTime": ["", "10", "101500.1"],
    "StudyDescription": ["x" * 64, " two  blanks "],
    "TimezoneOffsetFromUTC": ["+0000", "-1200", "+1400", "+0545"],
    "StudyInstanceUID": ["1.2." + "3" * 60, "0.0", "2.25." + "9" * 39],
}


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.fixed_dictionaries({k: st.sampled_from(v) for k, v in EDGES.items()}))
def test_every_edge_of_a_representation_survives(values, tmp_path):
    path = tmp_path / "source.dcm"
    with disable_value_validation():
        path.write_bytes(_encoded(_small(**values)))
    source = pydicom.dcmread(path)
    made, written = _result([path])
    read = pydicom.dcmread(BytesIO(written))
    for keyword in COPIED:
        if keyword in source:
            kept = pydicom.dcmread(path).get_item(keyword).value
            # blanks at the end are padding (PS3.5 6.2)
            assert _bare(read.get_item(keyword).value) == _bare(kept)
        else:
            assert not made.get(keyword)


def _bare(value: object) -> object:
    """Bytes as they stand, without padding; what pydicom has read already, as it is."""
    return value.rstrip(b" ") if isinstance(value, bytes) else value


def test_a_result_of_one_loop_keeps_its_identity_whatever_another_one_says(tmp_path):
    """Nothing of one loop stays behind for the next."""
    first, second = (tmp_path / f"{name}.dcm" for name in ("first", "second"))
    first.write_bytes(_encoded(_small()))
    second.write_bytes(_encoded(_small(PatientID="FLUORO02", SOPInstanceUID="1.2.3.4")))
    before, _ = _result([first])
    other, _ = _result([second])
    after, _ = _result([first])
    assert (before.PatientID, other.PatientID) == ("FLUORO01", "FLUORO02")
    assert before == after
    assert before.SOPInstanceUID != other.SOPInstanceUID
