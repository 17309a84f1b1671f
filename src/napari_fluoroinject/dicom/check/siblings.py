"""Results of one study against one another: they are about one patient and one request."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TypeVar

from napari_fluoroinject.dicom.check.fault import Fault
from napari_fluoroinject.dicom.check.rule import PRODUCT
from napari_fluoroinject.dicom.identity import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydicom.dataset import Dataset

    _Name = TypeVar("_Name")

SIBLINGS_RULE = "identity.siblings"
_ONE_FOR_ALL = (
    *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("AccessionNumber", "StudyID", "StudyDate"),
)


def sibling_faults(results: Mapping[_Name, Dataset]) -> dict[_Name, tuple[Fault, ...]]:
    """Tell which results say otherwise than most of their study; all where there is no most.

    Parameters
    ----------
    results
        Headers by whatever names them.

    Returns
    -------
    Faults by the same names; those without are left out.
    """
    studies: dict[str, list[_Name]] = defaultdict(list)
    for name, header in results.items():
        studies[str(header.get("StudyInstanceUID"))].append(name)
    found: dict[_Name, list[Fault]] = defaultdict(list)
    for names in studies.values():
        for keyword in _ONE_FOR_ALL:
            told = {name: said(results[name], keyword) for name in names}
            for name in _odd(told):
                found[name].append(_fault(keyword))
    return {name: tuple(faults) for name, faults in found.items()}


def _odd(told: Mapping[_Name, tuple[object, ...]]) -> list[_Name]:
    counts = Counter(told.values()).most_common(2)
    if len(counts) < 2:
        return []
    (most, first), (_, second) = counts
    return [name for name, value in told.items() if value != most or first == second]


def _fault(keyword: str) -> Fault:
    return Fault(
        rule=SIBLINGS_RULE,
        severity="error",
        where=keyword,
        seen="another value than other results of the same study (not shown)",
        expected="one value in all results of a study",
        section=PRODUCT,
    )
