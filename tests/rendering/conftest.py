"""A report to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from drawn_reports import drawn_report

if TYPE_CHECKING:
    from napari_fluoroinject.model.report import Report


@pytest.fixture(scope="session")
def report() -> Report:
    """A small loop with needle, target and contrast."""
    return drawn_report()
