"""Procedures are data: each valid, each fact with a source or an admission that it has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import get_args

import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.errors import ProcedureError
from napari_fluoroinject.model.expected import EXPECTED
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.measurement import (
    CONTACT_LINES,
    LANDMARK_OF,
    MEASURES,
    MeasureId,
    Measurement,
)
from napari_fluoroinject.model.procedure import WarningId
from napari_fluoroinject.model.summary import summary_schema
from napari_fluoroinject.procedures.consistency import inconsistencies
from napari_fluoroinject.procedures.page import index, markdown, sections, spoken
from napari_fluoroinject.procedures.units import LIMIT_UNITS

GOOD = """
key = "x"
name = "X"
region = "lumbar"
concept = ["x", "99FLUOROINJECT", "X"]
clinician_signed_off = false
expected_spread = "none"
"""
VIEW = '[[views]]\nname = "AP"\nrole = "entry"\ngrade = "M"\n'
POINT = '[[landmarks]]\nid = "a"\nname = "A"\nkind = "point"\nviews = ["AP"]\ngrade = "M"\n'
NEEDED = ("midline", "end_plates", "disc", "facet_joint", "psoas", "sacral_bone", "pleura")
LEVELS = VIEW + POINT.replace('"a"', '"end_plates"').replace('"point"', '"line"')
OFF = """[[warnings]]
id = "tip_off_target"
[warnings.threshold]
low = {0}
high = {0}
unit = "{1}"
grade = "D"
"""
VESSEL = '[[warnings]]\nid = "vascular_uptake"\n'
TURNED = VIEW + "[views.oblique]\nlow={0}\nhigh={1}\nunit='deg'\ngrade='D'\n"
VOLUME = "[test_volume]\nlow={0}\nhigh=3.0\nunit='mL'\ngrade='M'\n"
LIMIT = '[[limits]]\nlandmark = "a"\nbeyond = "medial"\nviews = ["AP"]\ngrade = "M"\n'


def landmark(one: str) -> str:
    kind = "line" if one in {*LANDMARK_OF.values(), *CONTACT_LINES} else "point"
    return POINT.replace('"a"', f'"{one}"').replace('"point"', f'"{kind}"')


def setting(name: str, value: float) -> str:
    number = f"{{ low = {value}, high = {value}, unit = '%', grade = 'D' }}"
    return f'[[warnings]]\nid = "intradiscal_like"\n[warnings.settings]\n{name} = {number}\n'


def own_limit(
    name: str, value: object, *, of: str = "epidural_interlaminar", unit: str = "%"
) -> str:
    number = f"{{ low = {value}, high = {value}, unit = '{unit}', grade = 'D' }}"
    expected = 'expected = ["epidural_interlaminar"]\n'
    return f"{expected}[expected_settings.{of}]\n{name} = {number}\n"


def threshold(value: float, unit: str = "score", *, high: float | None = None) -> str:
    top = value if high is None else high
    return f"threshold = {{ low = {value}, high = {top}, unit = '{unit}', grade = 'D' }}\n"


def concept(value: str, scheme: str = "99FLUOROINJECT", meaning: str = "X") -> str:
    return GOOD.replace('["x", "99FLUOROINJECT", "X"]', f'["{value}", "{scheme}", "{meaning}"]')


@pytest.mark.parametrize("key", procedures.all_keys())
def test_a_procedure_is_known_by_its_file_name_and_claims_no_sign_off(key):
    procedure = procedures.get(key)
    assert procedure.key == key
    assert procedure.clinician_signed_off is False


@pytest.mark.parametrize("key", procedures.all_keys())
def test_a_procedure_lists_the_sources_that_it_cites_and_no_others(key):
    procedure = procedures.get(key)
    facts = repr(procedure).split("sources=(Source(")[0]
    for source in procedure.sources:
        assert f"'{source.id}'" in facts
        assert source.citation


@pytest.mark.parametrize("key", set(procedures.all_keys()) - {procedures.GENERIC})
def test_a_procedure_says_what_is_needed_to_judge_it(key):
    procedure = procedures.get(key)
    assert procedure.views
    assert any(view.needed for view in procedure.views)
    assert procedure.target is not None
    assert procedure.trajectory is not None
    assert procedure.indications
    assert procedure.warnings
    assert procedure.measures
    if procedure.expected:
        assert procedure.test_volume is not None


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
        (GOOD.replace('name = "X"', "name = 3"), "name.*seen 3"),
        (GOOD + '[[warnings]]\nid = "image_unfit"\nseverity = "loud"\n', "severity"),
        (GOOD + '[[warnings]]\nid = "bad_hair"\n', "warnings.0.id"),
        (GOOD + "[test_volume]\nlow = 1\nhigh = 2\nunit = 'mL'\ngrade = 'Z'\n", "grade"),
        (GOOD + "[test_volume]\nlow=1\nhigh=2\nunit='mL'\ngrade='S'\n", "test_volume.*names none"),
        (GOOD + "[test_volume]\nlow=3\nhigh=2\nunit='mL'\ngrade='M'\n", "low 3 is above high 2"),
        (GOOD + "key = [", "TOML"),
        (
            GOOD + "[test_volume]\nlow=1\nhigh=2\nunit='mL'\ngrade='S'\nsources=['GHOST']\n",
            "GHOST",
        ),
        (GOOD + 'expected = ["waterfall"]\n', "waterfall.*epidural_caudal"),
        (GOOD + 'expected = ["vascular"]\n', "'vascular' is of kind abnormal"),
        (GOOD + 'abnormal = ["vascular"]\n', "raises 'vascular_uptake'"),
        (GOOD + VIEW + VIEW, "'AP' stands there more than once"),
        (GOOD + POINT, "landmarks.0.views: no view 'AP'"),
        (GOOD + VIEW + POINT + LIMIT, "limits.0.landmark: no line 'a'"),
        (GOOD + 'measures = ["beauty"]\n', "measures.0"),
        (GOOD + 'measures = ["levels"]\n', "levels is measured against 'end_plates'"),
        (GOOD + 'measures = ["line_contact"]\n', "against one of ventral_interlaminar_line"),
        (GOOD + "sources = 5\n", r"sources: expected \[\[sources\]\]"),
        (GOOD + "warnings = 5\n", r"warnings: expected \[\[warnings\]\]"),
        (GOOD + "[position]\ntext='t'\ngrade='M'\nsources=5\n", "position.sources"),
        (GOOD + "[position]\ntext='t'\ngrade='M'\nsources='ATLAS'\n", "position.sources"),
        (GOOD + '[[sources]]\nid = ["a"]\ncitation = "c"\n', "an id that is a text"),
        (GOOD + 2 * '[[sources]]\nid = "A"\ncitation = "c"\n', "'A' stands there more than once"),
        (GOOD + "expected = [[1]]\n", "no pattern"),
        (GOOD + "x = " + "[" * 5000, "not valid TOML"),
        (GOOD + "x = " + "9" * 5000, "not valid TOML"),
        (GOOD.replace("= false", '= "yes"'), "clinician_signed_off: seen 'yes'"),
        (GOOD + LEVELS.replace("line", "point"), "'end_plates' is of kind point"),
        (GOOD + OFF.format("nan", "mm"), "warnings.0.threshold.low: seen nan"),
        (GOOD + OFF.format("0", "mm"), "threshold.low: seen 0; expected 1e-06 or more"),
        (GOOD + OFF.format("1", "cm"), "threshold.unit: seen 'cm'; expected 'mm'"),
        (GOOD + VIEW + "[views.oblique]\nlow=1\nhigh=1\nunit='rad'\ngrade='D'\n", "'rad'"),
        (GOOD + '[target]\nname = "T"\nwithin = "box"\n', "target.within: no area 'box'"),
        (GOOD + '[[warnings]]\nid = "intradiscal_like"\n', "is told by disc, not among them"),
        (GOOD + setting("most_levels", 2), "'most_levels' is no setting of it"),
        (GOOD + own_limit("most_levels", 2), "'most_levels' is no setting of it"),
        (
            GOOD + own_limit("least_line_contact", 0),
            "expected.0.settings.least_line_contact: seen 0",
        ),
        (GOOD + own_limit("least_line_contact", "inf"), "above 0, and finite"),
        (GOOD + own_limit("least_line_contact", "'x'"), "least_line_contact.low: .*seen 'x'"),
        (
            GOOD + own_limit("least_line_contact", 3, of="sac"),
            "expected_settings: sac is not among",
        ),
        (GOOD + "expected_settings = 3\n", "expected_settings"),
        (GOOD + 'expected = ["facet_arthrogram"]\n', "facet_arthrogram is told by joint_line"),
        (GOOD + setting("least_area_overlap", 0), "least_area_overlap: seen 0; expected above 0"),
        ("", "missing: key, name, region, concept, clinician_signed_off, expected_spread"),
        (GOOD + "colour = 3\n", "colour: there is no such key"),
        (GOOD + own_limit("least_line_contact", 30, unit="mm"), "seen 'mm'; expected '%'"),
        (GOOD + own_limit("least_line_contact", 300), "seen 300; .*not above 100 %"),
        (GOOD + own_limit("least_lateral_extent", 60, unit="mm"), "above most_lateral_extent"),
        (GOOD + own_limit("least_line_contact", "true"), "low: seen True; expected a number"),
        (GOOD + own_limit("least_line_contact", "'30'"), "low: seen '30'; expected a number"),
        (GOOD + VESSEL + threshold(1e9), "threshold.low: seen 1e.09; .*not above 10"),
        (GOOD + VESSEL + threshold(1, "mm"), "threshold.unit: seen 'mm'; expected 'score'"),
        (GOOD + VESSEL + threshold(1, high=5), "high 5; expected one number"),
        (GOOD + VESSEL + 'severity = "info"\n', "seen 'info'; expected critical: never milder"),
        (GOOD + setting("foo", 1).replace("intradiscal_like", "missing_view"), "'foo' is no"),
        (GOOD + TURNED.format(500, 500), "oblique.low: seen 500; expected -180 or more"),
        (GOOD + TURNED.format(-90, 90), "a range of 180 deg; expected 90 deg at most"),
        (GOOD + TURNED.format("true", 9), "views.0.oblique.low: seen True"),
        (GOOD + VIEW + 'needed = "yes"\n', "views.0.needed: seen 'yes'; expected true or false"),
        (GOOD.replace('"lumbar"', '"elbow"'), "region: Input should be 'cervical'.*seen 'elbow'"),
        (GOOD.replace('"lumbar"', '"unknown"'), "region: seen 'unknown'; expected one of"),
        (GOOD + VOLUME.format("'1.0'"), "test_volume.low: seen '1.0'; expected a number"),
        (GOOD + VOLUME.format("true"), "test_volume.low: seen True; expected a number"),
        (concept("c" * 65), "concept.0: .*65 characters.*expected 1 to 64"),
        (concept("x", "S" * 90), "concept.1: .*90 characters.*expected 1 to 16"),
        (concept("x", "S", "m" * 65), "concept.2: .*65 characters.*expected 1 to 64"),
        (concept("", "", ""), "concept.0: seen ''.*concept.1: seen ''.*concept.2: seen ''"),
        (concept("a\\\\b"), "concept.0: .*without a backslash"),
        (GOOD.replace('name = "X"', 'name = ""'), "name: seen ''"),
        (GOOD.replace('name = "X"', 'name = "A\\u001b[31m"'), r"name: seen the character U.001B"),
        (GOOD.replace('name = "X"', 'name = "A\\nB"'), r"name: seen the character U.000A"),
        (GOOD + "a" + ".a" * 20_000 + " = 1\n", "a dotted name of 16 parts or more"),
        (GOOD + "x = " + "{a = " * 40 + "1" + "}" * 40 + "\n", "nested too deep"),
    ],
)
def test_a_fault_in_a_file_is_named_with_its_path(spoiled, path):
    with pytest.raises(ProcedureError, match=path):
        procedures.parse(spoiled, name="x.toml")


def test_a_name_of_thousands_of_parts_is_refused_at_once():
    began = perf_counter()
    for text in ("a" + ".a" * 20_000 + " = 1", '["a' + '"."a' * 20_000 + '"]', "a " * 50_000):
        with pytest.raises(ProcedureError, match="not valid TOML"):
            procedures.parse(text, name="x.toml")
    assert perf_counter() - began < 2.0


def test_a_text_may_have_lines_and_dots_where_no_name_stands():
    text = "one.two.three.four.five.six.seven.eight.nine.ten.eleven. A line\\nand another"
    procedure = procedures.parse(GOOD.replace('"none"', f'"{text}"'), name="x.toml")
    assert procedure.expected_spread.endswith("and another")


def test_every_limit_of_a_pattern_has_a_unit_that_is_checked():
    looks = [*EXPECTED.values(), *(one.looks for one in LIKENESSES.values())]
    told = {feature.measure for look in looks for features in look for feature in features}
    assert told == set(LIMIT_UNITS)


def test_a_minimal_procedure_is_valid():
    assert procedures.parse(GOOD, name="x.toml").anatomic_region is None


def test_a_warning_takes_what_is_left_unsaid_from_the_defaults():
    plain = procedures.parse(GOOD + '[[warnings]]\nid = "tip_off_target"\n', name="x.toml")
    own = procedures.parse(
        GOOD + '[[warnings]]\nid = "tip_off_target"\nseverity = "high"\n', name="x.toml"
    )
    (first,), (second,) = plain.warnings, own.warnings
    assert first.severity == "info"
    assert second.severity == "high"
    assert first.threshold == second.threshold


def test_every_warning_of_the_contract_has_defaults():
    text = GOOD + VIEW + "".join(map(landmark, NEEDED))
    text += "".join(f'[[warnings]]\nid = "{one}"\n' for one in get_args(WarningId))
    assert [w.id for w in procedures.parse(text, name="x.toml").warnings] == [*get_args(WarningId)]


def test_a_procedure_overrides_one_setting_of_a_warning_and_keeps_the_others():
    own = setting("most_lateral_extent", 9).replace("intradiscal", "intrathecal")
    own = own.replace("'%'", "'mm'")
    usual = own.split("[warnings.settings]")[0]
    marked = GOOD + VIEW + landmark("midline")
    (changed,) = procedures.parse(marked + own, name="x.toml").warnings
    (plain,) = procedures.parse(marked + usual, name="x.toml").warnings
    assert changed.settings["most_lateral_extent"].low == 9
    for name in set(LIKENESSES["intrathecal_like"].settings) - {"most_lateral_extent"}:
        assert changed.settings[name] == plain.settings[name]


def test_a_procedure_overrides_one_limit_of_an_expected_pattern_and_keeps_the_others():
    known = ("ventral_interlaminar_line", "end_plates", "midline")
    marked = VIEW + "".join(map(landmark, known))
    own = GOOD + own_limit("least_line_contact", 55) + marked
    (changed,) = procedures.parse(own, name="x.toml").expected
    (plain,) = procedures.get("esi_il_lumbar").expected
    assert changed.settings["least_line_contact"].low == 55
    assert changed.settings.keys() == plain.settings.keys()
    for name in plain.settings.keys() - {"least_line_contact"}:
        assert changed.settings[name] == plain.settings[name]


@pytest.mark.parametrize("spoiled", ["missing", "abnormal"])
def test_limits_stand_with_the_expected_patterns_that_they_tell_and_with_no_other(spoiled):
    sound = procedures.get("esi_il_lumbar")
    (expected,) = sound.expected
    limits = dict(expected.settings)
    number = limits.pop("least_line_contact")
    if spoiled == "missing":
        wrong = replace(sound, expected=(replace(expected, settings=limits),))
        told = "expected.0.settings: 'least_line_contact' is missing (epidural_interlaminar)"
    else:
        vessel = replace(sound.abnormal[0], settings={"least_beauty": number})
        wrong = replace(sound, abnormal=(vessel,))
        told = "abnormal.0.settings: 'least_beauty' is no setting of it (vascular)"
    assert inconsistencies(sound) == []
    assert inconsistencies(wrong) == [told]


def test_a_site_adds_and_overrides_procedures_without_touching_code(tmp_path):
    (tmp_path / "x.toml").write_text(GOOD)
    own = GOOD.replace('"x"', '"mbb_lumbar"').replace('name = "X"', 'name = "Our own"')
    (tmp_path / "mbb_lumbar.toml").write_text(own)
    assert set(procedures.all_keys(site=tmp_path)) == {*procedures.all_keys(), "x"}
    assert procedures.get("mbb_lumbar", site=tmp_path).name == "Our own"
    assert procedures.get("mbb_lumbar").name != "Our own"


def test_a_site_cites_its_own_sources(tmp_path):
    cited = "[[indications]]\ntext='t'\ngrade='S'\nsources=['OURS']\n"
    source = "[[sources]]\nid='OURS'\ncitation='Our protocol'\n"
    (tmp_path / "x.toml").write_text(GOOD + cited + source)
    (only,) = procedures.get("x", site=tmp_path).sources
    assert only.citation == "Our protocol"


def test_a_file_of_another_name_than_its_key_is_an_error(tmp_path):
    (tmp_path / "y.toml").write_text(GOOD)
    with pytest.raises(ProcedureError, match="expected 'y'"):
        procedures.get("y", site=tmp_path)


def test_a_site_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ProcedureError, match="gone"):
        procedures.all_keys(site=tmp_path / "gone")


@pytest.mark.parametrize("key", procedures.all_keys())
def test_the_page_tells_every_number_grade_and_source(key):
    procedure = procedures.get(key)
    page = " ".join(f"{label} {text}" for s in sections(procedure) for label, text in s.lines)
    for source in procedure.sources:
        assert source.citation in page
    for view in procedure.views:
        assert view.name in page
    for number in (procedure.incidences or {}).values():
        assert f"{number.low:g}" in page
    for landmark in procedure.landmarks:
        assert landmark.id in page
    for pattern in procedure.expected:
        for name, limit in (pattern.settings or {}).items():
            assert f"limit: {spoken(name)} {limit.low:g}" in page
        assert page.count("one view shows it by") == len(EXPECTED[pattern.id])


@pytest.mark.parametrize("key", procedures.all_keys())
def test_the_page_as_markdown_has_one_title_and_whole_tables(key):
    lines = markdown(procedures.get(key)).splitlines()
    assert [line for line in lines if line.startswith("# ")] == [f"# {procedures.get(key).name}"]
    for line in lines:
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 3


def test_the_documentation_renders_every_procedure_as_it_is():
    folder = Path(__file__).resolve().parents[2] / "docs" / "procedures"
    pages = {f"{one.key}.md": markdown(one) for one in procedures.every()}
    pages["README.md"] = index(procedures.every())
    written = {page.name: page.read_text(encoding="utf-8") for page in folder.iterdir()}
    told = "write them anew with `fluoroinject procedures --pages docs/procedures`"
    assert written == pages, told


def test_every_pattern_looks_like_something_and_an_abnormal_one_says_what_it_raises():
    known = procedures.patterns()
    assert len({pattern.id for pattern in known}) == len(known)
    for pattern in known:
        assert pattern.looks
        assert (pattern.kind == "expected") == (pattern.warning is None)


def test_every_measure_has_words_for_reports_and_a_place_in_the_summary():
    assert set(MEASURES) == set(get_args(MeasureId))
    measured = summary_schema()["properties"]["measured"]["items"]["properties"]
    assert measured["id"]["enum"] == list(MEASURES)


@pytest.mark.parametrize(("value", "reason"), [(None, ""), (1.0, "no millimetres")])
def test_a_measurement_has_a_value_or_a_reason_and_never_both(value, reason):
    with pytest.raises(ValueError, match="a value or the reason"):
        Measurement(id="levels", value=value, unit="1", reason=reason)
