"""The conformance statement tells the series of results, and what TLS is spoken, as they are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from certificates import Authority
from pydicom import Dataset, dcmread
from typer.testing import CliRunner

from napari_fluoroinject.cli import app
from napari_fluoroinject.dicom.class_names import class_name
from napari_fluoroinject.dicom.codes import PRIVATE_SCHEME
from napari_fluoroinject.dicom.header import SERIES
from napari_fluoroinject.dicom.outputs import RESULT_FILES
from napari_fluoroinject.endpoints.tls import server_context
from napari_fluoroinject.service.conformance_results import RESULT_SERIES, ResultSeries

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8")
LOOP = ROOT / "sample_data" / "mbb_lumbar_none_1.dcm"
ANNOTATION = {
    "agent": {"name": "iohexol", "kind": "iodinated", "iodine_mg_ml": 240, "volume_ml": 2},
    "events": [{"kind": "contrast", "time_s": 0.5}, {"kind": "medication", "time_s": 1}],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> dict[str, Dataset]:
    """Everything that is made of one loop, by the name of its file."""
    out = tmp_path_factory.mktemp("results")
    marks = out / "marks.json"
    marks.write_text(json.dumps(ANNOTATION))
    told = ["--procedure", "mbb_lumbar", "--also", "all", "--annotation", str(marks)]
    for words in (["analyze", *told], ["subtract"]):
        done = CliRunner().invoke(app, [*words, str(LOOP), "--out", str(out / words[0])])
        assert done.exit_code == 0, done.output
    return {one.stem: dcmread(one) for one in out.rglob("*.dcm")}


def series_of(name: str) -> ResultSeries:
    (found,) = (one for one in RESULT_SERIES if name in one.files)
    return found


def private_codes(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR == "SQ":
            for item in element.value:
                if item.get("CodingSchemeDesignator") == PRIVATE_SCHEME and "CodeValue" in item:
                    yield item.CodeValue


def test_every_file_and_every_kind_of_series_is_told_once():
    told = [f"{name}.dcm" for one in RESULT_SERIES for name in one.files]
    assert sorted(told) == sorted({*RESULT_FILES, "subtracted.dcm", "subtracted_masks.dcm"})
    assert sorted(kind for one in RESULT_SERIES for kind in one.series) == sorted(SERIES)


def test_results_have_the_series_that_are_told(results):
    loop = dcmread(LOOP, stop_before_pixels=True)
    assert len(results) >= len(RESULT_SERIES)
    for name, result in results.items():
        told = series_of(name)
        numbers = [100 * int(loop.SeriesNumber) + SERIES[kind] for kind in told.series]
        nominal = numbers.index(int(result.SeriesNumber)) == 1
        described = "NOMINAL GEOMETRY" if nominal else told.description
        assert described in result.SeriesDescription
        assert result.StudyInstanceUID == loop.StudyInstanceUID
        assert result.Modality in (*told.modality.split("; ")[0].split(), loop.Modality)
        named = class_name(result.SOPClassUID).removesuffix(" Storage").removesuffix(" Image")
        assert named in told.classes
        assert result.ManufacturerModelName == "napari-fluoroinject"


def test_images_made_from_a_loop_are_derived_and_bear_their_label(results):
    for name, result in results.items():
        told = series_of(name).image_type
        kinds = list(result.get("ImageType") or ())
        assert bool(kinds) == bool(told)
        if kinds:
            assert kinds[0] == "DERIVED"
            assert kinds[-1] in told


def test_private_codes_are_in_no_other_file_than_those_told(results):
    for name, result in results.items():
        told, seen = series_of(name).private, set(private_codes(result))
        assert told == ("*",) or seen <= set(told), name


def test_every_cipher_suite_that_is_offered_is_on_the_page(tmp_path):
    row = next(line for line in PAGE.splitlines() if line.startswith("| cipher suites"))
    tls12 = {
        f"{first}-{rest}"
        for firsts, rests in re.findall(
            r"((?:ECDHE-\w+ and ECDHE-\w+|DHE-RSA)) with ([^;.]+)", row
        )
        for first in firsts.split(" and ")
        for rest in rests.split(", ")
    }
    context = server_context(Authority(tmp_path).tls("receiver"))
    offered = {one["name"] for one in context.get_ciphers()}
    assert {one for one in offered if not one.startswith("TLS_")} <= tls12
    assert all(one in row for one in offered if one.startswith("TLS_"))
