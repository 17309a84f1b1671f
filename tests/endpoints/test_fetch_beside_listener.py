"""What is fetched while `listen` runs comes whole, as a copy, and is not analysed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from network_loops import STUDY, make_loop, pacs_of, write
from others import archive
from peers import CALLING, orthanc
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt

from napari_fluoroinject.endpoints.base import Query
from napari_fluoroinject.endpoints.dimse import CINE_CLASSES, RESULT_CLASSES
from napari_fluoroinject.endpoints.move import Inbound
from napari_fluoroinject.endpoints.pacs import parse_pacs
from napari_fluoroinject.endpoints.receive import Receiver, receiving
from napari_fluoroinject.endpoints.storage_scp import Station
from napari_fluoroinject.settings.network import ListenSettings
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.index import Index
from napari_fluoroinject.spool.jobs import Jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.network,
    pytest.mark.filterwarnings("ignore:Invalid value for VR UI"),
]
IN_STUDY = Query(level="IMAGE", keys={"StudyInstanceUID": STUDY})


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Receiver]:
    """A receiver whose objects are analysed: nobody works on them here."""
    settings = ListenSettings(spool=tmp_path / "spool", reserve_mb=0)
    with receiving(settings, Station(ae_title="LISTENER"), job=True) as receiver:
        yield receiver


@pytest.fixture
def database(listening: Receiver) -> Iterator[Database]:
    with Database(listening.spool.root) as opened:
        yield opened


def of_class(uid: str, number: int) -> Dataset:
    """The least object of a class that holds no images."""
    made = make_loop(seed=number, frames=1, size=8)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = uid
    for keyword in ("Rows", "Columns", "NumberOfFrames", "PixelData"):
        del made[keyword]
    return made


def inbound(listening: Receiver) -> Inbound:
    return Inbound(port=listening.port, ae_title=listening.ae_title, spool=listening.spool.root)


def send(listening: Receiver, *objects: Dataset, originator: str | None = None) -> None:
    """Store objects as an archive that was asked to by `originator`."""
    ae = AE("PEER")
    for sop_class in {one.SOPClassUID for one in objects}:
        ae.add_requested_context(sop_class, ExplicitVRLittleEndian)
    association = ae.associate("127.0.0.1", listening.port, ae_title=listening.ae_title)
    assert association.is_established
    for one in objects:
        told = {} if originator is None else {"originator_aet": originator, "originator_id": 7}
        assert association.send_c_store(one, **told).Status == 0x0000
    association.release()


@pytest.mark.validator
def test_every_class_is_fetched_and_none_becomes_a_job(listening, database, tmp_path):
    loops = [make_loop(seed=1), make_loop(seed=2)]
    others = [of_class(uid, 10 + number) for number, uid in enumerate(RESULT_CLASSES)]
    with orthanc(tmp_path / "orthanc") as peer:
        peer.introduce("LISTENER", listening.port)
        pacs = replace(parse_pacs(peer.url), retrieve_by="move", inbound=inbound(listening))
        sent = [*loops, *others]
        pacs.store([write(one, tmp_path / f"{n}.dcm") for n, one in enumerate(sent)])
        came = {path.stem for path in pacs.retrieve(IN_STUDY, tmp_path / "out")}
    assert came == {one.SOPInstanceUID for one in sent}
    assert len(list(Index(database).every())) == len(sent)
    assert Jobs(database).every() == ()


def moving(listening: Receiver, *objects: Dataset):
    def move(_):
        yield "127.0.0.1", listening.port
        yield len(objects)
        send(listening, *objects, originator=CALLING)
        yield 0x0000, None

    return evt.EVT_C_MOVE, move


def fetched(listening: Receiver, loop: Dataset, out: Path) -> Path:
    with archive(
        [loop], moving(listening, loop), retrieve_by="move", inbound=inbound(listening)
    ) as pacs:
        (path,) = replace(pacs, calling=CALLING).retrieve(IN_STUDY, out)
    return path


def test_a_fetched_file_is_a_copy_that_may_be_edited(listening, tmp_path):
    loop = make_loop()
    path = fetched(listening, loop, tmp_path / "out")
    (kept,) = listening.spool.objects()
    assert path.stat().st_ino != kept.stat().st_ino
    assert (path.stat().st_nlink, kept.stat().st_nlink) == (1, 1)
    with path.open("r+b") as file:
        file.seek(-100, 2)
        file.write(bytes(100))
    assert dcmread(kept) == loop


def test_what_was_fetched_gets_its_job_when_it_is_pushed(listening, database, tmp_path):
    loop = make_loop()
    fetched(listening, loop, tmp_path / "out")
    assert Jobs(database).every() == ()
    pacs_of(listening).store([loop])
    pacs_of(listening).store([loop])
    (job,) = Jobs(database).every()
    assert (job.sop_instance_uid, job.state) == (loop.SOPInstanceUID, "waiting")


def test_what_was_pushed_keeps_its_job_when_it_is_fetched(listening, database, tmp_path):
    loop = make_loop()
    pacs_of(listening).store([loop])
    fetched(listening, loop, tmp_path / "out")
    assert [job.state for job in Jobs(database).every()] == ["waiting"]


def test_what_somebody_else_lets_an_archive_send_here_is_analysed(listening, database):
    send(listening, make_loop(), originator="WORKSTATION")
    assert [job.state for job in Jobs(database).every()] == ["waiting"]


def test_a_listener_takes_every_class_that_a_fetch_asks_for(listening):
    assert set(listening.offered) >= {*CINE_CLASSES, *RESULT_CLASSES}
