"""One file of a cine loop: checked, its header read, its frames ready to be decoded."""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    EnhancedXAImageStorage,
    EnhancedXRFImageStorage,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
)

from napari_fluoroinject.dicom.content import Content, inflate, mapped, open_content
from napari_fluoroinject.dicom.decode import check_frame, check_syntax
from napari_fluoroinject.dicom.decoder import DecoderWish, choose_decoder
from napari_fluoroinject.dicom.frames import EncodedFrames, FileBytes, MemoryBytes, NativeFrames
from napari_fluoroinject.dicom.pixels import PixelFormat, frame_spans, pixel_format, pixel_span
from napari_fluoroinject.dicom.scan import Structure, check_series, scan_content
from napari_fluoroinject.errors import (
    FluoroinjectError,
    UnreadableObjectError,
)
from napari_fluoroinject.model.cine import Frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.walk import PixelSpan

CAPTURED = frozenset(
    (
        SecondaryCaptureImageStorage,
        MultiFrameSingleBitSecondaryCaptureImageStorage,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
    )
)
"""SOP classes that do not tell what their pixel values mean."""
CINE_CLASSES = CAPTURED | {
    XRayAngiographicImageStorage,
    XRayRadiofluoroscopicImageStorage,
    EnhancedXAImageStorage,
    EnhancedXRFImageStorage,
}
"""SOP classes that can hold a fluoroscopy run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedObject:
    """A file that holds frames: its structure, its pixels' meaning, its header without pixels.

    `decoder` names what decodes the frames, None where they are not coded.
    """

    path: Path
    structure: Structure
    pixels: PixelFormat
    header: Dataset
    frames: Frames
    decoder: str | None
    notes: tuple[str, ...]

    @property
    def sop_class_uid(self) -> str:
        """SOP class of the data set."""
        return self.structure.sop_class_uid

    @property
    def captured(self) -> bool:
        """Whether this is a secondary capture."""
        return self.sop_class_uid in CAPTURED


def open_object(path: Path, *, decoder: DecoderWish = "cpu") -> OpenedObject:
    """Check a file, read its header, and make its frames ready.

    Nothing is decoded (but the first frame, to compare a decoder other than the processor's), and
    no size that the file declares is believed before it was compared with the bytes that are
    there.

    Raises
    ------
    BackendUnavailableError
        The decoder that was asked for is not there.
    UnreadableObjectError
        Not a whole DICOM file of a class that holds cine loops, or pixels of a kind that is not
        read.
    """
    with mapped(path) as data, one_error(path.name):
        content = inflate(open_content(data, path.name))
        structure = scan_content(content)
        if structure.sop_class_uid not in CINE_CLASSES:
            raise UnreadableObjectError(
                path.name,
                seen=f"SOP class {UID(structure.sop_class_uid).name}",
                expected="X-ray angiography, radiofluoroscopy or secondary capture",
            )
        check_series(structure)
        span, pixels = pixel_span(structure), pixel_format(structure)
        header = header_before(content, span.element)
        frames, decoded_by = frames_of(path, content, structure, pixels, decoder)
    return OpenedObject(
        path=path,
        structure=structure,
        pixels=pixels,
        header=header,
        frames=frames,
        decoder=decoded_by,
        notes=(*structure.notes, *_pixel_notes(span, pixels)),
    )


def announced_class(path: Path) -> str:
    """SOP class that the file meta information names; empty where it names none.

    Raises
    ------
    UnreadableObjectError
        Not a DICOM file.
    """
    with mapped(path) as data:
        return open_content(data, path.name).announced_class


def header_before(content: Content, end: int) -> Dataset:
    """Parse what stands before the pixel data, which begin at `end`."""
    stream = io.BytesIO(content.data[content.start : end])
    return read_dataset(stream, content.syntax == ImplicitVRLittleEndian, True)


def frames_of(
    path: Path,
    content: Content,
    structure: Structure,
    pixels: PixelFormat,
    wish: DecoderWish = "cpu",
) -> tuple[Frames, str | None]:
    """Make the frames of an object ready, and name what decodes them, None where nothing has to.

    Raises
    ------
    BackendUnavailableError
        As `open_object`.
    UnreadableObjectError
        Compressed frames that cannot be told apart, decoded, or are not of the declared size.
    """
    span = pixel_span(structure)
    data: FileBytes | MemoryBytes = FileBytes(path.absolute())
    if isinstance(content.data, bytes):
        data = MemoryBytes(content.data, path.name)
    if span.length is not None:
        return NativeFrames(data, pixels, span.offset), None
    check_syntax(content.syntax, path.name)
    spans = frame_spans(structure, span, content.data)
    for number, parts in enumerate(spans, 1):
        encoded = b"".join(content.data[offset : offset + length] for offset, length in parts)
        fault = check_frame(encoded, pixels, content.syntax)
        if fault is not None:
            raise UnreadableObjectError(
                path.name,
                seen=f"frame number {number}: {fault}",
                expected="frames of the declared size",
            )
    first = b"".join(content.data[offset : offset + length] for offset, length in spans[0])
    decoder = choose_decoder(wish, first, pixels, syntax=content.syntax, source=path.name)
    frames = EncodedFrames(data, pixels, spans, syntax=content.syntax, decoder=decoder)
    return frames, decoder.name


@contextmanager
def one_error(source: str) -> Iterator[None]:
    """Make one error of all that a parser raises on a file that is damaged inside; ours pass.

    Raises
    ------
    UnreadableObjectError
        In place of any other exception.
    """
    try:
        # pydicom warns and logs by quoting values, which may be a patient's
        with disable_value_validation(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except FluoroinjectError:
        raise
    except Exception as error:
        # a border: damaged headers raise 17 kinds of exception (reliability.md F25)
        raise UnreadableObjectError(
            source,
            seen=f"a header that cannot be understood ({type(error).__name__})",
            expected="attributes that hold what their type allows",
        ) from error


def _pixel_notes(span: PixelSpan, pixels: PixelFormat) -> tuple[str, ...]:
    notes = []
    if span.length is not None:
        bits = pixels.frames * pixels.frame_samples * pixels.bits_allocated
        surplus = span.length - (bits + 7) // 8
        if surplus > 1:  # one byte makes the length even
            notes.append(f"{surplus} bytes after the last frame are ignored.")
    if pixels.samples == 3:
        notes.append("The loop is in colour; its luma is used.")
    return tuple(notes)
