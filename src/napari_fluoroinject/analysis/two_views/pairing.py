"""Which loops of a study show the same patient in the same place from two sides."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from napari_fluoroinject.analysis.two_views.projection import axes, separation_deg
from napari_fluoroinject.analysis.two_views.triangulate import LEAST_SEPARATION_DEG, ROUNDING_DEG
from napari_fluoroinject.model.geometry import View
from napari_fluoroinject.model.pose import CArmPose, ZeroSide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.model.annotation import CArm
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.model.pose import Setup

TableState = Literal["same", "moved", "unknown"]

_SAME_VIEW_DEG = 5.0
"""Views nearer to each other are called the same."""
_TABLE_STEP = 0.1
"""Positions and tilts that differ by more, in mm or degrees, are not of one table at rest."""
LONGEST_APART_S = 3 * 3600.0
"""Nobody lies still on a table for longer; no procedure here takes so long."""
_PLACE = 3
"""The table's position; its tilts may stay unknown: few tables have all of them."""
_TURNED = -0.5
"""Cosine below which the stated way of the rows contradicts the angles: a picture is mirrored."""
_DIRECTIONS = {
    "L": (1.0, 0.0, 0.0),
    "R": (-1.0, 0.0, 0.0),
    "P": (0.0, 1.0, 0.0),
    "A": (0.0, -1.0, 0.0),
    "H": (0.0, 0.0, 1.0),
    "F": (0.0, 0.0, -1.0),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedLoops:
    """Two loops, whether they can be used together, and if not, why.

    `first` and `second` are places in the list of loops; `apart_s` is the time between their
    starts, `separation_deg` the angle between their views, None where it is not known; `reason` is
    empty where points can be triangulated.
    """

    first: int
    second: int
    separation_deg: float | None
    apart_s: float | None
    table: TableState
    reason: str

    @property
    def usable(self) -> bool:
        """Whether points can be triangulated."""
        return not self.reason


def pair_loops(
    loops: Sequence[CineLoop],
    *,
    poses: Sequence[CArmPose | str] | None = None,
    table_still: bool = False,
) -> tuple[PairedLoops, ...]:
    """Pair every loop with every other: those that can be used first, nearest in time first.

    Parameters
    ----------
    loops
        Of any number of studies.
    poses
        One per loop, or why there is none; None = `pose_of` each of them.
    table_still
        A person says that neither table nor patient moved. Headers that say otherwise prevail. No
        header tells whether the patient moved.
    """
    known = [pose_of(loop) for loop in loops] if poses is None else list(poses)
    pairs = [
        _paired(first, second, loops, known, table_still)
        for first, second in combinations(range(len(loops)), 2)
    ]
    return tuple(
        sorted(
            pairs,
            key=lambda pair: (
                not pair.usable,
                float("inf") if pair.apart_s is None else pair.apart_s,
                -(pair.separation_deg or 0.0),
            ),
        )
    )


def pose_of(
    loop: CineLoop, *, c_arm: CArm | None = None, zero: ZeroSide = "ventral"
) -> CArmPose | str:
    """How the C-arm stood, or in words what is not known of it.

    Parameters
    ----------
    loop
        Its picture's middle is taken for the place of the central ray.
    c_arm
        Angles that a person read off; they count where the file has none.
    zero
        Where the detector stands at angle 0.
    """
    view, setup = loop.view, loop.setup
    if view.primary_angle_deg is None and c_arm is not None:
        view = View(
            primary_angle_deg=c_arm.primary_angle_deg,
            secondary_angle_deg=c_arm.secondary_angle_deg,
        )
    if view.primary_angle_deg is None or view.secondary_angle_deg is None:
        return "the angles of the C-arm are not known, or changed during the run"
    if setup.source_to_detector_mm is None or setup.source_to_isocentre_mm is None:
        return "the distances from the X-ray source to detector and isocentre are not known"
    if loop.detector_mm_per_px is None:
        return "the size of the detector's pixels is not known"
    _, rows, columns = loop.shape
    try:
        pose = CArmPose(
            source_to_detector_mm=setup.source_to_detector_mm,
            source_to_isocentre_mm=setup.source_to_isocentre_mm,
            primary_deg=view.primary_angle_deg,
            secondary_deg=view.secondary_angle_deg,
            detector_mm_per_px=loop.detector_mm_per_px,
            principal_px=((rows - 1) / 2, (columns - 1) / 2),
            zero=zero,
        )
    except ValueError as error:
        return str(error)
    return _contradiction(pose, setup) or pose


def table_state(first: Setup, second: Setup) -> TableState:
    """Whether the table stood in the same place in two loops.

    It is the same where the position is known in both and nothing that both tell differs.
    """
    if first.table_moved or second.table_moved:
        return "moved"
    apart = [
        abs(one - other)
        for one, other in zip(first.table, second.table, strict=True)
        if one is not None and other is not None
    ]
    if any(step > _TABLE_STEP for step in apart):
        return "moved"
    placed = None not in (*first.table[:_PLACE], *second.table[:_PLACE])
    return "same" if placed else "unknown"


def _contradiction(pose: CArmPose, setup: Setup) -> str:
    """Why the picture cannot stand as the angles say, by its Patient Orientation; else empty."""
    towards = _DIRECTIONS.get((setup.rows_towards or "")[:1])
    if towards is None or float(axes(pose)[0] @ towards) > _TURNED:
        return ""
    return (
        f"the file says that rows run towards {setup.rows_towards}, the C-arm's angles the "
        "opposite: the picture is mirrored, or angle 0 has the detector on the other side "
        "of the patient"
    )


def _paired(
    first: int,
    second: int,
    loops: Sequence[CineLoop],
    poses: Sequence[CArmPose | str],
    table_still: bool,
) -> PairedLoops:
    one, other = loops[first], loops[second]
    pose, its = poses[first], poses[second]
    separation = (
        None if isinstance(pose, str) or isinstance(its, str) else separation_deg(pose, its)
    )
    table = table_state(one.setup, other.setup)
    starts = one.setup.started, other.setup.started
    apart = None
    if starts[0] is not None and starts[1] is not None:
        # devices of one room: a zone that only one of them names changes nothing
        apart = abs(
            (starts[0].replace(tzinfo=None) - starts[1].replace(tzinfo=None)).total_seconds()
        )
    reasons = (
        _strangers(one, other),
        next((one for one in (pose, its) if isinstance(one, str)), ""),
        _too_near(separation),
        _too_long(apart),
        _table_speaks_against(table, table_still),
    )
    return PairedLoops(
        first=first,
        second=second,
        separation_deg=separation,
        apart_s=apart,
        table=table,
        reason=next((reason for reason in reasons if reason), ""),
    )


def _strangers(one: CineLoop, other: CineLoop) -> str:
    """Why two loops are not two runs of one patient in one study; else empty."""
    mine, its = one.reference, other.reference
    if mine.study_instance_uid != its.study_instance_uid:
        return "they are of different studies"
    if unlike := one.patient.unlike(other.patient):
        return (
            f"the files name different patients (seen another {unlike}; expected the same): "
            "give two loops of one patient, or have the files corrected"
        )
    if mine.sop_instance_uid == its.sop_instance_uid:
        return (
            "both are the same instance (seen one SOP Instance UID; expected two): give two "
            "loops, each with its own"
        )
    return ""


def _too_long(apart_s: float | None) -> str:
    if apart_s is None or apart_s <= LONGEST_APART_S:
        return ""
    return (
        f"they were taken {apart_s / 3600:.1f} hours apart; expected "
        f"{LONGEST_APART_S / 3600:g} at most, within which a patient may lie still"
    )


def _too_near(separation: float | None) -> str:
    if separation is None or separation >= LEAST_SEPARATION_DEG - ROUNDING_DEG:
        return ""
    if separation < _SAME_VIEW_DEG:
        return f"they show the same view ({separation:.0f} degrees apart)"
    return (
        f"the views are {separation:.0f} degrees apart; a point in space takes "
        f"{LEAST_SEPARATION_DEG:.0f} or more"
    )


def _table_speaks_against(table: TableState, table_still: bool) -> str:
    if table == "moved":
        return "the table moved, between the loops or during one of them"
    if table == "unknown" and not table_still:
        return (
            "the files do not tell whether the table moved: a person has to say that it did not "
            "(--table-still)"
        )
    return ""
