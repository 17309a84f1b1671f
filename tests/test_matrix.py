"""The matrix of procedures: what is tried, what is kept of it, how it is told."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from validators import complaints, need

from napari_fluoroinject import procedures
from napari_fluoroinject.benchmark import matrix
from napari_fluoroinject.benchmark.every import run_matrix
from napari_fluoroinject.benchmark.operating import CAVEAT
from napari_fluoroinject.benchmark.trials import Trial, check_keys, run_trial, trials
from napari_fluoroinject.benchmark.written import Written, faults_of
from napari_fluoroinject.errors import PhantomError
from napari_fluoroinject.phantom.catalogue import SPECS

SMALL = {"size": 192, "frames": 24}
KEY = "mbb_lumbar"


@pytest.fixture(scope="module")
def off_target():
    return run_trial(Trial(key=KEY, view="OBL", twin="tip_off_target", seed=5000, **SMALL))


def test_every_twin_of_a_scene_is_tried_and_the_intended_one_in_every_view():
    listed = list(trials((KEY,), seeds=2, first_seed=7))
    spec = SPECS[KEY]
    assert len(listed) == 2 * (len(spec.views) + len(spec.twins) - 1)
    assert {one.view for one in listed if one.twin == "none"} == set(spec.views)
    assert {one.twin for one in listed} == set(spec.twins)
    assert {one.seed for one in listed} == {7, 8}
    for one in listed:
        told = spec.twins[one.twin].views
        assert not told or one.view in told


def test_a_procedure_without_scene_is_refused_with_those_that_have_one():
    with pytest.raises(PhantomError, match="esi_il_lumbar"):
        check_keys(["no_such_key"])
    assert check_keys(None) == tuple(SPECS)


def test_a_trial_keeps_warnings_and_errors_beside_what_is_true(off_target):
    assert off_target.expected == ("tip_off_target",)
    assert "tip_off_target" in off_target.raised
    assert off_target.view_told == "OBL"
    assert off_target.tip_px is not None
    assert off_target.tip_px < 4.0
    assert json.loads(json.dumps(asdict(off_target)))["trial"]["key"] == KEY


def test_the_row_of_a_procedure_says_what_is_missing(off_target):
    written = Written(key=KEY, told="7 objects, 0 errors of dciodvfy", valid=True)
    row = matrix.row(KEY, [off_target], written)
    assert set(row.cells) == set(matrix.COLUMNS)
    assert all(row.cells.values())
    assert "tip_off_target 1/1" in row.cells["twins warned"]
    assert "needle and target" in row.open  # no loop of the intended scene was tried
    assert "SR" not in row.open
    lines = matrix.markdown([row]).splitlines()
    assert len(lines) == 3
    assert "| *no loop* |" in lines[2]
    assert "SR" in matrix.row(KEY, [off_target], None).open


def test_a_whole_procedure_runs_in_parallel_and_is_told_as_a_page():
    todo = [
        Trial(key="mbb_lumbar", view=view, twin="none", seed=5001, **SMALL) for view in ("AP",)
    ]
    told: list[str] = []
    done = run_matrix(todo, jobs=1, progress=lambda step, _: told.append(step))
    page = done.markdown()
    assert "| mbb_lumbar |" in page
    assert CAVEAT in page
    assert told[-1] == "done"
    assert done.written[0].told.startswith("11 objects, 0 errors")


def test_errors_of_the_validator_are_lines_of_its_own(tmp_path):
    broken = tmp_path / "broken.dcm"
    broken.write_bytes(b"no DICOM at all")
    need("dcmdump")
    assert {one.tool for one in complaints(broken)} >= {"dcmdump"}
    assert all(line.startswith("Error") for line in faults_of(broken))


def test_every_procedure_but_the_generic_one_is_in_the_data():
    assert len(procedures.all_keys()) == 27
