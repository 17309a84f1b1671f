"""Every text on the screen stands out from what is behind it: 4.5 : 1 (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

import re

import pytest
from napari.utils.theme import get_theme

from napari_fluoroinject.rendering import palette
from napari_fluoroinject.viewer import step_bar
from napari_fluoroinject.viewer.live import banner

_LEAST = 4.5


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB (WCAG 2.2, its definition)."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def of_style(name: str) -> tuple[str, str]:
    """Colours of the open step, as its style sheet says them."""
    rule = next(line for line in step_bar._STYLE.splitlines() if name in line)
    behind, text = re.findall(r"#[0-9A-F]{6}", rule)
    return text, behind


def as_hex(colour) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour.as_rgb_tuple(alpha=False))


def test_the_measure_is_that_of_the_guideline():
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("text", "behind"),
    [
        (palette.TEXT, palette.PANEL),
        (palette.MUTED, palette.PANEL),
        (palette.TEXT, palette.BACKGROUND),
        (palette.MUTED, palette.BACKGROUND),
        of_style(":checked"),
        (banner.WHITE, banner.RED),
        (banner.INK, banner.GREY),
        (banner.INK, banner.BLUE),
        (banner.INK, banner.ORANGE),
    ],
)
def test_our_own_text_stands_out(text, behind):
    assert contrast(text, behind) >= _LEAST


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_in_the_themes_of_napari_stands_out(name):
    theme = get_theme(name)
    text = as_hex(theme.text)
    for behind in (theme.background, theme.foreground):
        assert contrast(text, as_hex(behind)) >= _LEAST
