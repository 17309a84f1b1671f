"""Needle, target and contrast spread in fluoroscopy-guided injections. Research software."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.read import read_loop
    from napari_fluoroinject.model.annotation import Annotation, NeedleTrajectory
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.needle import Needle, NoNeedle
    from napari_fluoroinject.model.report import Finding, Report
    from napari_fluoroinject.results import save
    from napari_fluoroinject.workflow import analyze, analyze_sources

__version__ = "0.1.0"

_HOMES = {
    "Annotation": "model.annotation",
    "CineLoop": "model.cine",
    "Finding": "model.report",
    "Needle": "model.needle",
    "NeedleTrajectory": "model.annotation",
    "NoNeedle": "model.needle",
    "Report": "model.report",
    "analyze": "workflow",
    "analyze_sources": "workflow",
    "read_loop": "dicom.read",
    "save": "results",
}

__all__ = [
    "Annotation",
    "CineLoop",
    "Finding",
    "Needle",
    "NeedleTrajectory",
    "NoNeedle",
    "Report",
    "__version__",
    "analyze",
    "analyze_sources",
    "read_loop",
    "save",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: the import itself stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
