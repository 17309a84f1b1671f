"""One fluoroscopy run that lies open in the viewer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.motion import Injection, Motion
from napari_fluoroinject.model.needle import Needle, NoNeedle
from napari_fluoroinject.model.study import Recorded

Plane = Literal["AP", "LAT", "OBL"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A loop, the files it was read from, and where those came from.

    `origin` is what a person is told: a folder's name, an endpoint's, `C-arm`, `sample`.
    `name` is short and free of patient data: it stands in layer names and lists.
    """

    loop: CineLoop
    files: tuple[Path, ...]
    name: str
    origin: str = "file"
    recorded: Recorded = field(default_factory=Recorded)

    @property
    def uid(self) -> str:
        """SOP Instance UID, by which the session knows it."""
        return self.loop.reference.sop_instance_uid

    @property
    def study_uid(self) -> str:
        """Study Instance UID."""
        return self.loop.reference.study_instance_uid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FirstLook:
    """What the picture tells before anybody has marked anything: proposals, never results."""

    motion: Motion
    injection: Injection
    needle: Needle | NoNeedle
