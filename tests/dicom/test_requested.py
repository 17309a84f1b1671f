"""What a header says of its procedure is read as coded, and nothing is made of the rest."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydicom import Dataset

from napari_fluoroinject.dicom.requested import levels, read_requested, requested_of
from napari_fluoroinject.errors import UnreadableObjectError
from napari_fluoroinject.model.levels import check_level

sys.path.append(str(Path(__file__).parent.parent / "endpoints"))

from network_loops import make_loop, write


def coded(value: str, scheme: str = "SCT", meaning: str = "a code") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def region(value: str, *modifiers: str) -> Dataset:
    item = coded(value)
    item.AnatomicRegionModifierSequence = [coded(one) for one in modifiers]
    return item


L4, L5, LEFT, RIGHT = "11994002", "49668003", "7771000", "24028007"


def test_codes_come_from_the_header_and_from_the_request_in_it():
    header = Dataset()
    header.ProcedureCodeSequence = [coded("A", "99X")]
    header.PerformedProtocolCodeSequence = [coded("B", "99X"), coded("A", "99X")]
    request = Dataset()
    request.RequestedProcedureCodeSequence = [coded("C", "L")]
    request.RequestedProcedureDescription = "Injection"
    header.RequestAttributesSequence = [request]
    header.SeriesDescription, header.StudyDescription = "run", "spine"
    told = requested_of(header)
    assert told.codes == ("A^99X", "B^99X", "C^L")
    assert told.descriptions == ("run", "spine", "Injection")


@pytest.mark.parametrize(
    ("regions", "level", "side"),
    [
        ([], None, None),
        ([region(L4)], "L4", None),
        ([region(L4, LEFT)], "L4", "left"),
        ([region(L4, LEFT), region(L5, LEFT)], None, "left"),
        ([region(L4, LEFT), region(L4, RIGHT)], "L4", None),
        ([region("243923001")], "L4-L5", None),
        ([region("122496007")], None, None),
    ],
)
def test_level_and_side_are_those_that_are_coded_once(regions, level, side):
    header = Dataset()
    header.AnatomicRegionSequence = regions
    told = requested_of(header)
    assert (told.level, told.side) == (level, side)


@pytest.mark.parametrize(
    ("letters", "side"),
    [(("L", None), "left"), (("R", "R"), "right"), (("L", "R"), None), (("U", "B"), "bilateral")],
)
def test_laterality_is_a_side_unless_it_contradicts_itself(letters, side):
    header = Dataset()
    header.Laterality, header.ImageLaterality = letters
    assert requested_of(header).side == side


def test_words_of_a_level_or_side_are_no_code():
    header = Dataset()
    header.SeriesDescription = "L4 left"
    header.AnatomicRegionSequence = [coded("X", "99X", "L4 vertebra left")]
    told = requested_of(header)
    assert told.level is None
    assert told.side is None


def test_every_coded_level_is_one_that_can_be_stated():
    assert len(levels()) > 60
    for level in levels().values():
        check_level(level)


def test_single_pictures_and_other_classes_are_told(tmp_path):
    run, picture, report = make_loop(seed=1), make_loop(seed=2, frames=1), make_loop(seed=3)
    report.SOPClassUID = report.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.67"
    for name in ("Rows", "Columns", "NumberOfFrames", "PixelData"):
        del report[name]
    told = [
        read_requested(write(one, tmp_path / f"{number}.dcm"))
        for number, one in enumerate((run, picture, report))
    ]
    assert [(one.cine, one.single_frame) for one in told] == [
        (True, False),
        (True, True),
        (False, False),
    ]


def test_what_is_no_dicom_is_one_error(tmp_path):
    path = tmp_path / "none.dcm"
    path.write_bytes(b"x" * 400)
    with pytest.raises(UnreadableObjectError):
        read_requested(path)
