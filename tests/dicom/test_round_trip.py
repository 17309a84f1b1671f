"""What is written comes back as it was, for every kind of source; what was changed is told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sources
from example_report import encode_everything, example_report, with_events, written_source

from napari_fluoroinject.dicom.round_trip import disagreements, has_reader
from napari_fluoroinject.dicom.write import write_objects

UNREAD = {"key_image", "color_map", "key_objects", "document"}


@pytest.mark.parametrize("kind", sources.SOURCES)
def test_every_object_comes_back_as_it_was_written(kind, tmp_path):
    paths = written_source(kind, tmp_path)
    report = with_events(example_report(paths))
    written = write_objects(encode_everything(report, paths), tmp_path / "out")
    files = [tmp_path / "out" / one.file for one in written]
    assert {path.stem for path in files if not has_reader(path)} <= UNREAD
    assert [told for path in files for told in disagreements(report, path)] == []


def test_what_differs_is_told(tmp_path):
    paths = written_source("xa", tmp_path)
    report = with_events(example_report(paths))
    written = write_objects(encode_everything(report, paths), tmp_path / "out")
    files = [tmp_path / "out" / one.file for one in written]
    other = changed(report)
    silent = {path.stem for path in files if not disagreements(other, path)}
    assert silent == UNREAD


def changed(report):
    """Another region, other maps, marks, shifts and events than were written."""
    maps = report.maps
    by_frame = maps.region_by_frame.copy()
    by_frame[:, 5, 5] ^= True
    edited = {
        name: getattr(maps, name) + np.float32(0.5)
        for name in ("arrival_s", "time_to_peak_s", "peak_od", "washout_per_s", "transit_s")
    }
    marked = report.annotation
    annotation = replace(marked, target_px=(1.0, 2.0), events=marked.events[:1])
    drift = np.linspace(0, 1, report.loop.shape[0])[:, None]
    motion = replace(report.motion, shift_px=report.motion.shift_px + drift)
    return replace(
        report,
        maps=replace(maps, region_by_frame=by_frame, **edited),
        annotation=annotation,
        motion=motion,
    )
