"""What ships for running the service unattended: settings, unit, container file."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.endpoints.allow import parse_callers
from napari_fluoroinject.endpoints.pacs import parse_pacs
from napari_fluoroinject.service.decide import check_settings
from napari_fluoroinject.settings import Defaults, load_settings, parse_settings
from napari_fluoroinject.settings.network import Endpoint, ListenSettings, ServiceSettings, Tls

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
EXAMPLE = DEPLOY / "fluoroinject.toml"


def in_force() -> str:
    """The example with every setting in force."""
    return re.sub(r'(?m)^#(?=["a-z\[])', "", EXAMPLE.read_text(encoding="utf-8"))


def keys_of(kind: type[Any]) -> set[str]:
    return {one.name for one in fields(kind)}


def test_the_example_loads_as_it_stands_and_names_what_there_is():
    settings = load_settings(EXAMPLE)
    assert settings.service.send_to in settings.endpoints
    assert parse_callers(settings.listen.allow, tls=False)
    for endpoint in settings.endpoints.values():
        assert parse_pacs(endpoint.url).called
    check_settings(settings.service, site=None)


def test_the_example_loads_with_every_setting_in_force():
    settings = parse_settings(in_force(), path=EXAMPLE)
    assert settings.service.worklist in settings.endpoints
    assert settings.listen.tls is not None
    assert settings.service.audit_tls is not None
    assert set(settings.dose) <= set(procedures.all_keys())
    check_settings(settings.service, site=None)


def test_every_key_of_the_settings_is_in_the_example():
    told = tomllib.loads(in_force())
    assert set(told["listen"]) == keys_of(ListenSettings)
    assert set(told["service"]) == keys_of(ServiceSettings)
    assert set(told["defaults"]) == keys_of(Defaults)
    named = set().union(*(one.keys() for one in told["endpoints"].values()))
    assert named == keys_of(Endpoint)
    assert told["service"]["audit_tls"].keys() == keys_of(Tls)
    assert set().union(*(one.keys() for one in told["dose"].values())) == {
        "kap_p75_gycm2",
        "time_p75_s",
        "kerma_p75_mgy",
    }


@pytest.mark.parametrize("kind", [ListenSettings, ServiceSettings])
def test_what_is_not_in_force_shows_the_default(kind):
    """Taking a `#` away alone changes nothing, but where there is no default to show."""
    table = "listen" if kind is ListenSettings else "service"
    lines = EXAMPLE.read_text(encoding="utf-8")
    section = lines.split(f"[{table}]", 1)[1].split("\n[", 1)[0].split("\n#[", 1)[0]
    shown = tomllib.loads("\n".join(re.findall(r"(?m)^#([a-z_]+ = .*)$", section)))
    assert shown
    for one in fields(kind):
        default = one.default
        if one.name in shown and default not in (MISSING, None):
            assert shown[one.name] == default, one.name


def test_the_example_says_the_default_of_what_it_sets_otherwise():
    settings, text = load_settings(EXAMPLE).listen, EXAMPLE.read_text(encoding="utf-8")
    for name in ("host", "allow", "spool", "reserve_mb"):
        assert getattr(settings, name) != getattr(ListenSettings(), name)
        line = next(one for one in text.splitlines() if one.startswith(f"{name} = "))
        assert "default" in line


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "fluoroinject.service")
    return parser


def test_the_unit_starts_again_whatever_happens_and_is_confined():
    service = unit()["Service"]
    assert service["Restart"] == "always"
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"
    for key, value in {
        "DynamicUser": "yes",
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "StateDirectory": "fluoroinject",
        "StateDirectoryMode": "0700",
        "UMask": "0077",
        "LimitCORE": "0",
        "CapabilityBoundingSet": "",
    }.items():
        assert service[key] == value
    assert load_settings(EXAMPLE).listen.spool == Path("/var/lib/fluoroinject")


def test_systemd_finds_no_fault_in_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze (Debian: apt-get install systemd)")
    text = (DEPLOY / "fluoroinject.service").read_text(encoding="utf-8")
    copy = tmp_path / "fluoroinject.service"
    copy.write_text(text.replace("/opt/fluoroinject/bin/fluoroinject", shutil.which("true") or ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "fluoroinject" not in done.stderr


def test_the_container_runs_as_nobody_in_particular_and_tells_its_health():
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert re.search(r"(?m)^USER (\d+):(\d+)$", text)
    assert "HEALTHCHECK" in text
    port = load_settings(EXAMPLE).service.status_port
    assert f"http://127.0.0.1:{port}/healthz" in text
    assert f"EXPOSE {load_settings(EXAMPLE).listen.port}" in text
    command = re.search(r"(?s)HEALTHCHECK.*?CMD \[(.*?)\]\n", text)
    assert command
    code = re.findall(r'"([^"]*)"', command[1])[2]
    compile(code, "healthcheck", "exec")


def test_the_guide_of_the_service_names_every_alarm_and_what_to_do():
    from napari_fluoroinject.service.metrics import ALARMS

    text = (ROOT / "docs" / "service.md").read_text(encoding="utf-8")
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("|")]
    first = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    assert set(ALARMS) - first == set()
