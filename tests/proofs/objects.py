"""Thousands of small distinct loops, fast: one pattern, other UIDs and other pixels."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, XRayAngiographicImageStorage

if TYPE_CHECKING:
    from pathlib import Path

ROOT_UID = "1.2.826.0.1.3680043.10.1467."
_SIDE = 64
_DIGITS = 20


def uid_of(number: int) -> str:
    """SOP Instance UID of the object with this number; all have one length."""
    return f"{ROOT_UID}{10 ** (_DIGITS - 1) + number}"


def number_of(uid: str) -> int:
    """Number of the object with this UID."""
    return int(uid.removeprefix(ROOT_UID)) - 10 ** (_DIGITS - 1)


def content(number: int, *, frames: int = 12) -> bytes:
    """The file of one object: 98 kB for 12 frames."""
    head, pixels = _pattern(frames)
    uid = uid_of(number).encode()
    noise = np.random.default_rng(number).integers(0, 4096, pixels // 2, dtype=np.uint16)
    return head.replace(uid_of(0).encode(), uid) + noise.tobytes()


def result(number: int) -> bytes:
    """A file that stands for a result of the object with this number."""
    head, pixels = _pattern(1)
    made = head.replace(uid_of(0).encode(), result_uid(number).encode())
    return made.replace(uid_of(1).encode(), uid_of(number).encode()) + bytes(pixels)


def result_uid(number: int) -> str:
    """SOP Instance UID of `result`."""
    return uid_of(number + 10**12)


def phantom(path: Path) -> None:
    """Write a small loop that can be analysed: the pattern of many, see `from_file`."""
    from dataclasses import replace

    from napari_fluoroinject.dicom.cine_object import CineIdentity, encode_cine
    from napari_fluoroinject.phantom import PhantomSettings, make_phantom

    loop = make_phantom("mbb_lumbar", settings=PhantomSettings(size=64, frames=20)).loop
    loop = replace(loop, reference=replace(loop.reference, sop_instance_uid=uid_of(0)))
    identity = CineIdentity(
        patient_name="Phantom^Kill", patient_id="KILL", study_id="1", start=datetime(2026, 1, 2)
    )
    encode_cine(loop, identity=identity).save_as(path, enforce_file_format=True)


def from_file(path: Path, number: int) -> bytes:
    """The file that is the pattern, as the object with this number."""
    return _read(path).replace(uid_of(0).encode(), uid_of(number).encode())


@cache
def _read(path: Path) -> bytes:
    return path.read_bytes()


def dataset_digest(file: bytes) -> str:
    """SHA-256 of the data set in a file: what a receiver must keep to the last bit."""
    start = 144 + int.from_bytes(file[140:144], "little")
    return hashlib.sha256(file[start:]).hexdigest()


@cache
def _pattern(frames: int) -> tuple[bytes, int]:
    """What goes before the pixels, and how many bytes these have."""
    loop, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID, loop.file_meta = ExplicitVRLittleEndian, meta
    loop.SOPClassUID = meta.MediaStorageSOPClassUID = XRayAngiographicImageStorage
    loop.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = uid_of(0)
    loop.StudyInstanceUID, loop.SeriesInstanceUID = f"{ROOT_UID}1", f"{ROOT_UID}1.1"
    loop.Modality, loop.PatientID, loop.PatientName = "XA", "SYNTH-1", "Phantom^Lumbar"
    loop.ImageType, loop.StudyDate = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"], "20260102"
    loop.SourceImageSequence = [Dataset()]
    loop.SourceImageSequence[0].ReferencedSOPClassUID = loop.SOPClassUID
    loop.SourceImageSequence[0].ReferencedSOPInstanceUID = uid_of(1)
    loop.Rows = loop.Columns = _SIDE
    loop.NumberOfFrames, loop.SamplesPerPixel, loop.FrameTime = frames, 1, "66.667"
    loop.PhotometricInterpretation, loop.PixelIntensityRelationship = "MONOCHROME2", "LIN"
    loop.BitsAllocated, loop.BitsStored, loop.HighBit, loop.PixelRepresentation = 16, 12, 11, 0
    pixels = frames * _SIDE * _SIDE * 2
    loop.PixelData = bytes(pixels)
    loop["PixelData"].VR = "OW"
    buffer = BytesIO()
    dcmwrite(buffer, loop, enforce_file_format=True)
    return buffer.getvalue()[:-pixels], pixels
