"""A scene before the detector: all but dose and noise, built once, exposed as often as wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray
from napari_fluoroinject.phantom import attenuation
from napari_fluoroinject.phantom.acquisition import Acquisition, draw_acquisition
from napari_fluoroinject.phantom.answers import tell_truth
from napari_fluoroinject.phantom.beam import Beam
from napari_fluoroinject.phantom.catalogue import examination, scene_spec
from napari_fluoroinject.phantom.detector import Veil, focal_blur
from napari_fluoroinject.phantom.patient import draw_patient
from napari_fluoroinject.phantom.settings import PhantomSettings
from napari_fluoroinject.phantom.stage import set_stage
from napari_fluoroinject.phantom.streams import stream
from napari_fluoroinject.phantom.truth import Truth

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.stage import Stage

_MEASURING_FIELD = 0.36
"""Radius of the field that exposure control looks at, of the picture's width."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A noise-free loop and its truth.

    `signal` is (frames, rows, columns) float32: primary and scatter relative to the mean of the
    measuring field in the first frame, blades included; what each frame would show at the steady
    dose without noise, blur and lag.
    """

    key: str
    settings: PhantomSettings
    beam: Beam
    acquisition: Acquisition
    signal: FloatArray
    truth: Truth


def build_scene(key: str, *, settings: PhantomSettings) -> Scene:
    """Build anatomy, needle, flow, motion and the noise-free signal of one loop.

    Raises
    ------
    PhantomError
        The key, twin or view does not exist.
    """
    spec, view = scene_spec(key, twin=settings.twin, view=settings.view)
    patient = draw_patient(key, spec, settings.seed)
    random = stream(settings.seed, "acquisition", key, view, *examination(settings.twin))
    acquisition = draw_acquisition(settings, spec, view, patient.site.side, random)
    stage = set_stage(key, spec, settings, view=view, patient=patient, acquisition=acquisition)
    signal, od, load = _expose(stage)
    regulated = acquisition.regulated(load)
    return Scene(
        key=key,
        settings=settings,
        beam=stage.beam,
        acquisition=regulated,
        signal=signal,
        truth=tell_truth(stage, od, exposure=regulated.exposure()),
    )


def _expose(stage: Stage) -> tuple[FloatArray, npt.NDArray[np.float16], DoubleArray]:
    """Signal and opacity of every frame, and the mean signal of the measuring field (frames,)."""
    acquisition, beam = stage.acquisition, stage.beam
    signal = np.empty((stage.frames, beam.size, beam.size), np.float32)
    od = np.zeros(signal.shape, np.float16)
    area = _measuring_field(beam, acquisition.blades)
    mean = np.empty(stage.frames)
    veil = Veil(beam.size, pitch_mm=beam.pitch_mm)
    for k in range(stage.frames):
        shadow = attenuation.shadow(stage.matter(k), acquisition.spectrum)
        if shadow.window is not None:
            od[k][shadow.window] = shadow.od
        primary = shadow.signal()
        mean[k] = float(primary[area].mean(dtype=np.float64))
        primary *= acquisition.blades * np.float32(1 / mean[0])
        primary = focal_blur(
            primary, magnification=beam.sid_mm / beam.sod_mm, pitch_mm=beam.pitch_mm
        )
        signal[k] = veil.over(primary, acquisition.scatter_to_primary)
    return signal, od, mean / mean[0]


def _measuring_field(beam: Beam, blades: FloatArray) -> BoolArray:
    """Where exposure control looks: the middle of the open field."""
    at = np.arange(beam.size) - beam.centre_px
    middle = np.hypot(at[:, None], at[None, :]) < _MEASURING_FIELD * beam.size
    return np.asarray(middle & (blades > 0.5))
