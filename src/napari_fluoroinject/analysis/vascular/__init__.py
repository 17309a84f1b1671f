"""Whether contrast runs away through a vessel."""

from __future__ import annotations

from napari_fluoroinject.analysis.vascular.lone import begin_at_run_off
from napari_fluoroinject.analysis.vascular.run_off import find_run_off

__all__ = ["begin_at_run_off", "find_run_off"]
