"""Objects in another transfer syntax, without loss, for a peer that does not take their own."""

from __future__ import annotations

import struct
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING

import imagecodecs
import numpy as np
from pydicom import dcmread, dcmwrite
from pydicom.uid import UID, ImplicitVRLittleEndian

from napari_fluoroinject.dicom.content import inflate, mapped, open_content
from napari_fluoroinject.dicom.decode import check_frame, check_syntax, decode_frame
from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.pixels import PixelFormat, frame_spans, pixel_format, pixel_span
from napari_fluoroinject.dicom.scan import Structure, scan_content
from napari_fluoroinject.errors import StorageError, UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.content import Content

_PIXEL_DATA = b"\xe0\x7f\x10\x00"
_LONGEST_BYTES = 0xFFFFFFFE
_JPEG = ("1.2.840.10008.1.2.4.5", "1.2.840.10008.1.2.4.7")


@contextmanager
def private_folder(inside: Path) -> Iterator[Path]:
    """Make a folder that only its owner can read, and remove it with all that is in it.

    Raises
    ------
    StorageError
        It cannot be made or written to.
    """
    try:
        with TemporaryDirectory(
            prefix=".fluoroinject-", dir=inside, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)
    except OSError as error:
        raise StorageError(
            f"{inside}: cannot be written to: {error.strerror or error}; expected room for one "
            "object, decompressed"
        ) from error


def transcode(path: Path, into: Path, *, syntax: str) -> None:
    """Write an object in an uncompressed transfer syntax; its SOP Instance UID stays.

    The frames pass one by one. What was lost by lossy compression stays said so (PS3.3
    C.7.6.1.1.5); colour that was coded as YBR becomes RGB, pixel by pixel.

    Parameters
    ----------
    path, into
        From and to.
    syntax
        Explicit or implicit VR little endian.

    Raises
    ------
    UnreadableObjectError
        The object cannot be read, or its frames cannot be decoded.
    """
    own = _syntax(path)
    if UID(own).is_encapsulated:
        with mapped(path) as data, one_error(path.name):
            content = inflate(open_content(data, path.name))
            _decompress(path, content, into, syntax=syntax)
        return
    with one_error(path.name):
        whole = dcmread(path)
        whole.file_meta.TransferSyntaxUID = UID(syntax)
        whole.preamble = b"\x00" * 128
        dcmwrite(into, whole, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)


def _syntax(path: Path) -> str:
    with mapped(path) as data:
        return open_content(data, path.name).syntax


def _decompress(path: Path, content: Content, into: Path, *, syntax: str) -> None:
    structure = scan_content(content)
    span, pixels = pixel_span(structure), pixel_format(structure)
    check_syntax(content.syntax, path.name)
    size = pixels.frames * pixels.rows * pixels.columns * pixels.samples
    size *= pixels.sample_dtype.itemsize
    if size > _LONGEST_BYTES or pixels.bits_allocated == 1:
        raise UnreadableObjectError(
            path.name,
            seen=f"{size} bytes of pixels of {pixels.bits_allocated} bits when decompressed",
            expected="samples of 8 or 16 bits, less than 4 GiB",
        )
    _write_header(path, into, structure, pixels, syntax=syntax)
    with into.open("ab") as file:
        implicit = syntax == ImplicitVRLittleEndian
        kind = b"" if implicit else (b"OW\0\0" if pixels.bits_allocated > 8 else b"OB\0\0")
        file.write(_PIXEL_DATA + kind + struct.pack("<I", size + size % 2))
        for number, parts in enumerate(frame_spans(structure, span, content.data), 1):
            encoded = b"".join(content.data[at : at + length] for at, length in parts)
            _write_frame(file, encoded, pixels, source=f"{path.name}, frame {number}", of=content)
        file.write(b"\0" * (size % 2))


def _write_header(
    path: Path, into: Path, structure: Structure, pixels: PixelFormat, *, syntax: str
) -> None:
    """Everything before the pixel data; what follows them (signatures, padding) is void."""
    header = dcmread(path, stop_before_pixels=True)
    header.file_meta.TransferSyntaxUID = UID(syntax)
    header.preamble = b"\x00" * 128
    if pixels.samples > 1:
        header.PlanarConfiguration = 0
        header.PhotometricInterpretation = _photometric(pixels, structure.transfer_syntax_uid)
    dcmwrite(into, header, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True)


def _photometric(pixels: PixelFormat, syntax: str) -> str:
    """Colour as the decoders give it: JPEG and the transforms of JPEG 2000 come out as RGB."""
    if syntax.startswith(_JPEG) or pixels.photometric in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return "YBR_FULL" if pixels.photometric == "YBR_FULL_422" else pixels.photometric


def _write_frame(
    file: IO[bytes], encoded: bytes, pixels: PixelFormat, *, source: str, of: Content
) -> None:
    coded_colour = pixels.samples > 1 and pixels.photometric.startswith("YBR")
    if coded_colour and of.syntax.startswith(_JPEG):
        fault = check_frame(encoded, pixels, of.syntax)
        if fault is not None:
            raise UnreadableObjectError(source, seen=fault, expected="the declared picture")
        samples = imagecodecs.jpeg8_decode(encoded, colorspace="YCbCr", outcolorspace="RGB")
    else:
        samples = decode_frame(encoded, pixels, of.syntax)
    wanted = (pixels.rows, pixels.columns, *((pixels.samples,) if pixels.samples > 1 else ()))
    if samples.shape != wanted:
        raise UnreadableObjectError(
            source, seen=f"samples of shape {samples.shape}", expected=f"{wanted}"
        )
    stored = np.ascontiguousarray(samples.astype(f"<i{samples.itemsize}", copy=False))
    if stored.itemsize != pixels.sample_dtype.itemsize:
        stored = stored.astype(f"<u{pixels.sample_dtype.itemsize}")
    file.write(stored.tobytes())
