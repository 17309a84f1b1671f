"""The checklist: every reminder has its evidence, and a site's own goes before what ships."""

from __future__ import annotations

import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.errors import ProcedureError
from napari_fluoroinject.procedures.checklist import applying, checklist, of_agent, sections

SITE = """
clinician_signed_off = false

[[reminders]]
id = "days_between"
kind = "repeat"
text = "Days between sessions, at least"
low = 14
high = 14
unit = "d"
grade = "S"
sources = ["OURS"]
procedures = ["esi_il_lumbar"]

[[sources]]
id = "OURS"
citation = "Rules of this site"
"""


def ids(key, **options):
    return [one.id for one in applying(checklist(**options), procedures.get(key))]


def page(key, **options):
    blocks = sections(checklist(**options), procedures.get(key))
    return {block.title: dict(block.lines) for block in blocks}


def site_with(folder, text=SITE):
    (folder / "shared").mkdir()
    (folder / "shared" / "checklist.toml").write_text(text)
    return folder


def test_the_checklist_claims_no_sign_off_and_every_fact_has_its_source():
    listed = checklist()
    assert not listed.clinician_signed_off
    assert {s.id for s in listed.sources} == {s for one in listed.reminders for s in one.sources}
    assert "DROR" not in {s.id for s in listed.sources}


def test_reminders_are_for_the_procedures_that_they_name():
    assert "imaging_caudal" in ids("esi_caudal")
    assert "imaging_caudal" not in ids("esi_il_lumbar")
    assert "levels_interlaminar" in ids("esi_il_lumbar")
    assert {"levels_transforaminal", "particulate"} <= set(ids("esi_tf_cervical"))
    assert "sessions_per_episode" not in ids("scs_lead")


def test_gadolinium_is_reminded_of_where_contrast_might_go_intrathecal():
    listed = checklist()
    epidural, facet = procedures.get("esi_il_lumbar"), procedures.get("facet_ia_lumbar")
    (reminder,) = of_agent(listed, epidural, "gadolinium")
    assert "encephalopathy" in reminder.text
    assert reminder.grade == "S"
    assert of_agent(listed, epidural, "iodinated") == ()
    assert of_agent(listed, epidural, None) == ()
    assert "intrathecal_like" not in {rule.id for rule in facet.warnings}
    assert of_agent(listed, facet, "gadolinium") == ()
    assert reminder in applying(listed, facet)


@pytest.mark.parametrize("key", procedures.all_keys())
def test_the_page_has_the_bleeding_risk_and_every_source(key):
    procedure, told = procedures.get(key), page(key)
    if procedure.bleeding_risk is not None:
        assert procedure.bleeding_risk.text in told["Before"]["bleeding risk class"]
    cited = {s for one in applying(checklist(), procedure) for s in one.sources}
    assert cited <= set(told["Sources"])
    head = told[f"Checklist: {procedure.name}"]
    assert head["reviewed by a clinician"].startswith("no")


def test_a_number_is_told_with_its_unit_note_and_source():
    told = page("esi_il_lumbar")["Repeating, and steroid"]
    assert told["suppression 40"].endswith("40 mg for: 19.7 d (+- 3.1) [S: HPA20]")
    assert told["sessions in 12 months"].endswith("at most: 4 [S: CMSL33906]")


def test_a_site_changes_an_interval_without_touching_code(tmp_path):
    site = site_with(tmp_path)
    told = page("esi_il_lumbar", site=site)
    assert told["Repeating, and steroid"]["days between"].endswith("14 d [S: OURS]")
    assert told["Sources"]["OURS"] == "Rules of this site"
    assert "days_between" not in ids("esi_caudal", site=site)
    assert procedures.all_keys(site=site) == procedures.all_keys()


def test_a_site_without_a_checklist_has_the_one_that_ships(tmp_path):
    assert checklist(site=tmp_path) == checklist()


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('kind = "repeat"', 'kind = "never"', r"reminders\.0\.kind"),
        ('grade = "S"', 'grade = "S"\nblocks = true', r"reminders\.0\.blocks"),
        ('sources = ["OURS"]', 'sources = ["THEIRS"]', "no source 'THEIRS'"),
        ('sources = ["OURS"]', "sources = []", "graded S, stated in a source, but names none"),
        ("esi_il_lumbar", "esi_il_lumber", "no procedure 'esi_il_lumber'"),
        ("low = 14", "low = 15", "seen low 15"),
        ("low = 14\n", "", "expected both, or neither"),
        ("[[reminders]]", "[[reminders", "not valid TOML"),
    ],
)
def test_a_fault_of_a_sites_checklist_is_named_with_its_path(tmp_path, old, new, fault):
    site = site_with(tmp_path, SITE.replace(old, new))
    with pytest.raises(ProcedureError, match=fault) as raised:
        checklist(site=site)
    assert "checklist.toml" in str(raised.value)
