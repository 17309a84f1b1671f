"""`fluoroinject doctor`: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_fluoroinject.cli.finding import Check, installed
from napari_fluoroinject.cli.readable import line, section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BASE = (
    *("numpy", "scipy", "numba", "pydicom", "highdicom", "pynetdicom", "imagecodecs"),
    *("matplotlib", "pydantic", "jsonschema", "typer", "rich"),
)
_CUPY = ("cupy-cuda12x", "cupy-cuda13x", "cupy")
_NVIMGCODEC = ("nvidia-nvimgcodec-cu12", "nvidia-nvimgcodec-cu13")
_OF_EXTRAS = {"live": ("av",), "batch": ("dask", "distributed", "pyarrow", "bokeh")}
_TOOLS = {
    "dcmdump": "dcmtk (shows DICOM files)",
    "dsrdump": "dcmtk (shows structured reports)",
    "dciodvfy": "dicom3tools (validates DICOM objects)",
}
_OLDEST_PYTHON = (3, 11)
_NEEDED_BYTES = 1 << 30
_DICOM_PORT = 11112


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Say what is installed, what is missing and what to do about it."""
    checks = examine()
    works = all(check.works for check in checks if check.core)
    if as_json:
        document = {"works": works, "checks": [asdict(check) for check in checks]}
        typer.echo(json.dumps(document, indent=1))
    else:
        typer.echo(_page(checks, works=works))
    raise typer.Exit(0 if works else 1)


def examine() -> tuple[Check, ...]:
    """Every probe's findings; a probe that fails is a finding too."""
    checks: list[Check] = []
    for topic, probe in _PROBES.items():
        try:
            checks += probe()
        except Exception as error:  # a doctor never falls ill: the fault itself is the finding
            checks.append(
                Check(
                    topic=topic,
                    name="probe",
                    works=False,
                    found=f"{type(error).__name__}: {error}",
                    advice="Reinstall: pip install --force-reinstall napari-fluoroinject",
                )
            )
    return tuple(checks)


def _python() -> Iterator[Check]:
    yield Check(
        topic="Python",
        name=platform.python_implementation(),
        works=sys.version_info >= _OLDEST_PYTHON,
        found=f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        advice="Python 3.11 or later is needed",
    )
    yield Check(
        topic="Python",
        name="processors",
        works=True,
        found=f"{os.cpu_count()} cores",
    )


def _packages() -> Iterator[Check]:
    for name in ("napari-fluoroinject", *_BASE):
        version = installed(name)
        yield Check(
            topic="Packages",
            name=name,
            works=version is not None,
            found=version or "missing",
            advice=f"pip install {name}",
        )


def _extras() -> Iterator[Check]:
    cupy = [name for name in _CUPY if installed(name)]
    yield Check(
        topic="Extras",
        name="cuda12, cuda13",
        works=bool(cupy),
        found=", ".join(f"{name} {installed(name)}" for name in cupy) or "no CuPy",
        core=False,
        advice="Only an NVIDIA device needs it",
    )
    decoders = [name for name in _NVIMGCODEC if installed(name)]
    yield Check(
        topic="Extras",
        name="nvimgcodec12, nvimgcodec13",
        works=bool(decoders),
        found=", ".join(f"{name} {installed(name)}" for name in decoders) or "no nvImageCodec",
        core=False,
        advice="Only --decoder nvimgcodec needs it",
    )
    web = installed("dicomweb-client")
    yield Check(
        topic="Extras",
        name="dicomweb",
        works=bool(web),
        found=f"dicomweb-client {web}" if web else "no dicomweb-client",
        core=False,
        advice="Only endpoints at dicomweb+https:// need it (extra dicomweb)",
    )
    yield _extra("live", "Only video, streams and frame grabbers of `live` need it")
    yield _extra("batch", "Only batch with several workers and its Parquet table need it")


def _extra(name: str, advice: str) -> Check:
    """Whether all packages of an extra are there."""
    found = {package: installed(package) for package in _OF_EXTRAS[name]}
    missing = [package for package, version in found.items() if version is None]
    return Check(
        topic="Extras",
        name=name,
        works=not missing,
        found=", ".join(f"{package} {version or 'missing'}" for package, version in found.items()),
        core=False,
        advice=f'{advice}: pip install "napari-fluoroinject[{name}]"',
    )


def _decoders() -> Iterator[Check]:
    from napari_fluoroinject.cli.trial import try_decoders

    for syntax, fault in try_decoders():
        yield Check(
            topic="Decoders",
            name=syntax,
            works=fault is None,
            found=fault or "a tiny image came back right",
            advice="pip install --upgrade imagecodecs pydicom",
        )


def _backends() -> Iterator[Check]:
    from napari_fluoroinject.compute.backend import Wish, choose
    from napari_fluoroinject.errors import BackendUnavailableError

    wishes: tuple[tuple[Wish, bool], ...] = (("cpu", True), ("cuda", False))
    for wish, core in wishes:
        try:
            backend = choose(wish)
        except BackendUnavailableError as error:
            yield Check(topic="Compute", name=wish, works=False, found=str(error), core=core)
        except Exception as error:  # as above: a driver may fail in ways that nobody has seen
            found = f"{type(error).__name__}: {error}"
            yield Check(topic="Compute", name=wish, works=False, found=found, core=core)
        else:
            found = f"{backend.device}, {backend.version}"
            yield Check(topic="Compute", name=wish, works=True, found=found, core=core)


def _tools() -> Iterator[Check]:
    for name, package in _TOOLS.items():
        path = shutil.which(name)
        yield Check(
            topic="Tools",
            name=name,
            works=path is not None,
            found=path or "not found",
            core=False,
            advice=f"Install {package}; it is for checking, nothing needs it",
        )


def _viewer() -> Iterator[Check]:
    from napari_fluoroinject.cli.viewer_parts import viewer_parts

    yield from viewer_parts()


def _storage() -> Iterator[Check]:
    from napari_fluoroinject.spool.store import Spool

    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "spool") as spool:
        part = spool.incoming / "probe.part"
        part.write_bytes(b"probe")
        spool.admit(part, uid="1.2.3")
    yield Check(topic="Storage", name="spool", works=True, found="keeps objects durably")
    free = shutil.disk_usage(Path.cwd()).free
    yield Check(
        topic="Storage",
        name="free space here",
        works=free >= _NEEDED_BYTES,
        found=f"{free / (1 << 30):.1f} GiB",
        core=False,
        advice="A spool wants 1 GiB at least",
    )
    writable = os.access(Path.cwd(), os.W_OK)
    yield Check(
        topic="Storage",
        name="this folder",
        works=writable,
        found="writable" if writable else "not writable",
        core=False,
        advice="Give --out a folder that you may write to",
    )


def _network() -> Iterator[Check]:
    import napari_fluoroinject.endpoints.receive  # noqa: F401 - that it loads is the finding

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Check(
            topic="Network",
            name="loopback",
            works=True,
            found=f"a free port can be had ({server.getsockname()[1]})",
        )
    try:
        socket.create_server(("127.0.0.1", _DICOM_PORT)).close()
    except OSError as error:
        taken = error.strerror or "taken"
    else:
        taken = ""
    yield Check(
        topic="Network",
        name=f"DICOM port {_DICOM_PORT}",
        works=not taken,
        found=taken or "free",
        core=False,
        advice="Another program listens there; choose another port for the receiver",
    )


_PROBES: dict[str, Callable[[], Iterator[Check]]] = {
    "Python": _python,
    "Packages": _packages,
    "Decoders": _decoders,
    "Compute": _backends,
    "Storage": _storage,
    "Network": _network,
    "Extras": _extras,
    "Viewer": _viewer,
    "Tools": _tools,
}


def _page(checks: tuple[Check, ...], *, works: bool) -> str:
    blocks = []
    for topic in dict.fromkeys(check.topic for check in checks):
        lines = [_line(check) for check in checks if check.topic == topic]
        blocks.append(section(topic, lines))
    verdict = "The core works." if works else "The core does NOT work: see the lines marked NO."
    return "\n\n".join([*blocks, verdict])


def _line(check: Check) -> str:
    mark = "ok" if check.works else ("NO" if check.core else "--")
    advice = "" if check.works or not check.advice else f" -> {check.advice}"
    return line(f"{mark}  {check.name}", f"{check.found}{advice}")
