"""Small loops for listeners and senders, and the DCMTK programs to send them with."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage, generate_uid

from napari_fluoroinject.endpoints.pacs import Pacs

if TYPE_CHECKING:
    from pathlib import Path

    from napari_fluoroinject.endpoints.storage_scp import StorageScp

STUDY = "1.2.826.0.1.3680043.8.498.1"
SERIES = "1.2.826.0.1.3680043.8.498.1.1"


def make_loop(
    uid: str | None = None, *, seed: int = 0, frames: int = 4, size: int = 64
) -> Dataset:
    """A cine loop of noise, 16 bit, just complete enough to be received."""
    loop = Dataset()
    loop.file_meta = FileMetaDataset()
    loop.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    loop.SOPClassUID = loop.file_meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    loop.SOPInstanceUID = loop.file_meta.MediaStorageSOPInstanceUID = uid or generate_uid(
        entropy_srcs=[f"{seed} {frames} {size}"]
    )
    loop.Modality, loop.PatientID, loop.PatientName = "XA", "SYNTH-1", "Phantom^Lumbar"
    loop.StudyDate, loop.StudyInstanceUID, loop.SeriesInstanceUID = "20260102", STUDY, SERIES
    loop.SeriesDescription = "fluoro"
    loop.Rows = loop.Columns = size
    loop.NumberOfFrames, loop.SamplesPerPixel = frames, 1
    loop.PhotometricInterpretation = "MONOCHROME2"
    loop.BitsAllocated, loop.BitsStored, loop.HighBit, loop.PixelRepresentation = 16, 12, 11, 0
    noise = np.random.default_rng(seed).integers(0, 4096, (frames, size, size), dtype=np.uint16)
    loop.PixelData = noise.tobytes()
    loop["PixelData"].VR = "OW"
    return loop


def write(dataset: Dataset, path: Path) -> Path:
    dcmwrite(path, dataset, enforce_file_format=True)
    return path


def pacs_of(listener: StorageScp, *, calling: str = "CARM", called: str | None = None) -> Pacs:
    return Pacs(
        host="127.0.0.1",
        port=listener.port,
        called=called or listener.station.ae_title,
        calling=calling,
    )


def dcmtk(name: str) -> str:
    """Path of a DCMTK tool; pynetdicom installs Python programs with the same names."""
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/opt/homebrew/bin")
    if path is None:
        pytest.skip(f"DCMTK's {name} is not installed")
    return path
