"""Whether two files of one SOP instance hold the same content, encoded in another way."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import read_dataset
from pydicom.uid import ImplicitVRLittleEndian
from pydicom.values import convert_SQ

from napari_fluoroinject.dicom.content import Content, inflate, mapped, open_content
from napari_fluoroinject.dicom.decode import LOSSY, MAYBE_LOSSY
from napari_fluoroinject.dicom.opened import frames_of, header_before, one_error
from napari_fluoroinject.dicom.pixels import frame_spans, pixel_format, pixel_span
from napari_fluoroinject.dicom.scan import Structure, native_bytes, scan_content
from napari_fluoroinject.errors import FluoroinjectError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

log = logging.getLogger(__name__)

TIME_LIMIT_S = 30.0
"""Of a comparison; a peer waits about as long for its answer."""
MEMORY_LIMIT_BYTES = 4 << 30
LARGEST_HEADER_BYTES = 64 << 20
"""Of all that is not pixel data: more is not compared."""
_BLOCK_BYTES = 1 << 20
_META, _PIXELS, _PADDING = 0x0002, 0x7FE0, 0xFFFC
_OF_COMPRESSION = (0x00082111, 0x00280006)
"""Derivation Description, in which DCMTK tells how it compressed, and Planar Configuration."""
_OVERLAYS, _OVERLAY_DATA, _OVERLAY_BIT = 0x6000, 0x3000, 0x0102


def same_content(kept: Path, new: Path) -> bool:
    """Whether two files differ in nothing but their encoding; False whenever that is not sure.

    Data elements are compared value by value, apart from file meta information, group lengths,
    padding and the form of the pixel data; pixels frame by frame, one at a time: coded bytes of
    one transfer syntax, else grey values decoded of lossless ones. It decodes what a peer sent:
    use `same_content_apart` where that must not take the process down.

    Parameters
    ----------
    kept, new
        DICOM files.
    """
    try:
        with ExitStack() as stack:
            stack.enter_context(one_error(new.name))
            return _same(*(_open(path, stack) for path in (kept, new)))
    except FluoroinjectError as error:
        log.info("two files of one SOP instance cannot be compared: %s", type(error).__name__)
        log.debug("not compared", exc_info=error)
        return False


def same_content_apart(kept: Path, new: Path, *, time_limit_s: float = TIME_LIMIT_S) -> bool:
    """As `same_content`, in a process of its own with limits of time and memory."""
    command = [sys.executable, "-P", "-m", __name__, str(kept.absolute()), str(new.absolute())]
    try:
        done = subprocess.run(  # noqa: S603 - this very module, with names of ours
            command, timeout=time_limit_s, capture_output=True, check=False
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        log.warning("two files of one SOP instance were not compared: %s", type(error).__name__)
        return False
    return done.returncode == 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _File:
    path: Path
    content: Content
    structure: Structure

    @property
    def end(self) -> int:
        """Where the data elements before the pixel data end."""
        pixels = self.structure.pixels
        return len(self.content.data) if pixels is None else pixels.element


def _open(path: Path, stack: ExitStack) -> _File:
    content = inflate(open_content(stack.enter_context(mapped(path)), path.name))
    return _File(path=path, content=content, structure=scan_content(content))


def _same(kept: _File, new: _File) -> bool:
    if kept.structure.fault or new.structure.fault:
        return False
    if (kept.structure.pixels is None) != (new.structure.pixels is None):
        return False
    return _same_elements(kept, new) and (kept.structure.pixels is None or _same_pixels(kept, new))


def _same_elements(kept: _File, new: _File) -> bool:
    headers = []
    for file in (kept, new):
        tail = _after_pixels(file)
        if file.end - file.content.start + len(tail) > LARGEST_HEADER_BYTES:
            return False
        header = header_before(file.content, file.end)
        implicit = file.content.syntax == ImplicitVRLittleEndian
        header.update(read_dataset(io.BytesIO(tail), implicit, True))
        headers.append(header)
    return _same_values(*headers, top=True)


def _after_pixels(file: _File) -> bytes:
    """What stands after the pixel data: signatures, padding; without zeros at the end."""
    pixels = file.structure.pixels
    if pixels is None:
        return b""
    if pixels.length is not None:
        end = pixels.offset + pixels.length
    else:  # PS3.5 A.4: a sequence delimiter of eight bytes ends the fragments
        end = sum((pixels.fragments or (pixels.offset_table,))[-1]) + 8
    if len(file.content.data) - end > LARGEST_HEADER_BYTES:
        return bytes(LARGEST_HEADER_BYTES + 1)
    tail = file.content.data[end:]
    return tail if any(tail) else b""


def _same_values(kept: Dataset, new: Dataset, *, top: bool = False) -> bool:
    tags = [
        [tag for tag in side.keys() if not _is_encoding(tag, top=top)]  # noqa: SIM118 - items are parsed
        for side in (kept, new)
    ]
    return sorted(tags[0]) == sorted(tags[1]) and all(
        _same_element(kept.get_item(tag), new.get_item(tag)) for tag in tags[0]
    )


def _is_encoding(tag: BaseTag, *, top: bool) -> bool:
    """Whether an element belongs to how content is encoded, not to what it is."""
    if tag.element == 0:  # group length, retired (PS3.5 7.2)
        return True
    return top and (tag.group in (_META, _PIXELS, _PADDING) or tag in _OF_COMPRESSION)


def _same_element(
    kept: DataElement | RawDataElement | None, new: DataElement | RawDataElement | None
) -> bool:
    if kept is None or new is None:
        return False
    if _is_sequence(kept) or _is_sequence(new):
        items = [list(_items(side)) for side in (kept, new)]
        return len(items[0]) == len(items[1]) and all(
            _same_values(one, other) for one, other in zip(*items, strict=True)
        )
    return (kept.value or b"") == (new.value or b"")


def _is_sequence(element: DataElement | RawDataElement) -> bool:
    if element.VR is None:  # implicit VR, not yet looked up
        return dictionary_has_tag(element.tag) and dictionary_VR(element.tag) == "SQ"
    return element.VR == "SQ"


def _items(element: DataElement | RawDataElement) -> Iterable[Dataset]:
    """Items of a sequence, also of one whose encoding did not tell that it is one."""
    if isinstance(element, RawDataElement):
        # PS3.5 6.2.2: what stands in UN is implicit VR little endian
        implicit = element.VR != "SQ" or element.is_implicit_VR
        return convert_SQ(element.value or b"", implicit, True)
    if element.VR != "SQ":
        raise ValueError(f"{element.tag} is a sequence in one file alone")
    return tuple(element.value or ())


def _same_pixels(kept: _File, new: _File) -> bool:
    if _same_coded(kept, new):
        return True
    formats = [pixel_format(file.structure) for file in (kept, new)]
    lossy = any(file.content.syntax in LOSSY | MAYBE_LOSSY for file in (kept, new))
    if lossy or formats[0].samples > 1 or _has_embedded_overlay(kept):
        return False
    frames = [
        frames_of(file.path, file.content, file.structure, pixels)[0]
        for file, pixels in zip((kept, new), formats, strict=True)
    ]
    return frames[0].shape == frames[1].shape and all(
        np.array_equal(frames[0].frame(index), frames[1].frame(index))
        for index in range(frames[0].shape[0])
    )


def _same_coded(kept: _File, new: _File) -> bool:
    """Whether the frames are the same bytes, coded in the same way: nothing need be decoded."""
    spans = [pixel_span(file.structure) for file in (kept, new)]
    if any(span.length is not None for span in spans):
        sizes = [native_bytes(file.structure) for file in (kept, new)]
        return all(span.length is not None for span in spans) and all(
            kept.content.data[spans[0].offset + start : spans[0].offset + stop]
            == new.content.data[spans[1].offset + start : spans[1].offset + stop]
            for start, stop in _blocks(max(sizes))
        )
    if kept.content.syntax != new.content.syntax:
        return False
    frames = [
        frame_spans(file.structure, span, file.content.data)
        for file, span in zip((kept, new), spans, strict=True)
    ]
    return len(frames[0]) == len(frames[1]) and all(
        _joined(kept, one) == _joined(new, other) for one, other in zip(*frames, strict=True)
    )


def _blocks(size: int) -> Iterable[tuple[int, int]]:
    return ((start, min(start + _BLOCK_BYTES, size)) for start in range(0, size, _BLOCK_BYTES))


def _joined(file: _File, parts: Iterable[tuple[int, int]]) -> bytes:
    return b"".join(file.content.data[offset : offset + length] for offset, length in parts)


def _has_embedded_overlay(file: _File) -> bool:
    """Whether unused bits of the pixels hold an overlay (retired), which decoding takes out."""
    header = header_before(file.content, file.end)
    return any(
        tag.group & 0xFF00 == _OVERLAYS
        and tag.element == _OVERLAY_BIT
        and (tag.group << 16 | _OVERLAY_DATA) not in header
        for tag in header.keys()  # noqa: SIM118 - an iteration over it parses the values
    )


def _main(paths: list[Path]) -> int:
    """Compare within limits; a crash, too, ends in another status than 0."""
    if sys.platform != "win32":
        import resource

        # mapped files count as address space and take no memory
        space_bytes = MEMORY_LIMIT_BYTES + 2 * sum(path.stat().st_size for path in paths)
        resource.setrlimit(resource.RLIMIT_AS, (space_bytes, space_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return 0 if same_content(*paths) else 1


if __name__ == "__main__":
    sys.exit(_main([Path(name) for name in sys.argv[1:]]))
