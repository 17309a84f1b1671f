"""The landmarks that the procedure asks for, one box each, to be marked and removed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_fluoroinject.rendering.palette import LANDMARK, RULE, SEVERITY
from napari_fluoroinject.viewer.landmarks import HOW, asked, far_side, far_sides, needs_far_side
from napari_fluoroinject.viewer.pages.parts import Card, button, clear, said, tell

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.landmarks import Asked

MOST_PURPOSES = 2
"""What a landmark is for is told so far; the rest stands in the tooltip."""


class LandmarkList(QWidget):
    """Shows `asked(session)`; `refresh` brings it up to date."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._boxes: dict[str, LandmarkBox] = {}
        self._none = said("No landmarks", quiet=True)
        self._boxed = QVBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._none)
        column.addLayout(self._boxed)

    @property
    def boxes(self) -> dict[str, LandmarkBox]:
        """The box of each landmark, by its id."""
        return dict(self._boxes)

    def refresh(self) -> None:
        """Show what is said now; boxes are made anew only where other landmarks are asked for."""
        found = asked(self._bench.session)
        if tuple(self._boxes) != tuple(one.rule.id for one in found):
            clear(self._boxed)
            self._boxes = {one.rule.id: LandmarkBox(self._bench) for one in found}
            for box in self._boxes.values():
                self._boxed.addWidget(box)
        for one in found:
            self._boxes[one.rule.id].show_asked(one)
        tell(self._none, "" if found else "This procedure asks for no landmarks.")

    def show_armed(self) -> None:
        """Show which landmark the next clicks mark."""
        for landmark, box in self._boxes.items():
            box.mark.setChecked(self._bench.tools.armed == f"mark:{landmark}")


class LandmarkBox(Card):
    """One landmark: what it is for, how it is marked, and how far that is done."""

    def __init__(self, bench: Bench) -> None:
        super().__init__(RULE)
        self._bench = bench
        self._asked: Asked | None = None
        self._for = self.add("", quiet=True)
        self._how = self.add("", quiet=True)
        self.mark = button("Mark", "Mark this landmark in the picture", self._arm)
        self.mark.setCheckable(True)
        self.remove = button("Remove", "Take this mark away", self._remove)
        self.add_buttons((self.mark, self.remove))
        self._side = self.add("")
        self.sides = tuple(
            button("-", "Say that the far side of the line is here", partial(self._far, n))
            for n in (0, 1)
        )
        for one in self.sides:
            one.setCheckable(True)
        self.add_buttons(self.sides)

    def show_asked(self, one: Asked) -> None:
        """Show what is said of the landmark."""
        self._asked = one
        rule = one.rule
        shape = "●" if one.done else "○" if one.here else "\N{EN DASH}"
        self.head.setText(f"{shape} {rule.name}: {one.state}")
        todo = SEVERITY["moderate"] if one.here else RULE
        self.set_colour(LANDMARK if one.done else todo)
        self._tell_for(one)
        marked = f" Marked in {', '.join(one.marked_in)}." if one.marked_in else ""
        tell(self._how, f"{rule.kind.capitalize()}, seen in {', '.join(rule.views)}.{marked}")
        self.mark.setText("Mark" if one.mark is None else "Mark again")
        self.mark.setAccessibleName(f"{self.mark.text()} {rule.name}")
        self.mark.setToolTip(f"Mark it in the picture: {HOW[rule.kind]}")
        self.mark.setVisible(one.here)
        self.remove.setVisible(one.here or one.mark is not None)
        self.remove.setEnabled(one.mark is not None)
        self.remove.setAccessibleName(f"Remove {rule.name}")
        self._show_sides(one)

    def _tell_for(self, one: Asked) -> None:
        """What it is for; long lists only to the end of the second, the rest in the tooltip."""
        first, more = one.purposes[:MOST_PURPOSES], len(one.purposes) - MOST_PURPOSES
        rest = f"; and {more} more" if more > 0 else ""
        tell(self._for, f"For: {'; '.join(first)}{rest}." if first and one.here else "")
        self._for.setToolTip("\n".join(one.purposes))

    def _show_sides(self, one: Asked) -> None:
        """Of a line that needs it: on which side, as the picture shows it, the far side lies."""
        session = self._bench.session
        needed = needs_far_side(one.rule, session.procedure) and session.run is not None
        picture = (1, 1) if session.run is None else session.run.loop.shape[1:]
        sides = far_sides(one.mark, picture) if needed and one.mark is not None else ()
        limits = [of.beyond for of in session.procedure.limits if of.landmark == one.rule.id]
        beyond = limits[0] if limits else "medial" if "medial" in one.rule.id else "far"
        tell(self._side, f"Where is its {beyond} side in the picture?" if sides else "")
        said_side = None if one.mark is None else far_side(one.mark, picture)
        for n, shown in enumerate(self.sides):
            shown.setVisible(bool(sides))
            if sides:
                shown.setText(sides[n][0].capitalize())
                shown.setAccessibleName(f"The {beyond} side is {sides[n][0]}")
                shown.setChecked(said_side == sides[n][0])

    def _arm(self) -> None:
        if self._asked is not None:
            tool = f"mark:{self._asked.rule.id}"
            self._bench.tools.arm(None if self._bench.tools.armed == tool else tool)
            self.mark.setChecked(self._bench.tools.armed == tool)

    def _remove(self) -> None:
        if self._asked is not None:
            self._bench.session.remove_mark(self._asked.rule.id)

    def _far(self, number: int) -> None:
        run = self._bench.session.run
        if self._asked is None or self._asked.mark is None or run is None:
            return
        mark = self._asked.mark
        sides = far_sides(mark, run.loop.shape[1:])
        if sides:
            self._bench.session.place_mark(replace(mark, beyond_px=sides[number][1]))
        self._show_sides(self._asked)
