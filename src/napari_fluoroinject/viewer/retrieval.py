"""Brings chosen runs from an endpoint into the private folder, keeping whatever came."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.spool.private import make_private
from napari_fluoroinject.transfer import fetch_objects
from napari_fluoroinject.viewer.pacs_query import RunRow
from napari_fluoroinject.viewer.waiting import patiently

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.viewer.jobs import Progress


@dataclass(slots=True, kw_only=True)
class Retrieval:
    """One retrieve: `came` is true at any moment, also after it was cancelled or has failed."""

    endpoint: str
    rows: tuple[RunRow, ...]
    folder: Path
    came: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def work(self, settings: Settings, tell: Progress) -> Retrieval:
        """Fetch run by run; one that fails does not end the rest.

        Parameters
        ----------
        settings
            Endpoints by name.
        tell
            Told of each object; what it raises ends the work.
        """
        make_private(self.folder)
        for number, row in enumerate(self.rows):
            self._fetch(row, number, settings, tell)
        return self

    @property
    def says(self) -> str:
        """How it ended, and what to do about what is missing."""
        count = len(self.came)
        came = f"{count} object{'s' * (count != 1)} came"
        if not self.failures:
            return f"{came}."
        return (
            f"{came}; {len(self.failures)} of {len(self.rows)} failed: {self.failures[0]}. "
            "Retrieve again: what is here is not fetched twice."
        )

    def _fetch(self, row: RunRow, number: int, settings: Settings, tell: Progress) -> None:
        before = len(self.came)

        def ask(note: Progress) -> Sequence[tuple[str, str]]:
            def landed(name: str, fraction: float) -> None:
                self.came.append(self.folder / name)
                note(name, (number + fraction) / len(self.rows))

            fetched = fetch_objects(
                row.address(self.endpoint), (), out=self.folder, settings=settings, progress=landed
            )
            self.came[before:] = fetched.files
            return fetched.failures

        try:
            step = f"run {number + 1} of {len(self.rows)}"
            failures = patiently(ask, tell, step=step, fraction=number / len(self.rows))
        except FluoroinjectError as error:
            self.failures.append(str(error))
        else:
            self.failures += [why for _, why in failures]
