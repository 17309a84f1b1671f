"""What each warning takes where a procedure leaves it unsaid, and what none may change of it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, get_args

from napari_fluoroinject.model.procedure import Severity
from napari_fluoroinject.procedures.reading import read_table, shared, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.procedure import Procedure

_FILE = "warnings.toml"
_GRAVEST_FIRST: tuple[Severity, ...] = get_args(Severity)


def with_defaults(warning: Any) -> Any:
    """Return what a procedure says of a warning, with the defaults for what it leaves unsaid."""
    if not isinstance(warning, dict) or not isinstance(warning.get("id"), str):
        return warning
    usual = _defaults().get(warning["id"], {})
    settings, own = usual.get("settings"), warning.get("settings")
    if isinstance(settings, dict) and isinstance(own, dict):
        return usual | warning | {"settings": settings | own}
    return usual | warning


def against_defaults(procedure: Procedure) -> Iterator[str]:
    """Tell a threshold in another unit than the warning's, or of two numbers, and a demotion.

    A warning may be made graver by a procedure, and never milder: what is read past in one place
    is looked for in all.
    """
    for index, rule in enumerate(procedure.warnings):
        usual, at = _defaults()[rule.id], f"warnings.{index} ({rule.id})"
        unit = usual["threshold"]["unit"]
        if rule.threshold.unit != unit:
            yield f"{at}.threshold.unit: seen {rule.threshold.unit!r}; expected {unit!r}"
        if rule.threshold.low != rule.threshold.high:
            seen = f"low {rule.threshold.low:g}, high {rule.threshold.high:g}"
            yield f"{at}.threshold: seen {seen}; expected one number, low equal to high"
        least = usual["severity"]
        if _GRAVEST_FIRST.index(rule.severity) > _GRAVEST_FIRST.index(least):
            graver = " or ".join(_GRAVEST_FIRST[: _GRAVEST_FIRST.index(least) + 1])
            yield f"{at}.severity: seen {rule.severity!r}; expected {graver}: never milder"


@cache
def _defaults() -> dict[str, dict[str, Any]]:
    return read_table(text_of(shared(_FILE)), name=_FILE)
