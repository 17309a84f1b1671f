"""`fluoroinject listen`, as its own process: what it says, keeps and answers."""

from __future__ import annotations

import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from proofs.listening import listening
from proofs.pictures import ROOT_UID, head
from proofs.wires import EXPLICIT, XA, Caller, echo

from napari_fluoroinject.cli.listen import tell_listening
from napari_fluoroinject.settings.network import ServiceSettings
from napari_fluoroinject.spool.audit_check import entries

pytestmark = pytest.mark.network

PIXELS = bytes(2 * 16 * 16)


def push(port: int, uid: str, *, pixels: bytes = PIXELS) -> int:
    with Caller(port) as caller:
        status = caller.associate(XA, EXPLICIT).store(uid, head(uid, frames=1, size=16) + pixels)
        caller.release()
    return status


def rows(spool) -> list[tuple[str, str, str]]:
    connection = sqlite3.connect(spool / "state.sqlite")
    try:
        asked = "SELECT sop_instance_uid, caller, address FROM object ORDER BY number"
        return connection.execute(asked).fetchall()
    finally:
        connection.close()


def run(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "napari_fluoroinject", "listen", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_cleanly(tmp_path, number):
    with listening(tmp_path, "--allow", "CARM", "--ae-title", "THEATRE") as receiver:
        echo(receiver.port, called="THEATRE")
        with Caller(receiver.port, called="THEATRE") as left:
            left.associate()
            receiver.process.send_signal(number)
            assert receiver.process.wait(30) == 0
    (told, stopped) = receiver.log.read_text().splitlines()
    assert f"listening on 127.0.0.1:{receiver.port} as THEATRE; may call: CARM" in told
    assert stopped == "stopped"


def test_it_says_what_follows_and_where_it_is_seen(capsys):
    station = SimpleNamespace(host="127.0.0.1", ae_title="US", tls=None, callers=())
    receiver = SimpleNamespace(station=station, port=1, spool=SimpleNamespace(root="spool"))
    tell_listening(receiver, ServiceSettings(analyze="auto", send_to="archive", status_port=8104))
    told = capsys.readouterr().err
    assert "; analysis: auto; results go to: archive; status: http://127.0.0.1:8104/" in told
    tell_listening(receiver, ServiceSettings())
    assert capsys.readouterr().err.endswith("spool: spool\n")


def test_each_object_has_a_line_only_where_it_is_asked_for(tmp_path):
    for name, options, count in (("quiet", (), 0), ("told", ("--verbose",), 2)):
        with listening(tmp_path / name, *options) as receiver:
            for _ in range(2):
                assert push(receiver.port, f"{ROOT_UID}.1.123456789012") == 0x0000
            receiver.stop()
        told = [one for one in receiver.log.read_text().splitlines() if "was received" in one]
        assert len(told) == count
        assert ROOT_UID not in "".join(told)
    assert "…123456789012 was received from CARM" in told[0]
    assert "was received again from CARM" in told[1]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} INFO", told[0])


def test_what_is_acknowledged_is_on_disk_and_in_the_index(tmp_path):
    with listening(tmp_path) as receiver:
        assert push(receiver.port, f"{ROOT_UID}.1.1") == 0x0000
        assert push(receiver.port, f"{ROOT_UID}.1.1") == 0x0000
        assert push(receiver.port, f"{ROOT_UID}.1.1", pixels=b"\1" * len(PIXELS)) == 0xC111
        receiver.process.kill()
    assert rows(receiver.spool) == [(f"{ROOT_UID}.1.1", "CARM", "127.0.0.1")]
    assert receiver.kept() == 1
    assert "0xC111" in receiver.log.read_text()
    (note,) = (receiver.spool / "quarantine").rglob("*.txt")
    assert "from: CARM at 127.0.0.1" in note.read_text().splitlines()


def test_a_file_without_its_row_is_indexed_at_the_next_start(tmp_path):
    with listening(tmp_path) as receiver:
        assert push(receiver.port, f"{ROOT_UID}.1.1") == 0x0000
        receiver.stop()
    for file in receiver.spool.glob("state.sqlite*"):
        file.unlink()
    with listening(tmp_path) as receiver:
        assert rows(receiver.spool) == [(f"{ROOT_UID}.1.1", "", "")]
        assert push(receiver.port, f"{ROOT_UID}.1.1") == 0x0000


def test_while_the_disk_is_short_of_space_senders_keep_their_copy(tmp_path):
    with listening(tmp_path, lines="[listen]\nreserve_mb = 1000000000\n") as receiver:
        echo(receiver.port)
        assert "are kept in reserve: every object is refused" in receiver.log.read_text()
        assert push(receiver.port, f"{ROOT_UID}.1.1") == 0xA700
        assert not list((receiver.spool / "incoming").iterdir())
        assert "MB free, 1000000000 MB needed" in receiver.log.read_text()
    with listening(tmp_path) as receiver:
        assert push(receiver.port, f"{ROOT_UID}.1.1") == 0x0000


def test_the_spool_is_for_its_owner_alone(tmp_path):
    with listening(tmp_path) as receiver:
        push(receiver.port, f"{ROOT_UID}.1.1")
        for path in [receiver.spool, *receiver.spool.rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "loopback"),
        (("--host", "::"), "loopback"),
        (("--ae-title", "SEVENTEEN_LETTERS"), "AE title"),
        (("--allow", "CARM@nowhere"), "need TLS"),
        (("--port", "70000"), "65535"),
        (("--allow", "BAD@@x"), "such as BAD@192.0.2.7"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(tmp_path, options, said):
    done = run("--spool", str(tmp_path / "spool"), *options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", "").split())
    assert not (tmp_path / "spool").exists()


def test_certificates_that_cannot_be_used_are_wrong_usage(tmp_path):
    config = tmp_path / "fluoroinject.toml"
    config.write_text('[listen.tls]\nca = "a.pem"\ncertificate = "c.pem"\nkey = "k.pem"\n')
    done = run("--spool", str(tmp_path / "spool"), "--config", str(config))
    assert done.returncode == 2
    assert "a.pem" in done.stderr.replace("│", "").replace("\n", "").replace(" ", "")


def test_a_port_or_spool_that_is_taken_fails(tmp_path):
    with listening(tmp_path) as receiver:
        other = run("--spool", str(tmp_path / "other"), "--port", str(receiver.port))
        assert (other.returncode, "expected a free port" in other.stderr) == (1, True)
        same = run("--spool", str(receiver.spool), "--port", "0")
        assert (same.returncode, "another receiver" in same.stderr) == (1, True)
        taken = run("--spool", str(receiver.spool), "--port", str(receiver.port))
        assert (taken.returncode, "another receiver" in taken.stderr) == (1, True)
        # the trail is that of the one that listens
        assert [one.event for one in entries(receiver.spool / "audit")] == ["started"]
    assert not list(entries(tmp_path / "other" / "audit"))


def test_a_flood_does_not_fill_the_log(tmp_path):
    with listening(tmp_path, "--allow", "CARM") as receiver:
        for _ in range(60):
            with (
                Caller(receiver.port, title="MALLORY") as stranger,
                pytest.raises(ConnectionError),
            ):
                stranger.associate()
        receiver.stop()
    lines = receiver.log.read_text().splitlines()
    told = [line for line in lines if "not on the list" in line]
    assert len(told) == 20
    assert all("'MALLORY' at 127.0.0.1, calling 'FLUOROINJECT'" in line for line in told)


@pytest.mark.slow
@pytest.mark.validator
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_hundred_associations_at_once_are_stored_in_little_memory():
    done = subprocess.run(
        [sys.executable, "-m", "tests.proofs.load", "--short"],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stored [100]" in done.stdout


@pytest.mark.parametrize("host", ["192.0.2.99", "no-such-host.invalid"])
def test_an_address_that_is_not_ours_is_told_as_that(tmp_path, host):
    done = run("--spool", str(tmp_path / "spool"), "--host", host, "--allow", "CARM")
    assert done.returncode == 1
    assert "expected an address of this machine" in done.stderr
    assert "free port" not in done.stderr
