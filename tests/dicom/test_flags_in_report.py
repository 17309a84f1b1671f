"""Flags of a person stand in the report in words that say whose they are, and come back."""

from __future__ import annotations

from dataclasses import replace

import pydicom
import pytest
from example_report import example_report, written_source
from pydicom.filebase import DicomBytesIO
from test_sr import name_of, walk

from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.sr_annotation import read_annotation
from napari_fluoroinject.dicom.write import encoded_bytes
from napari_fluoroinject.model.annotation import Flag
from napari_fluoroinject.model.flags import flags_text
from napari_fluoroinject.model.summary import summarize

HEADING = "Flagged by the operator"


@pytest.mark.parametrize("frames", [(), (1,), (0, 2)])
def test_flags_are_told_and_read_back_exactly(tmp_path, frames):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    flags = tuple(Flag(kind="vascular_uptake", frame=frame) for frame in frames)
    flagged = replace(report, annotation=replace(report.annotation, flags=flags))
    encoded = encode_report(flagged, identify(flagged, paths))
    document = pydicom.dcmread(DicomBytesIO(encoded_bytes(encoded)))
    said = [one.TextValue for one in walk(document) if name_of(one) == HEADING]
    assert said == [flags_text(flags, report.loop.times_s)] * bool(frames)
    assert read_annotation(document).flags == flags
    assert summarize(flagged) == summarize(report)
