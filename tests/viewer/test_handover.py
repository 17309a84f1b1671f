"""Loops that were opened as plain layers become runs of the workflow."""

from __future__ import annotations

import pytest
from napari.components import ViewerModel

from napari_fluoroinject.viewer.bench import Bench
from napari_fluoroinject.viewer.handover import Handover
from napari_fluoroinject.viewer.reader import read_layers
from napari_fluoroinject.viewer.session import Session


@pytest.fixture
def empty(bench):
    """A bench on which nothing lies yet."""
    return Bench(
        session=Session(),
        jobs=bench.jobs,
        settings=bench.settings,
        tools=bench.tools,
        results=bench.results,
    )


def add(viewer, file):
    for data, options, kind in read_layers(str(file)):
        getattr(viewer, f"add_{kind}")(data, **options)


def test_a_layer_that_is_there_becomes_a_run_and_goes(empty, pump, phantom_file):
    viewer = ViewerModel()
    add(viewer, phantom_file)
    with Handover(viewer, empty, pump.post):
        pump.run()
    assert [run.name for run in empty.session.runs] == ["AP 1"]
    assert empty.session.look is not None
    assert len(viewer.layers) == 0


def test_a_layer_that_comes_later_becomes_a_run_too(empty, pump, phantom_file):
    viewer = ViewerModel()
    with Handover(viewer, empty, pump.post):
        pump.run()
        add(viewer, phantom_file)
        pump.run()
    assert len(empty.session.runs) == 1


def test_layers_of_others_stay(empty, pump):
    viewer = ViewerModel()
    with Handover(viewer, empty, pump.post):
        viewer.add_points([[1, 2, 3]])
        pump.run()
    assert len(viewer.layers) == 1
    assert empty.session.runs == ()


def test_after_the_end_nothing_is_taken_over(empty, pump, phantom_file):
    viewer = ViewerModel()
    Handover(viewer, empty, pump.post).close()
    add(viewer, phantom_file)
    pump.run()
    assert len(viewer.layers) == 1
    assert empty.session.runs == ()
