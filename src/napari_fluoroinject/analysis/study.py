"""What the loops and dose reports of a study tell together."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from napari_fluoroinject.analysis.measures.views import shown_view
from napari_fluoroinject.model.study import Dose, DoseReference, DoseReport, Study

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_fluoroinject.model.annotation import Annotation
    from napari_fluoroinject.model.procedure import Procedure
    from napari_fluoroinject.model.study import Recorded


def study_of(
    loops: Sequence[Recorded],
    reports: Sequence[DoseReport],
    procedure: Procedure,
    annotation: Annotation,
    *,
    reference: DoseReference | None = None,
) -> Study:
    """Put together what is known of one study.

    Parameters
    ----------
    loops, reports
        What its loops' headers and its radiation dose reports record.
    procedure, annotation
        They name the views; a side that was said tells oblique from contralateral oblique.
    reference
        The site's own 75th percentiles for the procedure.
    """
    return Study(
        views=tuple(shown_view(loop.view, annotation, procedure) for loop in loops),
        dose=_from_reports(reports) if reports else _from_headers(loops),
        reference=reference or DoseReference(),
        allergies_recorded=any(loop.allergies is not None for loop in loops),
    )


def _from_reports(reports: Sequence[DoseReport]) -> Dose:
    """The study's total where one tells it, else that of its steps.

    Reports of the same scope are states of one sum: the largest counts.
    """
    scopes: dict[str, list[DoseReport]] = {}
    for report in reports:
        scopes.setdefault(report.scope, []).append(report)
    whole = scopes.get(reports[0].study_instance_uid)
    parts = list(scopes.values()) if whole is None else [whole]
    return Dose(
        kap_gycm2=_sum(_largest(one.kap_gycm2 for one in part) for part in parts),
        fluoroscopy_s=_sum(_largest(one.fluoroscopy_s for one in part) for part in parts),
        kerma_mgy=_sum(_largest(one.kerma_mgy for one in part) for part in parts),
        basis="report",
    )


def _from_headers(loops: Sequence[Recorded]) -> Dose:
    """At least so much: each loop's area product adds up, time is that of the step so far.

    The sum is rounded once: it is the same in whatever order the loops are found.
    """
    areas = [loop.kap_gycm2 for loop in loops if loop.kap_gycm2 is not None]
    time_s = _largest(loop.fluoroscopy_s for loop in loops)
    known = bool(areas) or time_s is not None
    return Dose(
        kap_gycm2=fsum(areas) if areas else None,
        fluoroscopy_s=time_s,
        basis="headers" if known else "none",
    )


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum; None where a part is not known."""
    parts = list(values)
    known = [part for part in parts if part is not None]
    return fsum(known) if known and len(known) == len(parts) else None
