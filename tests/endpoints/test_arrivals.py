"""A lost database is built anew from the objects themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from network_loops import SERIES, STUDY, make_loop, write

from napari_fluoroinject.dicom.same_content import same_content
from napari_fluoroinject.endpoints.arrivals import found_arrival
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.errors import ConflictError, UnreadableObjectError
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from pathlib import Path


def test_a_kept_object_tells_all_of_its_row_but_its_sender(tmp_path: Path) -> None:
    loop = make_loop("1.2.3")
    path = write(loop, tmp_path / "loop.dcm")
    found = found_arrival(path)
    assert (found.sop_instance_uid, found.sop_class_uid) == ("1.2.3", loop.SOPClassUID)
    assert (found.study_instance_uid, found.series_instance_uid) == (STUDY, SERIES)
    assert found.sha256 == dataset_sha256(path)
    assert found.size_bytes == path.stat().st_size
    assert (found.caller, found.address, found.path) == ("", "", path)
    assert found.received_s == path.stat().st_mtime


def test_what_names_no_series_or_is_cut_off_has_no_row(tmp_path: Path) -> None:
    loop = make_loop("1.2.3")
    path = write(loop, tmp_path / "loop.dcm")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UnreadableObjectError):
        found_arrival(path)
    del loop.SeriesInstanceUID
    with pytest.raises(UnreadableObjectError, match="SeriesInstanceUID"):
        found_arrival(write(loop, tmp_path / "other.dcm"))


def test_objects_that_a_lost_database_left_are_indexed_and_analysed_anew(tmp_path: Path) -> None:
    with Database(tmp_path) as database, Spool(tmp_path, digest=dataset_sha256) as spool:
        for seed in range(3):
            part = write(make_loop(f"1.2.{seed}", seed=seed), spool.incoming / f"{seed}.part")
            spool.admit(part, uid=f"1.2.{seed}")
        broken = spool.path_of("1.2.2")
        broken.write_bytes(broken.read_bytes()[:200])
        found = Index(database).reconcile(spool, read=found_arrival, job=True)
        assert [one.sop_instance_uid for one in Index(database).every()] == sorted(
            ("1.2.0", "1.2.1"), key=lambda uid: str(spool.path_of(uid))
        )
        assert len(found.added) == 2
        assert found.strange == (broken.resolve(),)
        assert Jobs(database).counts()["waiting"] == 2


def test_a_loop_sent_again_in_another_transfer_syntax_is_received_once(tmp_path: Path) -> None:
    with Spool(tmp_path, digest=dataset_sha256, same=same_content) as spool:
        loop = make_loop("1.2.3")
        first = spool.admit(write(loop, spool.incoming / "a.part"), uid="1.2.3")
        loop.compress("1.2.840.10008.1.2.5", generate_instance_uid=False)  # RLE
        again = spool.admit(write(loop, spool.incoming / "b.part"), uid="1.2.3")
        assert (again.new, again.sha256) == (False, first.sha256)
        other = make_loop("1.2.3", seed=1)
        with pytest.raises(ConflictError):
            spool.admit(write(other, spool.incoming / "c.part"), uid="1.2.3")
        assert [one.conflict for one in spool.refusals()] == [True]
