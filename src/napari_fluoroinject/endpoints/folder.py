"""Files and folders: where loops lie, and where objects are put."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.errors import InvalidDicomError

from napari_fluoroinject.dicom.read import LoopFiles, find_loops, read_loop
from napari_fluoroinject.endpoints.base import Query, Receipt, Storable
from napari_fluoroinject.errors import ConflictError, StorageError, UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_fluoroinject.model.cine import CineLoop, LoopReference


class Folder:
    """A file, or a folder with everything below it, as source; a folder as sink."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def __str__(self) -> str:
        return str(self._path)

    def loops(self) -> Iterator[LoopFiles | UnreadableObjectError]:
        """The loops that lie here, each as its files; what cannot be read is an item too."""
        if not self._path.exists():
            yield UnreadableObjectError(
                str(self._path),
                seen="no such file or folder",
                expected="a DICOM file or a folder of them",
            )
            return
        yield from find_loops([self._path])

    def find(self, query: Query) -> Iterator[LoopReference | UnreadableObjectError]:
        """References of the loops whose UIDs the query asks for."""
        for found in self.loops():
            if isinstance(found, UnreadableObjectError):
                yield found
            elif query.admits(found.reference):
                yield found.reference

    def fetch(self, reference: LoopReference) -> CineLoop:
        """Read the loop.

        Raises
        ------
        UnreadableObjectError
            If it does not lie here (any more), or cannot be read.
        """
        for found in self.loops():
            if isinstance(found, LoopFiles) and found.reference == reference:
                return read_loop(*found.paths)
        raise UnreadableObjectError(
            str(self._path),
            seen=f"no loop {reference.sop_instance_uid}",
            expected="a reference that find() gave",
        )

    def store(self, objects: Iterable[Storable]) -> tuple[Receipt, ...]:
        """Write each object as `<SOP Instance UID>.dcm`; files keep their bytes.

        Raises
        ------
        ConflictError
            If a file with other content has that name already.
        StorageError
            If the folder cannot be written to.
        UnreadableObjectError
            If a file is not a DICOM object.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            return tuple(self._store(item) for item in objects)
        except OSError as error:
            raise StorageError(f"{self._path}: cannot be written: {error.strerror}") from error

    def _store(self, item: Storable) -> Receipt:
        uid = _uid(item)
        path = self._path / f"{uid}.dcm"
        part = self._path / f".{uid}.part"
        if isinstance(item, Path):
            shutil.copyfile(item, part)
        else:
            dcmwrite(part, item, enforce_file_format=True)
        try:
            os.link(part, path)
        except FileExistsError:
            if path.read_bytes() != part.read_bytes():
                raise ConflictError(
                    f"{path} is there with other content; expected the same bytes or a new UID"
                ) from None
        finally:
            part.unlink()
        return Receipt(sop_instance_uid=uid, destination=str(path))


def _uid(item: Storable) -> str:
    """SOP Instance UID, fit to be a file name."""
    try:
        dataset = (
            item if isinstance(item, Dataset) else dcmread(item, specific_tags=["SOPInstanceUID"])
        )
        uid = dataset.SOPInstanceUID
    except (InvalidDicomError, AttributeError) as error:
        raise UnreadableObjectError(
            str(item) if isinstance(item, Path) else "an object in memory",
            seen="no SOP Instance UID",
            expected="a DICOM object",
        ) from error
    if not uid.is_valid:
        # digits and dots only: a UID that is none could name a file elsewhere
        raise UnreadableObjectError(
            str(item) if isinstance(item, Path) else "an object in memory",
            seen="a SOP Instance UID that is not valid",
            expected="digits and dots, 64 at most (PS3.5 9.1)",
        )
    return str(uid)
