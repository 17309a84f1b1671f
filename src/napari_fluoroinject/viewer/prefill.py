"""What the worklist would have the plan say, and what that rests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_fluoroinject.decide import AUTO, Decision, decide
from napari_fluoroinject.dicom.requested import read_requested
from napari_fluoroinject.service.scheduled import Schedule, UnansweredError
from napari_fluoroinject.viewer.waiting import patiently

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.viewer.jobs import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefill:
    """What would be set; `decision` None = nothing, and `says` tells why."""

    decision: Decision | None
    says: str


def prefill(file: Path, settings: Settings, *, tell: Progress) -> Prefill:
    """Ask the worklist for the study of a file, and decide as the service does.

    Parameters
    ----------
    file
        Of a run; its header names study and accession number.
    settings
        Whose worklist is asked, with the site's codes and texts.
    tell
        Told how long it takes; what it raises ends the waiting.

    Raises
    ------
    FluoroinjectError
        The header cannot be read, or there can be no such endpoint.
    """
    header = read_requested(file)
    try:
        scheduled = patiently(
            lambda _note: Schedule(settings)(header), tell, step="waiting for the worklist"
        )
    except UnansweredError:
        return Prefill(
            decision=None,
            says=f"The worklist {settings.service.worklist} did not answer; expected an answer "
            "within 15 s. Check that it runs and knows this station, or choose by hand.",
        )
    if scheduled is None:
        return Prefill(
            decision=None,
            says="The worklist has no item with this study's UID or accession number. Choose by "
            "hand.",
        )
    # a procedure that the service is set to use for every loop is not what was asked for here
    rules = replace(settings.service, analyze=AUTO)
    decision = decide(header, rules, scheduled=scheduled, site=settings.site_procedures)
    return Prefill(decision=decision, says=f"Basis: {decision.basis}.")
