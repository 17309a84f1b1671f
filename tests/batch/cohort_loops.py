"""Loops of a batch that ended, with results on disk, and without any analysis."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_fluoroinject.batch.journal import Ended
from napari_fluoroinject.model.summary import summarize
from tests.rendering.drawn_reports import drawn_report

if TYPE_CHECKING:
    from pathlib import Path


@cache
def _summary() -> str:
    return json.dumps(summarize(drawn_report()))


def summary_of(uid: str, **changes: Any) -> dict[str, Any]:
    """A summary that the schema takes; a change `spread__area_mm2=1.0` goes into `spread`."""
    summary: dict[str, Any] = json.loads(_summary())
    summary["source"]["sop_instance_uid"] = uid
    for path, value in changes.items():
        *way, last = path.split("__")
        inside = summary
        for key in way:
            inside = inside[key]
        inside[last] = deepcopy(value)
    return summary


@cache
def picture(width: int = 64) -> bytes:
    """A picture in the proportions of an overview; noise, which is hard to make small."""
    noise = np.random.default_rng(7).integers(0, 255, (width * 5 // 8, width, 3), np.uint8)
    target = BytesIO()
    Image.fromarray(noise).save(target, "PNG", compress_level=1)
    return target.getvalue()


def keep(out: Path, summary: dict[str, Any], *, overview: bytes | None = None) -> Ended:
    """Leave the results of a loop, as an analysis does; its line in the journal."""
    uid = summary["source"]["sop_instance_uid"]
    folder = out / uid
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "overview.png").write_bytes(overview or picture())
    return Ended(key=uid, state="done", study_uid=f"{uid}.9", procedure=summary["procedure"])


def failed(uid: str, reason: str = "seen nothing; expected a loop") -> Ended:
    """A loop that has no results."""
    return Ended(key=uid, state="failed", reason=reason, fault="refused", study_uid=f"{uid}.9")
