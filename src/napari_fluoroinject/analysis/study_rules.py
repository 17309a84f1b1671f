"""Warnings from a study as a whole: a view that no loop shows, a dose above the site's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fluoroinject.model.report import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.analysis.evidence import Evidence
    from napari_fluoroinject.model.procedure import Procedure, WarningRule
    from napari_fluoroinject.model.study import Study


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingViews:
    """Names of needed views that no loop shows, and why of others this cannot be said."""

    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


def missing_views(procedure: Procedure, views_seen: Sequence[str | None]) -> MissingViews:
    """Tell which of the procedure's needed views no loop of a study shows.

    Parameters
    ----------
    procedure
        Its needed views.
    views_seen
        The view of every loop of the study; None = not known. As it might be any, nothing is
        missing for certain beside it; nor is a view without angles, by which it could be told.
    """
    unseen = [view for view in procedure.views if view.needed and view.name not in views_seen]
    if not unseen:
        return MissingViews()
    unknown = sum(view is None for view in views_seen)
    if unknown:
        return MissingViews(reasons=(_unknown(unknown, [view.name for view in unseen]),))
    return MissingViews(
        missing=tuple(view.name for view in unseen if view.oblique is not None),
        reasons=tuple(
            f"the procedure gives no angle by which {view.name} could be told"
            for view in unseen
            if view.oblique is None
        ),
    )


def missing_view(evidence: Evidence, rule: WarningRule, procedure: Procedure) -> Finding | None:
    """Warn of needed views that none of the study's loops shows that were given together."""
    if evidence.study is None:
        return None
    views = evidence.study.views
    missing = missing_views(procedure, views).missing
    if not missing or len(missing) < rule.threshold.low:
        return None
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=(
            f"Of the loops of this study that were given ({len(views)}) none shows "
            f"{' or '.join(missing)}, which this procedure asks for; shown: "
            f"{', '.join(str(view) for view in dict.fromkeys(views))}."
        ),
        score=len(missing) / max(rule.threshold.low, 1.0),
        frames=None,
    )


def dose_alert(evidence: Evidence, rule: WarningRule, _: Procedure) -> Finding | None:
    """Tell that the study's recorded dose is above the site's own 75th percentile."""
    if evidence.study is None:
        return None
    shares = [(one, one.share) for one in _quantities(evidence.study)]
    above = [(one, share) for one, share in shares if share and share > rule.threshold.low]
    if not above:
        return None
    least = "at least " if evidence.study.dose.basis == "headers" else ""
    told = "; ".join(
        f"{one.name} {least}{one.value:.3g} {one.unit}, the site's 75th percentile is "
        f"{one.reference:.3g} {one.unit}"
        for one, _ in above
    )
    return Finding(
        id=rule.id,
        severity=rule.severity,
        text=f"Recorded by the equipment for this study: {told}.",
        score=max(share for _, share in above) / (rule.threshold.low or 1.0),
        frames=None,
    )


def study_unjudged(evidence: Evidence, procedure: Procedure) -> list[str]:
    """Say why views and dose could not be judged where the procedure asks for it."""
    asked = {rule.id for rule in procedure.warnings}
    return [
        *(_missing_view_unjudged(evidence, procedure) if "missing_view" in asked else ()),
        *(_dose_unjudged(evidence.study) if "dose_alert" in asked else ()),
    ]


def _missing_view_unjudged(evidence: Evidence, procedure: Procedure) -> list[str]:
    if evidence.study is None:
        return ["missing view: not judged (one loop says nothing about the others of its study)"]
    reasons = missing_views(procedure, evidence.study.views).reasons
    return [f"missing view: not judged ({reason})" for reason in reasons]


def _dose_unjudged(study: Study | None) -> list[str]:
    why = _dose_reason(study)
    if not why:
        return []
    compared = study is not None and any(one.share is not None for one in _quantities(study))
    return [f"dose alert: {'judged in part only' if compared else 'not judged'} ({why})"]


def _dose_reason(study: Study | None) -> str:
    if study is None:
        return "the dose of the study is not known from one loop"
    set_by_site = [one for one in _quantities(study) if one.reference is not None]
    if not set_by_site:
        return "the site has set no 75th percentile of its own for this procedure"
    if study.dose.basis == "none":
        return "neither a radiation dose report nor the headers record a dose"
    reasons = [f"no {one.name} was recorded" for one in set_by_site if one.value is None]
    shares = [one.share for one in set_by_site if one.share is not None]
    if study.dose.basis == "headers" and shares and max(shares) <= 1.0:
        reasons.append(
            "the headers record only a part of the dose, and that is not above the site's own"
        )
    return "; ".join(reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quantity:
    """A quantity of the dose beside the site's own; None = not recorded, not set."""

    name: str
    unit: str
    value: float | None
    reference: float | None

    @property
    def share(self) -> float | None:
        if self.value is None or self.reference is None:
            return None
        return self.value / self.reference


def _quantities(study: Study) -> tuple[_Quantity, ...]:
    dose, own = study.dose, study.reference
    return tuple(
        _Quantity(name=name, unit=unit, value=value, reference=reference)
        for name, unit, value, reference in (
            ("kerma-area product", "Gy.cm2", dose.kap_gycm2, own.kap_p75_gycm2),
            ("fluoroscopy time", "s", dose.fluoroscopy_s, own.time_p75_s),
            ("air kerma at the reference point", "mGy", dose.kerma_mgy, own.kerma_p75_mgy),
        )
    )


def _unknown(count: int, unseen: list[str]) -> str:
    loops = "1 loop" if count == 1 else f"{count} loops"
    return f"the view of {loops} is not known: {' and '.join(unseen)} may be among them"
