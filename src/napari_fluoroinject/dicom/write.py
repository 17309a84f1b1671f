"""A report as DICOM objects: all of them encoded together, then written as files."""

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

from napari_fluoroinject.dicom.identity import derived_uid, identify, identify_loop
from napari_fluoroinject.dicom.maps import KINDS, encode_maps, map_kinds
from napari_fluoroinject.dicom.seg import encode_segmentation, segments_of
from napari_fluoroinject.dicom.sr import encode_report
from napari_fluoroinject.dicom.sr_statements import Omission
from napari_fluoroinject.dicom.subtracted import encode_subtracted
from napari_fluoroinject.errors import EncodingError, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from pydicom.dataelem import DataElement

    from napari_fluoroinject.dicom.seg import SegProfile
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.subtracted import SubtractedLoop


RESULT_FILES = frozenset(
    f"{name}.dcm" for name in ("report", "segmentation", *(f"map_{kind.name}" for kind in KINDS))
)
"""Every name that a result's file can have."""

_AFTER_UID = 0x00080019
"""The tag after SOP Instance UID."""
_PIXEL_DATA = Tag(0x7FE00010)


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


def encode_results(
    report: Report,
    source_paths: Sequence[Path],
    *,
    seg_profile: SegProfile = "strict",
    content_time: datetime | None = None,
) -> tuple[EncodedObject, ...]:
    """Encode a report as measurement report, segmentation and maps.

    Same report, same source, same bytes: UIDs and dates are derived, no clock is read. What is
    not written, and why, is told by `omissions` and stands in the measurement report.

    Parameters
    ----------
    report
        The analysed loop.
    source_paths
        The file of the loop; for a loop of single frames one file per frame, in any order.
    seg_profile
        `strict` without invented geometry, or `viewer` with a nominal one.
    content_time
        See `identity.identify`.

    Raises
    ------
    IdentityMismatchError
        The files are not those that the report was made from.
    """
    identity = identify(report, source_paths, content_time=content_time)
    segmentation = encode_segmentation(report, identity, profile=seg_profile)
    results = [
        *(() if segmentation is None else (_sealed("segmentation", segmentation),)),
        *(_sealed(f"map_{kind.name}", made) for kind, made in encode_maps(report, identity)),
    ]
    measured = encode_report(
        report,
        identity,
        evidence=[result.dataset for result in results],
        omissions=omissions(report),
    )
    return (_sealed("report", measured), *results)


def encode_subtraction(
    made: SubtractedLoop, source_paths: Sequence[Path], *, content_time: datetime | None = None
) -> EncodedObject:
    """Encode a subtracted loop, with derived UIDs and dates as above.

    Parameters
    ----------
    made
        The subtracted loop.
    source_paths, content_time
        As above.

    Raises
    ------
    IdentityMismatchError
        The files are not those that were subtracted.
    EncodingError
        There are more pixels than one object can hold.
    """
    identity = identify_loop(
        made.loop,
        source_paths,
        provenance=made.provenance,
        made_by=("subtraction", repr(made.masks)),
        content_time=content_time,
    )
    return _sealed("subtracted", encode_subtracted(made, identity))


def omissions(report: Report) -> tuple[Omission, ...]:
    """Return the results that `encode_results` does not make of this report, and why."""
    left_out = []
    if not segments_of(report):
        left_out.append(
            Omission(
                name="Segmentation",
                reason="no contrast region and no needle was found, so there is nothing to mark",
            )
        )
    given = {kind.name for kind in map_kinds(report)}
    reason = (
        "there are no usable frames before contrast"
        if report.maps is None
        else "the loop does not state when its frames were taken"
    )
    left_out.extend(
        Omission(name=f"Map of {kind.name.replace('_', ' ')}", reason=reason)
        for kind in KINDS
        if kind.name not in given
    )
    return tuple(left_out)


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
                f"{target} could not be written: {error}; choose a folder that can be"
            ) from error
        written.append(
            OutputFile(
                file=target.name,
                sop_class_uid=str(encoded.dataset.SOPClassUID),
                sop_instance_uid=str(encoded.dataset.SOPInstanceUID),
            )
        )
    return tuple(written)


def _sealed(name: str, dataset: Dataset) -> EncodedObject:
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


def _long_element(pixels: DataElement) -> tuple[bytes, bytes]:
    """Head and value of pixel data of even length, explicit VR little endian (PS3.5 7.1.2)."""
    value: bytes = pixels.value
    tag, vr = pixels.tag, pixels.VR.encode("ascii")
    return struct.pack("<HH2sHI", tag.group, tag.element, vr, 0, len(value)), value


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
