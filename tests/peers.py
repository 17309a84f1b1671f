"""Archives of others on loopback, for tests: Orthanc and DCMTK's dcmqrscp.

Nothing is looked up at a fixed port or path: each peer has its own folder and free ports.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from napari_fluoroinject.settings.network import Tls

CALLING = "FLUOROINJECT"
"""The AE title that the peers know us by."""
PLUGINS = Path("/usr/share/orthanc/plugins")
_START_S = 30.0
_STOP_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A running archive: where it listens for DICOM and HTTP, and what it printed so far.

    `http` is None where the peer has no HTTP server.
    """

    ae_title: str
    port: int
    http: str | None
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """As an endpoint over DIMSE."""
        return f"pacs://{CALLING}:{self.ae_title}@127.0.0.1:{self.port}"

    @property
    def dicomweb(self) -> str:
        """As an endpoint over DICOMweb, in plain HTTP."""
        return f"dicomweb+{self.http}/dicom-web"

    @property
    def log(self) -> str:
        """What the peer printed."""
        return (self.folder / "log.txt").read_text(errors="replace")

    def rest(self, path: str, *, method: str = "GET", body: Any = None) -> Any:
        """Ask Orthanc's own interface."""
        request = urllib.request.Request(f"{self.http}{path}", method=method)
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def introduce(self, ae_title: str, port: int, *, tls: bool = False) -> None:
        """Tell Orthanc where an application entity listens: for C-MOVE and commitment reports."""
        known = {"AET": ae_title, "Host": "127.0.0.1", "Port": port, "UseDicomTls": tls}
        self.rest(f"/modalities/{ae_title.lower()}", method="PUT", body=known)

    def forget_everything(self) -> None:
        """Remove every object that Orthanc holds."""
        for patient in self.rest("/patients"):
            self.rest(f"/patients/{patient}", method="DELETE")


@contextmanager
def orthanc(
    folder: Path,
    *,
    dicomweb: bool = False,
    worklists: Path | None = None,
    tls: Tls | None = None,
    more: Mapping[str, Any] | None = None,
) -> Iterator[Peer]:
    """Run Orthanc: everything stored in `folder`, commitment on, everyone on loopback known.

    Parameters
    ----------
    folder
        Made if absent.
    dicomweb
        Load the DICOMweb plugin, at `/dicom-web`.
    worklists
        Load the worklist plugin: `*.wl` files of this folder are the items.
    tls
        DICOM over TLS with client certificates required, in place of plain DICOM.
    more
        Further settings, which go before these.
    """
    program = _program("Orthanc")
    dicom_port, http_port = free_ports(2)
    plugins = [str(PLUGINS / "libOrthancDicomWeb.so")] if dicomweb else []
    plugins += [str(PLUGINS / "libModalityWorklists.so")] if worklists else []
    for plugin in plugins:
        if not Path(plugin).exists():
            pytest.skip(f"{plugin} is not installed")
    settings = _ORTHANC | {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": http_port,
        "DicomPort": dicom_port,
        "Plugins": plugins,
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "Worklists": {"Enable": worklists is not None, "Database": str(worklists or folder)},
        **_orthanc_tls(tls),
        **(more or {}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "orthanc.json").write_text(json.dumps(settings))
    command = [program, str(folder / "orthanc.json")]
    http = f"http://127.0.0.1:{http_port}"
    with _running(command, folder) as process:
        peer = Peer(ae_title="ORTHANC", port=dicom_port, http=http, folder=folder, process=process)
        _wait(lambda: peer.rest("/system"), process, folder)
        _wait(lambda: _knock(dicom_port), process, folder)
        yield peer


@contextmanager
def dcmqrscp(folder: Path, *, move_to: Mapping[str, int] | None = None) -> Iterator[Peer]:
    """Run DCMTK's archive, bit preserving; it knows the AE titles `move_to` at their ports."""
    program = _program("dcmqrscp")
    (port,) = free_ports(1)
    storage = folder / "storage"
    storage.mkdir(parents=True, exist_ok=True)
    hosts = {CALLING: port} | dict(move_to or {})
    table = [f"host{n} = ({ae}, 127.0.0.1, {at})" for n, (ae, at) in enumerate(hosts.items())]
    (folder / "dcmqrscp.cfg").write_text(
        _DCMQRSCP.format(port=port, hosts="\n".join(table), storage=storage)
    )
    command = [program, "-c", str(folder / "dcmqrscp.cfg"), "+B", "-v"]
    with _running(command, folder) as process:
        _wait(lambda: _knock(port), process, folder)
        yield Peer(ae_title="DCMQRSCP", port=port, http=None, folder=folder, process=process)


@contextmanager
def wlmscpfs(folder: Path, items: Mapping[str, str]) -> Iterator[Peer]:
    """Run DCMTK's worklist; `items` are dumps as dump2dcm reads them, by name."""
    program, dump = _program("wlmscpfs"), _program("dump2dcm")
    (port,) = free_ports(1)
    lists = folder / "WORKLIST"
    lists.mkdir(parents=True, exist_ok=True)
    (lists / "lockfile").touch()
    for name, text in items.items():
        (folder / f"{name}.dump").write_text(text)
        made = [dump, str(folder / f"{name}.dump"), str(lists / f"{name}.wl")]
        subprocess.run(made, check=True, capture_output=True)
    command = [program, "-v", "-dfp", str(folder), str(port)]
    with _running(command, folder) as process:
        _wait(lambda: _knock(port), process, folder)
        yield Peer(ae_title="WORKLIST", port=port, http=None, folder=folder, process=process)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, for programs that cannot choose one themselves."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def _running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(ready: Any, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            ready()
            return
        except (OSError, urllib.error.URLError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                told = (folder / "log.txt").read_text(errors="replace")[-2000:]
                raise AssertionError(f"the peer did not start: {told}") from error
            time.sleep(0.05)


def _knock(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=2.0).close()


def _program(name: str) -> str:
    """Path of a program; pynetdicom installs Python programs with the names of DCMTK's."""
    places = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/opt/homebrew/bin"
    path = shutil.which(name, path=places)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def _orthanc_tls(tls: Tls | None) -> dict[str, Any]:
    if tls is None:
        return {}
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(tls.certificate),
        "DicomTlsPrivateKey": str(tls.key),
        "DicomTlsTrustedCertificates": str(tls.ca),
        "DicomTlsRemoteCertificateRequired": True,
    }


_ORTHANC: dict[str, Any] = {
    "Name": "ORTHANC",
    "DicomAet": "ORTHANC",
    "DicomCheckCalledAet": True,
    "DicomAlwaysAllowEcho": True,
    "DicomAlwaysAllowStore": True,
    "DicomAlwaysAllowFind": True,
    "DicomAlwaysAllowGet": True,
    "DicomAlwaysAllowMove": True,
    "DicomAlwaysAllowFindWorklist": True,
    "DicomCheckModalityHost": False,
    "UnknownSopClassAccepted": True,
    "OverwriteInstances": True,
    "RemoteAccessAllowed": False,
    "AuthenticationEnabled": False,
    "HttpServerEnabled": True,
    "DicomServerEnabled": True,
    "DicomModalities": {},
    "StableAge": 1,
    "ConcurrentJobs": 2,
    "LimitFindResults": 0,
    "LimitFindInstances": 0,
}

_DCMQRSCP = """
NetworkTCPPort  = {port}
MaxPDUSize      = 131072
MaxAssociations = 16
HostTable BEGIN
{hosts}
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
DCMQRSCP {storage} RW (500, 4gb) ANY
AETable END
"""
