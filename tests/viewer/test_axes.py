"""Frames and pixels stay those of the run, whatever else somebody does to the viewer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from seen import opened

from napari_fluoroinject.viewer import axes
from napari_fluoroinject.viewer.hud import NOT_ONE_FRAME
from napari_fluoroinject.viewer.stage import Stage

OF_OTHERS = {
    "an axis more": {"shape": (4, 5, 8, 8), "units": ("pixel", "s", "mm", "mm")},
    "finer in time": {"shape": (5, 8, 8), "scale": (0.01, 1, 1), "units": ("s", "mm", "mm")},
    "earlier": {"shape": (5, 8, 8), "translate": (-1, 0, 0), "units": ("s", "mm", "mm")},
    "longer": {"shape": (50, 8, 8), "units": ("s", "mm", "mm")},
    "milliseconds": {"shape": (5, 8, 8), "units": ("ms", "mm", "mm")},
    "micrometres": {"shape": (5, 8, 8), "units": ("s", "um", "um")},
    "no units": {"shape": (5, 8, 8)},
}


@pytest.fixture
def shown():
    viewer = ViewerModel()
    stage = Stage(viewer, opened(motion="still"))
    yield viewer, stage
    stage.close()


def layer_of_others(what):
    given = dict(OF_OTHERS[what])
    shape = given.pop("shape")
    labels = ("channel", "time", "y", "x")[-len(shape) :]
    return Image(np.zeros(shape), name="own", axis_labels=labels, **given)


def frame_on_the_canvas(viewer, run):
    seen = np.asarray(viewer.layers["AP 1 · native"]._data_view)
    every = range(run.loop.shape[0])
    return next(one for one in every if np.array_equal(run.loop.frames.frame(one), seen))


@pytest.mark.parametrize("what", OF_OTHERS)
@pytest.mark.filterwarnings("ignore:Inconsistent units")
def test_the_frame_that_is_told_is_the_one_on_the_canvas_beside_any_layer(shown, what):
    viewer, stage = shown
    session = stage._session
    session.go_to(4)
    viewer.add_layer(layer_of_others(what))
    for frame in (4, 9, 15, 0):
        session.go_to(frame)
        assert frame_on_the_canvas(viewer, session.run) == frame
        assert f"frame {frame + 1}/16" in viewer.canvas.overlays.text.text
    axis = viewer.dims.ndim - 3
    step = session.run.loop.times_s[7] * (1000 if what == "milliseconds" else 1)
    viewer.dims.set_point(axis, step)
    assert session.frame == frame_on_the_canvas(viewer, session.run) == 7


def test_a_layer_with_more_axes_is_stepped_through_without_leaving_the_frame(shown):
    viewer, stage = shown
    viewer.add_layer(layer_of_others("an axis more"))
    stage._session.go_to(6)
    viewer.dims.set_current_step(0, 2)
    assert stage._session.frame == 6


@pytest.mark.parametrize("what", OF_OTHERS)
def test_a_pixel_is_the_one_under_the_mouse_beside_any_layer(shown, what):
    viewer, stage = shown
    viewer.add_layer(layer_of_others(what))
    native, px = viewer.layers["AP 1 · native"], stage._session.run.loop.mm_per_px
    mm = 1000 if what == "micrometres" else 1
    position = (0,) * (viewer.dims.ndim - 2) + (20 * px * mm, 30 * px * mm)
    np.testing.assert_allclose(axes.pixel_at(viewer, native, position), (20, 30))
    np.testing.assert_allclose(axes.pixel_size(viewer, native), px * mm)


class Press:
    """A click of the left button, as napari tells it."""

    type, button, modifiers, handled = "mouse_press", 1, (), False

    def __init__(self, position):
        self.position = position


def click(viewer, stage, spot):
    px = stage._session.run.loop.mm_per_px
    event = Press((0.0, spot[0] * px, spot[1] * px))
    for _ in stage.mouse._drag(viewer, event):
        event.type = "mouse_release"


def turned(viewer, how):
    if how == "3D":
        viewer.dims.ndisplay = 3
    else:
        viewer.dims.order = {"rolled": (1, 0, 2), "transposed": (0, 2, 1)}[how]


@pytest.mark.filterwarnings("ignore:Contours are not")
@pytest.mark.parametrize("how", ["3D", "rolled"])
def test_a_click_where_no_single_frame_is_shown_marks_nothing_and_says_why(shown, how):
    viewer, stage = shown
    session, said = stage._session, []
    session.signals.notice.connect(said.append)
    session.place_target(None)
    stage.arm("target")
    turned(viewer, how)
    assert NOT_ONE_FRAME in viewer.canvas.overlays.text.text
    assert not viewer.canvas.overlays.scale_bar.visible
    click(viewer, stage, (20, 30))
    assert session.annotation.target_px is None
    assert said == [axes.NOT_FLAT]
    viewer.dims.ndisplay, viewer.dims.order = 2, (0, 1, 2)
    assert NOT_ONE_FRAME not in viewer.canvas.overlays.text.text
    assert viewer.canvas.overlays.scale_bar.visible
    click(viewer, stage, (20, 30))
    np.testing.assert_allclose(session.annotation.target_px, (20, 30), atol=0.05)


def test_a_transposed_picture_is_marked_where_it_is_clicked(shown):
    viewer, stage = shown
    turned(viewer, "transposed")
    stage.arm("target")
    click(viewer, stage, (20, 30))
    np.testing.assert_allclose(stage._session.annotation.target_px, (20, 30), atol=0.05)


def test_a_mark_goes_where_the_picture_is_that_somebody_moved(shown):
    viewer, stage = shown
    px = stage._session.run.loop.mm_per_px
    viewer.layers["AP 1 · native"].translate = (0, 5 * px, 7 * px)
    stage.arm("target")
    click(viewer, stage, (20, 30))
    np.testing.assert_allclose(stage._session.annotation.target_px, (15, 23), atol=0.05)


def test_two_runs_of_other_units_never_meet_in_the_viewer(shown):
    viewer, stage = shown
    session, met = stage._session, []
    first, report, made = session.run, session.analysed, session.subtracted
    reference = replace(first.loop.reference, sop_instance_uid="9.9")
    other = replace(first, loop=replace(first.loop, times_s=None, reference=reference))
    viewer.layers.events.inserted.connect(lambda _: met.append(viewer.layers.extent.units))
    session.add(other)
    session.put_report(other.uid, report)
    session.put_subtraction(other.uid, made)
    session.show(other.uid)
    session.show(first.uid)
    assert len(met) > 4
    assert None not in met


@pytest.mark.filterwarnings("ignore:Contours are not")
def test_napari_s_own_tools_cannot_change_what_a_layer_of_ours_shows(shown):
    viewer, _ = shown
    for ndisplay in (2, 3, 2):
        viewer.dims.ndisplay = ndisplay
        assert [one.name for one in viewer.layers if one.editable] == []
    viewer.layers["AP 1 · spread extent"].mode = "paint"
    viewer.layers["Needle tip"].mode = "select"
    viewer.layers["AP 1 · native"].mode = "transform"
    assert {one.mode for one in viewer.layers} == {"pan_zoom"}
