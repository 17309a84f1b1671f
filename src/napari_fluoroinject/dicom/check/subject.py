"""An object under the checker's eyes: its data set, its pixels, and what is known around it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydicom.datadict import dictionary_keyword
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ImplicitVRLittleEndian

from napari_fluoroinject.dicom import scan
from napari_fluoroinject.dicom.check.condition import values_of
from napari_fluoroinject.dicom.check.elements import Encoded, encoded_elements, known
from napari_fluoroinject.dicom.check.table import ObjectClass, classes
from napari_fluoroinject.dicom.content import Content, inflate, mapped, open_content
from napari_fluoroinject.dicom.decode import decode_frame
from napari_fluoroinject.dicom.opened import one_error
from napari_fluoroinject.dicom.pixels import PixelFormat, frame_spans
from napari_fluoroinject.dicom.scan import Structure, scan_content

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_META_START = 132

Stored = npt.NDArray[Any]
"""One frame as stored, (rows, columns) or (rows, columns, samples)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surroundings:
    """What references can be followed to.

    Attributes
    ----------
    known
        Headers by SOP Instance UID: sources and the objects that are checked together.
    sources
        UIDs of those that results were made from.
    stated
        The sources were named by a person: what refers to another one is wrong.
    codes
        (scheme, value) of a site's own codes, which stand where the standard has none.
    """

    known: Mapping[str, Dataset] = field(default_factory=dict)
    sources: frozenset[str] = frozenset()
    stated: bool = False
    codes: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """One object.

    Attributes
    ----------
    name
        Of the file.
    dataset
        Without pixels.
    meta
        File meta information.
    structure
        What its bytes say.
    object_class
        None where the checker does not know its class.
    around
        What is known beside it.
    spoilt
        Paths of elements that cannot be read as what they are; `dataset` is without them.
    content
        Its bytes; they last as long as `open_subject`.
    """

    name: str
    dataset: Dataset
    meta: Dataset
    structure: Structure
    object_class: ObjectClass | None
    around: Surroundings
    spoilt: tuple[str, ...]
    content: Content

    @property
    def kind(self) -> str:
        """Kind of its class; empty where that is not known."""
        return "" if self.object_class is None else self.object_class.kind

    @cached_property
    def elements(self) -> tuple[Encoded, ...]:
        """Every element but sequences, its value as bytes."""
        # parsed once more: an element that was looked at keeps no bytes
        return tuple(encoded_elements(_parsed(self.content, self.structure)))

    @cached_property
    def items(self) -> tuple[tuple[str, Dataset], ...]:
        """Every item of the data set with its path."""
        return tuple(items_of(self.dataset))

    @cached_property
    def references(self) -> tuple[tuple[str, Dataset], ...]:
        """Every item that refers to an instance, with its path."""
        return tuple(
            (path, item) for path, item in self.items if "ReferencedSOPInstanceUID" in item
        )

    @cached_property
    def sources(self) -> tuple[Dataset, ...]:
        """Headers of the sources that it refers to; where none, those stated of its study."""
        around = self.around
        named = {str(item.ReferencedSOPInstanceUID) for _, item in self.references}
        own = str(self.dataset.get("SOPInstanceUID"))
        found = [around.known[uid] for uid in sorted(named & around.sources - {own})]
        if found or not around.stated:
            return tuple(found)
        study = self.dataset.get("StudyInstanceUID")
        stated = (around.known[uid] for uid in sorted(around.sources - {own}))
        return tuple(one for one in stated if one.get("StudyInstanceUID") == study)

    @property
    def frames(self) -> int:
        """Number of frames; 0 where it is no number above 0."""
        return self.structure.frames or 0

    @property
    def whole(self) -> bool:
        """Whether the pixels are there as the header declares them: then frames can be counted."""
        return self.structure.pixels is not None and self.structure.fault is None

    def stored(self, frame: int) -> Stored | None:
        """Return one frame as stored; None where there are no (whole) pixels.

        Raises
        ------
        UnreadableObjectError
            Frames that cannot be told apart or decoded.
        """
        span, structure = self.structure.pixels, self.structure
        if span is None or not self.whole or not 0 <= frame < self.frames:
            return None
        with one_error(self.name):
            if span.length is None:
                parts = frame_spans(structure, span, self.content.data)[frame]
                coded = b"".join(self.content.data[start : start + n] for start, n in parts)
                return decode_frame(coded, self._format(), self.content.syntax)
            return self._native(frame, span.offset)

    def _native(self, frame: int, offset: int) -> Stored:
        form = self._format()
        size = form.frame_samples
        if form.bits_allocated == 1:
            first = frame * size
            start, stop = first // 8, (first + size + 7) // 8
            packed = np.frombuffer(self.content.data[offset + start : offset + stop], np.uint8)
            bits = np.unpackbits(packed, bitorder="little")[first % 8 :][:size]
            return bits.reshape(form.rows, form.columns)
        dtype = _dtype(self.dataset, form)
        start = offset + frame * size * dtype.itemsize
        flat = np.frombuffer(self.content.data[start : start + size * dtype.itemsize], dtype)
        return flat.reshape(form.rows, form.columns, *((-1,) if form.samples > 1 else ()))

    def _format(self) -> PixelFormat:
        said = self.structure
        allocated = said.number(scan.BITS_ALLOCATED) or 0
        stored = said.number(scan.BITS_STORED) or allocated
        return PixelFormat(
            frames=self.frames,
            rows=said.number(scan.ROWS) or 0,
            columns=said.number(scan.COLUMNS) or 0,
            samples=said.number(scan.SAMPLES) or 1,
            bits_allocated=allocated,
            bits_stored=stored,
            high_bit=stored - 1,
            signed=said.number(scan.SIGNED) == 1,
            photometric=said.text(scan.PHOTOMETRIC),
            planar=said.number(scan.PLANAR) == 1,
        )


@contextmanager
def open_subject(path: Path, around: Surroundings) -> Iterator[Subject]:
    """Open an object to be checked; its bytes are there while the context lasts.

    Raises
    ------
    UnreadableObjectError
        Not a DICOM file, or one whose structure or header is damaged.
    """
    with mapped(path) as data:
        content = inflate(open_content(data, path.name))
        structure = scan_content(content)
        with one_error(path.name):
            dataset = _parsed(content, structure)
            meta = _meta(data[_META_START : _end_of_meta(data, content)])
            spoilt = (*_without_spoilt(meta), *_without_spoilt(dataset))
        yield Subject(
            name=path.name,
            dataset=dataset,
            meta=meta,
            structure=structure,
            object_class=classes().get(structure.sop_class_uid),
            around=around,
            spoilt=spoilt,
            content=content,
        )


def read_header(path: Path) -> Dataset:
    """Read the header of an object that results may refer to.

    Raises
    ------
    UnreadableObjectError
        As above.
    """
    with open_subject(path, Surroundings()) as subject:
        return subject.dataset


def items_of(dataset: Dataset, path: str = "") -> Iterator[tuple[str, Dataset]]:
    """Yield every item of a data set with its path, the outer one before those inside of it.

    The nesting was bounded when the object was opened.
    """
    for element in dataset:
        if element.VR != "SQ":
            continue
        for index, item in enumerate(element.value or ()):
            inner = f"{path}{element.keyword or element.tag}[{index}]"
            yield inner, item
            yield from items_of(item, f"{inner}.")


def frames_of(header: Dataset) -> int:
    """Number of frames of a known object; 1 where it says nothing."""
    values = values_of(header, "NumberOfFrames")
    return whole_number(values[0]) or 1 if values else 1


def whole_number(value: object) -> int | None:
    """Return a value as a whole number; None where it is none."""
    try:
        number = float(str(value))
        return int(number) if number == int(number) else None
    except (ValueError, OverflowError):
        return None


def whole_numbers(item: Dataset, keyword: str) -> list[int]:
    """Return the values of an attribute that are whole numbers."""
    found = (whole_number(value) for value in values_of(item, keyword))
    return [value for value in found if value is not None]


def _dtype(dataset: Dataset, form: PixelFormat) -> np.dtype[Any]:
    if "PixelData" not in dataset and form.bits_allocated in (32, 64) and not form.signed:
        return np.dtype(f"<f{form.bits_allocated // 8}")
    return np.dtype(f"<{'i' if form.signed else 'u'}{max(form.bits_allocated // 8, 1)}")


def _parsed(content: Content, structure: Structure) -> Dataset:
    end = len(content.data) if structure.pixels is None else structure.pixels.element
    stream = io.BytesIO(content.data[content.start : end])
    return read_dataset(stream, content.syntax == ImplicitVRLittleEndian, True)


def _without_spoilt(dataset: Dataset, path: str = "") -> Iterator[str]:
    """Read every element, drop those that cannot be, and tell where they stood."""
    for tag in list(dataset.keys()):
        where = f"{path}{known(tag, dictionary_keyword) or tag}"
        try:
            element = dataset[tag]
            items = list(element.value or ()) if element.VR == "SQ" else []
        except Exception:  # a border: pydicom raises what the conversion of that value raises
            del dataset[tag]
            yield where
            continue
        for index, item in enumerate(items):
            yield from _without_spoilt(item, f"{where}[{index}].")


def _meta(encoded: bytes) -> Dataset:
    return read_dataset(io.BytesIO(encoded), False, True)


def _end_of_meta(data: Any, content: Content) -> int:
    """Where the file meta information ends: the content of a deflated file starts elsewhere."""
    return open_content(data, content.source).start
