"""What writing a segmentation costs: time, memory, and how small it becomes, in every encoding.

Each is written by a process of its own, because the most that a process ever held does not fall
again. What is marked was drawn, not analysed: a ragged patch that grows round the tip of a needle.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.dicom.cine_object import encode_cine, phantom_identity
from napari_fluoroinject.dicom.encode import segmentation_object
from napari_fluoroinject.dicom.identity import UNKNOWN_MOMENT, Identity
from napari_fluoroinject.dicom.seg_pixels import SegCompression, SegEncoding
from napari_fluoroinject.dicom.write import write_objects
from napari_fluoroinject.errors import EncodingError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle
from napari_fluoroinject.model.report import Assessable, Provenance, Report
from napari_fluoroinject.model.spread import OpacityScale, RunOff, SpreadMaps
from napari_fluoroinject.procedures import get

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.write import EncodedObject
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

WAYS: tuple[tuple[SegEncoding, SegCompression], ...] = (
    ("binary", "rle"),
    ("fractional", "rle"),
    ("labelmap", "rle"),
    ("labelmap", "jpegls"),
)
"""What is compared; a binary one is not compressed."""
_REPEATS = 3
_SCENE = "esi_il_lumbar"
_LARGEST_RADIUS = 0.2
"""Of the patch in the last frame, as a share of the side: an eighth of the picture is contrast."""
_RAGGED = 0.02
"""How far the patch's border runs in and out, as a share of the side."""
_FIRST_SHARE = 0.2
"""Of the loop that is over when contrast comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCost:
    """What writing one segmentation cost.

    Attributes
    ----------
    encoding, compression
        What was written.
    wall_s, cpu_s
        From the report to the file on the disk, the best of several; that the source is still
        the same was checked before.
    peak_mib
        Memory at the most above what was held before (the report was there), None where the system
        does not tell.
    file_mib
        Size of the file.
    share
        Of the same pixels with nothing compressed: one byte per pixel of each frame that is
        stored, but for a binary one, which has a bit.
    share_of_loop
        Of the loop's pixels, 16 bits each.
    """

    encoding: SegEncoding
    compression: SegCompression
    wall_s: float
    cpu_s: float
    peak_mib: float | None
    file_mib: float
    share: float
    share_of_loop: float


def measure_writing(size: int, frames: int) -> tuple[WriteCost, ...]:
    """Write a segmentation of a loop of size x size pixels in each of `WAYS`."""
    return tuple(_in_its_own_process(size, frames, *way) for way in WAYS)


def table(costs: Sequence[WriteCost], size: int, frames: int) -> str:
    """The table in Markdown."""
    lines = [
        f"Segmentation of {size} x {size} x {frames}, contrast and needle",
        "",
        "| segmentation | stored as | wall s | CPU s | MiB above the report | file MiB | "
        "% of the same uncompressed | % of the loop |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for cost in costs:
        stored = "bits" if cost.encoding == "binary" else cost.compression.upper()
        memory = "not known" if cost.peak_mib is None else f"{cost.peak_mib:.0f}"
        lines.append(
            f"| {cost.encoding} | {stored} | {cost.wall_s:.2f} | {cost.cpu_s:.2f} | {memory} | "
            f"{cost.file_mib:.2f} | {100 * cost.share:.2f} | {100 * cost.share_of_loop:.2f} |"
        )
    return "\n".join(lines)


def cost_here(
    size: int, frames: int, encoding: SegEncoding, compression: SegCompression
) -> WriteCost:
    """Write one in this process, whose memory must not have been larger before."""
    report = drawn_report(size, frames)
    identity = _identity(report)
    before = _most_held_mib()
    made, times = _written(report, identity, encoding, compression)
    after = _most_held_mib()
    for _ in range(_REPEATS - 1):
        times = np.minimum(times, _written(report, identity, encoding, compression)[1])
    bits = int(made.dataset.BitsAllocated) * size * size * int(made.dataset.NumberOfFrames)
    return WriteCost(
        encoding=encoding,
        compression=compression,
        wall_s=float(times[0]),
        cpu_s=float(times[1]),
        peak_mib=None if before is None or after is None else after - before,
        file_mib=len(made.content) / 2**20,
        share=8 * len(made.content) / bits,
        share_of_loop=len(made.content) / (2 * size * size * frames),
    )


def drawn_report(size: int, frames: int) -> Report:
    """A report of a loop of nothing, with contrast and a needle drawn into it."""
    region = _patches(size, frames)
    tip, hub = np.array([0.5, 0.5]) * size, np.array([0.1, 0.85]) * size
    still = np.zeros((frames, 2))
    return Report(
        loop=_empty_loop(size, frames),
        procedure=get(_SCENE),
        annotation=Annotation(),
        motion=Motion(
            shift_px=still,
            residual=np.ones(frames),
            locked=np.ones(frames, dtype=np.bool_),
            bone_weight=np.ones((size, size), dtype=np.float32),
            uncertainty_px=0.0,
        ),
        injection=Injection(mask_frames=(0,), onset_frame=None, onset_score=0.0),
        needle=Needle(
            tip_px=(float(tip[0]), float(tip[1])),
            hub_px=(float(hub[0]), float(hub[1])),
            frame=0,
            tip_uncertainty_px=0.0,
            hub_uncertainty_px=0.0,
            tip_by_frame_px=still + tip,
            hub_by_frame_px=still + hub,
            source="given",
            tip_end_by="given",
        ),
        opacity=OpacityScale(
            scale=1.0,
            relative_uncertainty=None,
            scatter_to_primary=None,
            scatter_to_primary_sigma=None,
            basis=(),
        ),
        noise=None,
        maps=_maps(region),
        measurements=None,
        run_off=RunOff(
            score=None, kind=None, path_px=np.empty((0, 2)), frames=None, smallest_seen_od=None
        ),
        findings=(),
        assessable=Assessable(frames=frames, of=frames, reasons=()),
        provenance=Provenance(
            software="napari-fluoroinject",
            version="0",
            backend="reference",
            device="none",
            backend_version="0",
        ),
    )


def _written(
    report: Report, identity: Identity, encoding: SegEncoding, compression: SegCompression
) -> tuple[EncodedObject, DoubleArray]:
    """What was written, and the wall and processor time that it took."""
    with TemporaryDirectory() as folder:
        begin = np.array([perf_counter(), process_time()])
        made = segmentation_object(report, identity, encoding=encoding, compression=compression)
        if made is None:
            raise EncodingError("nothing was drawn; expected contrast and a needle")
        write_objects([made], Path(folder))
        return made, np.array([perf_counter(), process_time()]) - begin


def _in_its_own_process(
    size: int, frames: int, encoding: SegEncoding, compression: SegCompression
) -> WriteCost:
    arguments = [str(size), str(frames), encoding, compression]
    done = subprocess.run(  # noqa: S603 - this very module, with numbers and words of ours
        [sys.executable, "-m", __name__, *arguments], check=True, capture_output=True, text=True
    )
    return WriteCost(**json.loads(done.stdout))


def _patches(size: int, frames: int) -> BoolArray:
    """Contrast in each frame, drawn without a second stack of the loop's size."""
    row, column = np.ogrid[:size, :size]
    distance = np.hypot(row - size / 2, column - size / 2).astype(np.float32)
    angle = np.arctan2(row - size / 2, column - size / 2).astype(np.float32)
    random = np.random.default_rng(0)
    ragged = sum(
        np.sin(waves * angle + phase + distance / (size * 0.05))
        for waves, phase in zip((3, 7, 19), random.uniform(0, 6, 3), strict=True)
    )
    noise = random.normal(0, 0.15, (size, size))
    distance += _RAGGED * size * (ragged + noise)
    region = np.zeros((frames, size, size), dtype=np.bool_)
    first = int(_FIRST_SHARE * frames)
    for k in range(first, frames):
        grown = np.sqrt((k - first + 1) / (frames - first))
        np.less(distance, _LARGEST_RADIUS * size * grown, out=region[k])
    region.flags.writeable = False  # else a report keeps a copy
    return region


def _maps(region: BoolArray) -> SpreadMaps:
    whole: FloatArray = region[-1].astype(np.float32)
    return SpreadMaps(
        peak_od=whole,
        arrival_s=whole,
        time_to_peak_s=whole,
        washout_per_s=whole,
        transit_s=whole,
        region=region[-1],
        region_by_frame=region,
        arrival_threshold_od=0.1,
        region_threshold_od=0.1,
        detection_limit_od=0.1,
    )


def _empty_loop(size: int, frames: int) -> CineLoop:
    picture = np.zeros((1, 1, 1), dtype=np.uint8)
    return CineLoop(
        frames=ArrayFrames(np.broadcast_to(picture, (frames, size, size))),
        times_s=np.arange(frames) / 15,
        intensity=IntensityScale(relationship="linear", ln_beam=np.zeros(2, dtype=np.float32)),
        reference=LoopReference(
            study_instance_uid="2.25.1",
            series_instance_uid="2.25.2",
            sop_instance_uid="2.25.3",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
        ),
        sha256="",
    )


def _identity(report: Report) -> Identity:
    """That of a loop that was never stored: the header of its first frame, and what follows."""
    one = _empty_loop(16, 1)
    header = encode_cine(one, kind="xa", identity=phantom_identity(_SCENE, 0))
    del header.PixelData
    return Identity(
        headers=(header,),
        frames=report.loop.shape[0],
        seed="",
        moment=UNKNOWN_MOMENT,
        provenance=report.provenance,
    )


def _most_held_mib() -> float | None:
    """The most that this process ever held; None where the system does not tell.

    Linux tells it of the program; `ru_maxrss`, elsewhere, begins with what its parent held.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = status.read_text("ascii").splitlines()
        told = next((line for line in lines if line.startswith("VmHWM")), None)
        return None if told is None else float(told.split()[1]) / 1024
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / (2**20 if sys.platform == "darwin" else 1024)


def _main(size: str, frames: str, encoding: str, compression: str) -> None:
    way = next(way for way in WAYS if way == (encoding, compression))
    sys.stdout.write(json.dumps(asdict(cost_here(int(size), int(frames), *way))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
