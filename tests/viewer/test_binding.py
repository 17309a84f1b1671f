"""A Qt binding that would end the program is named before it does."""

from __future__ import annotations

import sys

import pytest

pytestmark = pytest.mark.qt


def test_the_installed_binding_loses_no_reference(qapp: object) -> None:
    from napari_fluoroinject.viewer.binding import binding_fault

    assert binding_fault() is None


def test_a_binding_that_loses_references_is_named(
    qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_fluoroinject.viewer import binding

    counts = iter((9000, 8800))
    monkeypatch.setattr(sys, "getrefcount", lambda _one: next(counts))
    told = binding.binding_fault()
    assert told is not None
    assert "PySide6-Essentials!=6.12.0" in told
