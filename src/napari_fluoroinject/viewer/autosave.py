"""Drafts on disk: what a person has said of a study outlives a crash."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.spool.disk import write_whole
from napari_fluoroinject.spool.private import make_private
from napari_fluoroinject.viewer.draft import Draft, draft_text, parse_draft

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.session import Session

log = logging.getLogger(__name__)

ENVIRONMENT = "FLUOROINJECT_STATE"
"""Names the folder in which the viewer keeps what outlives it."""
_PRIVATE_FILE = 0o600


def state_folder() -> Path:
    """Return the folder of this user in which programs keep their state; it may not be there."""
    named = os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return base / "fluoroinject"


class Drafts:
    """The autosaved drafts of one user, one file for each study.

    Names are hashes, so that a folder's listing tells of nobody; there is no patient data within.

    Parameters
    ----------
    folder
        Where they lie; made, for this user alone, when the first is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, draft: Draft) -> None:
        """Keep a draft, whole, in place of the earlier one of its study.

        Raises
        ------
        OSError
            It cannot be written; the earlier one is there still.
        """
        make_private(self._folder)
        path = self._path(draft.study_instance_uid)
        write_whole(path, draft_text(draft).encode(), mode=_PRIVATE_FILE)

    def found(self, study_uid: str) -> Draft | None:
        """Return what was said of a study, the latest that can be read; None = nothing."""
        for path in (self._path(study_uid), self._aside(study_uid)):
            draft = _read(path, study_uid)
            if draft is not None:
                return draft
        return None

    def put_aside(self, study_uid: str) -> None:
        """Make room for a new draft of a study without losing the one that lies there.

        Raises
        ------
        OSError
            It cannot be moved.
        """
        if self._path(study_uid).exists():
            self._path(study_uid).replace(self._aside(study_uid))

    def keep_sent(self, draft: Draft) -> None:
        """Keep what was sent apart, without its sign-offs, for whoever corrects it later.

        Raises
        ------
        OSError
            As `keep`.
        """
        make_private(self._folder)
        text = draft_text(_unsigned(draft))
        write_whole(self._sent(draft.study_instance_uid), text.encode(), mode=_PRIVATE_FILE)

    def found_sent(self, study_uid: str) -> Draft | None:
        """Return what was sent of a study, unsigned; None = nothing that can be read."""
        return _read(self._sent(study_uid), study_uid)

    def remove(self, study_uid: str) -> None:
        """Take away what was not sent of a study; what cannot be removed is offered again."""
        _remove(self._path(study_uid), self._aside(study_uid))

    def remove_earlier(self, study_uid: str) -> None:
        """Take away what `put_aside` and `keep_sent` kept, as `remove`."""
        _remove(self._aside(study_uid), self._sent(study_uid))

    def _path(self, study_uid: str) -> Path:
        return self._folder / f"{hashlib.sha256(study_uid.encode()).hexdigest()}.json"

    def _aside(self, study_uid: str) -> Path:
        return self._path(study_uid).with_suffix(".earlier.json")

    def _sent(self, study_uid: str) -> Path:
        return self._path(study_uid).with_suffix(".sent.json")


class Autosave:
    """Keeps the drafts of a session; whoever has a clock calls `flush` soon after a change.

    Parameters
    ----------
    session
        Whose drafts.
    drafts
        Where to.
    """

    def __init__(self, session: Session, drafts: Drafts) -> None:
        self._session, self._drafts = session, drafts
        self._kept: dict[str, Draft] = {}
        self._offered: dict[str, Draft] = {}
        self._seen: set[str] = set()
        self._was_sent: set[str] = set()
        self._told = False

    @property
    def due(self) -> bool:
        """Whether something was said that is not on disk."""
        return any(self._differs(draft) for draft in self._session.drafts)

    @property
    def offered(self) -> Draft | None:
        """What lies there from before of the shown run's study, until somebody has decided."""
        run = self._session.run
        return None if run is None else self._offered.get(run.study_uid)

    @property
    def offers_sent(self) -> bool:
        """Whether all of what is offered was sent, so that nothing is lost without it."""
        run = self._session.run
        return run is not None and run.study_uid in self._was_sent

    def look(self) -> None:
        """See once for each study that is open whether a draft of it was left; then offer it."""
        for draft in self._session.drafts:
            uid = draft.study_instance_uid
            if uid and uid not in self._seen:
                self._seen.add(uid)
                left = self._drafts.found(uid)
                if left is None and (left := self._drafts.found_sent(uid)) is not None:
                    self._was_sent.add(uid)
                if left is not None and left not in (draft, _nothing(uid)):
                    self._offered[uid] = left

    def restore(self) -> None:
        """Take up what is offered, as one step that can be undone."""
        run, left = self._session.run, self.offered
        if run is not None and left is not None:
            del self._offered[run.study_uid]
            self._session.restore(left)
            if self.flush():
                self._drafts.remove_earlier(run.study_uid)

    def discard(self) -> None:
        """Take what is offered away for good."""
        run = self._session.run
        if run is None or self._offered.pop(run.study_uid, None) is None:
            return
        self._drafts.remove_earlier(run.study_uid)
        if run.study_uid not in self._kept:
            self._drafts.remove(run.study_uid)

    def flush(self) -> bool:
        """Bring what was said since to disk; returns whether all of it is there."""
        try:
            for draft in self._session.drafts:
                if self._differs(draft):
                    self._keep(draft)
        except OSError as error:
            if not self._told:
                self._told = True
                self._session.signals.notice.emit(
                    "What you mark is not autosaved: the folder cannot be written "
                    f"({error.strerror or error}). Write the results before you close the window."
                )
            return False
        self._told = False
        return True

    def sent(self, run_uid: str) -> None:
        """Put a study's draft away as sent once the results of all its marked runs were."""
        study = {run.uid: run.study_uid for run in self._session.runs}.get(run_uid)
        if study is None or (study in self._offered and study not in self._was_sent):
            return
        draft = self._session.draft_of(study)
        marked = [one.sop_instance_uid for one in draft.runs if one.annotation != Annotation()]
        if all(self._is_sent(uid, draft) for uid in {run_uid, *marked}):
            with suppress(OSError):  # it stays where it is, and is offered as not sent
                self._drafts.keep_sent(draft)
                self._drafts.remove(study)
            self._kept[study] = draft

    def _is_sent(self, uid: str, draft: Draft) -> bool:
        kept = self._session.outcome_of(uid).kept
        return (
            kept is not None
            and bool(kept.receipts)
            and not kept.failures
            and kept.annotation == draft.annotation(uid)
        )

    def _differs(self, draft: Draft) -> bool:
        uid = draft.study_instance_uid
        return bool(uid) and draft != self._kept.get(uid, _nothing(uid))

    def _keep(self, draft: Draft) -> None:
        uid = draft.study_instance_uid
        if uid in self._offered and uid not in self._kept:
            self._drafts.put_aside(uid)
        self._drafts.keep(draft)
        self._kept[uid] = draft


def _unsigned(draft: Draft) -> Draft:
    return replace(
        draft,
        runs=tuple(
            replace(one, annotation=replace(one.annotation, sign_off=None)) for one in draft.runs
        ),
    )


def _remove(*paths: Path) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _nothing(study_uid: str) -> Draft:
    return Draft(study_instance_uid=study_uid)


def _read(path: Path, study_uid: str) -> Draft | None:
    try:
        draft = parse_draft(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, AnnotationError) as error:
        log.warning("an autosaved draft is left out: %s", error)
        return None
    return draft if draft.study_instance_uid == study_uid else None
