"""What the contrast shows of the expected patterns: a coded answer, the score, and the words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.dicom import codes
from napari_fluoroinject.dicom.sr_writer import Number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.sr_writer import Group, GroupWriter
    from napari_fluoroinject.model.expectation import ExpectedState

_STATES: dict[ExpectedState, str] = {
    "shown": "pattern-shown",
    "not shown": "pattern-short",
    "not judged": "pattern-unjudged",
}


def expected_groups(write: GroupWriter) -> Iterator[Group | None]:
    """One group for each expected pattern, judged or not; the measures have groups of their own.

    What was measured stands with its view and uncertainty among the measures, the limits in the
    words of the report.
    """
    for one in write.report.expected:
        yield write.group(
            f"expected pattern {one.pattern}",
            codes.pattern(one.pattern),
            (Number(name=codes.private("pattern-score"), value=one.score, unit=codes.RATIO),),
            answers=((codes.private("expected-pattern"), codes.private(_STATES[one.state])),),
        )
