"""What a person asked of an analysis, as JSON and back: orders go between processes as text."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_fluoroinject.workflow import AnalysisRequest

_PATHS = ("site_procedures", "annotation_file", "codes_file")


def asked_of(request: AnalysisRequest) -> dict[str, Any]:
    """Return what is not as the defaults have it; the same request gives the same JSON.

    Paths become absolute: whoever reads it may work in another folder.
    """
    told: dict[str, Any] = {}
    for one in fields(request):
        value = getattr(request, one.name)
        if value is None or value == one.default:
            continue
        if one.name in _PATHS:
            told[one.name] = str(Path(value).absolute())
        elif one.name == "also":
            told[one.name] = sorted(value)
        elif one.name in ("needle", "dose_reference"):
            told[one.name] = {part.name: getattr(value, part.name) for part in fields(value)}
        else:
            told[one.name] = value
    return told


def request_from(told: dict[str, Any]) -> AnalysisRequest:
    """Return the request that `asked_of` put into words, or what came of them as JSON."""
    from napari_fluoroinject.model.annotation import NeedleTrajectory
    from napari_fluoroinject.model.study import DoseReference
    from napari_fluoroinject.workflow import AnalysisRequest

    said: dict[str, Any]
    said = {name: tuple(one) if isinstance(one, list) else one for name, one in told.items()}
    said |= {name: Path(said[name]) for name in _PATHS if name in said}
    if "also" in said:
        said["also"] = frozenset(said["also"])
    if "dose_reference" in said:
        said["dose_reference"] = DoseReference(**said["dose_reference"])
    if "needle" in said:
        needle = said["needle"]
        points = {name: (needle[name][0], needle[name][1]) for name in ("hub_px", "tip_px")}
        said["needle"] = NeedleTrajectory(**needle | points)
    return AnalysisRequest(**said)
