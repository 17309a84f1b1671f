"""One file de-identified: the header cleaned, the pixel data copied as they lie."""

from __future__ import annotations

import io
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.content import Content, inflate, mapped, open_content
from napari_fluoroinject.dicom.deidentify.burned_in import BurnedIn, burned_in
from napari_fluoroinject.dicom.deidentify.clean import Cleaned, Rules, clean
from napari_fluoroinject.dicom.deidentify.person import Person, person_of
from napari_fluoroinject.dicom.deidentify.pixel_bytes import kept_spans, pixel_doubts
from napari_fluoroinject.dicom.deidentify.tables import EDITION
from napari_fluoroinject.dicom.header import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from napari_fluoroinject.dicom.items import coded
from napari_fluoroinject.dicom.opened import announced_class, one_error
from napari_fluoroinject.dicom.scan import Structure, scan_content
from napari_fluoroinject.errors import EncodingError, StorageError, UnreadableObjectError

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

_BLOCK_BYTES = 1 << 20
_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
"""Root of the classes that hold a whole document, as PDF or otherwise (PS3.4 B.5)."""
_DIRECTORY = "1.2.840.10008.1.3.10"
_METHOD = f"DICOM PS3.15 Annex E Basic Profile, {EDITION}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A file as it was found, header parsed; pixels stay where they are."""

    path: Path
    structure: Structure
    header: Dataset
    patient: Person
    burned_in: BurnedIn


def read_source(path: Path) -> Source:
    """Check a file and read its header.

    Parameters
    ----------
    path
        Of any storage object, in any little endian transfer syntax.

    Raises
    ------
    UnreadableObjectError
        No whole DICOM file, a directory of files, or a document that cannot be cleaned.
    """
    with mapped(path) as data, one_error(path.name):
        content = inflate(open_content(data, path.name))
        structure = scan_content(content)
        _check_class(path, structure.sop_class_uid)
        header = _header(content, structure)
        return Source(
            path=path,
            structure=structure,
            header=header,
            patient=person_of(header),
            burned_in=burned_in(header),
        )


def write_cleaned(source: Source, rules: Rules, folder: Path) -> Path:
    """Write the de-identified object as `folder/NEW SOP INSTANCE UID.dcm`, whole or not at all.

    The transfer syntax stays, and with it every byte of the frames. What stands behind them, in
    the pixel data or after them (padding, signatures, private attributes), is left out.

    Parameters
    ----------
    source
        Its header is cleaned in place: it can be used once.
    rules
        Of the export.
    folder
        Must exist.

    Raises
    ------
    EncodingError
        A header that cannot be cleaned or written.
    StorageError
        The folder cannot be written, or the file there is the source itself.
    """
    header = source.header
    with one_error(source.path.name):
        _say(header, clean(header, rules), rules)
        meta = _encoded_meta(_file_meta(header, source.structure.transfer_syntax_uid))
        head = _encoded(header, source.structure.transfer_syntax_uid)
    target = folder / f"{header.SOPInstanceUID}.dcm"
    if target.exists() and target.samefile(source.path):
        raise StorageError(
            f"{source.path.name}: the de-identified object would replace its source; expected "
            "another folder"
        )
    partial = target.with_name(f".{target.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(b"\0" * 128 + b"DICM" + meta)
            _write_rest(file, head, source)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise StorageError(
            f"{folder} could not be written: {error.strerror or error}; expected a folder that "
            "can be, with room on the disk"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def pixels_in_doubt(source: Source) -> tuple[str, ...]:
    """Say what the pixel data of a source hold beside a picture; it is copied with it.

    Parameters
    ----------
    source
        As `read_source` gave it.
    """
    with mapped(source.path) as data, one_error(source.path.name):
        content = inflate(open_content(data, source.path.name))
        return pixel_doubts(source.structure, content.data)


def what_is_left_out(path: Path) -> str | None:
    """Say of a file in a folder why it is no object to be de-identified; None where it is one.

    Parameters
    ----------
    path
        The file; judged by its file meta information.

    Raises
    ------
    UnreadableObjectError
        Not a DICOM file.
    """
    uid = announced_class(path)
    if uid.startswith(_ENCAPSULATED):
        return "encapsulated documents, whose text cannot be cleaned; references to them stay"
    return "directories of files" if uid == _DIRECTORY else None


def _check_class(path: Path, uid: str) -> None:
    if uid.startswith(_ENCAPSULATED):
        raise UnreadableObjectError(
            path.name,
            seen="an encapsulated document, whose text cannot be cleaned",
            expected="an image, a report, a segmentation or a presentation state",
        )
    if uid == _DIRECTORY or not uid:
        raise UnreadableObjectError(
            path.name,
            seen="a directory of files" if uid else "no SOP class",
            expected="an image, a report, a segmentation or a presentation state",
        )


def _header(content: Content, structure: Structure) -> Dataset:
    """Parse what stands before the pixel data, or all where there are none."""
    end = len(content.data) if structure.pixels is None else structure.pixels.element
    stream = io.BytesIO(content.data[content.start : end])
    return read_dataset(stream, content.syntax == ImplicitVRLittleEndian, True)


def _say(header: Dataset, cleaned: Cleaned, rules: Rules) -> None:
    """Say what was done (PS3.15 E.1.1, PS3.3 C.7.1.1 and C.7.1.2, PS3.16 CID 7050)."""
    done = [codes.BASIC_PROFILE]
    if cleaned.graphics:
        done.append(codes.CLEAN_GRAPHICS)
    if cleaned.content:
        done.append(codes.CLEAN_CONTENT)
    if rules.dates.deed != "remove":
        kept = rules.dates.deed == "keep"
        done.append(codes.FULL_DATES if kept else codes.MODIFIED_DATES)
    header.PatientIdentityRemoved = "YES"
    header.DeidentificationMethod = _METHOD
    header.DeidentificationMethodCodeSequence = [*map(coded, done), *_done_before(header, done)]
    header.LongitudinalTemporalInformationModified = rules.dates.told


def _done_before(header: Dataset, done: list[Code]) -> list[Dataset]:
    """Codes of an earlier de-identification, whose pixels may have been cleaned."""
    known = {code.value for code in done}
    return [
        one
        for one in header.get("DeidentificationMethodCodeSequence") or ()
        if one.get("CodingSchemeDesignator") == "DCM" and one.get("CodeValue") not in known
    ]


def _file_meta(header: Dataset, syntax: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(str(header.SOPClassUID))
    meta.MediaStorageSOPInstanceUID = UID(str(header.SOPInstanceUID))
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = IMPLEMENTATION_CLASS_UID
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _encoded_meta(meta: FileMetaDataset) -> bytes:
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta, enforce_standard=True)
    return buffer.getvalue()


def _encoded(header: Dataset, syntax: str) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, syntax == ImplicitVRLittleEndian
    write_dataset(buffer, header)
    return buffer.getvalue()


def _write_rest(file: BinaryIO, head: bytes, source: Source) -> None:
    """The header, then the pixel data element, block by block: it may be larger than memory."""
    with mapped(source.path) as data:
        content = inflate(open_content(data, source.path.name))
        spans = list(kept_spans(source.structure, content.data))
        if source.structure.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            kept = b"".join(
                one if isinstance(one, bytes) else content.data[slice(*one)] for one in spans
            )
    if source.structure.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = packer.compress(head) + packer.compress(kept) + packer.flush()
        file.write(packed + b"\0" * (len(packed) % 2))  # PS3.5 A.5: of even length
        return
    file.write(head)
    with source.path.open("rb") as original:
        for one in spans:
            if isinstance(one, bytes):
                file.write(one)
            else:
                _copy(original, file, *one)


def _copy(original: BinaryIO, file: BinaryIO, start: int, end: int) -> None:
    original.seek(start)
    left = end - start
    while left:
        block = original.read(min(_BLOCK_BYTES, left))
        if not block:
            raise EncodingError("the source became shorter while it was copied")
        file.write(block)
        left -= len(block)
