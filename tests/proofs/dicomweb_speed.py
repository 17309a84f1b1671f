"""How fast a loop comes and goes over DICOMweb, and what memory it takes, against Orthanc.

Run as `python -m tests.proofs.dicomweb_speed` from the root of the repository; `--mb` is the size
of the loop. Every transfer runs in a process of its own, whose peak memory is told.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.endpoints.network_loops import make_loop, write
from tests.peers import orthanc

if TYPE_CHECKING:
    from collections.abc import Callable

MB = 1_000_000
SIZE_PX = 1024
FRAME_BYTES = SIZE_PX * SIZE_PX * 2
MOST_GROWTH_MIB = 64.0
_LIMIT_S = 900.0


def main() -> int:
    """Run, print a table; 1 when an object changed on its way or memory grew with its size."""
    arguments = _arguments()
    if arguments.child:
        print(json.dumps(_CHILDREN[arguments.child](*arguments.rest)))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with orthanc(folder / "orthanc", dicomweb=True) as peer:
            return _prove(peer.dicomweb, folder, arguments.mb)


def _prove(url: str, folder: Path, mb: int) -> int:
    broken = 0
    print(f"{'':44s} {'MB/s':>8s} {'seconds':>8s} {'peak RSS':>9s} {'growth':>8s}")
    for size in dict.fromkeys((min(mb, 32), mb)):
        frames = max(2, size * MB // FRAME_BYTES)
        path = write(make_loop(seed=size, frames=frames, size=SIZE_PX), folder / f"{size}.dcm")
        (out := folder / f"out{size}").mkdir()
        place = (url, str(path), str(out))
        rows = [(f"store {size} MB", "store"), (f"retrieve {size} MB", "retrieve")]
        rows += [
            (f"preview, first frame of {frames}", "first"),
            ("preview, another frame", "next"),
        ]
        if size <= 32:
            rows.append((f"retrieve {size} MB by dicomweb-client alone", "library"))
        for label, child in rows:
            told = _in_child(child, *place)
            grew = told["growth_mib"] > MOST_GROWTH_MIB and child in ("store", "retrieve")
            good = told["equal"] and not grew
            broken += not good
            print(
                f"{label:44s} {told['bytes'] / MB / told['seconds']:8.1f} {told['seconds']:8.2f} "
                f"{told['peak_mib']:6.0f} MiB {told['growth_mib']:4.0f} MiB"
                f"{'' if good else '  BROKEN'}"
            )
        path.unlink()
    print("every object equal, memory bounded" if not broken else f"{broken} promises broken")
    return int(bool(broken))


def _store(url: str, path: str, _out: str) -> dict[str, Any]:
    with _web(url) as web:
        return _timed(lambda: web.store([Path(path)]), size=Path(path).stat().st_size)


def _retrieve(url: str, path: str, out: str) -> dict[str, Any]:
    from napari_fluoroinject.endpoints.base import Query
    from napari_fluoroinject.spool.store import file_sha256

    with _web(url) as web:
        query = Query(level="IMAGE", keys={"SOPInstanceUID": _uid(path)})
        told = _timed(lambda: list(web.retrieve(query, Path(out))), size=Path(path).stat().st_size)
    (came,) = Path(out).iterdir()
    return told | {"equal": file_sha256(came) == file_sha256(Path(path))}


def _first(url: str, path: str, _out: str) -> dict[str, Any]:
    return _frames(url, path, (3,))


def _next(url: str, path: str, _out: str) -> dict[str, Any]:
    return _frames(url, path, (1, 2))


def _frames(url: str, path: str, indices: tuple[int, ...]) -> dict[str, Any]:
    """Preview frames one after another; the last one is timed."""
    import numpy as np

    from napari_fluoroinject.dicom.read import read_loop
    from napari_fluoroinject.endpoints.base import Query

    frames = read_loop(path).frames
    indices = tuple(index % frames.shape[0] for index in indices)
    with _web(url) as web:
        (loop,) = web.find(Query(level="IMAGE", keys={"SOPInstanceUID": _uid(path)}))
        for index in indices[:-1]:
            web.frame(loop, index)
        came: list[Any] = []
        told = _timed(lambda: came.append(web.frame(loop, indices[-1])), size=FRAME_BYTES)
    return told | {"equal": np.array_equal(came[0], frames.frame(indices[-1]))}


def _library(url: str, path: str, _out: str) -> dict[str, Any]:
    """The same object through dicomweb-client, for comparison."""
    from dicomweb_client import DICOMwebClient

    client = DICOMwebClient(url.removeprefix("dicomweb+"), timeout=_LIMIT_S)
    (header,) = client.search_for_instances(search_filters={"SOPInstanceUID": _uid(path)})
    place = [header[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
    media = (("application/dicom", "*"),)
    return _timed(
        lambda: client.retrieve_instance(*place, media_types=media),
        size=Path(path).stat().st_size,
    )


_CHILDREN = {
    "store": _store,
    "retrieve": _retrieve,
    "first": _first,
    "next": _next,
    "library": _library,
}


def _web(url: str) -> Any:
    from napari_fluoroinject.endpoints.dicomweb import DicomWeb

    return DicomWeb(url)


def _uid(path: str) -> str:
    from pydicom import dcmread

    return str(dcmread(path, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def _timed(work: Callable[[], Any], *, size: int) -> dict[str, Any]:
    before = _peak_mib()
    begun = time.perf_counter()
    work()
    seconds = time.perf_counter() - begun
    peak = _peak_mib()
    return {
        "bytes": size,
        "seconds": seconds,
        "peak_mib": peak,
        "growth_mib": peak - before,
        "equal": True,
    }


def _peak_mib() -> float:
    """Of anonymous memory and mapped files alike; `getrusage` would tell the parent's, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _in_child(child: str, *rest: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.proofs.dicomweb_speed", "--child", child, *rest]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=_LIMIT_S)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=600, help="size of the loop in MB")
    parser.add_argument("--child", choices=tuple(_CHILDREN), help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
