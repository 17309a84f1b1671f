"""The needle: found, followed, measured, or honestly absent."""

from __future__ import annotations

from napari_fluoroinject.analysis.needle.find import find_needle
from napari_fluoroinject.analysis.needle.given import given_needle

__all__ = ["find_needle", "given_needle"]
