"""Who signed results off: checked, told in words, and never more than was said."""

from __future__ import annotations

import pytest

from napari_fluoroinject.errors import AnnotationError
from napari_fluoroinject.model.annotation import (
    Annotation,
    SignOff,
    annotation_text,
    check_annotation,
    parse_annotation,
)
from napari_fluoroinject.model.sign_off import sign_off_text

AT = "20261122163000+0100"
SIGNED = SignOff(operator="Dr A. Smith", at=AT, confirmed=("needle_and_target", "warnings"))


def test_a_sign_off_is_told_with_who_when_and_what():
    assert sign_off_text(SIGNED) == (
        "Signed off by Dr A. Smith, 2026-11-22 16:30:00 +0100; looked at: needle and target, "
        "warnings."
    )
    bare = SignOff(operator="A", at="20261122163000", confirmed=())
    assert sign_off_text(bare).endswith("2026-11-22 16:30:00; looked at: nothing named.")
    assert sign_off_text(None) == "Not signed off."


def test_a_sign_off_comes_back_from_json():
    signed = Annotation(sign_off=SIGNED)
    assert parse_annotation(annotation_text(signed), name="a.json") == signed


@pytest.mark.parametrize(
    ("operator", "at", "confirmed"),
    [
        ("", AT, ()),
        ("  ", AT, ()),
        ("A\nB", AT, ()),
        ("A" * 65, AT, ()),
        ("A", "2026-11-22", ()),
        ("A", "20260230120000", ()),
        ("A", "20261122163000+1500", ()),
        ("A", AT, ("contrast", "contrast")),
    ],
)
def test_nobody_no_time_and_repetitions_are_refused(operator, at, confirmed):
    with pytest.raises(AnnotationError, match="sign_off"):
        check_annotation(
            Annotation(sign_off=SignOff(operator=operator, at=at, confirmed=confirmed))
        )


@pytest.mark.parametrize("frames", [(3, 2), (2, 2), (-1, 2)])
def test_mask_frames_rise_from_zero_each_once(frames):
    with pytest.raises(AnnotationError, match="mask_frames"):
        check_annotation(Annotation(mask_frames=frames))


def test_mask_frames_stand_beside_no_other_wish():
    with pytest.raises(AnnotationError, match="one or the other"):
        check_annotation(Annotation(mask="auto", mask_frames=(1,)))
