"""What a study as a whole is warned of: views that no loop shows, dose above the site's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_findings import evidence, loop

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.findings import assess, judge
from napari_fluoroinject.analysis.study import study_of
from napari_fluoroinject.analysis.study_rules import missing_views
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.model.study import Dose, DoseReference, DoseReport, Recorded, Study

TF = procedures.get("esi_tf_lumbar_subpedicular")
"""It needs OBL, AP and LAT."""
RULED = replace(
    TF, warnings=tuple(w for w in TF.warnings if w.id in ("missing_view", "dose_alert"))
)


def judged(study):
    """Findings by id, and what was said not to be judged."""
    given = evidence(loop=loop(), study=study)
    found = {finding.id: finding for finding in judge(given, RULED)}
    reasons = assess(given, RULED).reasons
    return found, [text for text in reasons if "judged" in text]


def test_a_view_that_no_loop_of_the_study_shows_is_missing():
    found, reasons = judged(Study(views=("AP", "OBL", "AP")))
    assert found["missing_view"].severity == "moderate"
    assert "(3) none shows LAT" in found["missing_view"].text
    assert "shown: AP, OBL." in found["missing_view"].text
    assert not any(text.startswith("missing view") for text in reasons)


def test_nothing_is_missing_where_every_needed_view_was_shown():
    found, reasons = judged(Study(views=("AP", "OBL", "LAT")))
    assert "missing_view" not in found
    assert not any(text.startswith("missing view") for text in reasons)


def test_where_the_view_of_a_loop_is_not_known_none_is_said_to_be_missing():
    found, reasons = judged(Study(views=("AP", None, None)))
    assert "missing_view" not in found
    (said,) = (text for text in reasons if text.startswith("missing view"))
    assert "the view of 2 loops is not known: OBL and LAT may be among them" in said


def test_one_loop_says_nothing_about_the_others_of_its_study():
    found, reasons = judged(None)
    assert not found
    assert "missing view: not judged (one loop says nothing about the others of its study)" in (
        reasons
    )
    assert any(text.startswith("dose alert: not judged") for text in reasons)


def test_a_view_without_an_angle_cannot_be_told_to_be_missing():
    infraneural = procedures.get("esi_tf_lumbar_infraneural")
    told = missing_views(infraneural, ["AP", "LAT"])
    assert told.missing == ()
    assert told.reasons == ("the procedure gives no angle by which OBL could be told",)
    assert missing_views(infraneural, ["AP", "LAT", "OBL"]).reasons == ()


@given(st.lists(st.sampled_from(["AP", "OBL", "LAT", None]), max_size=6))
def test_a_needed_view_is_seen_missing_or_open_and_never_two_of_them(views):
    told = missing_views(TF, views)
    for view in ("AP", "OBL", "LAT"):
        opened = any(view in reason for reason in told.reasons)
        assert (view in views) + (view in told.missing) + opened == 1


def test_a_procedure_without_needed_views_misses_none():
    assert missing_views(procedures.get("generic"), [None]) == missing_views(
        TF, ["OBL", "AP", "LAT"]
    )


DOSE = Dose(kap_gycm2=3.2, fluoroscopy_s=28.0, basis="report")
OWN = DoseReference(kap_p75_gycm2=2.5, time_p75_s=30.0)


def test_a_dose_above_the_sites_own_is_told_with_both_numbers():
    found, reasons = judged(Study(views=(), dose=DOSE, reference=OWN))
    alert = found["dose_alert"]
    assert alert.severity == "info"
    assert "kerma-area product 3.2 Gy.cm2, the site's 75th percentile is 2.5 Gy.cm2" in alert.text
    assert "time" not in alert.text
    assert alert.score == pytest.approx(3.2 / 2.5)
    assert not any(text.startswith("dose alert") for text in reasons)


@pytest.mark.parametrize(
    ("dose", "own", "why"),
    [
        (DOSE, DoseReference(), "the site has set no 75th percentile of its own"),
        (Dose(), OWN, "neither a radiation dose report nor the headers record a dose"),
        (
            DOSE,
            DoseReference(kerma_p75_mgy=20),
            "no air kerma at the reference point was recorded",
        ),
        (Dose(kap_gycm2=1.0, basis="headers"), OWN, "only a part of the dose"),
    ],
)
def test_a_dose_that_cannot_be_judged_says_why(dose, own, why):
    found, reasons = judged(Study(views=(), dose=dose, reference=own))
    assert "dose_alert" not in found
    (said,) = (text for text in reasons if text.startswith("dose alert"))
    assert why in said


def test_a_part_of_the_dose_that_is_above_the_sites_own_is_told_as_a_part():
    part = Dose(kap_gycm2=3.2, basis="headers")
    found, reasons = judged(Study(views=(), dose=part, reference=OWN))
    assert "at least 3.2 Gy.cm2" in found["dose_alert"].text
    assert "dose alert: judged in part only (no fluoroscopy time was recorded)" in reasons


def test_a_dose_report_below_the_sites_own_is_judged_and_raises_nothing():
    below = Dose(kap_gycm2=2.0, fluoroscopy_s=20.0, basis="report")
    found, reasons = judged(Study(views=(), dose=below, reference=OWN))
    assert "dose_alert" not in found
    assert not any(text.startswith("dose alert") for text in reasons)


def recorded(primary_deg=None, **changes):
    return Recorded(view=View(primary_angle_deg=primary_deg), **changes)


def test_the_views_of_a_study_are_those_of_its_loops():
    study = study_of([recorded(0.0), recorded(90.0), recorded()], [], TF, Annotation(side="left"))
    assert study.views == ("AP", "LAT", None)
    assert study.dose == Dose()


def test_areas_of_headers_add_up_and_time_is_the_latest():
    loops = [
        recorded(kap_gycm2=1.5, fluoroscopy_s=10.0),
        recorded(),
        recorded(kap_gycm2=0.5, fluoroscopy_s=25.0, allergies="iodine"),
    ]
    study = study_of(loops, [], TF, Annotation())
    assert study.dose == Dose(kap_gycm2=2.0, fluoroscopy_s=25.0, basis="headers")
    assert study.allergies_recorded


def report(scope, kap=None, time=None):
    return DoseReport(study_instance_uid="1.2", scope=scope, kap_gycm2=kap, fluoroscopy_s=time)


def test_a_dose_report_goes_before_headers_and_states_of_one_sum_are_not_added():
    told = [report("1.2", 1.0, 10.0), report("1.2", 3.0, 30.0), report("1.9", 2.0, 5.0)]
    study = study_of([recorded(kap_gycm2=9.0)], told, TF, Annotation())
    assert study.dose == Dose(kap_gycm2=3.0, fluoroscopy_s=30.0, basis="report")


def test_reports_of_steps_add_up_and_are_unknown_where_one_is():
    told = [report("1.8", 1.0, 10.0), report("1.9", 2.0)]
    study = study_of([], told, TF, Annotation())
    assert study.dose == Dose(kap_gycm2=3.0, fluoroscopy_s=None, basis="report")
