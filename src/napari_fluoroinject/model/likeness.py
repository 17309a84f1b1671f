"""What the warnings of patterns are told by: measures, and landmarks to take them against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_fluoroinject.model.measurement import MeasureId

if TYPE_CHECKING:
    from napari_fluoroinject.model.procedure import WarningId


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One measured feature of a pattern.

    `bound` says whether the measure must come to at `least` or at `most` the number that the
    rule's settings give under the name `setting`. `landmarks` are those that it may be measured
    against, empty where it needs none; `views` are those in which it tells anything, empty where
    its landmarks say so. An `extra` feature counts where it was measured and is
    left out where it was not.
    """

    measure: MeasureId
    bound: Literal["least", "most"]
    landmarks: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    extra: bool = False

    @property
    def setting(self) -> str:
        """Name of its limit among the settings of a rule: `most_levels`."""
        return f"{self.bound}_{self.measure}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """How a warning's pattern is told.

    Each of `looks` tells it alone, by all of its features together: what one view shows, another
    does not. `resembles` names the pattern in a warning.
    """

    resembles: str
    looks: tuple[tuple[Feature, ...], ...]

    @property
    def settings(self) -> frozenset[str]:
        """Names of all limits that a rule must give."""
        return frozenset(feature.setting for look in self.looks for feature in look)


VILL = ("ventral_interlaminar_line",)
MUSCLES = ("soft_tissue", "psoas", "longus_colli")
"""Areas that hold contrast which missed its space."""


def _confined(*areas: str) -> tuple[Feature, ...]:
    return (Feature(measure="area_overlap", bound="least", landmarks=areas),)


LIKENESSES: dict[WarningId, Likeness] = {
    "intrathecal_like": Likeness(
        resembles="intrathecal spread",
        looks=(
            (
                Feature(measure="one_sidedness", bound="most", landmarks=("midline",)),
                Feature(measure="lateral_extent", bound="most"),
                Feature(
                    measure="middle_opacity", bound="least", landmarks=("midline",), extra=True
                ),
            ),
            (
                Feature(measure="line_contact", bound="most", landmarks=VILL),
                Feature(measure="beyond_line", bound="least", landmarks=VILL),
            ),
        ),
    ),
    "subdural_like": Likeness(
        resembles="subdural spread",
        looks=(
            (
                Feature(measure="levels_per_ml", bound="least", landmarks=("end_plates",)),
                Feature(measure="lateral_extent", bound="most", views=("AP",)),
            ),
            (
                Feature(measure="levels_seen", bound="least", landmarks=("end_plates",)),
                Feature(
                    measure="column_width", bound="most", landmarks=("midline",), views=("AP",)
                ),
                Feature(measure="middle_opacity", bound="most", landmarks=("midline",)),
            ),
        ),
    ),
    "intradiscal_like": Likeness(resembles="intradiscal contrast", looks=(_confined("disc"),)),
    "retrodural_facet_like": Likeness(
        resembles="retrodural spread to the facet joint",
        looks=(
            (
                *_confined("facet_joint"),
                Feature(measure="levels", bound="most", landmarks=("end_plates",)),
                Feature(measure="line_contact", bound="most", landmarks=VILL, extra=True),
            ),
        ),
    ),
    "intramuscular_like": Likeness(
        resembles="contrast in muscle or soft tissue", looks=(_confined(*MUSCLES),)
    ),
    "intraosseous_like": Likeness(
        resembles="contrast within bone", looks=(_confined("sacral_bone"),)
    ),
    "pleural_visceral_like": Likeness(
        resembles="contrast along pleura or an organ", looks=(_confined("pleura"),)
    ),
}
"""How each warning of a pattern is told. In the anteroposterior view intrathecal spread lies on
both sides of the midline and within the dural sac; in the contralateral oblique view it lies
ventral of the interlaminar line and keeps away from it (clinical patterns of this project). What
stands in two columns beside the midline is subdural rather than intrathecal (derived here)."""


def told_by(warning: WarningId) -> tuple[MeasureId, ...]:
    """Return the measures that a warning is told by; none where it is no pattern's."""
    likeness = LIKENESSES.get(warning)
    looks = () if likeness is None else likeness.looks
    return tuple(feature.measure for look in looks for feature in look)
