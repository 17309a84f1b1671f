"""Results of one loop written as DICOM and looked at by an outside validator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from napari_fluoroinject.benchmark.validators import complaints, is_installed
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import AnalysisRequest, analyze_files, make_phantom_files

VALIDATOR = "dciodvfy"


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
    if not is_installed(VALIDATOR):
        return Written(
            key=key, told=f"{len(objects)} objects; {VALIDATOR} is not installed", valid=False
        )
    told = f"{len(objects)} objects, {len(faults)} errors of {VALIDATOR}"
    return Written(key=key, told=told, valid=bool(objects) and not faults)


def faults_of(path: Path) -> list[str]:
    """Errors that the validator tells of an object whose class it knows, but for waived ones."""
    if not is_installed(VALIDATOR):
        return []
    return [one.text for one in complaints(path) if (one.tool, one.level) == (VALIDATOR, "error")]
