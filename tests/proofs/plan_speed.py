"""How fast, and in how much memory, a great many small files become orders.

python -m tests.proofs.plan_speed [--files 20000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pydicom
from batch_studies import opened, phantom_loop

from napari_fluoroinject.batch.order import JOB_FOLDER, LoopOrder
from napari_fluoroinject.batch.plan import INDEX

LOOPS = 5
"""Of each study."""


def main() -> None:
    """Write files, plan them twice, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="where they are written; else a temporary one")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = told.folder or Path(temporary)
        write(folder, told.files)
        for run in ("first run", "second run, nothing changed"):
            measure(run, folder)


def write(folder: Path, count: int) -> None:
    """Write so many loops of four frames of 8 x 8 pixels."""
    loop = pydicom.dcmread(phantom_loop(folder / "made"))
    loop.Rows = loop.Columns = 8
    loop.NumberOfFrames, loop.PixelData = 4, bytes(8 * 8 * 2 * 4)
    tiny = folder / "made" / "tiny"
    loop.save_as(tiny, enforce_file_format=True)
    content = tiny.read_bytes()
    names = (loop.StudyInstanceUID, loop.SeriesInstanceUID, loop.SOPInstanceUID)
    for number in range(count):
        study = number // LOOPS
        mine = content
        for level, uid in enumerate(names, 1):
            own = f"1.2.{level}.{(study if level == 1 else number) + 1_000_000}."
            mine = mine.replace(uid.encode(), (own + "1" * (len(uid) - len(own))).encode())
        path = folder / "in" / f"{study // 100:04d}" / str(study) / f"IM{number % LOOPS}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(mine)


def measure(run: str, folder: Path) -> None:
    """Plan them and print."""
    memory, first, orders = peak_mb(), None, 0
    began_s = time.process_time()
    with opened(folder / "out", folder / "in") as plan:
        for one in plan:
            if first is None:
                first = time.process_time() - began_s
            orders += isinstance(one, LoopOrder)
        studies = plan.studies
    whole = time.process_time() - began_s
    size = (folder / "out" / JOB_FOLDER / INDEX).stat().st_size
    print(
        f"{run}: {orders} orders of {studies} studies; processor time a file: "
        f"{1000 * (first or 0) / orders:.2f} ms until the first, {1000 * whole / orders:.2f} ms "
        "in all; "
        f"{peak_mb() - memory} MB of memory more than before; "
        f"{size / orders:.0f} bytes of index a file"
    )


def peak_mb() -> int:
    """Most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


if __name__ == "__main__":
    main()
