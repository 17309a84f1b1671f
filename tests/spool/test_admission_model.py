"""Whatever arrives, twice, cut off, in conflict, with crashes between: a model agrees."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rows import arrival, facts

from napari_fluoroinject.errors import ConflictError, StorageError
from napari_fluoroinject.spool.database import FILE_NAME, Database, set_aside
from napari_fluoroinject.spool.index import Arrival, Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.keep import keep
from napari_fluoroinject.spool.purge import Purge
from napari_fluoroinject.spool.store import Admission, Spool, file_sha256

UIDS = st.sampled_from(["1.1", "1.2", "1.3"])
CONTENTS = st.sampled_from(["loop", "pool", "Loop"])  # the first and the last are the same content
UNDER_WAY = ["link", "folder", "row"]


def read(path: Path) -> Arrival:
    return arrival(
        path.read_text().partition(" ")[0],
        sha256=file_sha256(path),
        size_bytes=path.stat().st_size,
        path=path,
    )


class Receiving(RuleBasedStateMachine):
    """`kept` is what was acknowledged: content by UID; `gone` what was purged."""

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        self.root = Path(self.folder.name) / "s"
        self.kept: dict[str, str] = {}
        self.gone: set[str] = set()
        self.refused: set[tuple[str, str]] = set()
        self.parts = 0
        self.open()

    def open(self) -> None:
        self.database = Database(self.root)
        self.index = Index(self.database)
        self.spool = Spool(
            self.root,
            same=lambda one, other: one.read_text().lower() == other.read_text().lower(),
        )
        Purge(self.database).recover()
        found = self.index.reconcile(self.spool, read=read, job=True)
        assert (found.missing, found.strange) == ((), ())
        for one in found.added:  # its sender was told nothing, and will send it once more
            self.kept.setdefault(one.sop_instance_uid, one.path.read_text().split()[1])
            self.gone.discard(one.sop_instance_uid)
        Jobs(self.database).recover()

    def close(self) -> None:
        self.spool.close()
        self.database.close()

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            self.close()
            self.folder.cleanup()

    def part(self, uid: str, content: str) -> Path:
        self.parts += 1
        path = self.spool.incoming / f"{self.parts}.part"
        path.write_text(f"{uid} {content}")
        return path

    def receive(self, path: Path, uid: str) -> Admission:
        return keep(path, facts(uid), spool=self.spool, index=self.index, job=True)

    def fits(self, uid: str, content: str) -> bool:
        kept = self.kept.get(uid, content)
        return kept == content if uid in self.gone else kept.lower() == content.lower()

    @rule(uid=UIDS, content=CONTENTS)
    def arrives(self, uid: str, content: str) -> None:
        path = self.part(uid, content)
        if self.fits(uid, content):
            admission = self.receive(path, uid)
            assert admission.new == (uid not in self.kept or uid in self.gone)
            self.kept.setdefault(uid, content)
            self.gone.discard(uid)
        else:
            with pytest.raises(ConflictError):
                self.receive(path, uid)
            self.refused.add((uid, content))
        path.unlink()

    @rule(
        uid=UIDS, content=CONTENTS, call=st.sampled_from(["fsync", "link"]), nth=st.integers(0, 4)
    )
    def arrives_on_a_failing_disk(self, uid: str, content: str, call: str, nth: int) -> None:
        path, real, left = self.part(uid, content), getattr(os, call), [nth]

        def fails(*arguments: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*arguments)

        with mock.patch.object(os, call, fails), suppress(StorageError):
            self.receive(path, uid)
            assert self.fits(uid, content)
            self.kept.setdefault(uid, content)
            self.gone.discard(uid)
        self.crash()  # what was linked and not acknowledged is found, or was never there

    @rule(uid=UIDS, content=CONTENTS)
    def is_cut_off(self, uid: str, content: str) -> None:
        self.part(uid, content[:2])  # its owner never comes to remove it
        self.crash()

    @rule(uid=UIDS, content=CONTENTS)
    def crashes_between_link_and_row(self, uid: str, content: str) -> None:
        path = self.part(uid, content)
        with suppress(ConflictError):
            self.spool.admit(path, uid=uid, noted=self.index.sha256_of(uid))
        self.crash()

    @rule()
    def crash(self) -> None:
        refused = len(self.spool.quarantined())
        self.close()
        self.open()
        assert not list(self.spool.incoming.iterdir())
        assert len(self.spool.quarantined()) == refused

    @rule()
    def loses_its_database(self) -> None:
        self.close()
        (self.root / FILE_NAME).write_bytes(b"no database at all" * 500)
        with pytest.raises(StorageError, match="damaged"):
            Database(self.root)
        set_aside(self.root, now_s=0)
        for uid in self.gone:  # only its row remembered them
            del self.kept[uid]
        self.gone.clear()
        self.open()

    @rule(uid=UIDS)
    def is_purged(self, uid: str) -> None:
        purge, jobs = Purge(self.database), Jobs(self.database)
        while (job := jobs.claim(1e12)) is not None:
            jobs.done(job.sop_instance_uid, (), procedure="generic", now_s=0)
        if uid in self.kept and uid not in self.gone:
            with pytest.raises(StorageError):
                purge.remove(uid, now_s=0)  # nobody has said that it is kept elsewhere
            purge.confirmed(uid, now_s=0)
            purge.remove(uid, now_s=0)
            self.gone.add(uid)

    @invariant()
    def what_was_acknowledged_is_there_and_is_what_was_sent(self) -> None:
        if not hasattr(self, "spool"):
            return
        rows = {one.sop_instance_uid: one for one in self.index.every()}
        assert rows.keys() == self.kept.keys()
        for uid, content in self.kept.items():
            sent = f"{uid} {content}"
            assert rows[uid].sha256 == hashlib.sha256(sent.encode()).hexdigest()
            if uid not in self.gone:
                assert self.spool.path_of(uid).read_text() == sent
        here = {self.spool.path_of(uid) for uid in self.kept.keys() - self.gone}
        assert set(self.spool.objects()) == here  # nothing else is visible

    @invariant()
    def what_was_refused_is_in_quarantine(self) -> None:
        if hasattr(self, "spool"):
            held = {path.read_text() for path in self.spool.quarantined()}
            assert {f"{uid} {content}" for uid, content in self.refused} <= held
            assert all(one.conflict for one in self.spool.refusals())


TestReceiving = Receiving.TestCase
TestReceiving.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
