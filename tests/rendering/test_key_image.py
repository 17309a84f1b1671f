"""The key image: the frame that matters at its own resolution, words only in the strip below."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_reports import bare, drawn_report, uncalibrated, with_run_off

from napari_fluoroinject.model.key_frame import key_frame
from napari_fluoroinject.model.motion import Injection
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.rendering import captioned, palette, scene
from napari_fluoroinject.rendering.captioned import in_gray
from napari_fluoroinject.rendering.key_image import draw_key_image
from napari_fluoroinject.rendering.statement import RESEARCH_ONLY

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report


def _near(pixels: np.ndarray, colour: str) -> int:
    """How many pixels have that colour, nearly."""
    wanted = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)])
    return int((np.abs(pixels.astype(int) - wanted).max(axis=-1) < 60).sum())


def _without_marks(report: Report) -> Report:
    """The same frame with nothing found on it and no target."""
    return bare(report)


@pytest.mark.parametrize("size", [16, 130, 700])
@pytest.mark.parametrize("frames", [1, 30])
def test_every_report_has_a_key_image_of_eight_bit_colours(frames: int, size: int) -> None:
    report = drawn_report(frames=frames, size=size)
    for changed in (report, with_run_off(report), uncalibrated(report), bare(report)):
        picture = draw_key_image(changed)
        assert picture.dtype == np.uint8
        assert picture.shape[2] == 3
        assert picture.shape[0] > size
        assert picture.shape[1] >= size


def test_a_frame_keeps_every_pixel_where_nothing_is_drawn_over_it() -> None:
    report = _without_marks(drawn_report(size=300))
    picture = draw_key_image(report)[:300, :300]
    plain = in_gray(scene.gray(report, key_frame(report)[0]))
    changed = (picture != plain).any(axis=-1)
    # The scale bar is all that is drawn: low on the right.
    rows, columns = np.nonzero(changed)
    assert rows.min() > 240
    assert columns.min() > 150
    assert changed.mean() < 0.05


def test_needle_target_contrast_and_run_off_are_drawn_in_their_colours() -> None:
    quiet = drawn_report(size=300)
    report = with_run_off(quiet)
    for colour, of in (
        (palette.NEEDLE, quiet),
        (palette.TARGET, quiet),
        (palette.REGION, quiet),
        (palette.RUN_OFF, report),
    ):
        assert _near(draw_key_image(of)[:300, :300], colour) > 20, colour
    nothing = draw_key_image(_without_marks(report))[:300, :300]
    assert _near(nothing, palette.NEEDLE) == _near(nothing, palette.RUN_OFF) == 0


def test_the_tip_is_drawn_where_it_is() -> None:
    report = drawn_report(size=300)
    frame = key_frame(report)[0]
    shaft = scene.shaft(report, frame)
    assert shaft is not None
    row, column = (round(place) for place in shaft.tip_px)
    picture = draw_key_image(report)
    assert _near(picture[row - 3 : row + 4, column - 3 : column + 4], palette.NEEDLE) > 4


def test_the_same_report_gives_the_same_pixels_whatever_the_user_set(report: Report) -> None:
    import matplotlib

    first = draw_key_image(report)
    with matplotlib.rc_context({"font.size": 30, "image.cmap": "jet", "lines.linewidth": 9}):
        np.testing.assert_array_equal(draw_key_image(report), first)


def test_the_strip_names_procedure_frame_warning_and_research(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    original = captioned.write_block

    def heard(figure: object, entries: object, box: object) -> int:
        said.extend(entry.text for entry in entries)
        return original(figure, entries, box)

    monkeypatch.setattr(captioned, "write_block", heard)
    draw_key_image(with_run_off(report))
    told = " ".join(said)
    assert "Lumbar interlaminar epidural" in told
    assert "frame 13 of 30" in told
    assert "CRITICAL" in told
    assert RESEARCH_ONLY in told
    assert "more in the report" not in told


def test_the_key_frame_is_the_run_off_else_the_fullest_else_the_last_one_followed(
    report: Report,
) -> None:
    frame, why = key_frame(with_run_off(report))
    assert (frame, "run-off" in why) == (12, True)
    assert key_frame(report) == (29, "the frame with the most contrast")
    locked = np.arange(30) < 20
    unseen = replace(
        report,
        injection=Injection(mask_frames=(0,), onset_frame=None, onset_score=0.0),
        needle=NoNeedle(reason="none"),
        motion=replace(report.motion, locked=locked),
    )
    assert key_frame(unseen) == (19, "the last frame that could be followed")
    lost = replace(unseen, motion=replace(report.motion, locked=np.zeros(30, bool)))
    assert key_frame(lost) == (29, "the last frame")
