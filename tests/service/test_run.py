"""The service as its processes: whatever is killed, every result is returned, and none twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from received import settings_of

from napari_fluoroinject.endpoints.archive import Archive
from napari_fluoroinject.endpoints.pacs import Pacs
from napari_fluoroinject.endpoints.storage_scp import Station, dataset_sha256
from napari_fluoroinject.service.orders import Orders
from napari_fluoroinject.service.process import is_running
from napari_fluoroinject.service.run import MODULE
from napari_fluoroinject.service.supervised import Supervised
from napari_fluoroinject.spool.audit_check import verify
from napari_fluoroinject.spool.database import Database
from napari_fluoroinject.spool.jobs import Jobs
from napari_fluoroinject.spool.queue import Queue
from napari_fluoroinject.spool.store import Spool
from napari_fluoroinject.workflow import AnalysisRequest, analyze_received

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


class Counting(Archive):
    """An archive that counts what is stored, and answers slowly enough to be hit."""

    def __init__(self, spool: Spool, station: Station) -> None:
        self.stored: Counter[str] = Counter()
        super().__init__(spool, station)

    def _index(self, received) -> None:
        self.stored[received.sop_instance_uid] += 1
        super()._index(received)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    shelf = Spool(tmp_path / "archive", digest=dataset_sha256)
    with shelf, Counting(shelf, Station(ae_title="ARCHIVE")) as one:
        yield one


def twins(loop: Path, folder: Path, count: int) -> list[Path]:
    """The same loop as several, each of its own study."""
    made = []
    for number in range(count):
        dataset = pydicom.dcmread(loop)
        dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID[:50]}.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.StudyInstanceUID = f"{dataset.StudyInstanceUID[:50]}.{number}"
        dataset.SeriesInstanceUID = f"{dataset.SeriesInstanceUID[:50]}.{number}"
        path = folder / f"twin{number}.dcm"
        dataset.save_as(path)
        made.append(path)
    return made


def await_(holds: Callable[[], bool], *, within_s: float, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        check()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes(module: str, root: Path) -> list[int]:
    """Numbers of our processes that run a module, started below this one."""
    del root
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if module.encode() in command and _below(int(folder.name), os.getpid()):
            found.append(int(folder.name))
    return found


def _below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            status = (Path("/proc") / str(pid) / "stat").read_text()
        except OSError:
            return False
        pid = int(status.rpartition(")")[2].split()[1])
    return False


def all_returned(database: Database, count: int) -> bool:
    jobs, queue = Jobs(database).counts(), Queue(database).counts()
    return jobs["done"] == count and queue["committed"] == sum(queue.values()) > 0


def settings_for(archive: Archive, folder: Path) -> Path:
    url = f"pacs://US:{archive.station.ae_title}@127.0.0.1:{archive.port}"
    settings = settings_of(
        f'[endpoints.archive]\nurl = "{url}"\n'
        '[service]\nanalyze = "mbb_lumbar"\nsend_to = "archive"\n',
        folder,
    )
    return settings.path


def expected(loops: list[Path], folder: Path) -> dict[str, str]:
    """Hash of every result by its UID, as the workflow makes them."""
    found = {}
    for loop in loops:
        request = AnalysisRequest(procedure="mbb_lumbar")
        for file in analyze_received((loop,), request, out=folder / "expected").files:
            uid = str(pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID)
            found[uid] = dataset_sha256(file)
    return found


def held(archive: Archive) -> dict[str, str]:
    return {
        str(pydicom.dcmread(one, stop_before_pixels=True).SOPInstanceUID): dataset_sha256(one)
        for one in archive.spool.objects()
    }


@pytest.mark.slow
def test_every_result_is_returned_once_whatever_is_killed(received, analysed, archive, tmp_path):
    loops = twins(analysed.loop, tmp_path, 3)
    wanted = expected(loops, tmp_path)
    for loop in loops:
        received.admit(loop, job=True)
    orders = Orders(root=received.root, config=settings_for(archive, tmp_path))
    rng, kills = random.Random(6), Counter()
    modules = (MODULE, "napari_fluoroinject.confined.worker", "napari_fluoroinject.service.sender")
    with Supervised(MODULE, orders) as service:
        service._wait_s = 0.1
        for _ in range(9):
            pause_s = time.monotonic() + rng.uniform(0.2, 2.0)
            await_(lambda: time.monotonic() > pause_s, within_s=30, check=service.check)  # noqa: B023  # used at once
            name = rng.choice(modules)
            for pid in processes(name, received.root)[:1]:
                os.kill(pid, signal.SIGKILL)
                kills[name] += 1
        await_(
            lambda: all_returned(received.database, len(loops)), within_s=240, check=service.check
        )
    assert sum(kills.values()) >= 5
    assert held(archive) == wanted
    assert len(received.queue.every()) == len(wanted)
    assert verify(received.root / "audit").broken_at is None


@pytest.mark.slow
def test_a_sender_that_is_killed_while_it_sends_makes_nothing_twice(
    received, analysed, archive, tmp_path
):
    received.admit(analysed.loop)
    config = settings_for(archive, tmp_path)
    received.add(analysed.files, source=analysed.uid, to="archive")
    orders = Orders(root=received.root, config=config)
    with Supervised("napari_fluoroinject.service.sender", orders) as sender:
        for count in (1, 4, 7):
            await_(lambda: len(archive.stored) >= count, within_s=60, check=sender.check)  # noqa: B023  # used at once
            if sender.pid is not None:
                os.kill(sender.pid, signal.SIGKILL)
        await_(
            lambda: received.queue.counts()["committed"] == len(analysed.files),
            within_s=120,
            check=sender.check,
        )
    assert len(held(archive)) == len(analysed.files)


def test_a_service_that_is_asked_to_stop_ends_with_its_parts(received, tmp_path, archive):
    orders = Orders(root=received.root, config=settings_for(archive, tmp_path))
    with Supervised(MODULE, orders) as service:
        await_(lambda: is_running(received.root, "sender"), within_s=60, check=service.check)
        service.stop()
        assert not is_running(received.root, "service")
        await_(lambda: not is_running(received.root, "sender"), within_s=20, check=lambda: None)
    assert processes(MODULE, received.root) == []


def test_nothing_outlives_a_service_that_is_killed(received, tmp_path, archive):
    orders = Orders(root=received.root, config=settings_for(archive, tmp_path))
    with Supervised(MODULE, orders) as service:
        await_(lambda: is_running(received.root, "sender"), within_s=60, check=service.check)
        os.kill(service.pid, signal.SIGKILL)
        await_(lambda: not is_running(received.root, "sender"), within_s=20, check=lambda: None)
        await_(lambda: is_running(received.root, "sender"), within_s=60, check=service.check)


@pytest.mark.slow
def test_listen_receives_analyses_and_returns(analysed, archive, tmp_path):
    url = f"pacs://US:{archive.station.ae_title}@127.0.0.1:{archive.port}"
    command = (
        *(sys.executable, "-m", "napari_fluoroinject", "listen", "--port", "0"),
        *("--spool", str(tmp_path / "spool"), "--analyze", "auto", "--return", url),
    )
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as listening:
        told = listening.stderr.readline()
        try:
            port = int(told.split(" as ")[0].rpartition(":")[2])
            c_arm = Pacs(host="127.0.0.1", port=port, called="FLUOROINJECT", calling="CARM")
            c_arm.store([analysed.loop])
            with Database(tmp_path / "spool") as database:
                await_(lambda: all_returned(database, 1), within_s=120, check=lambda: None)
        finally:
            listening.send_signal(signal.SIGTERM)
            listening.communicate(timeout=60)
    assert listening.returncode == 0
    assert len(held(archive)) == len(analysed.files)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--return", "x"), "--analyze"),
        (("--analyze", "auto", "--return", "orthanc"), "'orthanc' is no endpoint"),
        (("--analyze", "no_such"), "expected the key of a procedure"),
        (("--analyze", "auto", "--return", "ftp://x"), "ftp://x"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_received(tmp_path, words, told):
    done = subprocess.run(
        (sys.executable, "-m", "napari_fluoroinject", "listen", "--spool", "sp", *words),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert told in " ".join(done.stderr.replace("│", " ").split())
    assert [one.name for one in tmp_path.iterdir() if one.suffix != ".toml"] == []


@pytest.mark.parametrize(
    ("service", "told"),
    [
        ('analyze = "auto"\nsend_to = "nowhere"', "service.send_to: 'nowhere' is no endpoint"),
        ('analyze = "auto"\nworklist = "wurklist"', "service.worklist: 'wurklist' is no endpoint"),
        ('analyze = "auto"\nworklist = "./worklist"', "expected a PACS"),
        ('send_to = "archive"', "service.send_to without service.analyze"),
    ],
)
def test_settings_that_cannot_be_meant_are_told_before_anything_is_received(
    tmp_path, service, told
):
    settings_of(f'[endpoints.archive]\nurl = "pacs://A:B@h:1"\n[service]\n{service}\n', tmp_path)
    test_what_cannot_be_done_is_told_before_anything_is_received(tmp_path, (), told)
