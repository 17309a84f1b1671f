"""Result objects as a person reads of them: what they are, how large, and what became of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.class_names import class_name

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.outputs import Extra
    from napari_fluoroinject.endpoints.base import Receipt
    from napari_fluoroinject.viewer.outcome import Kept
    from napari_fluoroinject.viewer.run import Run
    from napari_fluoroinject.viewer.session import Session

_NAMES = {
    "report": "Measurement report",
    "segmentation": "Segmentation",
    "segmentation_fractional": "Segmentation, shares",
    "segmentation_labelmap": "Segmentation, label map",
    "presentation": "Marks drawn on the run",
    "mask_presentation": "Subtraction of the run",
    "key_image": "Key picture",
    "color_map": "Map picture, in colour",
    "procedure_log": "Procedure log",
    "key_objects": "Key frames",
    "document": "Report as PDF",
    "map_arrival": "Map: arrival time",
    "map_time_to_peak": "Map: time to peak",
    "map_peak_opacity": "Map: peak opacity",
    "map_washout": "Map: washout",
    "map_transit": "Map: transit time",
}
EXTRA_NAMES: dict[Extra, str] = {
    "segmentation_fractional": "Segmentation, shares",
    "segmentation_labelmap": "Segmentation, label map",
    "parametric_maps": "Parametric maps",
    "key_objects": "Key frames",
    "document": "Report as PDF",
}
"""What may be written besides, by the name that a person reads; `dicom.outputs` says more."""

_KB, _MB = 1000, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sendable:
    """One written object."""

    path: Path
    name: str
    sop_class: str
    sop_instance_uid: str
    size: str


def objects_of(kept: Kept) -> tuple[Sendable, ...]:
    """List the objects that were kept; one whose file is gone is left out.

    Parameters
    ----------
    kept
        Results of a run.
    """
    try:
        summary = json.loads((kept.folder / "summary.json").read_text(encoding="utf-8"))
        outputs = {one["file"]: one for one in summary["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return tuple(
        Sendable(
            path=path,
            name=name_of(path),
            sop_class=class_name(outputs[path.name]["sop_class_uid"]).removesuffix(" Storage"),
            sop_instance_uid=outputs[path.name]["sop_instance_uid"],
            size=_size(path.stat().st_size),
        )
        for path in kept.files
        if path.name in outputs and path.exists()
    )


def name_of(path: Path) -> str:
    """What an object is called, by its file."""
    stem = path.stem
    if stem.startswith("parametric_"):
        return f"Parametric map: {stem.removeprefix('parametric_').replace('_', ' ')}"
    return _NAMES.get(stem, stem.replace("_", " ").capitalize())


def status_words(receipt: Receipt) -> str:
    """The status of a receipt, in words and as the code of DICOM."""
    word = "kept" if receipt.status == 0 else "kept, with a warning"
    return f"{word} (0x{receipt.status:04X})"


def why_not_written(session: Session, run: Run) -> str:
    """Why no results can be written of a run now; empty where they can."""
    if not run.files:
        return "Recorded from a live feed, without patient and study: nothing can be written back."
    if session.outcome_of(run.uid).analysed is None:
        return "Not analysed yet: analyse the run first."
    if session.out_of_date_of(run.uid):
        return "Out of date: something was changed since the analysis. Analyse the run again."
    return ""


def why_not_sent(session: Session, run: Run) -> str:
    """Why the results of a run cannot be sent now; empty where they can."""
    if reason := why_not_written(session, run):
        return reason
    kept = session.outcome_of(run.uid).kept
    if kept is None:
        return "Not written yet: write the results first."
    draft = session.draft_of(run.study_uid)
    now, written = draft.annotation(run.uid), kept.annotation
    if replace(now, sign_off=None) != replace(written, sign_off=None) or (
        kept.procedure != draft.plan.procedure
    ):
        return "Out of date: the results were written before the last change. Write them again."
    if now != written:
        return "The sign-off has changed since the results were written. Write them again."
    return ""


def _size(size: int) -> str:
    return f"{size / _MB:.1f} MB" if size >= _MB else f"{max(size / _KB, 0.1):.1f} kB"
