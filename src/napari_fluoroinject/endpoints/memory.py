"""A source and sink in memory: the double of every counterpart, for tests, demos and dry runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydicom import Dataset, dcmread

from napari_fluoroinject.endpoints.base import Query, Receipt, Storable
from napari_fluoroinject.errors import ConflictError, EndpointError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari_fluoroinject.model.cine import CineLoop, LoopReference


class Memory:
    """Loops to be found, and the objects that were stored, by SOP Instance UID."""

    def __init__(self, loops: Iterable[CineLoop] = ()) -> None:
        self._loops = {loop.reference.sop_instance_uid: loop for loop in loops}
        self.objects: dict[str, Dataset] = {}

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
