"""The private codes as a page; `python -m napari_fluoroinject.dicom.codes_page FILE` writes it."""

from __future__ import annotations

import sys
from pathlib import Path

from napari_fluoroinject.dicom.codes import (
    PRIVATE_CONCEPTS,
    PRIVATE_SCHEME,
    PRIVATE_SCHEME_NAME,
)


def markdown() -> str:
    """Return every private concept with its meaning, as Markdown."""
    rows = (f"| `{one.value}` | {one.meaning} | {one.explanation} |" for one in PRIVATE_CONCEPTS)
    return "\n".join(
        [
            f"# Private codes, scheme `{PRIVATE_SCHEME}`",
            "",
            f"{PRIVATE_SCHEME_NAME}: concepts of the results for which PS3.16 names no code. A "
            "code once given keeps its meaning. A landmark or view of a site's own is coded "
            "`landmark`, or left without a code, and named in words.",
            "",
            "| code value | code meaning | explanation |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
