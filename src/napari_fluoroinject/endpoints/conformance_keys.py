"""Keys and character sets of our queries, as tables of a conformance statement (PS3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.tag import Tag

from napari_fluoroinject.endpoints.conformance import table
from napari_fluoroinject.endpoints.worklist import WorklistQuery, identifier_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydicom import Dataset
    from pydicom.dataelem import DataElement

_EVERYTHING = WorklistQuery(
    patient_id="1",
    accession="1",
    study_instance_uid="1.2",
    modality="XA",
    station="1",
    date="20260101",
)
"""Every key with a value that can have one."""


def character_sets() -> str:
    """Specific Character Sets that are understood, by their defined terms (PS3.3 C.12.1.1.2)."""
    return ", ".join(f"`{one}`" for one in sorted(python_encoding) if one)


def query_keys(columns: Mapping[str, Sequence[str]]) -> str:
    """What is asked for at each level of a query.

    Parameters
    ----------
    columns
        Keywords by level.
    """
    rows = [
        (level, _tag(keyword), _name(keyword))
        for level, keywords in columns.items()
        for keyword in keywords
    ]
    return table(("level", "tag", "attribute"), rows)


def worklist_keys() -> str:
    """What is asked of the worklist, and which of it may be matched."""
    return table(("tag", "attribute", "matching"), _worklist_rows(identifier_of(_EVERYTHING), ""))


def _worklist_rows(asked: Dataset, before: str) -> list[tuple[str, str, str]]:
    rows = []
    for element in asked:
        matched = "single value or range" if element.VR == "DA" else "single value"
        how = matched if _is_matched(element) else "returned"
        rows.append((f"{before}{_tag(element.keyword)}", _name(element.keyword), how))
        if element.VR == "SQ":
            for item in element.value:
                rows += _worklist_rows(item, f"{before}> ")
    return rows


def _is_matched(element: DataElement) -> bool:
    return element.VR != "SQ" and bool(element.value)


def _tag(keyword: str) -> str:
    tag = Tag(tag_for_keyword(keyword) or 0)
    return f"({tag.group:04X},{tag.element:04X})"


def _name(keyword: str) -> str:
    return dictionary_description(keyword)
