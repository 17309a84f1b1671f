"""Studies of archives become orders: found by date, fetched few at a time, and not twice."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from batch_studies import as_loop, dose_of_study, phantom_loop, study_uid
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.batch import fetch, remote
from napari_fluoroinject.batch.archive import studies_at
from napari_fluoroinject.batch.fetch import Patience
from napari_fluoroinject.batch.order import JOB_FOLDER, Unplanned
from napari_fluoroinject.batch.plan import Planning, planned
from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.memory import Memory
from napari_fluoroinject.errors import EndpointError, RefusedError, TooManyError, UnreachableError
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.workflow import AnalysisRequest

TODAY = date(2026, 11, 22)
SOURCE = "pacs://ME:ARCHIVE@127.0.0.1:4242"


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    return phantom_loop(tmp_path_factory.mktemp("loop"))


class Shelf(Memory):
    """An archive in memory that counts who is talking to it, and may be away."""

    def __init__(self, *paths):
        super().__init__()
        self.store(paths)
        self.away = 0
        self.talking, self.most, self.fetched = 0, 0, []
        self._turn = threading.Lock()

    def __enter__(self):
        with self._turn:
            self.talking += 1
            self.most = max(self.most, self.talking)
            if self.away:
                self.away -= 1
                self.talking -= 1
                raise UnreachableError("nobody answers")
        return self

    def __exit__(self, *_):
        with self._turn:
            self.talking -= 1

    def query(self, query):
        with self:
            return super().query(query)

    def retrieve(self, wanted, folder):
        with self:
            self.fetched.append(wanted.sop_instance_uid)
            yield from super().retrieve(wanted, folder)


@pytest.fixture
def shelf(loop, tmp_path, monkeypatch):
    """Three studies of 2019 to 2021, of two loops each, one with a dose report."""
    paths = [
        as_loop(
            loop,
            tmp_path / f"{study}-{number}.dcm",
            study=study,
            number=number,
            StudyDate=f"{2018 + study}0301",
        )
        for study in (3, 1, 2)
        for number in (1, 2)
    ]
    one = Shelf(*paths, dose_of_study(tmp_path / "dose", 1))
    keys = {}

    def connect(address, settings, *, also):
        _, _, text = address.partition("?")
        keys.update(pair.split("=") for pair in text.split("&") if pair)
        return one, Query(level="IMAGE", keys=dict(keys))

    monkeypatch.setattr(fetch, "connect", connect)
    return one


def open_plan(out, source=SOURCE, *, done=lambda _: False, total_s=300.0, **asked):
    patience = Patience(total_s=total_s, wait_s=lambda _: False)
    how = Planning(settings=Settings(), out=out, done=done, patience=patience)
    return planned([source], AnalysisRequest(**asked), how)


def every(plan):
    """All orders, each ended as soon as its files were looked at."""
    orders, unplanned = [], []
    for one in plan:
        if isinstance(one, Unplanned):
            unplanned.append(one)
            continue
        assert all(path.is_file() for path in (*one.paths, *one.beside))
        orders.append(one)
        plan.ended(one)
    return orders, unplanned


def test_studies_come_in_the_order_of_their_dates_with_all_that_tells_of_them(shelf, tmp_path):
    with open_plan(tmp_path / "out") as plan:
        orders, unplanned = every(plan)
    assert not unplanned
    assert [one.key for one in orders] == [
        f"{study_uid(study)}.1.{number}" for study in (1, 2, 3) for number in (1, 2)
    ]
    assert [len(one.beside) for one in orders] == [2, 2, 1, 1, 1, 1]
    assert len({one.origin for one in orders}) == 3
    assert all(one.source == f"{SOURCE}, {one.key}" for one in orders)


def test_dates_choose_studies(shelf, tmp_path):
    source = f"{SOURCE}?StudyDate=20190101-20201231"
    with open_plan(tmp_path / "out", source) as plan:
        orders, unplanned = every(plan)
    assert not unplanned
    assert {one.study_uid for one in orders} == {study_uid(1), study_uid(2)}


def test_what_is_fetched_is_private_and_gone_once_all_loops_of_its_study_have_ended(
    shelf, tmp_path
):
    with open_plan(tmp_path / "out") as plan:
        first, second = next(plan), next(plan)
        room = first.paths[0].parent
        assert room.is_relative_to(tmp_path / "out" / JOB_FOLDER)
        assert [one.stat().st_mode & 0o077 for one in room.parents[:2]] == [0, 0]
        plan.ended(first)
        assert second.paths[0].is_file()
        plan.ended(second)
        assert not room.exists()
        third = next(plan)
        assert third.paths[0].is_file()
    assert not third.paths[0].exists()


def test_what_a_killed_run_has_fetched_is_removed_by_the_next_one(shelf, tmp_path, loop):
    left = tmp_path / "out" / JOB_FOLDER / ".fluoroinject-fetched-old" / "study-1"
    left.mkdir(parents=True)
    (left.parent / "held").touch()
    (left / "1.2.3.dcm").write_bytes(b"a patient")
    with open_plan(tmp_path / "out", str(loop)):
        assert not left.exists()


def test_no_more_associations_are_held_at_once_than_was_said(shelf, tmp_path):
    with open_plan(tmp_path / "out") as plan:
        every(plan)
    assert 1 <= shelf.most <= 2


def test_only_so_many_studies_lie_here_before_their_loops_are_worked_on(
    shelf, tmp_path, monkeypatch
):
    monkeypatch.setattr(remote, "MOST_ROOMS", 1)
    with open_plan(tmp_path / "out") as plan:
        first, second = next(plan), next(plan)
        plan.ended(first)
        threading.Timer(0.3, lambda: plan.ended(second)).start()
        third = next(plan)
        assert not second.paths[0].exists()
        assert third.study_uid == study_uid(2)
        threading.Timer(0.1, plan.stop).start()  # nobody ends the third: a stopped batch
        next(plan)
        assert next(plan, None) is None


def test_a_study_that_is_done_and_unchanged_is_not_fetched_again(shelf, tmp_path, loop):
    with open_plan(tmp_path / "out") as plan:
        before, _ = every(plan)
    ended = {one.key: one.origin for one in before}

    def done(order):
        assert order.paths == ()
        return ended.get(order.key) == order.origin

    shelf.fetched.clear()
    with open_plan(tmp_path / "out", done=done) as plan:
        again, unplanned = every(plan)
    assert shelf.fetched == []
    assert not unplanned
    assert [(one.key, one.origin) for one in again] == [(one.key, one.origin) for one in before]
    more = as_loop(loop, tmp_path / "more.dcm", study=2, number=9, StudyDate="20200301")
    shelf.store([more])
    del ended[f"{study_uid(3)}.1.2"]
    with open_plan(tmp_path / "out", done=done) as plan:
        every(plan)
    assert {uid.rsplit(".", 2)[0] for uid in shelf.fetched} == {study_uid(2), study_uid(3)}
    shelf.fetched.clear()
    with open_plan(tmp_path / "out", done=done, procedure="mbb_lumbar") as plan:
        every(plan)
    assert len(shelf.fetched) == 8  # another request: seven loops and a dose report


def test_an_archive_that_is_away_is_asked_again_later_and_then_told(shelf, tmp_path):
    shelf.away = 3
    with open_plan(tmp_path / "out") as plan:
        orders, unplanned = every(plan)
    assert (len(orders), unplanned) == (6, [])
    shelf.away = 10_000
    with open_plan(tmp_path / "out", total_s=5.0) as plan:
        orders, unplanned = every(plan)
    assert orders == []
    assert [one.reason for one in unplanned] == ["nobody answers"]
    assert 10_000 - shelf.away == 3  # at once, and after 1 s and 2 s more: 4 s are too long


def test_of_half_a_study_nothing_is_planned(shelf, tmp_path, monkeypatch):
    lost = f"{study_uid(2)}.1.2"
    retrieve = Memory.retrieve

    def fails(self, wanted, folder):
        if wanted.sop_instance_uid == lost:
            raise EndpointError("it is damaged over there")
        return retrieve(self, wanted, folder)

    monkeypatch.setattr(Memory, "retrieve", fails)
    with open_plan(tmp_path / "out") as plan:
        orders, unplanned = every(plan)
    assert {one.study_uid for one in orders} == {study_uid(1), study_uid(3)}
    assert [(study_uid(2) in one.source, "damaged" in one.reason) for one in unplanned] == [
        (True, True)
    ]


def test_a_query_that_nothing_matches_is_told(shelf, tmp_path):
    with open_plan(tmp_path / "out", f"{SOURCE}?StudyDate=19990101") as plan:
        orders, unplanned = every(plan)
    assert orders == []
    assert "no study that matches" in unplanned[0].reason


@st.composite
def archives(draw):
    """Days of studies, and the most that the archive tells in one answer."""
    days = draw(st.lists(st.integers(0, 400), max_size=300))
    return days, draw(st.sampled_from([100, 128, 200, 256, 500]))


@given(
    archives(),
    st.sampled_from([None, TooManyError("too many"), RefusedError("full", status=0xA700)]),
    st.booleans(),
)
def test_every_study_is_found_once_whatever_an_archive_caps(archive, loud, ranged):
    days, cap = archive
    studies = [
        {"StudyInstanceUID": f"1.{n}", "StudyDate": f"{date(2020, 1, 1) + timedelta(day):%Y%m%d}"}
        for n, day in enumerate(days)
    ]
    fullest = max((days.count(day) for day in days), default=0)

    def ask(keys):
        stated = keys.get("StudyDate", "")
        first, _, last = stated.partition("-")
        last = last or first if stated else "99991231"
        found = [one for one in studies if (first or "0") <= one["StudyDate"] <= last]
        if len(found) > cap and loud:
            raise loud
        return found[:cap]

    if fullest > cap and loud:
        return
    keys = {"StudyDate": "20200101-20210401"} if ranged else {}
    told = [one["StudyInstanceUID"] for one in studies_at(ask, keys, today=TODAY)]
    assert len(told) == len(set(told))
    if fullest <= cap:
        assert len(told) == len(studies)
    dates = {one["StudyInstanceUID"]: one["StudyDate"] for one in studies}
    assert [dates[uid] for uid in told] == sorted(dates[uid] for uid in told)


@pytest.mark.parametrize("stated", ["2020", "20200101-20190101", "20201301", "x", "--"])
def test_what_is_no_range_of_dates_is_refused(stated):
    with pytest.raises(EndpointError, match="YYYYMMDD"):
        list(studies_at(lambda _: [], {"StudyDate": stated}, today=TODAY))


def test_studies_without_a_date_are_found_where_no_date_is_asked_for():
    undated = {"StudyInstanceUID": "1.0", "StudyDate": ""}
    dated = [
        {"StudyInstanceUID": f"1.{n}", "StudyDate": f"{date(2020, 1, 1) + timedelta(n):%Y%m%d}"}
        for n in range(1, 150)
    ]

    def ask(keys):
        first, _, last = keys.get("StudyDate", "").partition("-")
        found = [one for one in dated if not first or first <= one["StudyDate"] <= last]
        return [*([] if first else [undated]), *found][:100]

    told = [one["StudyInstanceUID"] for one in studies_at(ask, {}, today=TODAY)]
    assert sorted(told) == sorted(one["StudyInstanceUID"] for one in [undated, *dated])
