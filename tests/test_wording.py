"""What the product says: every string that a person can come to see, and what it never says."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.evidence import Evidence
from napari_fluoroinject.analysis.expectation import expected_patterns
from napari_fluoroinject.analysis.findings import assess, judge
from napari_fluoroinject.cli import readable
from napari_fluoroinject.dicom.pattern_terms import PATTERN_TERMS, STATE_TERMS
from napari_fluoroinject.dicom.sr_statements import statements
from napari_fluoroinject.model.annotation import Annotation, Event
from napari_fluoroinject.model.expected import EXPECTED
from napari_fluoroinject.model.likeness import LIKENESSES
from napari_fluoroinject.model.measurement import Measurement
from napari_fluoroinject.model.motion import Injection
from napari_fluoroinject.model.needle import NoNeedle
from napari_fluoroinject.model.spread import RunOff
from napari_fluoroinject.model.summary import summarize
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.procedures.page import markdown
from napari_fluoroinject.rendering import statement as drawn
from napari_fluoroinject.workflow import analyze

if TYPE_CHECKING:
    from napari_fluoroinject.model.expectation import ExpectedPattern
    from napari_fluoroinject.model.report import Finding

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "napari_fluoroinject"
NEVER = (
    r"\bis safe\b",
    r"\bsafe (to|for)\b",
    r"\bsafely\b",
    r"\bnegative for\b",
    r"\bno vascular uptake\b",
    r"\bcorrect(ly)? (needle |tip )?(position|place|placement|placed|positioned)\b",
    r"\bruled? out\b",
    r"\bsuccessful (injection|block|procedure)\b",
    r"\ball[- ]clear\b",
)
"""Never said, whatever was measured: in a person's ears each of them clears something."""
NEVER_OF_A_RESULT = (
    *NEVER,
    r"\bsafe\b",
    r"\bnegative\b",
    r"\bcorrect\b",
    r"\barter(y|ies|ial)\b",
    r"\bve(in|ins|nous)\b",
    r"\bdiagnos",
    r"\bconfirm(s|ed)?\b",
    r"\bnormal\b",
)
"""Never said of one loop: a result tells what was measured, and a pattern resembles."""

NEVER_ON_SCREEN = (
    *NEVER,
    r"\bsafe(ly|ty)?\b",
    r"\bclear(s|ed|ing|ance)?\b",
    r"\bnegative\b",
    r"\bexclude[sd]?\b",
    r"\barterial\b",
    r"\bvenous\b",
    r"\b(do|does|should|must|may|can|could) (not |now )?inject\b",
    r"\b(go ahead|proceed) \b",
    r"\b(stop|continue|start|resume) (the )?injecti",
)
"""Never in a window: nor is anybody advised there for or against an injection."""


def heard(texts: list[str], words: tuple[str, ...]) -> list[str]:
    return [
        f"{word}: {text}" for text in texts for word in words if re.search(f"(?i){word}", text)
    ]


def literals(path: Path) -> list[str]:
    """Every string of a module but its docstrings and the prose that stands for comments."""
    tree = ast.parse(path.read_text())
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for one in inner for text in strings(one)]


def test_no_string_of_the_code_clears_anything():
    said = [text for path in PACKAGE.rglob("*.py") for text in literals(path)]
    assert len(said) > 1000
    assert heard(said, NEVER) == []


def test_no_string_of_the_viewer_clears_anything_or_advises():
    modules = {path: literals(path) for path in (PACKAGE / "viewer").rglob("*.py")}
    said = [text for texts in modules.values() for text in texts]
    assert len(said) > 300
    assert heard(said, NEVER_ON_SCREEN) == []


@pytest.mark.parametrize(
    "text",
    [
        "It is safe to go on.",
        "The field is clear.",
        "Vascular uptake: negative",
        "Vessels excluded",
        "an arterial pattern",
        "Venous run-off",
        "You may inject.",
        "Do not inject",
        "stop the injection",
    ],
)
def test_what_the_screen_never_says_would_be_heard(text):
    assert heard([text], NEVER_ON_SCREEN)


def test_no_fact_of_a_procedure_and_no_page_clears_anything():
    tables = [tomllib.loads(path.read_text()) for path in PACKAGE.rglob("*.toml")]
    pages = [markdown(one) for one in procedures.every()]
    assert heard([text for table in tables for text in strings(table)] + pages, NEVER) == []


@pytest.fixture(scope="module")
def report():
    settings = PhantomSettings(size=128, frames=16, frame_rate_hz=8.0)
    return analyze(make_phantom("mbb_lumbar", settings=settings).loop, "mbb_lumbar")


def measured_as(key: str, *, alike: bool) -> tuple[Measurement, ...]:
    """Measures by which every pattern of a procedure is told, far within its limits or missing."""
    procedure = procedures.get(key)
    units = {"levels": "{levels}", "levels_per_ml": "{levels}/mL", "lateral_extent": "mm"}
    wanted = [
        (feature, rule, landmark)
        for rule in procedure.warnings
        if rule.id in LIKENESSES
        for look in LIKENESSES[rule.id].looks
        for feature in look
        for landmark in feature.landmarks or (None,)
    ]
    return tuple(
        Measurement(
            id=feature.measure,
            value=(rule.settings[feature.setting].low * (2 if feature.bound == "least" else 0.5))
            if alike
            else None,
            unit=units.get(feature.measure, "%"),
            of=landmark,
            view="AP" if landmark is None else None,
            sigma=0.1,
            reason="" if alike else "it was not marked",
        )
        for feature, rule, landmark in wanted
    )


def evidence_of(report: Any, key: str, *, alike: bool) -> Evidence:
    """All that can be warned of at once, or nothing that could be judged."""
    size = (2000.0, 2000.0)
    if not alike:
        return Evidence(
            loop=report.loop,
            annotation=Annotation(),
            motion=report.motion,
            injection=Injection(mask_frames=(0, 1), onset_frame=None, onset_score=0.0),
            needle=NoNeedle(reason="no needle was seen"),
            run_off=replace(report.run_off, score=None, kind=None, reason="too few frames"),
            illegible="the picture is blank",
            measured=measured_as(key, alike=False),
        )
    return Evidence(
        loop=replace(report.loop, laterality="right"),
        annotation=Annotation(
            target_px=size, side="left", events=(Event(kind="medication", time_s=1.0),)
        ),
        motion=report.motion,
        injection=report.injection,
        needle=report.needle,
        run_off=RunOff(
            score=2.0,
            kind="transient",
            path_px=np.zeros((2, 2)),
            frames=(3, 5),
            smallest_seen_od=0.1,
        ),
        measured=measured_as(key, alike=True),
    )


def everything_said(report: Any, key: str) -> tuple[list[Finding], list[str]]:
    procedure = procedures.get(key)
    findings: list[Finding] = []
    reasons: list[str] = []
    for alike in (True, False):
        given = evidence_of(report, key, alike=alike)
        findings += judge(given, procedure)
        reasons += assess(given, procedure).reasons
    return findings, reasons


@pytest.mark.parametrize("key", procedures.all_keys())
def test_no_warning_and_no_reason_diagnoses_or_clears(report, key):
    findings, reasons = everything_said(report, key)
    assert heard([*(one.text for one in findings), *reasons], NEVER_OF_A_RESULT) == []


def test_every_pattern_that_a_procedure_lists_speaks_when_asked_to(report):
    """Else the test above would hear nothing."""
    for procedure in procedures.every():
        asked = {rule.id for rule in procedure.warnings} & LIKENESSES.keys()
        found, reasons = everything_said(report, procedure.key)
        assert asked <= {one.id for one in found}, procedure.key
        for one in found:
            if one.id in LIKENESSES:
                assert "resembles" in one.text
                assert "review the run" in one.text
        assert bool(asked) == any("-like" in reason for reason in reasons)


def expected_as(report: Any, key: str, *, nearer: float | None) -> tuple[ExpectedPattern, ...]:
    """What is said of a procedure's expected patterns: far within the limits, beyond, or nothing.

    `nearer` is how many times a measure reaches its limit; None = nothing was measured.
    """
    procedure = procedures.get(key)
    view = next((one.name for one in procedure.views if one.name in ("AP", "PA")), None)
    everywhere = tuple(replace(one, views=(view,)) for one in procedure.landmarks)
    units = {"levels": "{levels}"}
    measured = tuple(
        Measurement(
            id=feature.measure,
            value=limit.low * (nearer if feature.bound == "least" else 1 / nearer),
            unit=units.get(limit.unit, limit.unit),
            of=landmark,
            view=view,
            sigma=0.001,
        )
        for pattern in procedure.expected
        for feature in dict.fromkeys(one for look in EXPECTED[pattern.id] for one in look)
        for limit in [pattern.settings[feature.setting]]
        for landmark in feature.landmarks or (None,)
        if nearer is not None
    )
    given = replace(
        evidence_of(report, key, alike=True), run_off=report.run_off, measured=measured
    )
    seen = replace(given.injection, onset_frame=given.injection.onset_frame or 3)
    return expected_patterns(
        replace(given, injection=seen), replace(procedure, landmarks=everywhere), ()
    )


@pytest.mark.parametrize("key", [one.key for one in procedures.every() if one.expected])
def test_no_expected_pattern_clears_anything_whether_it_is_shown_or_not(report, key):
    said = {
        one.state: one
        for nearer in (1.5, 0.5, None)
        for one in expected_as(report, key, nearer=nearer)
    }
    assert said.keys() == {"shown", "not shown", "not judged"}
    texts = [one.text for one in said.values()]
    for state in ("shown", "not shown"):
        assert said[state].text.endswith("This does not exclude other spread or vessels.")
    assert "was not judged: " in said["not judged"].text
    given = replace(report, expected=tuple(said.values()))
    texts += [one.text for one in statements(given, ())]
    texts += [readable.statement(summarize(given), title="a loop")]
    texts += [words for term in (*PATTERN_TERMS, *STATE_TERMS) for words in term[1:]]
    assert heard(texts, (*NEVER_OF_A_RESULT, r"\bas expected\b", r"\breassur")) == []


@pytest.mark.parametrize("raised", [True, False])
def test_no_report_in_words_diagnoses_or_clears(report, raised):
    """The SR's statements, the overview's and the command line's, with every warning and none."""
    every = {
        one.id: one for key in procedures.all_keys() for one in everything_said(report, key)[0]
    }
    assert LIKENESSES.keys() <= every.keys()
    given = replace(report, findings=tuple(every.values()) if raised else ())
    summary = summarize(given)
    said = [
        *(one.text for one in statements(given, ())),
        *(one.text for one in drawn.notices(given)),
        drawn.verdict(given)[1],
        drawn.all_quiet(given),
        *drawn.unknowns(given),
        readable.statement(summary, title="a loop"),
    ]
    assert heard(said, NEVER_OF_A_RESULT) == []
