"""Every row of the checker's tables finds what it is for, and the tables are the standard's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources

import pytest
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from napari_fluoroinject.dicom.check.attributes import module_faults
from napari_fluoroinject.dicom.check.condition import condition
from napari_fluoroinject.dicom.check.table import Row, classes, modules, rows_below, rows_of

_VALUES = {
    "US": 1,
    "SS": 1,
    "UL": 1,
    "SL": 1,
    "FL": 1.0,
    "FD": 1.0,
    "IS": "1",
    "DS": "1",
    "DA": "20260101",
    "TM": "101500",
    "DT": "20260101",
    "UI": "1.2.3",
    "AT": 0x00280009,
    "OB": b"\0\1",
    "OW": b"\0\1",
    "OF": bytes(4),
    "AS": "040Y",
}
_OTHER = {"US": 99, "SS": 99, "UL": 99, "IS": "99", "DS": "99"}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A row with the sequences around it."""

    module: str
    path: tuple[str, ...]
    row: Row

    def __str__(self) -> str:
        row = self.row
        said = f"{row.sentence} {row.terms or ''}".strip()
        return f"{self.module}: {'.'.join((*self.path, row.keyword))} {row.type} {said}"

    @property
    def where(self) -> str:
        return "".join(f"{keyword}[0]." for keyword in self.path) + self.row.keyword


def _places() -> list[Place]:
    return [
        place
        for name in modules()
        for row in rows_of(name)
        for place in _below(name, (), row, seen=())
    ]


def _below(module, path, row, *, seen):
    yield Place(module=module, path=path, row=row)
    if row in seen:  # content items hold content items
        return
    for inner in rows_below(row):
        yield from _below(module, (*path, row.keyword), inner, seen=(*seen, row))


PLACES = _places()
REQUIRED = [place for place in PLACES if place.row.required]
FILLED = [place for place in PLACES if place.row.filled]
TERMED = [place for place in PLACES if place.row.terms is not None]
EXCLUSIVE = [place for place in PLACES if place.row.exclusive]


def _put(item: Dataset, keyword: str, value: object = None) -> None:
    vr = dictionary_VR(keyword).split(" or ")[0]
    if value is None:
        value = [Dataset()] if vr == "SQ" else _VALUES.get(vr, "A")
    if vr in ("US", "UL", "SS") and isinstance(value, str):
        value = int(value)
    tag = tag_for_keyword(keyword)
    item[tag] = DataElement(tag, vr, value, validation_mode=IGNORE)


def _make(sentence: str, item: Dataset, whole: Dataset, *, holds: bool) -> None:
    """Make a sentence true or false; later terms must not undo earlier ones."""
    if not sentence:
        return
    for term in sentence.split(" or ")[0].split(" and "):
        name, verb, *rest = term.split(" ", 2)
        holder, keyword = (whole, name[1:]) if name.startswith("/") else (item, name)
        _make_term(holder, keyword, verb, rest[0] if rest else "", holds=holds)
    if holds:
        assert condition(sentence)(item, whole), sentence


def _make_term(holder: Dataset, keyword: str, verb: str, operand: str, *, holds: bool) -> None:
    present = {"present": holds, "absent": not holds}.get(verb)
    if present is not None:
        if present:
            _put(holder, keyword)
        else:
            holder.pop(keyword, None)
    elif verb == ">":
        _put(holder, keyword, int(operand) + int(holds))
    elif verb == "many":
        several = dictionary_VR(keyword) == "SQ"
        _put(holder, keyword, [Dataset(), Dataset()] if several else [1, 2])
    elif verb == "names":
        _put(holder, keyword, tag_for_keyword(operand))
    else:
        numeric = dictionary_VR(keyword).startswith("US")
        _put(holder, keyword, operand.split("|")[0] if holds else (99 if numeric else "OTHER"))


def _reached(place: Place) -> tuple[Dataset, Dataset]:
    """Whole data set and the innermost item, in which the row and all around it count."""
    whole = item = Dataset()
    rows = rows_of(place.module)
    for keyword in place.path:
        row = next(r for r in rows if r.keyword == keyword)
        _make(row.sentence, item, whole, holds=True)
        inner = Dataset()
        _put(item, keyword, [inner])
        item, rows = inner, rows_below(row)
    _make(place.row.sentence, item, whole, holds=True)
    return whole, item


def _rules(place: Place, whole: Dataset) -> list[str]:
    return [
        fault.rule
        for fault in module_faults(place.module, whole, whole)
        if fault.where == place.where
    ]


def _empty(item: Dataset, keyword: str) -> None:
    _put(item, keyword)
    item[keyword].value = [] if dictionary_VR(keyword) == "SQ" else None


def _right(row: Row) -> object:
    if row.terms is None:
        return None
    if row.terms.each:
        return row.terms.by_position[0][0]
    return [terms[0] for terms in row.terms.by_position]


def _told(change, places) -> dict[str, list[str]]:
    """What is told of each place after a change of its item."""
    found = {}
    for place in places:
        whole, item = _reached(place)
        change(place, item, whole)
        found[str(place)] = _rules(place, whole)
    return found


def _silent(rule: str, found: dict[str, list[str]]) -> list[str]:
    return [place for place, rules in found.items() if rule not in rules]


def test_the_tables_have_as_many_rows_as_they_had():
    """A table that is not read finds nothing."""
    assert len(PLACES) > 700
    assert min(map(len, (REQUIRED, FILLED, TERMED, EXCLUSIVE))) > 30


def test_a_required_attribute_that_is_not_there_is_missing():
    found = _told(lambda place, item, _: item.pop(place.row.keyword, None), REQUIRED)
    assert _silent("attribute.missing", found) == []


def test_a_type_1_attribute_without_a_value_is_empty():
    found = _told(lambda place, item, _: _empty(item, place.row.keyword), FILLED)
    assert _silent("attribute.empty", found) == []


def test_an_attribute_of_type_2_or_3_may_be_empty():
    places = [place for place in PLACES if place.row.type in ("2", "2C", "3")]
    found = _told(lambda place, item, _: _empty(item, place.row.keyword), places)
    assert {rule for rules in found.values() for rule in rules} == set()


@pytest.mark.parametrize("defined", [False, True])
def test_a_value_that_is_not_allowed_is_told(defined):
    def spoil(place, item, _):
        vr = dictionary_VR(place.row.keyword).split(" or ")[0]
        _put(item, place.row.keyword, _OTHER.get(vr, "WRONG"))

    places = [place for place in TERMED if place.row.terms.defined is defined]
    rule = "attribute.term" if defined else "attribute.value"
    assert _silent(rule, _told(spoil, places)) == []


def test_an_attribute_that_must_not_stand_here_is_told():
    def misplace(place, item, whole):
        _make(place.row.sentence, item, whole, holds=False)
        _put(item, place.row.keyword)

    assert _silent("attribute.excluded", _told(misplace, EXCLUSIVE)) == []


def test_an_attribute_with_an_allowed_value_is_no_fault():
    found = _told(lambda p, item, _: _put(item, p.row.keyword, _right(p.row)), PLACES)
    once = {str(place) for place in PLACES if _siblings(place).count(place.row.keyword) == 1}
    assert {place: rules for place, rules in found.items() if rules and place in once} == {}


def _siblings(place: Place) -> list[str]:
    """Keywords beside a row: terms that depend on a condition have a row each."""
    rows = rows_of(place.module)
    for keyword in place.path:
        rows = rows_below(next(r for r in rows if r.keyword == keyword))
    return [row.keyword for row in rows]


def _standard() -> dict[str, list[dict]]:
    """The same tables in another reading of the standard (the copy that highdicom ships)."""
    folder = resources.files("highdicom").joinpath("_standard")
    return json.loads(folder.joinpath("module_attribute_map.json").read_text("utf-8"))


_SAME_MODULE = {
    "patient": "patient",
    "general_study": "general-study",
    "general_series": "general-series",
    "frame_of_reference": "frame-of-reference",
    "synchronization": "synchronization",
    "general_equipment": "general-equipment",
    "cine": "cine",
    "mask": "mask",
    "enhanced_equipment": "enhanced-general-equipment",
    "sop_common": "sop-common",
    "common_instance_reference": "common-instance-reference",
    "image_pixel": "image-pixel",
    "general_image": "general-image",
    "palette": "palette-color-lookup-table",
    "multi_frame": "multi-frame",
    "icc_profile": "icc-profile",
    "voi_lut": "voi-lut",
    "display_shutter": "display-shutter",
    "modality_lut": "modality-lut",
    "x_ray_image": "x-ray-image",
    "x_ray_acquisition": "x-ray-acquisition",
    "xa_positioner": "xa-positioner",
    "sc_equipment": "sc-equipment",
    "sc_image": "sc-image",
    "sc_multi_frame_image": "sc-multi-frame-image",
    "sc_multi_frame_vector": "sc-multi-frame-vector",
    "dimension": "multi-frame-dimension",
    "segmentation_series": "segmentation-series",
    "segmentation_image": "segmentation-image",
    "parametric_map_series": "parametric-map-series",
    "parametric_map_image": "parametric-map-image",
    "floating_point_pixels": "floating-point-image-pixel",
    "acquisition_context": "acquisition-context",
    "presentation_series": "presentation-series",
    "presentation_identification": "presentation-state-identification",
    "presentation_relationship": "presentation-state-relationship",
    "presentation_shutter": "presentation-state-shutter",
    "displayed_area": "displayed-area",
    "presentation_mask": "presentation-state-mask",
    "graphic_annotation": "graphic-annotation",
    "graphic_layer": "graphic-layer",
    "spatial_transformation": "spatial-transformation",
    "softcopy_voi_lut": "softcopy-voi-lut",
    "softcopy_presentation_lut": "softcopy-presentation-lut",
    "xa_mask": "xa-xrf-presentation-state-mask",
    "xa_shutter": "xa-xrf-presentation-state-shutter",
    "xa_presentation": "xa-xrf-presentation-state-presentation",
    "report_series": "sr-document-series",
    "report_general": "sr-document-general",
    "report_content": "sr-document-content",
    "key_object_series": "key-object-document-series",
    "key_object_document": "key-object-document",
    "encapsulated_series": "encapsulated-document-series",
    "encapsulated_document": "encapsulated-document",
    "functional_groups": "parametric-map-multi-frame-functional-groups",
}


def _is_choice(place: Place) -> bool:
    """The other reading takes a macro's rows as they are; here they hang on a condition.

    Functional groups are asked for by class, content items by their value type.
    """
    groups = place.module == "functional_groups" and len(place.path) == 1
    return groups or place.module == "report_content"


_OURS = {("dimension", "DimensionIndexSequence"), ("floating_point_pixels", "FloatPixelData")}
"""Stricter here, as frames are found by their indices; told by a rule about pixels."""


def test_the_types_are_those_that_another_reading_of_the_standard_has():
    standard = _standard()
    wrong = []
    for place in PLACES:
        name = (place.module, place.row.keyword)
        found = {
            row["type"]
            for row in standard.get(_SAME_MODULE.get(place.module, ""), ())
            if row["keyword"] == place.row.keyword and tuple(row["path"]) == place.path
        }
        if found and place.row.type not in found and not _is_choice(place) and name not in _OURS:
            wrong.append((str(place), found))
    assert wrong == []


def test_no_attribute_that_is_always_required_is_left_out():
    standard = _standard()
    ours = {(place.module, *place.path, place.row.keyword) for place in PLACES}
    left_out = [
        (name, row["keyword"])
        for name, other in _SAME_MODULE.items()
        for row in standard[other]
        if not row["path"]
        and row["type"] in ("1", "2")
        and (name, row["keyword"]) not in ours
        and (name, row["keyword"]) not in _OURS
        and name != "report_content"  # macros of one value type each
    ]
    assert left_out == []


def test_every_class_names_modules_that_there_are_and_every_table_is_used():
    used = {use.name for one in classes().values() for use in one.modules} | {"file_meta", "code"}
    assert used <= set(modules())
    included = {"reference", "image_reference", "evidence", "content_item", "groups"}
    assert set(modules()) - used == included | {"real_world_value", "softcopy_voi_lut"} - used


@pytest.mark.parametrize("sentence", ["Rows", "Rows is", "NoSuchThing present", "Rows grows"])
def test_a_condition_that_is_not_understood_is_a_fault_of_the_table(sentence):
    with pytest.raises(ValueError, match=r"condition|what"):
        condition(sentence)
