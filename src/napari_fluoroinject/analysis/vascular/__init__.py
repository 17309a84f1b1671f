"""Whether contrast runs away through a vessel."""

from __future__ import annotations

from napari_fluoroinject.analysis.vascular.lone import begin_at_run_off
from napari_fluoroinject.analysis.vascular.run_off import Paths, find_run_off, look_for_paths

__all__ = ["Paths", "begin_at_run_off", "find_run_off", "look_for_paths"]
