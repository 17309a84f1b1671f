"""What every part of the dock works with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from napari_fluoroinject.settings import Settings
from napari_fluoroinject.viewer.jobs import Jobs
from napari_fluoroinject.viewer.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

StepKey = Literal["load", "procedure", "needle", "contrast", "review", "send"]
STEPS: tuple[StepKey, ...] = ("load", "procedure", "needle", "contrast", "review", "send")
MapKind = Literal["none", "opacity", "arrival", "time_to_peak", "washout"]


class Tools(Protocol):
    """What the dock asks of the picture."""

    def arm(self, tool: str | None) -> None:
        """Let the next clicks place `needle`, `target`, or the landmark `mark:ID`; None = none."""
        ...

    @property
    def armed(self) -> str | None:
        """What the next click places; None = nothing."""
        ...

    def show_map(self, kind: MapKind) -> None:
        """Lay this map over the picture."""
        ...

    @property
    def map_kind(self) -> MapKind:
        """The map that lies over the picture."""
        ...

    def point_at(self, frame: int, points_px: tuple[tuple[float, float], ...]) -> None:
        """Go to a frame and show where something is, in the reference pose; none = only go."""
        ...

    def after_drawing(self, call: Callable[[], None]) -> None:
        """Call once the picture was drawn, or soon where it is not seen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """Session, work, settings and picture, together.

    `results` is the folder in which results are kept before they are sent anywhere.
    """

    session: Session
    jobs: Jobs
    settings: Settings
    tools: Tools
    results: Path
