"""Synthetic cine loops whose truth is known: a scene, exposed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, LoopReference
from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.phantom.catalogue import SPECS
from napari_fluoroinject.phantom.detector import Exposure, detect
from napari_fluoroinject.phantom.recorder import Recorder
from napari_fluoroinject.phantom.regions import REGIONS
from napari_fluoroinject.phantom.scene import Scene, build_scene
from napari_fluoroinject.phantom.streams import stream
from napari_fluoroinject.phantom.truth import Truth

if TYPE_CHECKING:
    from napari_fluoroinject.model.arrays import StoredArray
    from napari_fluoroinject.phantom.settings import PhantomSettings

_XA_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.12.1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phantom:
    """A synthetic loop and its truth."""

    loop: CineLoop
    truth: Truth


def make_phantom(key: str, *, settings: PhantomSettings) -> Phantom:
    """The loop of one scene: same key and settings, same bytes.

    Raises
    ------
    PhantomError
        The key, twin or view does not exist.
    """
    return expose(build_scene(key, settings=settings))


def expose(
    scene: Scene, *, dose_ngy: float | None = None, noise_seed: int | None = None
) -> Phantom:
    """Expose a scene; None takes what its settings say. Truth but for the dose stays the same."""
    settings = replace(
        scene.settings,
        dose_ngy=scene.settings.dose_ngy if dose_ngy is None else dose_ngy,
        noise_seed=scene.settings.noise_seed if noise_seed is None else noise_seed,
    )
    stored = _record(scene, settings)
    truth = replace(scene.truth, dose_ngy=settings.dose_ngy)
    return Phantom(loop=_loop(scene, settings, stored), truth=truth)


def _record(scene: Scene, settings: PhantomSettings) -> StoredArray:
    acquisition = scene.acquisition
    pitch = scene.beam.pitch_mm
    quanta = (
        acquisition.spectrum.photons_mm2_ugy
        * settings.dose_ngy
        / 1000
        * pitch**2
        * acquisition.spectrum.qde
    )
    exposure = Exposure(
        quanta=quanta,
        pitch_mm=pitch,
        start_up=acquisition.start_up,
        regulation=acquisition.ripple,
        brightness=acquisition.brightness,
        recursive_weight=acquisition.recursive_weight,
    )
    seed = settings.seed if settings.noise_seed is None else settings.noise_seed
    random = stream(seed, "noise", scene.key, settings.twin, scene.truth.view, str(settings.seed))
    recorder = _recorder(scene, settings)
    dtype = np.uint8 if settings.intensity == "display" else np.uint16
    stored: StoredArray = np.empty(scene.signal.shape, dtype)
    for k, picture in enumerate(detect(scene.signal, exposure, random)):
        stored[k] = recorder.stored(picture)
    return stored


def _recorder(scene: Scene, settings: PhantomSettings) -> Recorder:
    brightest = float(
        np.quantile(scene.signal[:: max(1, len(scene.signal) // 6), ::3, ::3], 0.9995)
    )
    return Recorder(settings.intensity, brightest=1.35 * brightest)


def _loop(scene: Scene, settings: PhantomSettings, stored: StoredArray) -> CineLoop:
    stand, truth, spec = scene.acquisition.stand, scene.truth, SPECS[scene.key]
    digest = hashlib.sha256(stored.tobytes()).hexdigest()
    return CineLoop(
        frames=ArrayFrames(stored),
        times_s=truth.times_s,
        intensity=_recorder(scene, settings).scale(),
        reference=_reference(scene.key, settings, truth.view, digest),
        sha256=digest,
        calibration=Calibration(mm_per_px=truth.mm_per_px, basis="iso_sid_sod"),
        detector_mm_per_px=stand.pitch_mm,
        view=View(
            primary_angle_deg=round(stand.oblique_deg, 1),
            secondary_angle_deg=round(stand.tilt_deg, 1),
            name=truth.view,
        ),
        kvp=truth.kvp,
        laterality=truth.side if spec.twins[settings.twin].told == "other_side" else None,
        body_part=REGIONS[spec.region].body_part,
        synthetic=True,
        notes=("synthetic loop of the project's phantom, no patient",),
    )


def _reference(key: str, settings: PhantomSettings, view: str, digest: str) -> LoopReference:
    seed = str(settings.seed)
    return LoopReference(
        study_instance_uid=_uid("study", seed),
        series_instance_uid=_uid("series", seed, key, settings.twin, view),
        sop_instance_uid=_uid("instance", seed, key, settings.twin, view, repr(settings), digest),
        sop_class_uid=_XA_SOP_CLASS,
    )


def _uid(*words: str) -> str:
    """A UID under 2.25 (PS3.5 B.2) that depends on the words alone."""
    digest = hashlib.sha256("\n".join(("napari-fluoroinject phantom", *words)).encode()).digest()
    return f"2.25.{UUID(bytes=digest[:16], version=5).int}"
