"""`fluoroinject triangulate`: two files and two annotations in, points in space out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_fluoroinject.analysis.two_views.projection import project
from napari_fluoroinject.cli import app
from napari_fluoroinject.cli.benchmark import _two_views
from napari_fluoroinject.dicom.cine_object import encode_cine, phantom_identity, write_cine
from napari_fluoroinject.model.annotation import (
    Annotation,
    Mark,
    NeedleTrajectory,
    annotation_text,
)
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.model.pose import CArmPose
from napari_fluoroinject.phantom import PhantomSettings, make_phantom

TIP, HUB, TARGET = (2.0, -3.0, 4.0), (4.0, 12.0, 8.0), (0.0, -4.0, 4.0)
PLAN = ((3.0, 13.0, 7.0), TARGET)
LANDMARKS = np.random.default_rng(0).uniform(-10, 10, (5, 3))
SIGMAS = ("--angle-sigma", "1", "--isocentre-sigma", "1")


@pytest.fixture(scope="module")
def loop():
    return make_phantom("mbb_lumbar", settings=PhantomSettings(size=128, frames=12)).loop


def write_view(folder, loop, primary, *, table=0.0, common=0):
    """A file of one view and the marks that stand in it."""
    view = View(primary_angle_deg=primary, secondary_angle_deg=0.0)
    dataset = encode_cine(
        replace(loop, view=view),
        identity=phantom_identity("mbb_lumbar", 0),
        kind="enhanced_xa",
    )
    groups = dataset.SharedFunctionalGroupsSequence[0]
    groups.TablePositionSequence[0].TableTopLateralPosition = table
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{primary + 500}"
    path = folder / f"view{primary}.dcm"
    write_cine(dataset, path)
    geometry = groups.XRayGeometrySequence[0]
    pose = CArmPose(
        source_to_detector_mm=float(geometry.DistanceSourceToDetector),
        source_to_isocentre_mm=float(geometry.DistanceSourceToIsocenter),
        primary_deg=primary,
        secondary_deg=0.0,
        detector_mm_per_px=loop.detector_mm_per_px,
        principal_px=(63.5, 63.5),
    )

    def seen(point):
        row, column = project(pose, point)
        return float(row), float(column)

    marks = [Mark(landmark="planned_trajectory", points_px=tuple(map(seen, PLAN)))]
    marks += [
        Mark(landmark=f"mark_{k}", points_px=(seen(point),))
        for k, point in enumerate(LANDMARKS[:common])
    ]
    annotation = Annotation(
        needle=NeedleTrajectory(hub_px=seen(HUB), tip_px=seen(TIP)),
        target_px=seen(TARGET),
        marks=tuple(marks),
    )
    text = path.with_suffix(".json")
    text.write_text(annotation_text(annotation), encoding="utf-8")
    return path, text


def run(views, *options):
    files = [str(path) for path, _ in views]
    marks = [word for _, text in views for word in ("--annotation", str(text))]
    return CliRunner().invoke(app, ["triangulate", *files, *marks, *SIGMAS, *options])


def test_needle_target_and_plan_are_found_in_space(tmp_path, loop):
    views = [write_view(tmp_path, loop, 0), write_view(tmp_path, loop, 60)]
    result = run(views, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    for name, point in (("tip", TIP), ("hub", HUB), ("target", TARGET)):
        assert found["points"][name]["point_mm"] == pytest.approx(point, abs=0.01)
        assert 1 < found["points"][name]["bound_95_mm"] < 8
    assert found["needle"]["length_mm"] == pytest.approx(np.linalg.norm(np.subtract(TIP, HUB)))
    assert found["tip_to_target"]["length_mm"] == pytest.approx(5**0.5, abs=0.01)
    axes = np.subtract(TIP, HUB), np.subtract(PLAN[1], PLAN[0])
    cosine = axes[0] @ axes[1] / np.linalg.norm(axes[0]) / np.linalg.norm(axes[1])
    angle = found["against_plan"]["angle_deg"]
    assert angle == pytest.approx(np.degrees(np.arccos(cosine)), abs=0.05)
    assert "0 common points" in found["refinement"]["reason"]
    assert found["table"] == "same"


def test_the_page_says_bound_gap_and_what_it_rests_on(tmp_path, loop):
    views = [write_view(tmp_path, loop, 0, common=5), write_view(tmp_path, loop, 60, common=5)]
    said = " ".join(run(views).stdout.split())
    assert "refined by common points" in said
    assert "(95 %); the rays miss each other by 0.0 mm" in said
    assert "never tried on patients" in said


def test_no_number_is_given_where_views_are_too_near_or_the_table_moved(tmp_path, loop):
    first = write_view(tmp_path, loop, 0)
    near = run([first, write_view(tmp_path, loop, 20)], "--json")
    assert near.exit_code == 1
    assert "20 degrees apart" in json.loads(near.stdout)["reason"]
    moved = run([first, write_view(tmp_path, loop, 60, table=15.0)], "--table-still")
    assert "the table moved" in moved.stdout
    assert "No point in space" in moved.stdout


def test_one_annotation_for_two_loops_is_wrong_usage(tmp_path, loop):
    path, text = write_view(tmp_path, loop, 0)
    words = ["triangulate", str(path), str(path), "--annotation", str(text), *SIGMAS]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "expected twice" in " ".join(result.stderr.replace("│", " ").split())


def test_errors_of_the_pose_must_be_stated(tmp_path, loop):
    path, text = write_view(tmp_path, loop, 0)
    words = ["triangulate", str(path), str(path), "--annotation", str(text)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "--angle-sigma" in result.stderr


def test_the_benchmark_prints_errors_and_coverage_of_two_views():
    lines = _two_views(0, pairs=10, drawn=10).splitlines()
    assert "of 10 simulated pairs" in lines[0]
    assert sum(line.startswith("| ") for line in lines) == 6 + 5
