"""What a radiation dose report tells: totals, and each time the beam was on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.attributes import first_item, number, text
from napari_fluoroinject.model.study import DoseReport, IrradiationEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydicom.dataset import Dataset

_DOSE_REPORT = "113701"
_ACCUMULATED, _EVENT = "113702", "113706"
_SCOPE = "113705"
_KAP, _KERMA, _FLUOROSCOPY = "113722", "113725", "113730"
_KAP_PARTS = ("113726", "113727")
"""Of fluoroscopy and of acquisition: both or neither make the total."""
_EVENT_UID, _EVENT_TYPE, _PLANE = "113769", "113721", "113764"
_STARTED, _DURATION = "111526", "113742"
_EVENT_KAP, _EVENT_KERMA = "122130", "113738"
_PRIMARY, _SECONDARY = "112011", "112012"
"""Codes of scheme DCM in TID 10001, 10002, 10003, 10003B and 10004."""

_IN_GYCM2 = {
    "Gym2": 1e4,
    "mGym2": 10.0,
    "uGym2": 0.01,
    "Gycm2": 1.0,
    "dGycm2": 0.1,
    "cGycm2": 0.01,
    "mGycm2": 1e-3,
    "uGycm2": 1e-6,
}
_IN_MGY = {"Gy": 1e3, "dGy": 100.0, "cGy": 10.0, "mGy": 1.0, "uGy": 1e-3}
_IN_S = {"s": 1.0, "ms": 1e-3, "min": 60.0}
_IN_DEG = {"deg": 1.0}
"""What one of a UCUM unit comes to, its dots left out; TID 10004 prescribes Gy.m2, Gy and s."""


def dose_of(document: Dataset) -> DoseReport | None:
    """Return totals and events of a radiation dose report (PS3.16 TID 10001).

    The kerma-area products of the planes of a biplane system are added; of air kerma and time,
    which are of different places and run at once, the larger counts. What stands in a unit that
    is not known is unknown.

    Parameters
    ----------
    document
        The report; None is returned for one with another title.
    """
    if _concept(document) != _DOSE_REPORT:
        return None
    planes = list(_outermost(document, _ACCUMULATED))
    areas = [area for plane in planes if (area := _area(plane)) is not None]
    study = str(document.StudyInstanceUID)
    return DoseReport(
        study_instance_uid=study,
        scope=_scope(document) or study,
        kap_gycm2=sum(areas) if areas else None,
        fluoroscopy_s=_largest(planes, _FLUOROSCOPY, _IN_S),
        kerma_mgy=_largest(planes, _KERMA, _IN_MGY),
        events=tuple(_event(one) for one in _outermost(document, _EVENT)),
    )


def _scope(document: Dataset) -> str | None:
    """UID of what the totals were added up over."""
    for one in _below(document):
        if _concept(one) == _SCOPE:
            return next((str(below.UID) for below in _below(one) if "UID" in below), None)
    return None


def _area(plane: Dataset) -> float | None:
    """Kerma-area product of a plane, or the sum of all its parts."""
    total = _measured(plane, _KAP, _IN_GYCM2)
    if total:
        return max(total)
    parts = [_measured(plane, part, _IN_GYCM2) for part in _KAP_PARTS]
    return sum(max(part) for part in parts) if all(parts) else None


def _largest(planes: list[Dataset], concept: str, units: Mapping[str, float]) -> float | None:
    return max((one for plane in planes for one in _measured(plane, concept, units)), default=None)


def _event(event: Dataset) -> IrradiationEvent:
    def measured(concept: str, units: Mapping[str, float]) -> float | None:
        return next(iter(_measured(event, concept, units)), None)

    def angle(concept: str) -> float | None:
        return next(iter(_measured(event, concept, _IN_DEG, least=None)), None)

    return IrradiationEvent(
        event_uid=_said(event, _EVENT_UID, "UID"),
        kind=_meaning(event, _EVENT_TYPE),
        plane=_meaning(event, _PLANE),
        started=_said(event, _STARTED, "DateTime"),
        duration_s=measured(_DURATION, _IN_S),
        kap_gycm2=measured(_EVENT_KAP, _IN_GYCM2),
        kerma_mgy=measured(_EVENT_KERMA, _IN_MGY),
        primary_angle_deg=angle(_PRIMARY),
        secondary_angle_deg=angle(_SECONDARY),
    )


def _measured(
    container: Dataset, concept: str, units: Mapping[str, float], *, least: float | None = 0.0
) -> list[float]:
    """Values of a quantity below a container; one in a unit that is not known is left out."""
    found = []
    for one in (one for one in _below(container) if _concept(one) == concept):
        measured = first_item(one, "MeasuredValueSequence")
        unit = None if measured is None else first_item(measured, "MeasurementUnitsCodeSequence")
        if measured is None or unit is None:
            continue
        value = _number(measured)
        factor = units.get((text(unit, "CodeValue") or "").replace(".", ""))
        if value is not None and factor is not None and (least is None or value >= least):
            found.append(value * factor)
    return found


def _number(measured: Dataset) -> float | None:
    try:
        return number(measured, "NumericValue")
    except ValueError:  # one value that is no number does not cost the rest
        return None


def _said(container: Dataset, concept: str, keyword: str) -> str | None:
    items = (one for one in _below(container) if _concept(one) == concept)
    return next((told for one in items if (told := text(one, keyword)) is not None), None)


def _meaning(container: Dataset, concept: str) -> str | None:
    for one in _below(container):
        if _concept(one) == concept:
            code = first_item(one, "ConceptCodeSequence")
            return None if code is None else text(code, "CodeMeaning")
    return None


def _below(item: Dataset) -> Iterator[Dataset]:
    """Content items below one, however deep; what an event says is the event's alone."""
    for one in item.get("ContentSequence") or ():
        yield one
        if _concept(one) != _EVENT:
            yield from _below(one)


def _outermost(item: Dataset, concept: str) -> Iterator[Dataset]:
    """Containers of that name, however deep, but not one that lies in another."""
    for one in item.get("ContentSequence") or ():
        if _concept(one) == concept:
            yield one
        else:
            yield from _outermost(one, concept)


def _concept(dataset: Dataset) -> str | None:
    """Code of what a content item is called; None where it is not of scheme DCM."""
    name = first_item(dataset, "ConceptNameCodeSequence")
    if name is None or text(name, "CodingSchemeDesignator") != "DCM":
        return None
    return text(name, "CodeValue")
