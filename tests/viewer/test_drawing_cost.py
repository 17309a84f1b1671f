"""What napari would do more than once for a frame, or for nobody, is not done."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel


def test_a_step_brings_the_layers_up_to_date_once_and_shows_the_frame(monkeypatch):
    from napari_fluoroinject.viewer import adapter

    viewer = ViewerModel()
    layer = viewer.add_image(np.arange(5 * 4 * 4).reshape(5, 4, 4))
    asked, submit = [], viewer._layer_slicer.submit

    def counted(**what):
        asked.append(what)
        return submit(**what)

    monkeypatch.setattr(viewer._layer_slicer, "submit", counted)
    with adapter.sliced_once(viewer):
        viewer.dims.set_current_step(0, 3)
    assert len(asked) == 1
    np.testing.assert_array_equal(layer._data_view, layer.data[3])
    viewer.dims.set_current_step(0, 1)
    assert len(asked) == 3  # napari's own way; when it is once there, too, ours can go


@pytest.mark.screen
def test_hidden_sliders_follow_no_frame_and_stand_right_when_they_are_shown_again(
    make_napari_viewer_proxy,
):
    from napari_fluoroinject.viewer import adapter

    proxy = make_napari_viewer_proxy()
    viewer = getattr(proxy, "__wrapped__", proxy)
    viewer.add_image(np.zeros((9, 4, 4)))
    sliders = viewer.window._qt_viewer.dims
    viewer.dims.set_current_step(0, 2)
    adapter.show_own_slider(viewer, False)
    adapter.show_own_slider(viewer, False)
    viewer.dims.set_current_step(0, 5)
    assert sliders.slider_widgets[0].slider.value() == 2
    adapter.show_own_slider(viewer, True)
    assert sliders.slider_widgets[0].slider.value() == 5
    viewer.dims.set_current_step(0, 7)
    assert sliders.slider_widgets[0].slider.value() == 7


@pytest.mark.screen
def test_what_waits_for_the_drawing_comes_once_after_it_or_soon_where_nothing_is_seen(
    make_napari_viewer_proxy, qtbot
):
    from napari_fluoroinject.viewer import adapter

    proxy = make_napari_viewer_proxy()
    viewer = getattr(proxy, "__wrapped__", proxy)
    called: list[str] = []
    taken_back = adapter.once_drawn(viewer, lambda: called.append("never"))
    adapter.once_drawn(viewer, lambda: called.append("once"))
    taken_back()
    assert called == []
    qtbot.waitUntil(lambda: bool(called), timeout=10 * adapter.UNSEEN_MS)
    qtbot.wait(50)
    assert called == ["once"]


@pytest.mark.screen
def test_letters_are_ready_before_they_are_drawn(make_napari_viewer_proxy, qtbot):
    from napari_fluoroinject.viewer import adapter

    proxy = make_napari_viewer_proxy()
    viewer = getattr(proxy, "__wrapped__", proxy)
    text = viewer.canvas.overlays.text
    text.visible = True
    (visual,) = viewer.window._qt_viewer.canvas._viewer_overlay_to_visual[text]
    end = adapter.load_letters(viewer, "%&")
    qtbot.waitUntil(lambda: {"%", "&"} <= set(visual.node._font._glyphs), timeout=5000)
    end()
