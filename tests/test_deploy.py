"""What ships for running the service unattended: settings, unit, container file."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from napari_fluoroinject import procedures
from napari_fluoroinject.decide import check_settings
from napari_fluoroinject.endpoints.allow import parse_callers
from napari_fluoroinject.endpoints.pacs import parse_pacs
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


def unit(name: str = "fluoroinject.service") -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / name)
    return parser


def test_the_unit_starts_again_whatever_happens_and_is_confined():
    service = unit()["Service"]
    assert service["Restart"] == "always"
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0"
    for key, value in {
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


def service_page() -> str:
    return (ROOT / "docs" / "service.md").read_text(encoding="utf-8")


def commands(page: str) -> list[list[str]]:
    """Every command of a page's `sh` blocks, in words."""
    blocks = re.findall(r"(?ms)^```sh\n(.*?)^```", page)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]


def installed() -> dict[str, tuple[int, str]]:
    """What the pages put where: path -> (mode, group)."""
    both = service_page() + (ROOT / "docs" / "certificates.md").read_text(encoding="utf-8")
    found = {}
    for words in commands(both.replace("\\\n", " ")):
        if words[0] != "install":
            continue
        mode = int(words[words.index("-m") + 1], 8)
        group = words[words.index("-g") + 1] if "-g" in words else "root"
        valued = {at + 1 for at, word in enumerate(words) if word in ("-m", "-o", "-g")}
        plain = [w for at, w in enumerate(words) if at and at not in valued and w[0] != "-"]
        if "-d" in words:
            targets = plain
        elif plain[-1].endswith("/"):
            targets = [plain[-1] + Path(one).name for one in plain[:-1]]
        else:
            targets = plain[-1:]
        found |= dict.fromkeys(targets, (mode, group))
    return found


def test_the_user_of_the_unit_is_the_one_that_the_page_makes():
    service = unit()["Service"]
    (made,) = (words for words in commands(service_page()) if words[0] == "useradd")
    assert service["User"] == service["Group"] == made[-1]
    assert "--user-group" in made
    assert made[made.index("--home-dir") + 1] == f"/var/lib/{service['StateDirectory']}"


def test_the_user_of_the_unit_can_read_what_is_installed_and_no_other_can_read_keys():
    group, there = unit()["Service"]["Group"], installed()
    config = shlex.split(unit()["Service"]["ExecStart"])[-1]
    folder = "/etc/fluoroinject/tls"
    for path in (config, f"{folder}/fluoroinject.key"):
        assert there[path] == (0o640, group), path
    for path in (str(Path(config).parent), folder):
        assert there[path] == (0o750, group), path
    named = parse_settings(in_force(), path=Path(config)).listen.tls
    assert named is not None
    for one in (named.ca, named.certificate, named.key):
        mode, owner = there[str(one)]
        assert mode & 0o004 or (owner == group and mode & 0o040), one


def test_the_unit_runs_what_the_page_installs():
    run = shlex.split(unit()["Service"]["ExecStart"])[0]
    assert ["python3", "-m", "venv", str(Path(run).parents[1])] in commands(service_page())
    assert "/etc/systemd/system/fluoroinject.service" in installed()


def test_the_port_drop_in_gives_its_right_where_it_counts():
    drop_in = unit("port-104.conf")["Service"]
    assert drop_in["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"
    assert drop_in["CapabilityBoundingSet"] == "CAP_NET_BIND_SERVICE"
    assert drop_in["PrivateUsers"] == "no"
    assert "/etc/systemd/system/fluoroinject.service.d/port-104.conf" in installed()


@pytest.mark.parametrize("with_port", [False, True])
def test_systemd_finds_no_fault_in_the_unit(tmp_path, with_port):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze (Debian: apt-get install systemd)")
    text = (DEPLOY / "fluoroinject.service").read_text(encoding="utf-8")
    copy = tmp_path / "fluoroinject.service"
    copy.write_text(text.replace("/opt/fluoroinject/bin/fluoroinject", shutil.which("true") or ""))
    if with_port:
        (tmp_path / "fluoroinject.service.d").mkdir()
        shutil.copy(DEPLOY / "port-104.conf", tmp_path / "fluoroinject.service.d")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "fluoroinject" not in done.stderr


def test_the_container_is_told_to_use_the_network_of_the_host():
    """Behind published ports callers have the gateway's address, and no list of them helps."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    (run,) = re.findall(r"(?m)^#.*podman run .*$", text)
    assert "--network host" in run
    assert "--network host" in service_page()


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
