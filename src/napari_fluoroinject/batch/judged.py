"""Which warnings of a loop were judged: that none was raised says nothing where none could be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

from napari_fluoroinject.analysis.looks import words
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.procedure import WarningId

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from napari_fluoroinject.batch.column import Judged, Summary

WARNINGS: tuple[str, ...] = get_args(WarningId)
"""Every warning that there is, in the contract's order."""


def judged(summary: Summary, asked: Collection[str] | None) -> dict[str, Judged]:
    """Tell of every warning whether it was raised, judged, or could not be.

    What could be judged in part only counts as that, never as judged; where the summary does not
    tell, as not judged.

    Parameters
    ----------
    summary
        As in `summary.json`.
    asked
        The warnings that the loop's procedure lists; None = the procedure is not known here, then
        what was not raised was not judged.
    """
    raised = {warning["id"] for warning in summary["warnings"]}
    states: dict[str, Judged] = {}
    for name in WARNINGS:
        if name in raised:
            states[name] = "raised"
        elif asked is None:
            states[name] = "not_judged"
        elif name not in asked:
            states[name] = "not_asked"
        else:
            states[name] = _quiet(summary, name)
    return states


def _quiet(summary: Summary, name: str) -> Judged:
    """What became of a warning that was asked for and not raised."""
    if name in _cannot_judge(summary):
        return "not_judged"
    if name in LIKENESSES:
        return _pattern(summary, name)
    return _RULES[name](summary)


def _cannot_judge(summary: Summary) -> set[str]:
    told = "this version cannot judge: "
    lists = (text[len(told) :] for text in _reasons(summary) if text.startswith(told))
    return {name.replace(" ", "_") for listed in lists for name in listed.split(", ")}


def _pattern(summary: Summary, name: str) -> Judged:
    """Patterns that could not be judged for one reason share a sentence."""
    for text in _reasons(summary):
        names, mark, _ = text.partition(": not judged (")
        if mark and words(name) in names.split(", "):
            return "not_judged"
    return "not_raised" if summary["assessable"]["frames"] else "not_judged"


def _vascular(summary: Summary) -> Judged:
    run_off = summary["run_off"]
    if run_off["score"] is None or not summary["assessable"]["frames"]:
        return "not_judged"
    return "not_raised" if run_off["reason"] is None else "in_part"


def _contrast_seen(summary: Summary) -> Judged:
    if summary["contrast_onset_frame"] is not None:
        return "not_raised"
    return "not_judged"  # it was looked for and not seen: then the warning would have been raised


def _limits(summary: Summary) -> Judged:
    lines = sum(one["id"] == "tip_to_line" for one in summary["measured"])
    missing = sum(text.startswith("tip past limit: ") for text in _reasons(summary))
    if missing >= lines:
        return "not_judged"
    return "in_part" if missing else "not_raised"


def _target(summary: Summary) -> Judged:
    target = summary["target"]
    known = target is not None and target["tip_distance_mm"] is not None
    return "not_raised" if known and not _said(summary, "tip off target") else "not_judged"


def _views(summary: Summary) -> Judged:
    return "not_judged" if _said(summary, "missing view") else "not_raised"


def _dose(summary: Summary) -> Judged:
    said = _said(summary, "dose alert")
    if said is None:
        return "not_raised"
    return "in_part" if said.startswith("judged in part only") else "not_judged"


def _side(summary: Summary) -> Judged:
    sides = (summary["side"], summary["source"]["laterality"])
    return "not_raised" if all(side in ("left", "right") for side in sides) else "not_judged"


def _order(_: Summary) -> Judged:
    return "not_judged"  # the summary does not tell whether a medication was recorded at all


def _fit(_: Summary) -> Judged:
    return "not_raised"


_RULES: dict[str, Callable[[Summary], Judged]] = {
    "vascular_uptake": _vascular,
    "contrast_not_seen": _contrast_seen,
    "tip_past_limit": _limits,
    "tip_off_target": _target,
    "missing_view": _views,
    "wrong_level_or_side": _side,
    "order_violation": _order,
    "dose_alert": _dose,
    "image_unfit": _fit,
}


def _said(summary: Summary, warning: str) -> str | None:
    """What stands behind the words of a warning among the reasons; None where nothing does."""
    told = re.compile(rf"{warning}: (.*)", re.DOTALL)
    found = (told.fullmatch(text) for text in _reasons(summary))
    return next((one[1] for one in found if one), None)


def _reasons(summary: Summary) -> list[str]:
    reasons: list[str] = summary["assessable"]["reasons"]
    return reasons
