"""The layers are what the session says, at every frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from seen import LINE, opened

from napari_fluoroinject.viewer.run import Run
from napari_fluoroinject.viewer.stage import Stage


@pytest.fixture
def shown():
    stages = []

    def show(session):
        viewer = ViewerModel()
        stage = Stage(viewer, session)
        stages.append(stage)
        return viewer, stage

    yield show
    for stage in stages:
        stage.close()


def other_run(run, uid="9.9", *, name="OBL 2", loop=None):
    base = loop or run.loop
    return replace(
        run,
        name=name,
        loop=replace(
            base,
            reference=replace(base.reference, sop_instance_uid=uid),
        ),
    )


def test_an_analysed_run_has_every_layer_that_it_can_have(shown):
    viewer, stage = shown(opened())
    assert [layer.name for layer in viewer.layers] == [
        "AP 1 · native", "AP 1 · DSA", "AP 1 · arrival time", "AP 1 · spread extent", "Landmarks",
        "Needle", "Needle tip", "Needle name", "Target", "Name lines", "Names",
    ]  # fmt: skip
    assert [layer.name for layer in stage.companion.layers] == [
        "AP 1 · DSA", "Needle", "Needle tip", "Needle name", "Target", "Name lines", "Names",
    ]  # fmt: skip


def test_every_layer_has_units_and_named_axes_and_is_locked(shown):
    viewer, stage = shown(opened())
    for model in (viewer, stage.companion):
        for layer in model.layers:
            assert [str(unit) for unit in layer.units] == ["second", "millimeter", "millimeter"][
                -layer.ndim :
            ]
            assert layer.axis_labels == ("time", "y", "x")[-layer.ndim :]
            assert layer.locked
            assert layer.scale[-1] == pytest.approx(opened().run.loop.mm_per_px)


def test_a_run_without_spacing_and_times_is_shown_in_pixels_and_frames(shown):
    session = opened(results=False)
    session.open(
        other_run(session.run, loop=replace(session.run.loop, times_s=None, calibration=None))
    )
    viewer, _ = shown(session)
    layer = viewer.layers[0]
    assert [str(unit) for unit in layer.units] == ["pixel"] * 3
    assert layer.axis_labels == ("frame", "y", "x")
    assert tuple(layer.scale) == (1, 1, 1)
    assert "uncalibrated: px" in viewer.canvas.overlays.text.text


def test_a_change_touches_only_the_layers_that_it_is_of(shown):
    session = opened()
    viewer, _ = shown(session)
    before = {layer.name: layer for layer in viewer.layers}
    camera = viewer.scene.camera.zoom
    viewer.layers["AP 1 · native"].contrast_limits = (100, 200)
    session.place_target((20.0, 30.0))
    assert {layer.name: layer for layer in viewer.layers} == before
    assert list(viewer.layers["AP 1 · native"].contrast_limits) == [100, 200]
    assert viewer.scene.camera.zoom == camera
    np.testing.assert_allclose(viewer.layers["Target"].data, [(20.0, 30.0)])
    session.place_target(None)
    assert "Target" not in viewer.layers
    session.undo()
    assert "Target" in viewer.layers


def test_a_layer_that_somebody_deleted_comes_back_at_the_next_change(shown):
    session = opened()
    viewer, _ = shown(session)
    viewer.layers.remove(viewer.layers["Target"])
    session.go_to(3)
    session.place_target((20.0, 30.0))
    assert "Target" in viewer.layers
    viewer.layers.clear()
    session.go_to(4)
    session.place_target((21.0, 30.0))
    assert {"AP 1 · native", "Target", "Names"} <= {layer.name for layer in viewer.layers}


def test_frames_go_from_the_session_to_the_slider_and_back(shown):
    session = opened()
    viewer, stage = shown(session)
    session.go_to(5)
    assert viewer.dims.current_step[0] == stage.companion.dims.current_step[0] == 5
    viewer.dims.set_current_step(0, 7)
    assert session.frame == 7
    assert stage.companion.dims.current_step[0] == 7
    assert "frame 8/16" in viewer.canvas.overlays.text.text


def test_what_is_marked_moves_with_the_anatomy(shown):
    session = opened()
    viewer, stage = shown(session)
    motion, px = session.motion_of(session.run.uid), session.run.loop.mm_per_px
    assert np.abs(motion.shift_px).max() > 1
    for frame in range(16):
        session.go_to(frame)
        layer = viewer.layers["Target"]
        there = np.array(layer.data_to_world(layer.data[0])) / px
        expected = motion.in_frame(session.annotation.target_px, frame)
        np.testing.assert_allclose(there, expected, atol=0.75)
        still = stage.companion.layers["Target"]
        np.testing.assert_allclose(
            np.array(still.data_to_world(still.data[0])) / px, session.annotation.target_px
        )


def test_a_proposed_needle_is_dashed_and_called_so_until_it_is_marked(shown):
    session = opened()
    viewer, _ = shown(session)
    whole = viewer.layers["Needle"].data
    np.testing.assert_allclose(whole[:-1, 0] + whole[:-1, 1], whole[1:, 0])
    given = session.annotation.needle
    session.place_needle(None)
    assert "Needle" not in viewer.layers
    report = session.analysed.report
    session.put_report(
        session.run.uid,
        replace(
            session.analysed,
            report=replace(report, needle=replace(report.needle, source="detected")),
            annotation=replace(session.analysed.annotation, needle=None),
        ),
    )
    dashed = viewer.layers["Needle (proposed)"].data
    assert (np.abs(dashed[:-1, 0] + dashed[:-1, 1] - dashed[1:, 0]).max(axis=1) > 0.5).all()
    assert set(viewer.layers["Needle name"].text.string.array) == {"needle (proposed)"}
    session.place_needle(given)
    assert "Needle" in viewer.layers
    assert "Needle (proposed)" not in viewer.layers


def test_native_and_subtracted_change_places_and_nothing_else_moves(shown):
    session = opened()
    viewer, stage = shown(session)
    camera = viewer.scene.camera.center, viewer.scene.camera.zoom
    stage.toggle_subtraction()
    assert not viewer.layers["AP 1 · native"].visible
    assert viewer.layers["AP 1 · DSA"].visible
    assert (viewer.scene.camera.center, viewer.scene.camera.zoom) == camera
    assert "mask " in viewer.canvas.overlays.text.text
    stage.toggle_subtraction()
    assert viewer.layers["AP 1 · native"].visible


def test_without_a_subtraction_nobody_is_shown_one(shown):
    session = opened(results=False)
    said = []
    session.signals.notice.connect(said.append)
    _, stage = shown(session)
    stage.toggle_subtraction()
    assert not stage.subtraction_shown
    assert said == ["There is no subtraction of this run yet; make one in step 4, Contrast."]


def test_maps_follow_one_another_and_say_their_unit(shown):
    viewer, stage = shown(opened())
    seen = []
    for _ in range(5):
        names = [layer.name for layer in viewer.layers if layer.name.endswith(MAPS)]
        seen.append((stage.map_kind, names))
        stage.next_map()
    assert [kind for kind, _ in seen] == ["arrival", "time_to_peak", "washout", "none", "opacity"]
    assert [len(names) for _, names in seen] == [1, 1, 1, 0, 1]
    stage.show_map("opacity")
    assert viewer.canvas.overlays["map unit"].text == "opacity\n(natural log)"
    assert viewer.layers["AP 1 · opacity"].colorbar.visible


MAPS = ("arrival time", "time to peak", "washout", "opacity")


def test_overlays_are_hidden_while_asked_and_come_back_as_they_were(shown):
    viewer, stage = shown(opened())
    viewer.layers["Landmarks"].visible = False
    stage.hide_overlays(True)
    assert [layer.name for layer in viewer.layers if layer.visible] == ["AP 1 · native"]
    stage.hide_overlays(False)
    hidden = [layer.name for layer in viewer.layers if not layer.visible]
    assert hidden == ["AP 1 · DSA", "Landmarks"]


def test_the_plane_beside_follows_in_time_and_says_by_what(shown):
    session = opened()
    first = session.run
    slow = replace(
        first.loop, times_s=np.arange(16) * 2 * float(first.loop.times_s[1]), calibration=None
    )
    session.open(other_run(first, name="LAT 2", loop=slow))
    session.show(first.uid)
    session.show_beside("9.9")
    _, stage = shown(session)
    session.go_to(8)
    assert stage.companion.dims.current_step[0] == 4
    assert [layer.name for layer in stage.companion.layers] == ["LAT 2 · native"]
    assert "linked by time from the first frame" in stage.companion.canvas.overlays.text.text


def test_a_place_that_was_pointed_at_is_shown_until_the_next_tool(shown):
    session = opened()
    viewer, stage = shown(session)
    stage.point_at(6, ((20.0, 21.0), (30.0, 31.0)))
    assert session.frame == 6
    np.testing.assert_allclose(viewer.layers["Pointer"].data, [(20, 21), (30, 31)])
    stage.arm("target")
    assert "Pointer" not in viewer.layers


def test_closing_the_last_run_clears_the_picture_and_closing_the_stage_the_rest(shown):
    session = opened()
    viewer, stage = shown(session)
    others = viewer.add_points(np.zeros((1, 2)), name="someone else's")
    session.close(session.run.uid)
    assert list(viewer.layers) == [others]
    session.open(Run(loop=opened().run.loop, files=(), name="AP 1"))
    assert len(viewer.layers) > 1
    stage.close()
    assert list(viewer.layers) == [others]
    session.go_to(2)
    assert not viewer.canvas.overlays.text.visible


def test_a_run_is_called_as_in_the_lists_whatever_its_view(shown):
    session = opened(results=False)
    view = replace(session.run.loop.view, name=None, primary_angle_deg=None)
    session.open(other_run(session.run, loop=replace(session.run.loop, view=view)))
    viewer, _ = shown(session)
    assert viewer.layers[0].name == "OBL 2 · native"
    assert "view unknown" in viewer.canvas.overlays.text.text or "CAUD" in (
        viewer.canvas.overlays.text.text
    )


def test_landmarks_carry_their_names(shown):
    viewer, _ = shown(opened())
    assert set(viewer.layers["Names"].text.string.array) == {
        "target", "far side", LINE.replace("_", " "),
    }  # fmt: skip
