"""What a procedure gives to DICOM: codes and names that fit into their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.model.procedure import Procedure

LONGEST_SCHEME = 16
"""Characters of a coding scheme's designator, which is SH (PS3.5 table 6.2-1)."""
LONGEST = 64
"""Of a code's meaning, which is LO. Its value would be SH, too, but beyond 16 characters goes into
Long Code Value, which has no end (PS3.3 table 8.8-1); here it has this."""


def unfit_codes(procedure: Procedure) -> Iterator[str]:
    """Tell a code or name that a report could not hold, with its path."""
    longest = (LONGEST, LONGEST_SCHEME, LONGEST)
    for at, code in (
        ("concept", procedure.concept),
        ("anatomic_region", procedure.anatomic_region),
    ):
        for index, (part, most) in enumerate(zip(code or (), longest, strict=False)):
            yield from _unfit(f"{at}.{index}", part, most)
    yield from _unfit("name", procedure.name, LONGEST)
    for index, view in enumerate(procedure.views):
        yield from _unfit(f"views.{index}.name", view.name, LONGEST)


def _unfit(at: str, text: str, most: int) -> Iterator[str]:
    """A backslash separates values, and spaces at an end are lost (PS3.5, 6.2)."""
    if not 0 < len(text) <= most or text != text.strip() or "\\" in text:
        yield (
            f"{at}: seen {f'{text!r}':.80} ({len(text)} characters); expected 1 to {most}, "
            "without a backslash or spaces around it"
        )
