"""Data sets as DICOM files: sealed by a UID that depends on every byte, and written whole."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from napari_fluoroinject.dicom.identity import derived_uid
from napari_fluoroinject.errors import EncodingError, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydicom.dataelem import DataElement


_AFTER_UID = 0x00080019
"""The tag after SOP Instance UID."""
_PIXEL_DATA = Tag(0x7FE00010)
_UNDEFINED = 0xFFFFFFFF
_SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EncodedObject:
    """One result; `name` is unique within a report and becomes the file's name.

    `content` is the file that holds `dataset`.
    """

    name: str
    dataset: Dataset
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """One written file, as the summary lists it."""

    file: str
    sop_class_uid: str
    sop_instance_uid: str


def encoded_bytes(dataset: Dataset) -> bytes:
    """Return the bytes of a DICOM file that holds `dataset`.

    Raises
    ------
    EncodingError
        A value that its value representation cannot carry.
    """
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings():  # they would quote values, which may be a patient's
            warnings.simplefilter("ignore")
            dataset.save_as(buffer, enforce_file_format=True)
    except (ValueError, TypeError, OSError) as error:  # pydicom names a bad number an OSError
        said = str(error).partition("\n")[0]
        raise EncodingError(f"{dataset.SOPClassUID.name} could not be encoded: {said}") from error
    return buffer.getvalue()


def write_objects(objects: Sequence[EncodedObject], folder: Path) -> tuple[OutputFile, ...]:
    """Write each result to `folder/NAME.dcm`, whole or not at all.

    A file that is there already is replaced.

    Raises
    ------
    StorageError
        The folder cannot be written.
    """
    written = []
    for encoded in objects:
        target = folder / f"{encoded.name}.dcm"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _replace(target, encoded.content)
        except OSError as error:
            raise StorageError(
                f"{target} could not be written: {error.strerror or error}; expected a "
                "folder that can be written to, with room on the disk"
            ) from error
        written.append(
            OutputFile(
                file=target.name,
                sop_class_uid=str(encoded.dataset.SOPClassUID),
                sop_instance_uid=str(encoded.dataset.SOPInstanceUID),
            )
        )
    return tuple(written)


def sealed(name: str, dataset: Dataset) -> EncodedObject:
    """Let the SOP Instance UID depend on every byte: other content can never have the same UID."""
    # Pixels are the most and stand last: they are copied once, into what is written.
    pixels: DataElement | None = dataset.get(_PIXEL_DATA)
    if pixels is not None:
        del dataset[pixels.tag]
    unsealed = encoded_bytes(dataset)
    # What follows the UID stays the same: it is encoded once.
    rest = memoryview(unsealed)[len(encoded_bytes(_until_uid(dataset))) :]
    last = () if pixels is None else _long_element(pixels)
    digest = hashlib.sha256(unsealed)
    for part in last:
        digest.update(part)
    dataset.SOPInstanceUID = derived_uid(str(dataset.SOPInstanceUID), digest.hexdigest())
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    content = b"".join((encoded_bytes(_until_uid(dataset)), rest, *last))
    if pixels is not None:
        dataset[pixels.tag] = pixels
    return EncodedObject(name=name, dataset=dataset, content=content)


def _long_element(pixels: DataElement) -> tuple[bytes, ...]:
    """Head, value and end of pixel data of even length, explicit VR little endian.

    Native pixel data state their length (PS3.5 7.1.2); encapsulated ones, a sequence of fragments,
    end in a delimiter (PS3.5 A.4).
    """
    value: bytes = pixels.value
    tag, vr = pixels.tag, pixels.VR.encode("ascii")
    length = _UNDEFINED if pixels.is_undefined_length else len(value)
    head = struct.pack("<HH2sHI", tag.group, tag.element, vr, 0, length)
    return (head, value, _SEQUENCE_END) if pixels.is_undefined_length else (head, value)


def _until_uid(dataset: Dataset) -> Dataset:
    """The beginning of a data set, up to its SOP Instance UID: elements stand in their order."""
    begin = Dataset({element.tag: element for element in dataset[:_AFTER_UID]})
    begin.file_meta = dataset.file_meta
    return begin


def _replace(target: Path, content: bytes) -> None:
    """Write beside the target and rename: a reader sees the old file or the new one."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
