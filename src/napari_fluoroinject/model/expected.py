"""What the expected patterns are told by: features that one view shows together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_fluoroinject.model.likeness import VILL, Feature

if TYPE_CHECKING:
    from napari_fluoroinject.model.measurement import MeasureId

Look = tuple[Feature, ...]

_ALONG = Feature(measure="levels_seen", bound="least", landmarks=("end_plates",))
_NARROW = Feature(measure="lateral_extent", bound="most", views=("AP", "PA"))
_FILLED = (
    Feature(measure="filled_joint_length", bound="least", landmarks=("joint_line",)),
    Feature(measure="compactness", bound="most"),
)
_SMALL = (
    Feature(measure="compactness", bound="least"),
    Feature(measure="cranio_caudal_extent", bound="most"),
    Feature(measure="lateral_extent", bound="most"),
)
_ANTERIOR = ("anterior_vertebral_line",)


def _outside(*areas: str, extra: bool = False) -> Feature:
    return Feature(measure="area_overlap", bound="most", landmarks=areas, extra=extra)


EXPECTED: dict[str, tuple[Look, ...]] = {
    "epidural_interlaminar": (
        (
            Feature(measure="line_contact", bound="least", landmarks=VILL),
            replace(_ALONG, extra=True),
            _outside("facet_joint", extra=True),
        ),
        (
            Feature(measure="one_sidedness", bound="least", landmarks=("midline",)),
            _ALONG,
            _NARROW,
            _outside("facet_joint", extra=True),
        ),
        (
            Feature(measure="lateral_extent", bound="least", views=("AP", "PA")),
            _ALONG,
            _NARROW,
            _outside("facet_joint", extra=True),
        ),
    ),
    "epidural_transforaminal": (
        (
            Feature(
                measure="medial_to_pedicle", bound="least", landmarks=("medial_pedicle_line",)
            ),
            _ALONG,
            _outside("disc", extra=True),
            _outside("facet_joint", extra=True),
        ),
    ),
    "epidural_caudal": (
        (
            Feature(measure="one_sidedness", bound="most", landmarks=("midline",)),
            _ALONG,
            _NARROW,
        ),
        (_ALONG, _outside("sacral_bone"), _outside("soft_tissue")),
    ),
    "facet_arthrogram": ((*_FILLED, _outside("soft_tissue", extra=True)),),
    "medial_branch_pool": (
        (*_SMALL, _outside("foramen")),
        (
            Feature(measure="compactness", bound="least", views=("AP",)),
            *_SMALL[1:],
            _outside("foramen", extra=True),
        ),
    ),
    "si_arthrogram": (
        (*_FILLED, _outside("soft_tissue", extra=True), _outside("foramen", extra=True)),
    ),
    "stellate_spread": (
        (_ALONG, _NARROW),
        (_ALONG, _outside("longus_colli")),
    ),
    "lumbar_sympathetic_spread": (
        (
            Feature(measure="line_contact", bound="least", landmarks=_ANTERIOR),
            _ALONG,
            _outside("disc", extra=True),
        ),
        (_ALONG, _NARROW, _outside("psoas"), _outside("disc", extra=True)),
    ),
}
"""By the pattern's id. Where two looks belong to one view, one of them is enough: an interlaminar
spread lies on one side, or on both and then reaches further than the dural sac is wide."""


def expected_by(pattern: str) -> tuple[MeasureId, ...]:
    """Return the measures that an expected pattern is told by; none where it cannot be told."""
    return tuple(feature.measure for look in EXPECTED.get(pattern, ()) for feature in look)


def expected_settings(pattern: str) -> frozenset[str]:
    """Names of all limits that an expected pattern must have; none where it cannot be told."""
    looks = EXPECTED.get(pattern, ())
    return frozenset(feature.setting for look in looks for feature in look)
