"""Which runs lie open: never two patients side by side, whatever is opened, shown or closed."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.viewer.opened import Opened

STUDIES = {"1": "A", "2": "A", "3": "B", "4": "A"}
RUNS = {uid: SimpleNamespace(uid=uid, study_uid=study) for uid, study in STUDIES.items()}
STEPS = st.tuples(st.sampled_from(["plus", "less", "showing", "beside"]), st.sampled_from("1234"))


def step(opened: Opened, does: str, uid: str) -> Opened:
    if does == "plus":
        return opened.plus({uid: RUNS[uid]})
    if uid not in opened.runs:
        return opened
    if does == "beside":
        return opened.with_beside(uid) if opened.may_stand_beside(uid) else opened
    return opened.less(uid) if does == "less" else opened.showing(uid)


@given(st.lists(STEPS, max_size=30))
def test_what_is_shown_is_open_and_of_one_study(steps):
    opened = Opened()
    for does, uid in steps:
        opened = step(opened, does, uid)
        named = {one for one in (opened.shown, opened.beside) if one is not None}
        assert named <= opened.runs.keys()
        assert len({STUDIES[one] for one in named}) <= 1
        assert opened.beside is None or opened.beside != opened.shown


def test_a_run_that_is_closed_makes_room_for_the_first_that_is_left():
    opened = Opened().plus(RUNS).showing("2").with_beside("4")
    assert opened.less("2").shown == "1"
    assert opened.less("2").beside == "4"
    assert opened.less("4").beside is None


def test_runs_change_places_when_the_one_beside_is_shown():
    opened = Opened().plus(RUNS).showing("1").with_beside("2").showing("2")
    assert (opened.shown, opened.beside) == ("2", "1")
