"""Small cine loops in memory and as files, for the tests of reading and writing."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian

from napari_fluoroinject.dicom.cine_object import CineIdentity, encode_cine, write_cine
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, IntensityScale, LoopReference
from napari_fluoroinject.model.geometry import Calibration, View

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

START = datetime(2026, 1, 1, 10, 15, 0, 123000)
REFERENCE = LoopReference(
    study_instance_uid="1.2.826.0.1.3680043.10.1",
    series_instance_uid="1.2.826.0.1.3680043.10.1.2",
    sop_instance_uid="1.2.826.0.1.3680043.10.1.2.3",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.12.1",
)


def identity(start: datetime = START) -> CineIdentity:
    return CineIdentity(
        patient_name="Phantom^Test", patient_id="PHANTOM-TEST", study_id="1", start=start
    )


def scale(bits: int = 12, relationship: str = "linear") -> IntensityScale:
    values = np.arange(1 << bits, dtype=np.float64)
    if relationship == "log":
        table = (values - values[-1]) / (values[-1] / 5)
    else:
        table = np.log(np.maximum(values, 0.5))
    return IntensityScale(relationship=relationship, ln_beam=table)


def picture(bits: int = 12, frames: int = 5, rows: int = 24, columns: int = 32) -> np.ndarray:
    """A smooth picture with a little noise and both ends of the range; no frame is another."""
    random = np.random.default_rng(7)
    row, column = np.mgrid[0:rows, 0:columns]
    smooth = 0.5 + 0.3 * np.sin(row / 5) * np.cos(column / 7)
    noisy = smooth + random.normal(0, 0.02, (frames, rows, columns))
    top = (1 << bits) - 1
    stored = np.clip(np.rint(noisy * top), 0, top)
    stored[:, 0, 0], stored[:, 0, 1] = 0, top
    return stored.astype(np.uint8 if bits <= 8 else np.uint16)


def small_loop(bits: int = 12, relationship: str = "linear", **changes: Any) -> CineLoop:
    stored = changes.pop("stored", None)
    stored = picture(bits) if stored is None else stored
    fields: dict[str, Any] = {
        "frames": ArrayFrames(stored),
        "times_s": np.arange(len(stored)) / 15,
        "intensity": scale(bits, relationship),
        "reference": REFERENCE,
        "sha256": "",
        "calibration": Calibration(mm_per_px=0.287, basis="iso_sid_sod"),
        "detector_mm_per_px": 0.41,
        "view": View(primary_angle_deg=2.0, secondary_angle_deg=-1.5, name="AP"),
        "kvp": 75.0,
        "body_part": "LSPINE",
    }
    return CineLoop(**(fields | changes))


def small_object(loop: CineLoop | None = None, **options: Any) -> Dataset:
    options.setdefault("identity", identity())
    return encode_cine(small_loop() if loop is None else loop, **options)


def written(folder: Path, dataset: Dataset | None = None, name: str = "loop.dcm") -> Path:
    path = folder / name
    write_cine(small_object() if dataset is None else dataset, path)
    return path


def edited(folder: Path, dataset: Dataset | None = None, **changes: Any) -> Path:
    """A file whose attributes were changed; None deletes."""
    dataset = small_object() if dataset is None else dataset
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    return written(folder, dataset)


def raw_file(
    folder: Path, data_set: bytes, *, syntax: str = ExplicitVRLittleEndian, name: str = "raw.dcm"
) -> Path:
    """A file of these very bytes behind valid file meta information."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.MediaStorageSOPClassUID = REFERENCE.sop_class_uid
    meta.MediaStorageSOPInstanceUID = REFERENCE.sop_instance_uid
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = "1.2.826.0.1.3680043.10.9"
    buffer = pydicom.filebase.DicomBytesIO()
    pydicom.filewriter.write_file_meta_info(buffer, meta)
    path = folder / name
    path.write_bytes(b"\0" * 128 + b"DICM" + buffer.getvalue() + data_set)
    return path


def data_set_of(path: Path) -> bytes:
    """The bytes of a file behind its file meta information."""
    from napari_fluoroinject.dicom.scan import scan

    return path.read_bytes()[scan(path).start :]


def item(**attributes: Any) -> Dataset:
    dataset = pydicom.Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset
