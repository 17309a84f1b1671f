"""The colours of every drawn figure: a dark viewing station, told apart by colour-blind eyes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from napari_fluoroinject.model.procedure import Severity

BACKGROUND: Final = "#0B0E13"
PANEL: Final = "#141922"
RULE: Final = "#2B3442"
TEXT: Final = "#EEF1F5"
MUTED: Final = "#A9B4C2"
UNDEFINED: Final = "#000000"

NEEDLE: Final = "#00E5FF"
TARGET: Final = "#FF4FD8"
REGION: Final = "#FFD400"
RUN_OFF: Final = "#FF9800"
LANDMARK: Final = "#B5F59A"
LEAD: Final = "#E3B5FF"
ONSET: Final = "#FFFFFF"
MASK: Final = "#5B7FA6"

OPACITY_MAP: Final = "magma"
TIME_MAP: Final = "viridis"
"""Perceptually even maps that rise in lightness, so that they are read without hue."""

SEVERITY: Final[dict[Severity, str]] = {
    "critical": "#FF6B35",
    "high": "#FFB000",
    "moderate": "#F0E442",
    "info": "#6FC3FF",
}
"""After the colour-blind-safe palette of Okabe and Ito (2008), lightened for a dark ground.

The word always stands beside the colour.
"""
