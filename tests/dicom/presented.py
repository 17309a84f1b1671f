"""Presentation states of the example report, and sources in colour, for several test files."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import sources
from example_report import example_report, marked, vascular_finding, written_source

from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.write import encoded_bytes

GREY = "1.2.840.10008.5.1.4.1.1.11.1"
COLOUR = "1.2.840.10008.5.1.4.1.1.11.2"
XA_XRF = "1.2.840.10008.5.1.4.1.1.11.5"

IN_COLOUR = ("colour", "sc_color")
"""Sources that are."""

_STANDARD = Path(highdicom.__file__).parent / "_standard"


def colour_source():
    """A multi-frame true colour secondary capture."""
    ds = sources.secondary_capture("1.2.840.10008.5.1.4.1.1.7.4", bits=8, key="colour")
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    for keyword in ("RescaleIntercept", "RescaleSlope", "RescaleType", "PresentationLUTShape"):
        del ds[keyword]
    del ds.WindowCenter, ds.WindowWidth
    values = np.arange(sources.FRAMES * sources.ROWS * sources.COLUMNS * 3) % 256
    ds.PixelData = values.astype("u1").tobytes()
    ds.ShutterShape = "RECTANGULAR"
    ds.ShutterUpperHorizontalEdge, ds.ShutterLowerHorizontalEdge = 3, 46
    ds.ShutterLeftVerticalEdge, ds.ShutterRightVerticalEdge = 4, 60
    return ds


def source_files(kind, folder):
    """Files of a source of `sources.SOURCES`, or of the one in colour."""
    if kind != "colour":
        return written_source(kind, folder)
    return sources.write_source([colour_source()], folder / kind)


def full_report(paths, **changes):
    """The example with everything that a person can mark, and a warning."""
    report = marked(example_report(paths))
    frames = report.loop.shape[0]
    finding = replace(vascular_finding(), frames=(min(5, frames - 1), min(7, frames - 1)))
    return replace(report, **({"findings": (finding,)} | changes))


def encoded_with(encode, report, paths, path=None):
    """What an encoder makes of a report, written to and read from a file or memory."""
    made = encode(report, identify(report, paths))
    content = encoded_bytes(made)
    if path is not None:
        path.write_bytes(content)
    return pydicom.dcmread(io.BytesIO(content))


def faults_against_tables(dataset, iod):
    """Attributes that the modules of an IOD require and that are missing, or do not know.

    The tables are those that highdicom ships; conditions are not looked at.
    """
    known, required = _tables(iod)
    return list(_faults(dataset, (), known, required))


@cache
def _tables(iod):
    modules = json.loads((_STANDARD / "iod_module_map.json").read_text())[iod]
    attributes = json.loads((_STANDARD / "module_attribute_map.json").read_text())
    known, required = set(), {}
    for module in sorted(modules, key=lambda one: one["usage"] != "M"):
        for one in attributes[module["key"]]:
            key = (*one["path"], one["keyword"])
            known.add(key)
            # what is nested is required where its sequence is there
            if module["usage"] == "M" or len(key) > 1:
                required.setdefault(key, one["type"])
    return known, required


def _faults(dataset, at, known, required):
    for key, kind in required.items():
        if key[:-1] == at and kind in ("1", "2"):
            value = dataset.get(key[-1])
            if key[-1] not in dataset or (kind == "1" and value in (None, "", [])):
                yield f"missing: {key}"
    for element in dataset:
        key = (*at, element.keyword)
        if key not in known:
            yield f"unknown: {key}"
        elif element.VR == "SQ" and not _is_macro(element.keyword):
            for item in element.value:
                yield from _faults(item, key, known, required)


def _is_macro(keyword):
    return keyword in ("ContributingEquipmentSequence", "CodingSchemeIdentificationSequence")
