"""A source, sink and feed in memory: the double of every counterpart, for tests and dry runs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydicom import Dataset, dcmread, dcmwrite

from napari_fluoroinject.endpoints.base import (
    Frame,
    NotSent,
    Query,
    Receipt,
    Storable,
    Wanted,
    uids_of,
)
from napari_fluoroinject.endpoints.headers import answers
from napari_fluoroinject.endpoints.landing import land, made
from napari_fluoroinject.errors import ConflictError, EndpointError, FluoroinjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy.typing as npt

    from napari_fluoroinject.model.cine import CineLoop, LoopReference


class Memory:
    """Loops to be found, and the objects that were stored, by SOP Instance UID.

    As a feed it gives the frames of all its loops, one loop after another.
    """

    def __init__(self, loops: Iterable[CineLoop] = ()) -> None:
        self._loops = {loop.reference.sop_instance_uid: loop for loop in loops}
        self.objects: dict[str, Dataset] = {}

    def __str__(self) -> str:
        return "memory"

    def __iter__(self) -> Iterator[Frame]:
        """The frames of every loop; time goes on from the last frame of the one before.

        Raises
        ------
        EndpointError
            If a loop does not tell when its frames were taken.
        """
        index, before_s = 0, 0.0
        for loop in self._loops.values():
            if loop.times_s is None:
                raise EndpointError(
                    f"{loop.reference.sop_instance_uid} has no times; expected those of its frames"
                )
            time_s = before_s
            for number, own_s in enumerate(loop.times_s):
                time_s = before_s + float(own_s)
                yield Frame(index=index, time_s=time_s, pixels=loop.frames.frame(number))
                index += 1
            before_s = time_s

    def find(self, query: Query) -> Iterator[LoopReference]:
        """References of the loops whose UIDs the query asks for."""
        for loop in self._loops.values():
            if query.admits(loop.reference):
                yield loop.reference

    def fetch(self, reference: LoopReference) -> CineLoop:
        """Return the loop itself.

        Raises
        ------
        EndpointError
            If no such loop is held.
        """
        try:
            return self._loops[reference.sop_instance_uid]
        except KeyError:
            raise EndpointError(
                f"no loop {reference.sop_instance_uid} in memory; expected one that find() gave"
            ) from None

    def frame(self, reference: LoopReference, index: int) -> npt.NDArray[Any]:
        """Stored values of one frame, (rows, columns).

        Raises
        ------
        EndpointError
            If no such loop is held.
        """
        return self.fetch(reference).frames.frame(index)

    def query(self, query: Query) -> tuple[Mapping[str, str], ...]:
        """Answer from the objects that were stored.

        Raises
        ------
        EndpointError
            If a keyword is not a DICOM keyword, or its value is not text.
        """
        return tuple(answers(self.objects.values(), query))

    def retrieve(self, wanted: Wanted, folder: Path) -> Iterator[Path]:
        """Write stored objects into a folder as `<SOP Instance UID>.dcm`.

        Raises
        ------
        EndpointError
            If an object that was asked for is not held.
        """
        if isinstance(wanted, Query):
            uids = tuple(uid for uid, one in self.objects.items() if any(answers([one], wanted)))
        else:
            uids = uids_of(wanted)
        made(folder)
        for uid in uids:
            if uid not in self.objects:
                raise EndpointError(f"no object {uid} in memory; expected one that was stored")
            with tempfile.NamedTemporaryFile(
                dir=folder, prefix=".", suffix=".part", delete=False
            ) as part:
                dcmwrite(part, self.objects[uid], enforce_file_format=True)
            yield land(Path(part.name), folder, uid=uid)

    def send(self, objects: Iterable[Storable]) -> Iterator[Receipt | NotSent]:
        """Keep each object; one that cannot be does not end the rest. See `store`."""
        for item in objects:
            try:
                yield from self.store([item])
            except FluoroinjectError as error:
                yield NotSent(item=item, error=error)

    def store(self, objects: Iterable[Storable]) -> tuple[Receipt, ...]:
        """Keep objects; the same object again is accepted.

        Raises
        ------
        ConflictError
            If an object differs from the one kept under its UID.
        """
        receipts = []
        for item in objects:
            dataset = dcmread(item) if isinstance(item, Path) else item
            uid = str(dataset.SOPInstanceUID)
            if self.objects.setdefault(uid, dataset) != dataset:
                raise ConflictError(
                    f"{uid} is already kept with other content; expected a new UID"
                )
            receipts.append(Receipt(sop_instance_uid=uid, destination="memory"))
        return tuple(receipts)
