"""Whether the Qt binding can be trusted with a long session."""

from __future__ import annotations

import sys

from qtpy import API_NAME, QT_VERSION
from qtpy.QtCore import QObject

_CALLS = 200


def binding_fault() -> str | None:
    """Say what is wrong with the Qt binding that runs, and what to do; None = nothing was seen.

    PySide6 6.12.0 on Python 3.11 takes a reference to None away with each call that returns
    nothing. After some ten thousand calls there is none left, and Python ends the process.
    """
    asked = QObject()
    before = sys.getrefcount(None)
    for _ in range(_CALLS):
        asked.setObjectName("a")
    if before - sys.getrefcount(None) < _CALLS // 2:
        return None
    python = ".".join(map(str, sys.version_info[:2]))
    return (
        f"{API_NAME} {QT_VERSION} on Python {python} loses a reference at each call and would "
        "end the program within minutes; expected another version: "
        'pip install "PySide6-Essentials!=6.12.0", or Python 3.12 and newer'
    )
