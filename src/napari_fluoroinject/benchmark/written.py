"""Results of one loop written as DICOM and looked at by an outside validator."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import AnalysisRequest, analyze_files, make_phantom_files

VALIDATOR = "dciodvfy"
_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What came of writing one loop's results: how many objects, and what is wrong with them."""

    key: str
    told: str
    valid: bool


def write_and_validate(key: str, seed: int, size: int, frames: int) -> Written:
    """Make a loop of a procedure as a file, analyse it with its annotation, check all objects."""
    settings = PhantomSettings(seed=seed, size=size, frames=frames)
    with TemporaryDirectory() as folder:
        loop, _, _, annotation = make_phantom_files(key, settings, out=Path(folder) / "loop")
        request = AnalysisRequest(procedure=key, annotation_file=annotation)
        result = analyze_files((loop,), request, out=Path(folder) / "results")
        objects = [path for path in result.files if path.suffix == ".dcm"]
        faults = [fault for path in objects for fault in faults_of(path)]
    if shutil.which(VALIDATOR) is None:
        return Written(
            key=key, told=f"{len(objects)} objects; {VALIDATOR} is not installed", valid=False
        )
    told = f"{len(objects)} objects, {len(faults)} errors of {VALIDATOR}"
    return Written(key=key, told=told, valid=bool(objects) and not faults)


def faults_of(path: Path) -> list[str]:
    """Lines in which the validator tells an error; none where it is not installed."""
    tool = shutil.which(VALIDATOR)
    if tool is None:
        return []
    run = subprocess.run(  # noqa: S603 - a fixed program on a file of our own
        [tool, "-new", str(path)], capture_output=True, check=False, timeout=_LONGEST_S
    )
    lines = (run.stdout + run.stderr).decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.startswith("Error")]
