"""Every code exists where it is said to, and the private scheme is one clean table."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from napari_fluoroinject import procedures
from napari_fluoroinject.dicom import codes, codes_page
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.measurement import MEASURES
from napari_fluoroinject.model.procedure import WarningId

WARNING_IDS = [
    "vascular_uptake",
    "contrast_not_seen",
    "intrathecal_like",
    "subdural_like",
    "intradiscal_like",
    "retrodural_facet_like",
    "intramuscular_like",
    "intraosseous_like",
    "pleural_visceral_like",
    "tip_past_limit",
    "tip_off_target",
    "missing_view",
    "wrong_level_or_side",
    "order_violation",
    "dose_alert",
    "image_unfit",
]

BY_RULE = {
    "{pixels}": "UCUM annotation",
    "{pixels}/s": "UCUM annotation",
    "{frames}": "UCUM annotation",
    "{points}": "UCUM annotation",
    "[arb'U]/s": "a UCUM unit divided by another",
    "mg": "a UCUM prefix and unit",
    "mg/cm2": "a UCUM unit divided by another",
    "C0034375": "UMLS, named in TID 1500 row 12 itself",
}
"""Codes that follow a rule of their system and stand in no table of pydicom's."""


def listed_meanings() -> dict[tuple[str, str], set[str]]:
    """All meanings that pydicom's dictionaries give each (value, scheme)."""
    meanings: dict[tuple[str, str], set[str]] = {}
    for scheme, keywords in concepts.items():
        for values in keywords.values():
            for value, (meaning, _) in values.items():
                meanings.setdefault((value, scheme), set()).add(meaning)
    return meanings


def standard_codes() -> dict[str, Code]:
    named = {name: value for name, value in vars(codes).items() if isinstance(value, Code)}
    return named | {f"side {side}": code for side, code in codes.SIDES.items()}


LISTED = listed_meanings()


@pytest.mark.parametrize("name", sorted(standard_codes()))
def test_every_standard_code_stands_in_the_dictionaries_with_that_meaning(name):
    code = standard_codes()[name]
    if code.value in BY_RULE:
        assert (code.value, code.scheme_designator) not in LISTED
    else:
        assert code.meaning in LISTED[code.value, code.scheme_designator]


@pytest.mark.parametrize("value", codes.BODY_PARTS)
def test_every_anatomic_region_with_a_body_part_is_a_listed_concept(value):
    assert (value, "SCT") in LISTED


def test_a_private_value_and_a_private_meaning_are_each_given_once_and_fit():
    table = codes.PRIVATE_CONCEPTS
    assert len({concept.value for concept in table}) == len(table)
    assert len({concept.meaning for concept in table}) == len(table)
    for concept in table:
        assert 0 < len(concept.value) <= 16
        assert 0 < len(concept.meaning) <= 64
        assert concept.explanation
        assert concept.code.meaning.isascii()
    assert len(codes.PRIVATE_SCHEME) <= 16


@pytest.mark.parametrize("finding_id", WARNING_IDS)
def test_every_warning_of_the_contract_has_a_private_code(finding_id):
    code = codes.warning(finding_id)
    assert code.scheme_designator == codes.PRIVATE_SCHEME
    assert codes.private(code.value) == code


def test_a_warning_that_the_contract_does_not_know_is_refused():
    with pytest.raises(EncodingError, match="no_such_warning"):
        codes.warning("no_such_warning")


def test_the_warnings_with_a_code_are_those_of_the_contract():
    assert set(WARNING_IDS) == set(get_args(WarningId))


@pytest.mark.parametrize("key", procedures.all_keys())
def test_every_landmark_and_view_of_a_procedure_has_a_code(key):
    procedure = procedures.get(key)
    for landmark in procedure.landmarks:
        assert codes.landmark(landmark.id) != codes.private("landmark"), landmark.id
    for view in procedure.views:
        assert codes.view(view.name) is not None, view.name


def test_a_landmark_or_view_of_the_site_has_no_code_of_its_own():
    assert codes.landmark("sites_own") == codes.private("landmark")
    assert codes.view("sites_own") is None


def test_every_measure_has_a_code_of_its_own():
    assert len({codes.measure(one).value for one in MEASURES}) == len(MEASURES)


def test_a_unit_is_named_by_what_ucum_writes():
    assert codes.unit("mm") is codes.MM
    assert codes.unit("{levels}/mL") == Code("{levels}/mL", "UCUM", "{levels}/mL")


def test_the_page_of_the_private_codes_is_current():
    path = Path(__file__).resolve().parents[2] / "docs" / "codes.md"
    told = "write it anew with `python -m napari_fluoroinject.dicom.codes_page docs/codes.md`"
    assert path.read_text(encoding="utf-8") == codes_page.markdown(), told
