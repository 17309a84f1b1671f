"""Small studies of several loops as files, for the tests of a batch."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pydicom
from dose_reports import dose_report, plane, scope

from napari_fluoroinject.batch.order import LoopOrder, Unplanned
from napari_fluoroinject.batch.plan import Plan, Planning, planned
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.settings import Settings
from napari_fluoroinject.workflow import AnalysisRequest, make_phantom_files

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "1.2.826.0.1.3680043.10.77"


def study_uid(number: int) -> str:
    return f"{ROOT}.{number}"


def phantom_loop(folder: Path, *, size: int = 64, frames: int = 10) -> Path:
    """A small loop, from which others are made by giving it other names."""
    settings = PhantomSettings(seed=3, size=size, frames=frames)
    return make_phantom_files("mbb_lumbar", settings, out=folder)[0]


def as_loop(loop: Path, path: Path, *, study: int, number: int, **values: object) -> Path:
    """Write a copy of a loop as another one of a study."""
    dataset = pydicom.dcmread(loop)
    uid = f"{study_uid(study)}.1.{number}"
    dataset.StudyInstanceUID = study_uid(study)
    dataset.SeriesInstanceUID = f"{study_uid(study)}.2.{number}"
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.ImageAndFluoroscopyAreaDoseProduct = 0.1 * number
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def as_frames(loop: Path, folder: Path, *, study: int, count: int = 4) -> list[Path]:
    """Write the first frames of a loop as a series of single pictures."""
    whole = pydicom.dcmread(loop)
    size = whole.Rows * whole.Columns * 2
    pixels = whole.PixelData
    paths = []
    for number in range(count):
        one = pydicom.Dataset()
        one.file_meta = whole.file_meta
        one.update({element.tag: element for element in whole})
        for keyword in ("NumberOfFrames", "FrameTime", "FrameIncrementPointer", "FrameTimeVector"):
            if keyword in one:
                del one[keyword]
        one.InstanceNumber = number + 1
        one.AcquisitionTime = f"1015{number:02d}"
        one.PixelData = pixels[number * size : (number + 1) * size]
        paths.append(folder / f"frame{number}.dcm")
        written = folder / "whole.dcm"
        folder.mkdir(parents=True, exist_ok=True)
        one.save_as(written, enforce_file_format=True)
        as_loop(
            written,
            paths[-1],
            study=study,
            number=100 + number,
            SeriesInstanceUID=f"{study_uid(study)}.2.100",
            ImageAndFluoroscopyAreaDoseProduct=0.7,
        )
        written.unlink()
    return paths


def dose_of_study(folder: Path, study: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    uid = study_uid(study)
    return dose_report(folder, uid, scope(uid), plane(0.00012, 0.004, 31), number=study)


def whole_study(loop: Path, root: Path, *, dose: bool = True) -> Path:
    """Two loops and a series of single pictures in three folders, and a dose report."""
    as_loop(loop, root / "b" / "IM1", study=1, number=1)
    as_loop(loop, root / "a" / "IM1", study=1, number=2)
    as_frames(loop, root / "c", study=1)
    if dose:
        dose_of_study(root / "b", 1)
    return root


def plan(
    out: Path, *sources: Path | str, settings: Settings | None = None, **asked: object
) -> tuple[list[LoopOrder], list[Unplanned], dict[str, int]]:
    """Plan these sources; returns orders, what is unplanned, and what was left out."""
    with opened(out, *sources, settings=settings, **asked) as told:
        every = list(told)
        left_out = dict(told.left_out)
    orders = [one for one in every if isinstance(one, LoopOrder)]
    return orders, [one for one in every if isinstance(one, Unplanned)], left_out


def opened(
    out: Path, *sources: Path | str, settings: Settings | None = None, **asked: object
) -> Plan:
    """Open the plan of these sources."""
    how = Planning(settings=settings or Settings(), out=out)
    return planned([str(one) for one in sources], AnalysisRequest(**asked), how)


def copy(path: Path, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    return shutil.copy2(path, to)
