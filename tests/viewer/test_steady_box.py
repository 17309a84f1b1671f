"""The box behind the words on the picture: made anew only where it looks different."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.screen
LONGER = "a line that stays, and is longer\n"


def test_the_box_is_made_anew_only_when_the_words_take_another_size(make_napari_viewer_proxy):
    from napari_fluoroinject.viewer import adapter

    viewer = make_napari_viewer_proxy()
    whole = getattr(viewer, "__wrapped__", viewer)
    text = whole.canvas.overlays.text
    text.box = True
    text.text = f"{LONGER}t = 1.00 s"
    adapter.steady_text(whole)
    text.visible = True  # napari makes text and box only now
    (visual,) = whole.window._qt_viewer.canvas._viewer_overlay_to_visual[text]
    made, change = [], visual._on_box_change._change

    def counted():
        made.append(visual.x_size)
        change()

    visual._on_box_change._change = counted
    text.text = f"{LONGER}t = 1.03 s"  # napari has put it into its place since
    made.clear()
    text.text = f"{LONGER}t = 1.01 s"
    text.text = f"{LONGER}t = 1.04 s"
    assert made == []
    text.text = f"{LONGER}t = 1.04 s, and more than stands in the line above"
    assert len(made) == 1
    assert visual.box.width > made[0]
