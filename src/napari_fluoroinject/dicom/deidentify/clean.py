"""A data set cleaned by the Basic Application Level Confidentiality Profile, items and all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items

from napari_fluoroinject.dicom.deidentify.dates import (
    DatePolicy,
    moment,
    shifted,
    since_epoch,
)
from napari_fluoroinject.dicom.deidentify.person import person_of
from napari_fluoroinject.dicom.deidentify.pseudonyms import Pseudonyms
from napari_fluoroinject.dicom.deidentify.sr_items import (
    clean_text,
    is_left_out,
    is_ours_alone,
)
from napari_fluoroinject.dicom.deidentify.tables import Action, action_of, chosen, type_of
from napari_fluoroinject.dicom.deidentify.values import TEXT_VRS, dummy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag


_PATIENT_NAME, _PATIENT_ID = 0x00100010, 0x00100020
_CONTENT, _GRAPHICS = 0x0040A730, 0x00700001
_FIRST_GROUP = 0x0008
"""Groups below it are of commands, file meta information and directories (PS3.5 7.1)."""
_TIMEZONE, _ZONE = 0x00080201, re.compile(r"[+-]\d{4}")
_TRACKING_ID = 0x00620020
_TEMPORAL_VRS = ("DA", "DT", "TM")
_MORE_IDENTIFIERS = {
    0x00100033: Action(deeds=("X",)),  # birth date in another calendar
    0x00100034: Action(deeds=("X",)),  # death date in another calendar
    0x00181803: Action(deeds=("X",)),  # address of a time server
    0x00401006: Action(deeds=("X",)),  # placer order number of a procedure, retired
    0x00401007: Action(deeds=("X",)),  # filler order number of a procedure, retired
    0x0040E001: Action(deeds=("D",)),  # HL7 instance identifier, required where it stands
}
"""What tells a person, an order or a place although table E.1-1 names it not."""
_CODE = frozenset((0x00080100, 0x00080102, 0x00080104, 0x00080119, 0x00080120))
"""Value, designator and meaning of a code, the value long or as a URN."""
_CLASSES = frozenset(
    (
        *("SOPClassesInStudy", "SOPClassesSupported", "CodingSchemeUID", "ContextUID"),
        *("MappingResourceUID", "ContextGroupExtensionCreatorUID", "CreatorVersionUID"),
        *("PertinentSOPClassesInStudy", "PertinentSOPClassesInSeries"),
    )
)
"""Keywords of UIDs of kinds of things, which name no instance; others end in the words below."""
_CLASS_WORDS = ("ClassUID", "TransferSyntaxUID")
_PUBLIC_ADDRESSES = frozenset(("CodingSchemeURL", "URNCodeValue"))
"""Of code systems; all others name servers, and often UIDs."""
_CLOCKS = (
    frozenset((0x00189151, 0x00189074)),  # Frame Reference and Frame Acquisition DateTime
    frozenset((0x0040A032,)),  # Observation DateTime
)
"""Times that belong together: from one to the next they tell the time axis of an object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How an export is cleaned; `patient_id` is what every patient is called, None = derived."""

    pseudonyms: Pseudonyms
    dates: DatePolicy
    patient_id: str | None = None


@dataclass(slots=True)
class Cleaned:
    """What cleaning came upon: content of a report, graphics."""

    content: bool = False
    graphics: bool = False


def clean(dataset: Dataset, rules: Rules) -> Cleaned:
    """Clean a data set in place, file meta information and pixel data aside.

    Private attributes, and those that the dictionary does not know, are removed wherever they
    stand. Of standard attributes the action of table E.1-1 is done; what is not in the table
    stays, but for UIDs of instances, which are replaced, and for dates, which follow the policy.

    Parameters
    ----------
    dataset
        With items that can be parsed; elements that need no action stay as they were read.
    rules
        Of the export.

    Raises
    ------
    EncodingError
        A date cannot be moved that far.
    """
    cleaner = _Cleaner(dataset, rules)
    cleaner.items(dataset, top=True)
    return cleaner.found


class _Cleaner:
    """Goes through one object."""

    def __init__(self, dataset: Dataset, rules: Rules) -> None:
        self.rules = rules
        self.found = Cleaned()
        self._class = str(dataset.get("SOPClassUID") or "")
        self._patient = person_of(dataset)
        self._first = [_earliest(dataset, clock) for clock in _CLOCKS]

    def items(self, dataset: Dataset, *, top: bool = False) -> None:
        for tag in list(dataset.keys()):
            if tag.is_private or not _is_known(tag):
                del dataset[tag]
            else:
                self._element(dataset, tag, top=top)
        self._call(dataset)
        clean_text(dataset)  # content items stand in sequences of other names, too

    def _element(self, dataset: Dataset, tag: BaseTag, *, top: bool) -> None:
        vr, meant = _representation(dataset, tag), dictionary_VR(tag)
        action = action_of(tag) or _of_unlisted(tag, meant)
        if (vr == "SQ") != (meant == "SQ"):  # neither can be cleaned as the other
            del dataset[tag]
        elif vr == "SQ":
            self._sequence(dataset, tag, action, top=top)
        elif tag in (_PATIENT_ID, _PATIENT_NAME):
            return  # together, when the rest is done
        elif action is not None and action.temporal:
            self._date(dataset, tag, vr, action, top=top)
        elif action is not None:
            self._act(dataset, tag, vr, action, top=top)
        elif vr in TEXT_VRS and meant not in (*TEXT_VRS, "CS", "UI"):
            del dataset[tag]  # words in place of a number

    def _act(self, dataset: Dataset, tag: BaseTag, vr: str, action: Action, *, top: bool) -> None:
        deed = chosen(action, self._type(tag, top=top))
        if deed == "X":
            del dataset[tag]
        elif deed == "Z":
            dataset[tag] = DataElement(tag, vr, None)
        elif deed == "U" or vr == "UI":
            self._map(dataset, tag)
        elif _is_empty(dataset, tag):  # a dummy would claim that something was known
            dataset[tag] = DataElement(tag, vr, None)
        else:
            dataset[tag] = DataElement(tag, vr, self._dummy(dataset, tag, vr))

    def _type(self, tag: BaseTag, *, top: bool) -> str | None:
        return type_of(self._class, keyword_for_tag(tag)) if top else None

    def _dummy(self, dataset: Dataset, tag: BaseTag, vr: str) -> Any:
        for clock, first in zip(_CLOCKS, self._first, strict=True):
            if tag in clock:
                return since_epoch(str(dataset[tag].value or ""), first)
        return dummy(vr)

    def _date(self, dataset: Dataset, tag: BaseTag, vr: str, action: Action, *, top: bool) -> None:
        """Keep or move a date if it is to be; what is no date is treated as removed."""
        policy = self.rules.dates
        if policy.deed != "remove" and (vr in _TEMPORAL_VRS or tag == _TIMEZONE):
            values = [str(one) for one in _values(dataset, tag)]
            if tag == _TIMEZONE:
                moved: list[str | None] = [one if _ZONE.fullmatch(one) else None for one in values]
            else:
                moved = [shifted(vr, one, policy.days) for one in values]
            if all(one is not None for one in moved):
                dataset[tag] = DataElement(tag, vr, moved[0] if len(moved) == 1 else moved or None)
                return
        self._act(dataset, tag, vr, action, top=top)

    def _map(self, dataset: Dataset, tag: BaseTag) -> None:
        mapped = [self.rules.pseudonyms.uid(str(one)) for one in _values(dataset, tag)]
        dataset[tag] = DataElement(tag, "UI", mapped[0] if len(mapped) == 1 else mapped or None)

    def _sequence(
        self, dataset: Dataset, tag: BaseTag, action: Action | None, *, top: bool
    ) -> None:
        deed = None if action is None else chosen(action, self._type(tag, top=top))
        if deed == "X":
            del dataset[tag]
        elif deed == "Z":
            dataset[tag] = DataElement(tag, "SQ", Items())
        elif tag == _CONTENT:
            self._content(dataset, tag)
        else:
            for item in dataset[tag].value or ():
                self.items(item)
                if deed == "D":
                    _scrub(item, spared=_CODE if tag == _GRAPHICS else frozenset())
            self.found.graphics |= tag == _GRAPHICS

    def _content(self, dataset: Dataset, tag: BaseTag) -> None:
        """Content items of a report: cleaned one by one (PS3.15 E.3.4), not made one dummy."""
        self.found.content = True
        kept = [
            item for item in dataset[tag].value or () if not is_left_out(item, self.rules.dates)
        ]
        for item in kept:
            self.items(item)
        if kept:
            dataset[tag] = DataElement(tag, "SQ", Items(kept))
        else:
            del dataset[tag]

    def _call(self, dataset: Dataset) -> None:
        """Give the patient another name; one that is another patient has one of their own."""
        if _PATIENT_ID not in dataset and _PATIENT_NAME not in dataset:
            return
        here = person_of(dataset)
        if not here.is_unlike(self._patient):  # an item tells less of the same
            here = self._patient
        stated = self.rules.patient_id if here == self._patient else None
        called = stated or self.rules.pseudonyms.patient(here.key)
        if _PATIENT_ID in dataset:
            dataset.PatientID = called
        if _PATIENT_NAME in dataset:  # a family name alone, which has no signs of its own
            name = called.replace("^", " ").replace("=", " ")
            dataset.PatientName = f"{name}^" if name else ""


def _is_known(tag: BaseTag) -> bool:
    """Whether the standard knows an attribute as one of data sets.

    Group lengths are retired and would be wrong. Groups that repeat (PS3.5 7.6) are not known:
    curves and overlays go whole, for without their data the rest describes nothing.
    """
    return bool(tag.element) and tag.group >= _FIRST_GROUP and dictionary_has_tag(tag)


def _representation(dataset: Dataset, tag: BaseTag) -> str:
    """What a value is written as; where that is not told the dictionary knows."""
    seen: Any = dataset.get_item(tag)
    if seen.VR == "UN" and dictionary_VR(tag) == "SQ":
        return str(dataset[tag].VR)  # items, if they can be parsed
    return dictionary_VR(tag) if seen.VR in (None, "UN") else str(seen.VR)


def _values(dataset: Dataset, tag: BaseTag) -> list[Any]:
    value = dataset[tag].value
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list) else [value]


def _is_empty(dataset: Dataset, tag: BaseTag) -> bool:
    seen: Any = dataset.get_item(tag)
    return seen.value is None or seen.value in ("", b"")


def _of_unlisted(tag: BaseTag, meant: str) -> Action | None:
    """What is done with an attribute that the table does not name; None = it stays.

    Those that it names are all that objects require: a date, a name of a person or a station, and
    an address beyond them can be empty.
    """
    if meant in _TEMPORAL_VRS:
        return Action(deeds=("Z",), temporal=True)
    if tag in _MORE_IDENTIFIERS:
        return _MORE_IDENTIFIERS[tag]
    keyword = keyword_for_tag(tag)
    if meant in ("AE", "PN", "UR") and keyword not in _PUBLIC_ADDRESSES:
        return Action(deeds=("Z",))
    if meant == "UI" and keyword not in _CLASSES and not keyword.endswith(_CLASS_WORDS):
        return Action(deeds=("U",))
    return None


def _scrub(item: Dataset, *, spared: frozenset[int]) -> None:
    """Replace every text of an item that stands in place of a whole sequence."""
    for element in item:
        if element.VR == "SQ":
            for below in element.value or ():
                _scrub(below, spared=spared)
        elif _is_drawn_name(element) or element.tag in spared:
            continue
        elif element.VR in TEXT_VRS and element.value:
            item[element.tag] = DataElement(element.tag, element.VR, dummy(element.VR))


def _is_drawn_name(element: DataElement) -> bool:
    """Whether it is a name by which this software knows again what it drew."""
    return element.tag == _TRACKING_ID and is_ours_alone(str(element.value or ""))


def _earliest(dataset: Dataset, clock: frozenset[int]) -> datetime | None:
    found = (moment(str(dataset_value)) for dataset_value in _clock_values(dataset, clock))
    return min((one for one in found if one is not None), default=None)


def _clock_values(dataset: Dataset, clock: frozenset[int]) -> Iterator[Any]:
    for tag in list(dataset.keys()):
        if tag in clock:
            yield dataset[tag].value
        elif not tag.is_private and _is_known(tag) and _representation(dataset, tag) == "SQ":
            for item in dataset[tag].value or ():
                yield from _clock_values(item, clock)
