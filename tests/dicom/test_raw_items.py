"""Items that are written as bytes are those that pydicom writes."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from napari_fluoroinject.dicom.items import item
from napari_fluoroinject.dicom.raw_items import (
    elements_of,
    numbers,
    raw_sequence,
    sequence,
    text,
    write_raw,
)


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", generate_uid(entropy_srcs=["a"])])
@pytest.mark.parametrize("frame", ["7", "12", "300"])
def test_elements_and_sequences_are_byte_by_byte_those_of_pydicom(uid, frame):
    source = item(
        ReferencedSOPInstanceUID=uid,
        ReferencedFrameNumber=int(frame),
        SpatialLocationsPreserved="YES",
    )
    place = item(TemporalPositionIndex=4, DimensionIndexValues=[2, 4])
    expected = item(SourceImageSequence=[source, source], FrameContentSequence=[place])
    ours = b"".join(
        (
            text("ReferencedSOPInstanceUID", uid),
            text("ReferencedFrameNumber", frame),
            text("SpatialLocationsPreserved", "YES"),
        )
    )
    content = numbers("TemporalPositionIndex", 4) + numbers("DimensionIndexValues", 2, 4)
    made = sequence("SourceImageSequence", ours, ours) + sequence("FrameContentSequence", content)
    assert made == elements_of(expected)


def test_a_raw_sequence_is_written_as_it_is_and_can_be_read():
    dataset = Dataset()
    items = [elements_of(item(ReferencedSegmentNumber=number)) for number in (1, 2)]
    raw = raw_sequence("SegmentIdentificationSequence", items)
    dataset[raw.tag] = raw
    write_raw(dataset)
    written = elements_of(dataset)
    assert dataset.get_item(raw.tag) is raw
    assert [one.ReferencedSegmentNumber for one in dataset.SegmentIdentificationSequence] == [1, 2]
    assert elements_of(dataset) == written
