"""The receiver acknowledges what is whole and safe, and refuses the rest with a reason."""

from __future__ import annotations

import errno
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from network_loops import dcmtk, make_loop, pacs_of, write
from proofs.wires import VERIFICATION, XA, Caller, store_request
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000, JPEG2000Lossless
from pynetdicom import AE, _config

from napari_fluoroinject.dicom.scan import scan
from napari_fluoroinject.endpoints import parts, places
from napari_fluoroinject.endpoints.limits import Limits
from napari_fluoroinject.endpoints.pacs import Pacs
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import Station, dataset_sha256
from napari_fluoroinject.errors import EndpointError, RefusedError, UnreachableError
from napari_fluoroinject.spool.store import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.network


def push(receiver: Receiver, dataset: Dataset, *, uid: str | None = None) -> tuple[int, str]:
    """Send an object, `uid` in the command where it is to differ; (status, comment)."""
    ae = AE("CARM")
    ae.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    association = ae.associate("127.0.0.1", receiver.port, ae_title="FLUOROINJECT")
    assert association.is_established
    if uid is not None:
        _announce(association, uid)
    response = association.send_c_store(dataset)
    association.release()
    return response.Status, response.get("ErrorComment", "")


def _announce(association, uid: str) -> None:
    """Let the command name another instance than the data set."""
    send = association.dimse.send_msg

    def altered(primitive, context_id):
        primitive._affected_sop_instance_uid = uid
        send(primitive, context_id)

    association.dimse.send_msg = altered


def push_bytes(receiver: Receiver, tmp_path: Path, content: bytes) -> int:
    """Send a file whose data set is damaged: chunked sending does not parse it."""
    path = tmp_path / "damaged.dcm"
    path.write_bytes(content)
    with pytest.raises(RefusedError) as refused:
        pacs_of(receiver).store([path])
    return int(str(refused.value).split("0x")[1][:4], 16)


def data_set_of(path: Path) -> bytes:
    """The bytes of a file behind its file meta information."""
    return path.read_bytes()[scan(path).start :]


def left_in(receiver: Receiver) -> list[Path]:
    """Everything under the spool that is a file, but for the lock."""
    return [
        path
        for path in receiver.spool.root.rglob("*")
        if path.is_file() and path.name != "receiver.lock"
    ]


def fail_with(number: int):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


def wait_until(condition, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_pushed_loop_is_on_disk_when_it_is_acknowledged(receiver, tmp_path):
    path = write(make_loop(), tmp_path / "loop.dcm")
    (receipt,) = pacs_of(receiver).store([path])
    arrived = receiver.wait(1.0)
    assert arrived is not None
    assert (receipt.sop_instance_uid, receipt.status) == (make_loop().SOPInstanceUID, 0)
    assert (arrived.sop_instance_uid, arrived.caller) == (receipt.sop_instance_uid, "CARM")
    assert dcmread(arrived.path) == dcmread(path)
    assert left_in(receiver) == [arrived.path]


def test_a_loop_that_comes_again_is_acknowledged_but_is_not_new(receiver):
    pacs_of(receiver).store([make_loop()])
    pacs_of(receiver).store([make_loop()])
    assert receiver.wait(1.0) is not None
    assert receiver.wait(0.1) is None


def test_other_bytes_under_the_same_uid_are_refused_with_c111(receiver):
    uid = make_loop().SOPInstanceUID
    assert push(receiver, make_loop(uid))[0] == 0x0000
    status, comment = push(receiver, make_loop(uid, seed=1))
    assert status == 0xC111
    assert "other content" in comment
    (kept,) = receiver.spool.objects()
    assert dcmread(kept) == make_loop(uid)
    assert len(receiver.spool.quarantined()) == 1


def test_a_command_that_names_another_instance_is_refused_with_a900(receiver):
    assert push(receiver, make_loop(), uid="1.2.3.4")[0] == 0xA900
    assert left_in(receiver) == []


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
@pytest.mark.parametrize("uid", ["../../escaped", "/tmp/escaped", "1.2..3", "1.02.3", "A.B"])
def test_no_uid_of_a_peer_becomes_a_path(receiver, tmp_path, uid):
    loop = make_loop()
    loop.SOPInstanceUID = uid
    assert push(receiver, loop, uid=uid)[0] == 0xA900
    assert left_in(receiver) == []
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize("keep", [0.5, 0.999])
def test_a_truncated_data_set_is_refused_with_c000(receiver, tmp_path, keep):
    content = write(make_loop(), tmp_path / "loop.dcm").read_bytes()
    status = push_bytes(receiver, tmp_path, content[: int(len(content) * keep)])
    assert status == 0xC000
    assert left_in(receiver) == []


def test_random_bytes_are_refused_with_c000(receiver, tmp_path):
    content = bytearray(write(make_loop(), tmp_path / "loop.dcm").read_bytes())
    start = 144 + int.from_bytes(content[140:144], "little")
    content[start:] = os.urandom(5000)
    assert push_bytes(receiver, tmp_path, bytes(content)) == 0xC000


def test_a_hundred_thousand_nested_sequences_are_refused_without_recursion(receiver, tmp_path):
    content = bytearray(write(make_loop(), tmp_path / "loop.dcm").read_bytes())
    start = 144 + int.from_bytes(content[140:144], "little")
    level = b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    assert push_bytes(receiver, tmp_path, bytes(content[:start]) + level * 100_000) == 0xC000


def test_pixel_data_shorter_than_declared_go_to_quarantine_with_a900(receiver):
    loop = make_loop()
    loop.Rows += 1
    status, comment = push(receiver, loop)
    assert status == 0xA900
    assert "pixel data" in comment
    assert receiver.spool.objects() == ()
    (kept,) = receiver.spool.quarantined()
    assert "need" in kept.with_suffix(".txt").read_text()


def test_an_abort_in_the_middle_leaves_nothing(receiver, tmp_path):
    path = write(make_loop(size=512, frames=40), tmp_path / "loop.dcm")
    command = [dcmtk("storescu"), "-aet", "CARM", "-aec", "FLUOROINJECT", "--max-send-pdu", "4096"]
    process = subprocess.Popen(
        [*command, "127.0.0.1", str(receiver.port), str(path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: list(receiver.spool.incoming.iterdir()))
    process.kill()
    process.wait()
    wait_until(lambda: not list(receiver.spool.incoming.iterdir()))
    assert left_in(receiver) == []
    pacs_of(receiver).echo()


def test_a_receiver_that_closes_in_the_middle_leaves_nothing(tmp_path):
    loop = make_loop(size=512, frames=60)
    failed: list[Exception] = []

    def send() -> None:
        try:
            pacs_of(receiver).store([path])
        except EndpointError as error:
            failed.append(error)

    path = write(loop, tmp_path / "loop.dcm")
    with Spool(tmp_path / "spool", digest=dataset_sha256) as spool:
        with Receiver(spool) as receiver:
            sender = threading.Thread(target=send)
            sender.start()
            wait_until(lambda: list(spool.incoming.iterdir()))
        sender.join()
        assert not list(spool.incoming.iterdir())
        assert failed or spool.objects()


@pytest.mark.parametrize(
    ("context", "named"), [(VERIFICATION, XA), (XA, "1.2.840.10008.5.1.4.1.1.4")]
)
def test_a_class_that_is_not_its_contexts_is_refused_with_0122(receiver, tmp_path, context, named):
    loop = make_loop()
    loop.SOPClassUID = loop.file_meta.MediaStorageSOPClassUID = named
    path = write(loop, tmp_path / "loop.dcm")
    with Caller(receiver.port) as caller:
        caller.associate(context)
        caller.say(store_request(loop.SOPInstanceUID, sop_class=named), command=True)
        caller.say(data_set_of(path), command=False)
        assert caller.status() == 0x0122
    wait_until(lambda: not left_in(receiver))


def test_a_data_set_does_not_choose_its_transfer_syntax(receiver, tmp_path):
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(data_set_of(write(make_loop(), tmp_path / "a.dcm"))) + packer.flush()
    name = b"1.2.840.10008.1.2.1.99"
    smuggled = struct.pack("<HH2sH", 2, 0x10, b"UI", len(name)) + name + packed
    with Caller(receiver.port) as caller:
        assert caller.associate(XA).store(make_loop().SOPInstanceUID, smuggled) == 0xC000
    wait_until(lambda: not left_in(receiver))


def test_the_same_bytes_in_another_transfer_syntax_are_no_duplicate(receiver, tmp_path):
    loop = make_loop()
    loop.file_meta.TransferSyntaxUID = JPEG2000Lossless
    loop.PixelData = encapsulate([b"\xff\x4f\xff\x51" * 9] * 4)
    loop["PixelData"].is_undefined_length = True
    data_set = data_set_of(write(loop, tmp_path / "loop.dcm"))
    statuses = []
    for syntax in (JPEG2000Lossless, JPEG2000Lossless, JPEG2000):
        with Caller(receiver.port) as caller:
            caller.associate(XA, syntax)
            statuses.append(caller.store(loop.SOPInstanceUID, data_set))
    assert statuses == [0, 0, 0xC111]


def test_a_patient_who_is_named_twice_is_refused(receiver, tmp_path):
    data_set = data_set_of(write(make_loop(), tmp_path / "loop.dcm"))
    second = struct.pack("<HH2sH", 0x10, 0x20, b"LO", 6) + b"SECOND"
    with Caller(receiver.port) as caller:
        assert caller.associate(XA).store(make_loop().SOPInstanceUID, data_set + second) == 0xC000
    wait_until(lambda: not left_in(receiver))


def test_comparisons_hold_up_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "_JUDGED_AT_ONCE", 1)
    asked, go, told = [], threading.Event(), []

    def same(*paths):
        asked.append(paths)
        return not go.wait(30)

    def again(seed):
        told.append(push(receiver, make_loop("1.2.3", seed=seed))[0])

    with (
        Spool(tmp_path / "s", digest=dataset_sha256, same=same) as spool,
        Receiver(spool) as receiver,
    ):
        assert push(receiver, make_loop("1.2.3"))[0] == 0
        others = [threading.Thread(target=again, args=(seed,)) for seed in (1, 2, 3, 4)]
        for one in others:
            one.start()
        try:
            wait_until(lambda: asked and told, 20)  # one too many to wait
            assert told == [0xA700]
            assert push(receiver, make_loop("1.2.4"))[0] == 0
        finally:
            go.set()
            for one in others:
                one.join()
    assert told == [0xA700, 0xC111, 0xC111, 0xC111]


def test_parts_together_leave_the_reserve(tmp_path, monkeypatch):
    def disk_usage(folder):
        written = sum(path.stat().st_size for path in folder.iterdir())
        frees.append((40 << 20) - written)
        return SimpleNamespace(free=frees[-1])

    frees = []
    monkeypatch.setattr(parts, "shutil", SimpleNamespace(disk_usage=disk_usage))
    ledger = parts.Ledger(10 << 20)
    arriving = [parts.Part(tmp_path, Limits(), ledger) for _ in range(12)]
    for _ in range(50):
        for one in arriving:
            one.write(bytes(100_000))
    assert {one.failure is None for one in arriving} == {True, False}
    assert min(frees) >= 10 << 20
    for one in arriving:
        one.discard()
        one.discard()
    last = parts.Part(tmp_path, Limits(), ledger)
    last.write(bytes(100_000))
    assert last.failure is None
    last.discard()


def test_what_a_peer_gives_for_a_uid_is_told_to_nobody(tmp_path, caplog):
    told = []
    data_set = data_set_of(write(make_loop(), tmp_path / "loop.dcm"))
    with (
        Spool(tmp_path / "s") as spool,
        Receiver(spool, refused=told.append) as receiver,
        Caller(receiver.port) as caller,
    ):
        assert caller.associate(XA).store("DOE^JOHN^CANARY", data_set) == 0xA900
    assert [one.sop_instance_uid for one in told] == ["not a UID"]
    assert "CANARY" not in caplog.text


def test_a_full_disk_is_refused_with_a700(receiver, monkeypatch):
    monkeypatch.setattr(receiver.spool, "_reserve_bytes", 1 << 62)
    assert push(receiver, make_loop())[0] == 0xA700
    assert left_in(receiver) == []
    monkeypatch.undo()
    assert push(receiver, make_loop())[0] == 0x0000


def test_an_object_without_end_is_answered_with_a700(tmp_path):
    with (
        Spool(tmp_path / "s") as spool,
        Receiver(spool, limits=Limits(longest_object_bytes=10_000)) as receiver,
    ):
        assert push(receiver, make_loop())[0] == 0xA700
        assert left_in(receiver) == []


def test_a_write_error_in_the_middle_is_answered_with_a700(receiver, monkeypatch):
    monkeypatch.setattr("tempfile.mkstemp", fail_with(errno.EMFILE))
    assert push(receiver, make_loop())[0] == 0xA700
    monkeypatch.undo()
    assert push(receiver, make_loop())[0] == 0x0000


def test_a_fault_of_ours_is_answered_and_leaves_nothing(receiver, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("broken")

    monkeypatch.setattr(receiver.spool, "admit", fail)
    assert push(receiver, make_loop())[0] == 0xC001
    assert left_in(receiver) == []


def test_another_called_title_is_rejected(receiver):
    with pytest.raises(RefusedError, match="Called"):
        pacs_of(receiver, called="ANYONE").echo()


def test_callers_that_are_not_listed_are_rejected(tmp_path):
    station = Station(ae_title="FLUOROINJECT", callers=("CARM",))
    with Spool(tmp_path / "s") as spool, Receiver(spool, station) as receiver:
        pacs_of(receiver).echo()
        with pytest.raises(RefusedError, match="Calling"):
            pacs_of(receiver, calling="STRANGER").echo()


def test_an_open_address_needs_a_list_of_callers():
    with pytest.raises(EndpointError, match="loopback"):
        Station(ae_title="FLUOROINJECT", host="0.0.0.0")
    assert Station(ae_title="FLUOROINJECT", host="localhost").callers == ()


def test_a_port_that_is_taken_is_named(receiver, tmp_path):
    station = Station(ae_title="OTHER", port=receiver.port)
    with (
        Spool(tmp_path / "s") as spool,
        pytest.raises(EndpointError, match=f"127.0.0.1:{receiver.port}"),
    ):
        Receiver(spool, station).start()


def test_a_receiver_that_was_not_started_has_no_port(tmp_path):
    with Spool(tmp_path / "s") as spool, pytest.raises(EndpointError, match="does not listen"):
        _ = Receiver(spool).port


def test_a_closed_receiver_answers_nobody(tmp_path):
    with Spool(tmp_path / "s") as spool:
        with Receiver(spool) as receiver:
            pacs = pacs_of(receiver)
            pacs.echo()
        with pytest.raises(UnreachableError):
            pacs.echo()


def test_half_a_pdu_is_closed_and_others_are_served_meanwhile(receiver):
    silent = [socket.create_connection(("127.0.0.1", receiver.port)) for _ in range(20)]
    for peer in silent:
        peer.sendall(b"\x01\0\0\0")
    pacs_of(receiver).echo()
    for peer in silent:
        peer.settimeout(10.0)
        assert peer.recv(100) == b"\x07\0\0\0\0\x04\0\0\2\0"
        peer.close()


def test_a_pdu_of_a_gibibyte_is_refused_by_its_header(receiver):
    with socket.create_connection(("127.0.0.1", receiver.port)) as peer:
        peer.settimeout(3.0)
        peer.sendall(struct.pack(">BBI", 1, 0, 1 << 30))
        assert peer.recv(100) == b"\x07\0\0\0\0\x04\0\0\2\6"
    pacs_of(receiver).echo()


def test_many_associations_at_once_are_all_served(receiver):
    loops = [make_loop(seed=seed) for seed in range(24)]
    threads = [threading.Thread(target=pacs_of(receiver).store, args=([loop],)) for loop in loops]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receiver.spool.objects()) == len(loops)


SERVE = """
import resource, sys
from pathlib import Path
from napari_fluoroinject.endpoints.receive import Receiver
from napari_fluoroinject.endpoints.storage_scp import dataset_sha256
from napari_fluoroinject.spool.store import Spool
with Spool(Path(sys.argv[1]), digest=dataset_sha256) as spool, Receiver(spool) as receiver:
    print(receiver.port, flush=True)
    for _ in sys.stdin:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
"""


@contextmanager
def receiver_process(spool: Path) -> Iterator[tuple[subprocess.Popen[str], Pacs]]:
    command = [sys.executable, "-c", SERVE, str(spool)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield process, Pacs(host="127.0.0.1", port=port, called="FLUOROINJECT")
        process.kill()


def test_what_was_acknowledged_before_a_kill_is_whole_after_it(tmp_path):
    acknowledged = set()

    def push_until_refused(pacs: Pacs, first: int) -> None:
        with suppress(EndpointError):
            for seed in range(first, first + 10_000):
                receipts = pacs.store([make_loop(seed=seed)])
                acknowledged.update(receipt.sop_instance_uid for receipt in receipts)

    for run in range(2):
        with receiver_process(tmp_path / "spool") as (process, pacs):
            senders = [
                threading.Thread(target=push_until_refused, args=(pacs, 100_000 * run + start))
                for start in (0, 20_000)
            ]
            for sender in senders:
                sender.start()
            wait_until(lambda count=5 * run + 5: len(acknowledged) >= count, 20.0)
            process.kill()
            for sender in senders:
                sender.join()
    with Spool(tmp_path / "spool") as spool:
        kept = [scan(path) for path in spool.objects()]
        assert acknowledged <= {structure.sop_instance_uid for structure in kept}
        assert not any(structure.fault for structure in kept)
        assert not list(spool.incoming.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_a_long_loop_never_stands_in_memory(tmp_path):
    path = write(make_loop(size=1024, frames=64), tmp_path / "long.dcm")
    with receiver_process(tmp_path / "spool") as (process, pacs):
        assert process.stdin is not None
        assert process.stdout is not None

        def peak_mib() -> float:
            print("?", file=process.stdin, flush=True)
            return int(process.stdout.readline()) / 1024

        pacs.store([make_loop()])
        before = peak_mib()
        pacs.store([path])
        assert path.stat().st_size > 128 << 20
        assert peak_mib() - before < 64


def test_identifiers_of_patients_are_never_logged(receiver, caplog):
    caplog.set_level(0)
    pacs_of(receiver).store([make_loop()])
    push(receiver, make_loop(make_loop().SOPInstanceUID, seed=1))
    assert not _config.LOG_REQUEST_IDENTIFIERS
    assert not _config.LOG_RESPONSE_IDENTIFIERS
    assert "Phantom" not in caplog.text
    assert "SYNTH-1" not in caplog.text


@pytest.mark.validator
def test_dcmtk_echoes_and_stores(receiver, tmp_path):
    path = write(make_loop(), tmp_path / "loop.dcm")
    peer = ["-aet", "CARM", "-aec", "FLUOROINJECT", "127.0.0.1", str(receiver.port)]
    subprocess.run([dcmtk("echoscu"), *peer], check=True, timeout=20)
    subprocess.run([dcmtk("storescu"), *peer, str(path)], check=True, timeout=20)
    arrived = receiver.wait(1.0)
    assert arrived is not None
    assert dcmread(arrived.path) == make_loop()


@pytest.mark.validator
def test_dcmtk_sees_the_refusal_of_a_truncated_loop(receiver, tmp_path):
    loop = make_loop()
    loop.Rows += 1
    path = write(loop, tmp_path / "loop.dcm")
    peer = ["-aet", "CARM", "-aec", "FLUOROINJECT", "127.0.0.1", str(receiver.port)]
    done = subprocess.run(
        [dcmtk("storescu"), "-v", *peer, str(path)],
        capture_output=True,
        check=False,
        text=True,
        timeout=20,
    )
    assert "DataSetDoesNotMatchSOPClass" in done.stdout + done.stderr
    assert receiver.spool.objects() == ()
