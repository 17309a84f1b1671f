"""docs/certificates.md: its OpenSSL lines make certificates that receiver and caller take."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from proofs.listening import listening

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine"),
]
PAGE = Path("docs/certificates.md").read_text(encoding="utf-8")
AUTHORITY, MACHINE, *_ = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
RECEIVER, CALLER = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with what the page's lines make, for a receiver and a caller on this machine."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "tls").mkdir()
    machine = MACHINE.replace("192.0.2.10", "127.0.0.1")
    for script in (AUTHORITY, machine, machine.replace("fluoroinject", "carm1")):
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", script],
            cwd=folder / "tls",
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def port(made) -> Iterator[int]:
    """A receiver with the settings of the page."""
    lines = RECEIVER.replace("192.0.2.10", "127.0.0.1")
    with listening(made, lines=lines) as receiver:
        yield receiver.port


def echo(folder: Path, settings: str, port: int) -> subprocess.CompletedProcess[str]:
    file = folder / "try.toml"
    file.write_text(settings.replace("11112", str(port)), encoding="utf-8")
    command = [sys.executable, "-m", "napari_fluoroinject", "echo", "receiver"]
    return subprocess.run(
        [*command, "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_keys_are_for_their_owner_alone(made):
    keys = sorted((made / "tls").glob("*.key"))
    assert [one.name for one in keys] == ["ca.key", "carm1.key", "fluoroinject.key"]
    assert {stat.S_IMODE(one.stat().st_mode) for one in keys} == {0o600}


def test_a_listed_caller_is_answered_by_address(made, port):
    done = echo(made, CALLER.replace("192.0.2.10", "127.0.0.1"), port)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("name", "status"), [("fluoroinject.example.org", 0), ("other", 1)])
def test_the_name_that_is_asked_for_must_stand_in_the_certificate(made, port, name, status):
    settings = f'{CALLER.replace("192.0.2.10", "127.0.0.1")}name = "{name}"\n'
    assert echo(made, settings, port).returncode == status


def test_another_certificate_of_the_same_authority_is_turned_away(made, port):
    settings = CALLER.replace("192.0.2.10", "127.0.0.1").replace("tls/carm1", "tls/fluoroinject")
    done = echo(made, settings, port)
    assert done.returncode == 1
    assert "rejected the association" in done.stderr
