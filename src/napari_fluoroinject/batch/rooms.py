"""Folders of fetched studies: each stays until the files of its last loop are needed no more."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_fluoroinject.batch.order import LoopOrder


class Rooms:
    """Folders of studies, each until the files of its last loop are needed no more."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._left: dict[Path, set[str]] = {}

    def __len__(self) -> int:
        with self._turn:
            return len(self._left)

    def take(self, room: Path, keys: Iterable[str]) -> None:
        """Keep a folder for these loops; one for none is removed.

        Parameters
        ----------
        room
            The folder.
        keys
            Of the orders whose files lie in it.
        """
        own = set(keys)
        with self._turn:
            if own:
                self._left[room] = own
                return
        shutil.rmtree(room, ignore_errors=True)

    def ended(self, order: LoopOrder) -> None:
        """Remove the folder of a loop if it was the last one in it.

        Parameters
        ----------
        order
            Of the loop.
        """
        room = order.paths[0].parent if order.paths else Path()
        with self._turn:
            left = self._left.get(room)
            if left is None:
                return
            left.discard(order.key)
            if left:
                return
            del self._left[room]
        shutil.rmtree(room, ignore_errors=True)

    def clear(self) -> None:
        """Remove all."""
        with self._turn:
            rooms, self._left = [*self._left], {}
        for room in rooms:
            shutil.rmtree(room, ignore_errors=True)
