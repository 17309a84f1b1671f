"""Scenes of the second family: built once, exposed as often as wanted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
import numpy.typing as npt

from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray, StoredArray
from napari_fluoroinject.model.cine import ArrayFrames, CineLoop, LoopReference
from napari_fluoroinject.model.geometry import Calibration, View
from napari_fluoroinject.phantom.phantom import Phantom
from napari_fluoroinject.phantom.planar import imaging
from napari_fluoroinject.phantom.planar.acquisition import Acquisition
from napari_fluoroinject.phantom.planar.answers import tell_truth
from napari_fluoroinject.phantom.planar.parts import Parts, assemble, passing
from napari_fluoroinject.phantom.recorder import Recorder
from napari_fluoroinject.phantom.settings import PhantomSettings
from napari_fluoroinject.phantom.streams import stream
from napari_fluoroinject.phantom.truth import Truth

_XA_SOP_CLASS = "1.2.840.10008.5.1.4.1.1.12.1"
_MEASURING_FIELD = 0.3
"""Half the side of the square that exposure control looks at, of the picture's width."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanarScene:
    """A noise-free loop and its truth.

    `signal` is (frames, rows, columns) float32: primary and scatter relative to the mean of the
    measuring field in the first frame, blades included.
    """

    key: str
    settings: PhantomSettings
    acquisition: Acquisition
    signal: FloatArray
    truth: Truth


def build_scene(key: str, *, settings: PhantomSettings) -> PlanarScene:
    """Build the noise-free loop of one scene; the same key and settings give the same bytes.

    Raises
    ------
    PhantomError
        The key, twin or view does not exist.
    """
    parts = assemble(key, settings)
    signal, od, load = _expose(parts)
    # Exposure control follows what it sees with a delay.
    strength = stream(settings.seed, "acquisition", "planar control", key).choice([0.0, 0.3, 0.6])
    seen = np.concatenate([[1.0, 1.0], load])[: len(load)]
    regulated = replace(
        parts.acquisition, regulation=parts.acquisition.regulation * seen**-strength
    )
    return PlanarScene(
        key=key,
        settings=settings,
        acquisition=regulated,
        signal=signal,
        truth=tell_truth(parts, od, regulated),
    )


def expose(
    scene: PlanarScene, *, dose_ngy: float | None = None, noise_seed: int | None = None
) -> Phantom:
    """Expose a scene; None takes what its settings say. Truth but for the dose stays the same."""
    settings = replace(
        scene.settings,
        dose_ngy=scene.settings.dose_ngy if dose_ngy is None else dose_ngy,
        noise_seed=scene.settings.noise_seed if noise_seed is None else noise_seed,
    )
    recorder = _recorder(scene)
    stored = _record(scene, settings, recorder)
    truth = replace(scene.truth, dose_ngy=settings.dose_ngy)
    return Phantom(loop=_loop(scene, settings, stored, recorder), truth=truth)


def _expose(parts: Parts) -> tuple[FloatArray, npt.NDArray[np.float16], DoubleArray]:
    """Signal and opacity of every frame, and the measuring field's mean signal (frames,)."""
    shot, canvas = parts.acquisition, parts.canvas
    frames, size = len(shot.times_s), canvas.size
    signal = np.empty((frames, size, size), np.float32)
    od = np.zeros(signal.shape, np.float16)
    load = np.empty(frames)
    glare = imaging.Glare(size, pitch_mm=shot.pitch_mm)
    measured = _measuring_field(shot.blades)
    for k in range(frames):
        without, behind = passing(parts, k)
        if behind is not without:
            od[k] = np.maximum(np.log(without / behind), 0)
        load[k] = float(behind[measured].mean(dtype=np.float64))
        signal[k] = glare.over(
            behind * shot.blades * np.float32(1 / load[0]), shot.scatter_to_primary
        )
    return signal, od, load / load[0]


def _measuring_field(blades: FloatArray) -> BoolArray:
    at = np.abs(np.arange(len(blades)) - (len(blades) - 1) / 2) < _MEASURING_FIELD * len(blades)
    return np.asarray(at[:, None] & at[None, :] & (blades > 0.5))


def _record(scene: PlanarScene, settings: PhantomSettings, recorder: Recorder) -> StoredArray:
    shot = scene.acquisition
    lines = imaging.lines_of(shot.kvp)
    steady = lines.photons_mm2_ugy * settings.dose_ngy / 1000 * shot.pitch_mm**2 * lines.qde
    seed = settings.seed if settings.noise_seed is None else settings.noise_seed
    random = stream(seed, "noise", "planar", scene.key, settings.twin, str(settings.seed))
    pictures = imaging.detect(
        scene.signal,
        quanta=steady * shot.start_up * shot.regulation,
        gain=shot.brightness / (steady * shot.start_up),
        pitch_mm=shot.pitch_mm,
        recursive_weight=shot.recursive_weight,
        random=random,
    )
    dtype = np.uint8 if settings.intensity == "display" else np.uint16
    stored: StoredArray = np.empty(scene.signal.shape, dtype)
    for k, picture in enumerate(pictures):
        stored[k] = recorder.stored(picture)
    return stored


def _recorder(scene: PlanarScene) -> Recorder:
    brightest = float(np.quantile(scene.signal[::15, ::3, ::3], 0.9995))
    return Recorder(scene.settings.intensity, brightest=1.35 * brightest)


def _loop(
    scene: PlanarScene, settings: PhantomSettings, stored: StoredArray, recorder: Recorder
) -> CineLoop:
    digest = hashlib.sha256(stored.tobytes()).hexdigest()
    truth = scene.truth
    words = (scene.key, settings.twin, str(settings.seed))
    return CineLoop(
        frames=ArrayFrames(stored),
        times_s=truth.times_s,
        intensity=recorder.scale(),
        reference=LoopReference(
            study_instance_uid=_uid("study", str(settings.seed)),
            series_instance_uid=_uid("series", *words),
            sop_instance_uid=_uid("instance", *words, repr(settings), digest),
            sop_class_uid=_XA_SOP_CLASS,
        ),
        sha256=digest,
        calibration=Calibration(mm_per_px=truth.mm_per_px, basis="iso_sid_sod"),
        detector_mm_per_px=scene.acquisition.pitch_mm,
        view=View(name=truth.view),
        kvp=round(truth.kvp, 1),
        body_part="LSPINE",
        synthetic=True,
        notes=("synthetic loop of the project's phantom, no patient",),
    )


def _uid(*words: str) -> str:
    """A UID under 2.25 (PS3.5 B.2) that depends on the words alone."""
    digest = hashlib.sha256("\n".join(("napari-fluoroinject planar", *words)).encode()).digest()
    return f"2.25.{UUID(bytes=digest[:16], version=5).int}"
