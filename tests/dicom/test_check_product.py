"""What the product writes breaks no rule of its own checker, and what is taken away is missed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pydicom
import pytest
import sources
from example_report import (
    encode_everything,
    encoded,
    example_report,
    marked,
    with_events,
    written_source,
)
from example_subtraction import LOOPS, subtraction

from napari_fluoroinject.dicom.check.attributes import attribute_faults
from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.run import check_files
from napari_fluoroinject.dicom.check.subject import Surroundings, open_subject
from napari_fluoroinject.dicom.check.table import rows_below, rows_of
from napari_fluoroinject.dicom.encode import encode_results, encode_subtraction
from napari_fluoroinject.dicom.write import write_objects


@pytest.mark.parametrize("profile", ["strict", "viewer"])
@pytest.mark.parametrize("kind", sources.SOURCES)
def test_no_result_of_any_source_breaks_a_rule(kind, profile, tmp_path):
    paths = written_source(kind, tmp_path)
    report = with_events(marked(example_report(paths)))
    results = encode_everything(report, paths, profile=profile)
    write_objects(results, tmp_path / "out")
    checked = check_files([tmp_path / "out"], paths)
    assert len(checked) == len(results)
    assert [f"{one.path.name}: {fault}" for one in checked for fault in one.faults] == []
    assert [note for one in checked for note in one.notes] == []


@pytest.mark.parametrize("hub_px", [(-9.0, 44.0), (20.0, 99.0), (60.0, -30.0)])
def test_a_needle_whose_hub_lies_beyond_the_picture_breaks_no_rule(hub_px, tmp_path):
    paths = written_source("xa", tmp_path)
    report = example_report(paths)
    needle = report.needle
    hubs = np.tile(hub_px, (report.loop.shape[0], 1)) + report.motion.shift_px
    outside = replace(needle, hub_px=hub_px, hub_by_frame_px=hubs)
    results = encode_everything(replace(report, needle=outside), paths)
    write_objects(results, tmp_path / "out")
    checked = check_files([tmp_path / "out"], paths)
    assert [f"{one.path.name}: {fault}" for one in checked for fault in one.faults] == []


def test_a_report_alone_is_not_faulted_for_its_siblings(tmp_path):
    paths = written_source("xa", tmp_path)
    write_objects(encode_everything(example_report(paths), paths), tmp_path / "out")
    for name in ("report", "key_objects"):
        (one,) = check_files([tmp_path / "out" / f"{name}.dcm"], paths)
        assert one.faults == ()


@pytest.mark.parametrize("kind", LOOPS)
def test_no_subtraction_of_any_source_breaks_a_rule(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    write_objects(encode_subtraction(subtraction(paths), paths), tmp_path / "out")
    checked = check_files([tmp_path / "out"], paths)
    assert [f"{one.path.name}: {fault}" for one in checked for fault in one.faults] == []


def test_results_of_another_loop_are_told(tmp_path):
    paths, others = written_source("xa", tmp_path), written_source("rf", tmp_path)
    write_objects(encode_results(example_report(paths), paths), tmp_path / "out")
    for one in check_files([tmp_path / "out"], others):
        assert "reference.unknown" in {fault.rule for fault in one.faults}


def _required(rows, item, whole, path=""):
    """Attributes of type 1 that an object has, with the items that hold them."""
    for row in rows:
        if row.keyword not in item:
            continue
        if row.type == "1" and not row.sentence:
            yield f"{path}{row.keyword}", row.keyword, item
        below = rows_below(row)
        for index, inner in enumerate(values_of(item, row.keyword)[:1] if below else ()):
            yield from _required(below, inner, whole, f"{path}{row.keyword}[{index}].")


@pytest.mark.parametrize("name", ["report", "segmentation", "map_arrival"])
def test_each_type_1_attribute_of_a_result_is_missed_where_it_is_taken_away(name, tmp_path):
    paths = written_source("xa", tmp_path)
    made = encoded(example_report(paths), paths)[name]
    made.save_as(tmp_path / "made.dcm", enforce_file_format=True)
    tried = 0
    with open_subject(tmp_path / "made.dcm", Surroundings()) as subject:
        whole = subject.dataset
        rows = [
            row
            for use in subject.object_class.modules
            if use.name
            in ("segmentation_image", "report_general", "report_content", "x_ray_image")
            or use.name in ("general_study", "sop_common", "enhanced_equipment", "image_pixel")
            for row in rows_of(use.name)
        ]
        for where, keyword, item in list(_required(rows, whole, whole)):
            element = item[keyword]
            del item[keyword]
            told = {(fault.rule, fault.where) for fault in attribute_faults(subject)}
            item[keyword] = element
            assert ("attribute.missing", where) in told
            tried += 1
        assert not list(attribute_faults(subject))
    assert tried > 12


def test_the_class_of_every_result_is_known(tmp_path):
    paths = written_source("xa", tmp_path)
    write_objects(encode_results(example_report(paths), paths), tmp_path / "out")
    titles = {one.path.stem: one.title for one in check_files([tmp_path / "out"], paths)}
    for stem, title in titles.items():
        uid = pydicom.dcmread(tmp_path / "out" / f"{stem}.dcm").SOPClassUID
        assert title.split()[0] in uid.name
