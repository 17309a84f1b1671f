"""The procedure of a received loop: the first that names one decides, and two are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.decide import check_settings, decide
from napari_fluoroinject.dicom.requested import Requested
from napari_fluoroinject.errors import SettingsError
from napari_fluoroinject.procedures import GENERIC, all_keys
from napari_fluoroinject.settings.network import ServiceSettings

MBB, ESI, TF = "mbb_lumbar", "esi_il_lumbar", "esi_tf_lumbar_subpedicular"
SITE = ServiceSettings(
    analyze="auto",
    procedure_codes={"1^99X": MBB, "2^99X": ESI},
    protocols={"facet": MBB, "epidural": ESI, "epidural tf": TF, "steroid": TF},
)
NOTHING = Requested()


def header(*descriptions: str, codes: tuple[str, ...] = ()) -> Requested:
    return Requested(codes=codes, descriptions=descriptions)


@pytest.mark.parametrize(
    ("told", "scheduled", "key", "basis"),
    [
        (NOTHING, None, GENERIC, "nothing"),
        (header("Lumbar FACET block"), None, MBB, "text of the header: facet"),
        (header("facet", codes=("2^99X",)), None, ESI, "code of the header: 2^99X"),
        (header("other", "Epidural TF L5"), None, TF, "text of the header: epidural tf"),
        (header(codes=("1^99X", "2^99X")), None, GENERIC, f"names {ESI}, {MBB} alike"),
        (header(codes=("9^99X",)), None, GENERIC, "nothing"),
        (header(codes=("1^99Y",)), None, GENERIC, "nothing"),
        (header(codes=("1^99X",)), header(codes=("2^99X",)), ESI, "code of the worklist item"),
        (header(codes=("1^99X",)), header("epidural"), ESI, "text of the worklist item"),
        (header(codes=("1^99X",)), header("nothing known"), MBB, "code of the header"),
    ],
)
def test_the_first_that_names_a_procedure_decides(told, scheduled, key, basis):
    decision = decide(told, SITE, scheduled=scheduled)
    assert decision.procedure == key
    assert basis in decision.basis


def test_two_texts_of_one_length_for_two_procedures_choose_none():
    site = ServiceSettings(analyze="auto", protocols={"alpha": MBB, "gamma": ESI})
    decision = decide(header("alpha gamma"), site)
    assert decision.procedure == GENERIC
    assert "none is chosen" in decision.basis
    same = ServiceSettings(analyze="auto", protocols={"alpha": MBB, "gamma": MBB})
    assert decide(header("alpha gamma"), same).procedure == MBB


def test_what_is_set_for_every_loop_goes_before_all():
    site = ServiceSettings(analyze=TF, procedure_codes=SITE.procedure_codes)
    decision = decide(header(codes=("1^99X",)), site, scheduled=header(codes=("2^99X",)))
    assert (decision.procedure, decision.basis) == (TF, "set for every loop")


def test_level_and_side_are_taken_where_all_that_say_one_agree():
    loop = Requested(level="L4", side="left")
    assert decide(loop, SITE).level == "L4"
    agreed = decide(loop, SITE, scheduled=Requested(level="L4"))
    assert (agreed.level, agreed.side) == ("L4", "left")
    against = decide(loop, SITE, scheduled=Requested(level="L5", side="right"))
    assert (against.level, against.side) == (None, None)


def test_a_coded_level_of_another_region_is_left_out_and_said():
    decision = decide(Requested(codes=("1^99X",), level="C5"), SITE)
    assert decision.procedure == MBB
    assert decision.level is None
    assert "C5" in decision.basis


@given(
    st.lists(
        st.sampled_from(["facet", "Epidural", "EPIDURAL tf", "steroid", "x", ""]), max_size=4
    ),
    st.lists(st.sampled_from(["1^99X", "2^99X", "3^99X"]), max_size=3),
)
def test_a_decision_is_a_procedure_that_is_set_up_and_does_not_hang_on_the_order(texts, codes):
    one = decide(header(*texts, codes=tuple(codes)), SITE)
    other = decide(header(*texts[::-1], codes=tuple(codes[::-1])), SITE)
    assert one == other
    assert one.procedure in {GENERIC, MBB, ESI, TF}
    assert decide(header(*texts, codes=tuple(codes)), SITE) == one


@given(st.text(max_size=40))
def test_no_text_of_a_header_gets_into_the_basis(text):
    bases = {decide(header(shown), SITE).basis for shown in (text, text.upper())}
    known = {"nothing that is set up names a procedure"}
    known |= {f"text of the header: {key}" for key in SITE.protocols}
    assert bases <= known


@pytest.mark.parametrize(
    "settings",
    [
        ServiceSettings(analyze="no_such"),
        ServiceSettings(analyze="auto", protocols={"facet": "no_such"}),
        ServiceSettings(analyze="auto", procedure_codes={"1^99X": "auto"}),
    ],
)
def test_a_procedure_that_there_is_not_is_told_before_the_first_loop(settings):
    with pytest.raises(SettingsError, match="expected the key of a procedure"):
        check_settings(settings, site=None)


def test_every_procedure_can_be_set():
    for key in all_keys():
        check_settings(ServiceSettings(analyze=key, protocols={"x": key}), site=None)
