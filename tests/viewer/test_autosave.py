"""What a person has said outlives the program; a broken file is never taken for it."""

from __future__ import annotations

import hashlib
import random
import stat
import sys
from dataclasses import replace

import pytest
from annotation_strategies import annotations
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.endpoints.base import Receipt
from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import SignOff
from napari_fluoroinject.viewer.autosave import Autosave, Drafts, state_folder
from napari_fluoroinject.viewer.draft import (
    Accepted,
    Draft,
    Marked,
    Plan,
    draft_text,
    parse_draft,
)
from napari_fluoroinject.viewer.outcome import Kept
from napari_fluoroinject.viewer.session import Session
from tests.proofs.draft_kills import one_kill

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
DRAFTS = st.builds(
    Draft,
    study_instance_uid=st.just("1.2.3"),
    plan=st.builds(Plan, procedure=WORDS, level=st.none() | WORDS),
    runs=st.lists(
        st.builds(
            Marked,
            sop_instance_uid=WORDS,
            annotation=annotations(),
            accepted=st.lists(st.builds(Accepted, what=WORDS, operator=WORDS), max_size=2).map(
                tuple
            ),
            declined=st.lists(WORDS, max_size=2).map(tuple),
        ),
        max_size=3,
        unique_by=lambda one: one.sop_instance_uid,
    ).map(tuple),
)


@pytest.fixture
def drafts(tmp_path):
    return Drafts(tmp_path / "drafts")


@given(draft=DRAFTS)
def test_any_draft_comes_back_from_its_text_exactly(draft):
    assert parse_draft(draft_text(draft)) == draft


def test_a_draft_of_an_earlier_version_is_read():
    read = parse_draft(
        '{"study_instance_uid": "1.2", "plan": {"procedure": "generic", "level": null}, "runs": '
        '[{"sop_instance_uid": "1.2.3", "annotation": {"target_px": [1.0, 2.0]}}]}'
    )
    assert read.plan.procedure == "generic"
    assert read.marked("1.2.3").annotation.target_px == (1.0, 2.0)


@given(draft=DRAFTS, share=st.floats(0, 1, exclude_max=True))
def test_half_a_draft_is_none(draft, share):
    text = draft_text(draft).rstrip()
    with pytest.raises(AnnotationError):
        parse_draft(text[: int(share * len(text))])


def test_a_draft_is_kept_for_its_owner_alone_under_a_name_that_tells_nothing(
    drafts, session, run, tmp_path
):
    session.place_target((3.0, 4.0))
    assert Autosave(session, drafts).flush()
    (path,) = (tmp_path / "drafts").iterdir()
    assert path.name == f"{hashlib.sha256(run.study_uid.encode()).hexdigest()}.json"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert drafts.found(run.study_uid) == session.draft


def test_nothing_said_leaves_no_file(drafts, session, tmp_path):
    autosave = Autosave(session, drafts)
    assert not autosave.due
    assert autosave.flush()
    assert not (tmp_path / "drafts").exists()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"runs": 3}'])
def test_a_broken_file_is_no_draft(content, drafts, session, run, tmp_path):
    session.place_target((3.0, 4.0))
    Autosave(session, drafts).flush()
    (path,) = (tmp_path / "drafts").iterdir()
    path.write_bytes(content)
    assert drafts.found(run.study_uid) is None


def test_the_draft_of_another_study_is_never_taken(drafts, session, run, tmp_path):
    session.place_target((3.0, 4.0))
    Autosave(session, drafts).flush()
    (path,) = (tmp_path / "drafts").iterdir()
    path.rename(path.with_name(f"{hashlib.sha256(b'9.9').hexdigest()}.json"))
    assert drafts.found("9.9") is None


def left_by_an_earlier_session(drafts, run):
    earlier = Session()
    earlier.open(run)
    earlier.place_target((3.0, 4.0))
    Autosave(earlier, drafts).flush()
    return earlier.draft


def test_what_was_left_is_offered_and_taken_up_as_one_step(drafts, session, run):
    left = left_by_an_earlier_session(drafts, run)
    autosave = Autosave(session, drafts)
    autosave.look()
    assert autosave.offered == left
    autosave.restore()
    assert session.draft == left
    assert autosave.offered is None
    session.undo()
    assert session.draft == Draft(study_instance_uid=run.study_uid)


def test_what_was_discarded_is_not_offered_again(drafts, session, run):
    left_by_an_earlier_session(drafts, run)
    autosave = Autosave(session, drafts)
    autosave.look()
    autosave.discard()
    assert autosave.offered is None
    assert drafts.found(run.study_uid) is None


def test_new_marks_never_overwrite_what_nobody_has_decided_about(drafts, session, run):
    left = left_by_an_earlier_session(drafts, run)
    autosave = Autosave(session, drafts)
    autosave.look()
    session.place_target((7.0, 8.0))
    assert autosave.flush()
    assert drafts.found(run.study_uid) == session.draft
    assert autosave.offered == left
    drafts.found(run.study_uid)
    autosave.restore()
    assert session.draft == left
    assert drafts.found(run.study_uid) == left


def test_a_draft_is_put_away_once_its_results_were_sent_and_comes_back_with_a_change(
    drafts, session, run, tmp_path
):
    session.place_target((3.0, 4.0))
    autosave = Autosave(session, drafts)
    autosave.flush()
    kept = Kept(procedure="generic", annotation=session.annotation, folder=tmp_path, files=())
    session.put_kept(run.uid, kept)
    autosave.sent(run.uid)
    assert drafts.found(run.study_uid) is not None
    _send(session, run, tmp_path)
    autosave.sent(run.uid)
    assert drafts.found(run.study_uid) is None
    assert drafts.found_sent(run.study_uid) == session.draft
    assert not autosave.due
    session.place_target((5.0, 6.0))
    assert autosave.flush()
    assert drafts.found(run.study_uid) == session.draft


def test_what_was_sent_is_offered_the_next_day_without_its_sign_off(
    drafts, session, run, tmp_path
):
    session.place_target((3.0, 4.0))
    marked = session.draft
    signed = SignOff(
        operator="R. Reader", at="20260101120000.000000+0000", confirmed=("contrast",)
    )
    session.annotate("sign", replace(session.annotation, sign_off=signed))
    _send(session, run, tmp_path)
    autosave = Autosave(session, drafts)
    autosave.flush()
    autosave.sent(run.uid)
    tomorrow = Session()
    tomorrow.open(run)
    again = Autosave(tomorrow, drafts)
    again.look()
    assert again.offers_sent
    assert again.offered == marked
    again.restore()
    assert tomorrow.draft == marked
    assert drafts.found(run.study_uid) == marked
    assert drafts.found_sent(run.study_uid) is None


def test_what_was_sent_can_be_discarded_and_does_not_hold_new_marks_back(
    drafts, session, run, tmp_path
):
    session.place_target((3.0, 4.0))
    drafts.keep_sent(session.draft)
    tomorrow = Session()
    tomorrow.open(run)
    autosave = Autosave(tomorrow, drafts)
    autosave.look()
    tomorrow.place_target((5.0, 6.0))
    autosave.flush()
    _send(tomorrow, run, tmp_path)
    autosave.sent(run.uid)
    assert drafts.found(run.study_uid) is None
    assert drafts.found_sent(run.study_uid) == tomorrow.draft
    drafts.remove_earlier(run.study_uid)
    drafts.keep_sent(session.draft)
    third = Session()
    third.open(run)
    later = Autosave(third, drafts)
    later.look()
    later.discard()
    assert drafts.found_sent(run.study_uid) is None


def _send(session, run, folder):
    receipt = Receipt(sop_instance_uid="1", destination="somewhere")
    sent = Kept(
        procedure="generic",
        annotation=session.annotation,
        folder=folder,
        files=(),
        receipts=(receipt,),
        arrived=("12:00:00",),
    )
    session.put_kept(run.uid, sent)


def test_a_folder_that_cannot_be_written_is_told_once(session, tmp_path):
    (tmp_path / "drafts").write_text("in the way")
    told = []
    session.signals.notice.connect(told.append)
    autosave = Autosave(session, Drafts(tmp_path / "drafts"))
    session.place_target((3.0, 4.0))
    assert not autosave.flush()
    assert not autosave.flush()
    assert len(told) == 1
    assert "not autosaved" in told[0]
    assert autosave.due


def test_the_state_folder_can_be_named(monkeypatch, tmp_path):
    monkeypatch.setenv("FLUOROINJECT_STATE", str(tmp_path))
    assert state_folder() == tmp_path


@pytest.mark.slow
@pytest.mark.qt
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is not of Windows")
def test_a_kill_loses_five_seconds_at_most_and_leaves_no_broken_draft(tmp_path):
    for number in range(2):
        lost_s = one_kill(tmp_path / str(number), random.Random(number))
        assert lost_s <= 5.0
