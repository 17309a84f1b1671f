"""Files and folders: where loops lie, and where objects are put."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.errors import InvalidDicomError

from napari_fluoroinject.dicom.find import files_of
from napari_fluoroinject.dicom.read import LoopFiles, find_loops, read_loop
from napari_fluoroinject.endpoints.base import NotSent, Query, Receipt, Storable, Wanted, uids_of
from napari_fluoroinject.endpoints.headers import answers, header
from napari_fluoroinject.endpoints.landing import land, made
from napari_fluoroinject.errors import (
    ConflictError,
    FluoroinjectError,
    StorageError,
    UnreadableObjectError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

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
            yield _nothing_there(self._path)
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

    def query(self, query: Query) -> tuple[Mapping[str, str], ...]:
        """Answer from the headers of all objects that lie here, loops and others.

        Raises
        ------
        EndpointError
            If a keyword is not a DICOM keyword, or its value is not text.
        UnreadableObjectError
            If nothing of that name is there.
        """
        return tuple(answers((one for _, one in self._headers()), query))

    def retrieve(self, wanted: Wanted, folder: Path) -> Iterator[Path]:
        """Copy objects into a folder as `<SOP Instance UID>.dcm`, each checked as a whole.

        Raises
        ------
        UnreadableObjectError
            If an object that was asked for does not lie here, or is damaged.
        ConflictError, StorageError
            If other content has that name there, or it cannot be written.
        """
        keys = {"SOPInstanceUID": "\\".join(uids_of(wanted))} if uids_of(wanted) else {}
        query = wanted if isinstance(wanted, Query) else Query(level="IMAGE", keys=keys)
        missing = set(uids_of(wanted))
        made(folder)
        for path, one in self._headers():
            if any(answers([one], query)):
                landed = _copied(path, folder)
                missing.discard(landed.stem)
                yield landed
        if missing:
            raise UnreadableObjectError(
                str(self._path), seen=f"no object {min(missing)}", expected="one that find() gave"
            )

    def _headers(self) -> Iterator[tuple[Path, Dataset]]:
        if not self._path.exists():
            raise _nothing_there(self._path)
        for path, _ in files_of([self._path]):
            with suppress(UnreadableObjectError):  # a folder holds other files, too
                yield path, header(path)

    def send(self, objects: Iterable[Storable]) -> Iterator[Receipt | NotSent]:
        """Write each object; one that cannot be does not end the rest. See `store`."""
        for item in objects:
            try:
                yield from self.store([item])
            except FluoroinjectError as error:
                yield NotSent(item=item, error=error)

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


def _nothing_there(path: Path) -> UnreadableObjectError:
    return UnreadableObjectError(
        str(path), seen="no such file or folder", expected="a DICOM file or a folder of them"
    )


def _copied(path: Path, folder: Path) -> Path:
    try:
        with (
            tempfile.NamedTemporaryFile(
                dir=folder, prefix=".", suffix=".part", delete=False
            ) as part,
            path.open("rb") as file,
        ):
            shutil.copyfileobj(file, part)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return land(Path(part.name), folder)


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
