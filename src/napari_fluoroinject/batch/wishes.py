"""What is asked for each loop: of all, of the line that names it, and by what its header says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_fluoroinject import procedures
from napari_fluoroinject.decide import AUTO, decide
from napari_fluoroinject.model.annotation import check_annotation, check_landmarks
from napari_fluoroinject.sources import check_one_for_all
from napari_fluoroinject.workflow import AnalysisRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.read import LoopFiles
    from napari_fluoroinject.dicom.requested import Requested
    from napari_fluoroinject.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One source and what is asked of it.

    `where` names it for a person: the source itself, or a line of a list.
    """

    source: str
    where: str
    request: AnalysisRequest


def check_request(request: AnalysisRequest) -> None:
    """Refuse what is wrong whatever the loop is, before any loop is looked at.

    Raises
    ------
    FluoroinjectError
        Unknown procedure, marks that the procedure does not know, a level of another region.
    """
    annotation = request.annotation()
    if request.procedure == AUTO:
        return
    procedure = procedures.get(
        request.procedure or procedures.GENERIC, site=request.site_procedures
    )
    check_annotation(annotation, region=procedure.region)
    check_landmarks(annotation, procedure)


def check_line(line: Line, loops: Sequence[LoopFiles], *, studies: int) -> None:
    """Refuse marks of one loop for several, and a level or side of one study for several.

    Parameters
    ----------
    line
        What is asked for.
    loops
        Those of one study that it names.
    studies
        How many studies it names.

    Raises
    ------
    AnnotationError
        As told; or the file with the marks is one of another loop.
    """
    annotation = line.request.annotation([one.reference for one in loops])
    check_one_for_all(annotation, loops)
    if studies > 1:  # two loops of two studies stand for all of them
        first = loops[0]
        other = replace(first, reference=replace(first.reference, study_instance_uid="another"))
        check_one_for_all(annotation, [first, other])


def request_for(line: Line, header: Requested, settings: Settings) -> AnalysisRequest:
    """Return what is asked for one loop; where `auto` is, its header decides.

    Parameters
    ----------
    line
        What is asked for; a level or side that it says goes before a coded one.
    header
        Of the loop.
    settings
        Whose procedure codes and protocol texts decide.

    Raises
    ------
    FluoroinjectError
        As `check_request`, for what was decided.
    """
    request = line.request
    if request.procedure != AUTO:
        return request
    by_header = replace(settings.service, analyze=AUTO)
    decision = decide(header, by_header, site=request.site_procedures)
    doses = type(request).by(settings, decision.procedure).dose_reference
    decided = replace(
        request,
        procedure=decision.procedure,
        level=request.level or decision.level,
        side=request.side or decision.side,
        dose_reference=doses,
    )
    check_request(decided)
    return decided
