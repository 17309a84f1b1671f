"""What was clicked so far of something that takes more than one click: pure values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_fluoroinject.model.geometry import Point
from napari_fluoroinject.model.procedure import LandmarkKind

if TYPE_CHECKING:
    from napari_fluoroinject.model.procedure import LandmarkRule, Procedure

NEEDLE, TARGET, CURVE, MARK = "needle", "target", "curve", "mark:"
_FEWEST: dict[LandmarkKind, int] = {"point": 1, "line": 2, "area": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """A tool in use.

    Attributes
    ----------
    tool
        `needle`, `target`, `curve` or `mark:ID`.
    kind
        Of a landmark; None for all else.
    name
        What it places, in words.
    far_side
        Whether one more click says on which side of the line the tip must not be.
    beyond
        In words, which side that is.
    points_px
        What was clicked, in the picture of the frame in which it was clicked.
    ended_at
        How many points there were when the person said that no further one follows; None = not
        said.
    """

    tool: str
    kind: LandmarkKind | None = None
    name: str = ""
    far_side: bool = False
    beyond: str = ""
    points_px: tuple[Point, ...] = ()
    ended_at: int | None = None

    @property
    def complete(self) -> bool:
        """Whether everything was clicked that it takes."""
        count = len(self.points_px)
        if self.kind is None:
            return count == (2 if self.tool == NEEDLE else 1)
        if self.kind == "point":
            return count == 1
        return self.ended_at is not None and count == self.ended_at + self.far_side

    @property
    def may_end(self) -> bool:
        """Whether there are points enough to say that no further one follows."""
        return (
            self.kind in ("line", "area")
            and self.ended_at is None
            and len(self.points_px) >= _FEWEST[self.kind]
        )

    @property
    def points(self) -> tuple[Point, ...]:
        """The points of the thing itself, without that on its far side."""
        return self.points_px[:-1] if self.far_side and self.complete else self.points_px

    @property
    def far_point(self) -> Point | None:
        """The point on the far side, where there is one."""
        return self.points_px[-1] if self.far_side and self.complete else None

    def click(self, point: Point) -> Placing:
        """Take one more point."""
        return replace(self, points_px=(*self.points_px, point))

    def end(self) -> Placing:
        """Say that no further point follows; does nothing where points are missing."""
        return replace(self, ended_at=len(self.points_px)) if self.may_end else self

    def back(self) -> Placing:
        """Take the last click back; it may go on afterwards."""
        return replace(self, points_px=self.points_px[:-1], ended_at=None)

    def asks(self) -> str:
        """Return what the next click is, in words."""
        count = len(self.points_px)
        if self.tool == NEEDLE:
            return "click the hub of the needle" if count == 0 else "click the tip of the needle"
        if self.kind is None or self.kind == "point":
            return f"click the {self.name}"
        if self.ended_at is not None and self.far_side:
            side = f" ({self.beyond})" if self.beyond else ""
            return f"click a point on the far side of the {self.name}{side}"
        enough = ", Enter or double click ends" if self.may_end else ""
        return f"click point {count + 1} of the {self.name}{enough}"


def placing(tool: str, procedure: Procedure) -> Placing | None:
    """Return a tool ready for its first click; None where the procedure knows no such landmark."""
    if tool in (NEEDLE, TARGET):
        return Placing(tool=tool, name=tool)
    if tool == CURVE:
        return Placing(tool=tool, name="place whose curve is to be shown")
    rule = _rule(tool.removeprefix(MARK), procedure)
    if rule is None or not tool.startswith(MARK):
        return None
    limits = [one for one in procedure.limits if one.landmark == rule.id]
    return Placing(
        tool=tool,
        kind=rule.kind,
        name=rule.name,
        far_side=rule.kind == "line" and bool(limits),
        beyond=limits[0].beyond if limits else "",
    )


def _rule(landmark: str, procedure: Procedure) -> LandmarkRule | None:
    return next((one for one in procedure.landmarks if one.id == landmark), None)
