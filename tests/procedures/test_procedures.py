"""Procedures are data: each valid, each fact with a source or an admission that it has none."""

from __future__ import annotations

import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.errors import ProcedureError

GOOD = """
key = "x"
name = "X"
region = "lumbar"
concept = ["x", "99FLUOROINJECT", "X"]
clinician_signed_off = false
expected_spread = "none"
"""


@pytest.mark.parametrize("key", procedures.all_keys())
def test_a_procedure_is_known_by_its_file_name_and_claims_no_sign_off(key):
    procedure = procedures.get(key)
    assert procedure.key == key
    assert procedure.clinician_signed_off is False


@pytest.mark.parametrize("key", procedures.all_keys())
def test_a_fact_graded_as_stated_names_its_source(key):
    procedure = procedures.get(key)
    facts = [*procedure.views, *(w.threshold for w in procedure.warnings)]
    facts += [f for f in (procedure.test_volume,) if f]
    facts += list((procedure.incidences or {}).values())
    if procedure.target and procedure.target.tolerance:
        facts.append(procedure.target.tolerance)
    assert [fact for fact in facts if fact.grade == "S" and not fact.sources] == []


@pytest.mark.parametrize("key", procedures.all_keys())
def test_a_listed_source_is_cited_somewhere(key):
    procedure = procedures.get(key)
    text = repr(procedure)
    assert [
        s.id for s in procedure.sources if text.count(s.id) < 2 and s.id != "FLUOROINJECT"
    ] == []


def test_every_procedure_is_listed_once_in_order():
    listed = [procedure.key for procedure in procedures.every()]
    assert listed == sorted(set(listed))


def test_an_unknown_key_names_those_that_exist():
    with pytest.raises(ProcedureError, match="mbb_lumbar"):
        procedures.get("mbb_cervical_typo")


@pytest.mark.parametrize(
    ("spoiled", "path"),
    [
        (GOOD + "colour = 3\n", "colour"),
        (GOOD.replace('name = "X"', "name = 3"), "name"),
        (GOOD + '[[warnings]]\nid = "a"\nseverity = "loud"\n', "severity"),
        (GOOD + "[test_volume]\nlow = 1\nhigh = 2\nunit = 'mL'\ngrade = 'Z'\n", "grade"),
        (GOOD + "key = [", "TOML"),
        (
            GOOD + "[test_volume]\nlow=1\nhigh=2\nunit='mL'\ngrade='S'\nsources=['GHOST']\n",
            "GHOST",
        ),
    ],
)
def test_a_fault_in_a_file_is_named_with_its_path(spoiled, path):
    with pytest.raises(ProcedureError, match=path):
        procedures.parse(spoiled, name="x.toml")


def test_a_minimal_procedure_is_valid():
    assert procedures.parse(GOOD, name="x.toml").anatomic_region is None
