"""A scene before the detector: everything but dose and noise, built once and exposed as often as wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.model.geometry import axis_deg
from napari_fluoroinject.phantom import anatomy, attenuation, body, needle, radiograph, timing
from napari_fluoroinject.phantom.acquisition import Acquisition, draw_acquisition
from napari_fluoroinject.phantom.beam import Beam, aim
from napari_fluoroinject.phantom.catalogue import (
    EXPECTED_WARNINGS,
    WITH_INTENDED_SPREAD,
    WITH_RUN_OFF,
    SceneSpec,
    scene_spec,
)
from napari_fluoroinject.phantom.detector import focal_blur, scattered
from napari_fluoroinject.phantom.film import Filling, fill
from napari_fluoroinject.phantom.layers import Layer, margin_px, rotation
from napari_fluoroinject.phantom.motion import Movement, draw_movement
from napari_fluoroinject.phantom.skeleton import draw_skeleton
from napari_fluoroinject.phantom.splat import film_splat
from napari_fluoroinject.phantom.streams import stream
from napari_fluoroinject.phantom.truth import Truth
from napari_fluoroinject.phantom.vessel import Course, Vessel, draw_vessel

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.settings import PhantomSettings

ARRIVAL_THRESHOLD_OD = 0.12
LABEL_THRESHOLD_OD = 0.02
_LATTICE_PX = 2.0
_AIM_MM = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A noise-free loop and its truth.

    `signal` is (frames, rows, columns) float32, primary and scatter relative to the mean of the measuring field, blades
    included, exposure not: what each frame would show at the steady dose without noise, blur and lag.
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
    patient = _Patient(key, spec, settings)
    acquisition = draw_acquisition(settings, spec.views[view], patient.site.side, stream(settings.seed, "acquisition", key, view))
    stage = _Stage(key=key, view=view, settings=settings, patient=patient, acquisition=acquisition)
    stage.fill(spec)
    signal, od = stage.expose_all()
    return Scene(
        key=key,
        settings=settings,
        beam=stage.beam,
        acquisition=acquisition.regulated(stage.load),
        signal=signal,
        truth=stage.truth(od),
    )


class _Patient:
    """What does not depend on the view."""

    def __init__(self, key: str, spec: SceneSpec, settings: PhantomSettings) -> None:
        self.skeleton = draw_skeleton(stream(settings.seed, "anatomy"))
        self.trunk = body.draw_trunk(stream(settings.seed, "anatomy", "trunk"))
        self.spine = anatomy.Spine(self.skeleton)
        self.site = anatomy.draw_site(key, spec.levels, self.spine, stream(settings.seed, "pose", key))


class _Stage:
    """One loop in the making."""

    def __init__(self, *, key: str, view: str, settings: PhantomSettings, patient: _Patient, acquisition: Acquisition) -> None:
        self.key, self.view, self.settings, self.patient, self.acquisition = key, view, settings, patient, acquisition
        site, stand = patient.site, acquisition.stand
        level = aim(stand, site.target_mm)
        off = _AIM_MM * acquisition.off_target
        self.beam = aim(stand, site.target_mm + off[0] * level.row_axis + off[1] * level.column_axis)
        self.margin = margin_px(self.beam.mm_per_px)
        self.plan = acquisition.plan
        self.movement: Movement = draw_movement(
            settings.motion,
            self.plan.times_s,
            self.plan.mask_frames,
            mm_per_px=self.beam.mm_per_px,
            random=stream(settings.seed, "motion", key, view),
        )
        self.shaft = self._draw_shaft() if settings.needle else None
        self.tip_px, self.hub_px = self._follow_needle()
        self._draw_layers()
        self.filling: Filling | None = None
        self.vessel: Vessel | None = None
        self.load = np.ones(len(self.plan.times_s))

    def _draw_shaft(self) -> needle.Shaft:
        random = stream(self.settings.seed, "pose", self.key, "needle")
        gauge = int(random.choice([20, 22, 25], p=[0.25, 0.5, 0.25]))
        site = self.patient.site
        return needle.draw_shaft(
            site.tip_mm,
            site.approach,
            gauge=self.settings.gauge or gauge,
            stylet=self.settings.stylet,
            advance_mm=self.plan.advance_mm,
            random=random,
        )

    def _follow_needle(self) -> tuple[DoubleArray, DoubleArray]:
        """Tip and hub per frame: the tip moves with the tissue it is in, the hub with skin and hand."""
        frames = len(self.plan.times_s)
        if self.shaft is None:
            return np.zeros((frames, 2)), np.zeros((frames, 2))
        back = self.plan.advance_mm[:, None] * self.shaft.direction
        tip = self.beam.project(self.shaft.tip_mm + back)
        hub = self.beam.project(self.shaft.hub_mm + back)
        move, centre = self.movement, self.beam.centre_px
        turned = np.stack([centre + rotation(a) @ (p - centre) for a, p in zip(move.rot_deg, tip, strict=True)])
        return turned + move.bone_px, hub + move.skin_px + move.sway_px

    def _draw_layers(self) -> None:
        size, margin = self.beam.size, self.margin
        coarse = np.arange(-margin, size + margin + _LATTICE_PX, _LATTICE_PX)
        fine = np.arange(-margin, size + margin, dtype=np.float64)
        patient = self.patient
        random = stream(self.settings.seed, "anatomy", self.view)
        self.bone = Layer.of(_refined(radiograph.bone_mineral(patient.skeleton, self.beam, pixels=coarse), coarse, fine), margin_px=margin)
        soft = body.soft_path(patient.trunk, self.beam, pixels=coarse, random=random)
        self.soft = Layer.of(_refined(soft, coarse, fine), margin_px=margin)
        gas = body.gas_path(patient.trunk, self.beam, pixels=coarse, random=random)
        self.gas = Layer.of(_refined(gas, coarse, fine), margin_px=margin)

    def fill(self, spec: SceneSpec) -> None:
        """Inject: intended spread, run-off, both or neither, as the twin says."""
        twin, settings = self.settings.twin, self.settings
        random = stream(settings.seed, "flow", self.key)
        film = anatomy.draw_film(self.key, self.patient.site, self.patient.spine, random)
        iodine = float(random.choice([180.0, 240.0, 300.0])) * float(random.uniform(0.75, 1.0))
        injection = _Injection(spec, self.plan.onset_s, random)
        self.iodine_mg_ml, self.injection_end_s = iodine, injection.end_s
        parts, masses = [], []
        if twin in WITH_INTENDED_SPREAD:
            self.filling = fill(
                film, self.plan.times_s, rate_mm3_s=injection.rate, peak_rate_mm3_s=injection.peak, iodine_mg_ml=iodine
            )
            parts.append(film_splat(film, self.beam, margin_px=self.margin))
            masses.append(self.filling.mass_mg)
        if twin in WITH_RUN_OFF:
            self.vessel = self._draw_vessel(iodine, injection.end_s)
            parts.append(self.vessel.splat(self.beam, margin_px=self.margin))
            masses.append(self.vessel.mass_mg(self.plan.times_s))
        self._splats, self._masses = parts, masses
        if parts:
            self._matrix = sparse.hstack([part.matrix for part in parts]).tocsr()
            self._mass = np.concatenate(masses, axis=1)

    def _draw_vessel(self, iodine_mg_ml: float, end_s: float) -> Vessel:
        random = stream(self.settings.seed, "vessel", self.key)
        courses = self.patient.site.courses
        course = courses[int(random.integers(len(courses)))]
        heading, away = random.uniform(0, 2 * np.pi), random.uniform(14, 34)
        persistent = bool(random.uniform() < 0.5)
        if self.settings.twin == "vascular_remote":
            start = course.start_mm + away * np.array([0.4, np.cos(heading), np.sin(heading)])
            course = Course(start_mm=start, heading=course.heading, x_mm=course.x_mm)
        if self.settings.twin in ("vascular", "vascular_persistent"):
            persistent = self.settings.twin == "vascular_persistent"
        return draw_vessel(
            course,
            onset_s=self.plan.onset_s,
            injection_s=max(end_s - self.plan.onset_s, 1.0),
            persistent=persistent,
            iodine_mg_ml=iodine_mg_ml,
            random=random,
        )

    def iodine(self, frame: int) -> Layer | None:
        """Iodine on the detector, mg/cm2, in the reference pose."""
        if not self._splats or not self._mass[frame].any():
            return None
        side = self.beam.size + 2 * self.margin
        return Layer((self._matrix @ self._mass[frame]).reshape(side, side), margin_px=self.margin)

    def matter(self, frame: int) -> attenuation.Matter:
        """What the beam meets in a frame."""
        move = self.movement
        shift, rot = _pair(move.bone_px[frame]), float(move.rot_deg[frame])
        gas = self.gas.moved(_pair(move.gas_px[frame]))
        soft = self.soft.moved(_pair(move.skin_px[frame])) - gas
        steel, plastic = self._rods(self.tip_px[frame], self.hub_px[frame], frame)
        for window, density in plastic:
            soft[window] += density
        iodine = self.iodine(frame)
        return attenuation.Matter(
            soft=soft,
            bone=np.maximum(self.bone.moved(shift, rot), 0),
            steel=steel,
            iodine=None if iodine is None else iodine.moved(shift, rot) * np.float32(1e-3),
        )

    def _rods(self, tip: DoubleArray, hub: DoubleArray, frame: int) -> tuple[tuple[tuple[attenuation.Window, FloatArray], ...], list[tuple[attenuation.Window, FloatArray]]]:
        if self.shaft is None:
            return (), []
        steel, plastic = [], []
        for rod in needle.rods(self.shaft, self.beam, tip=tip, hub=hub, frame=frame):
            seen = needle.shade(rod, self.beam.size)
            if seen is not None:
                (plastic if rod.g_cm3 == needle.PLASTIC_G_CM3 else steel).append(seen)
        return tuple(steel), plastic

    def expose_all(self) -> tuple[FloatArray, FloatArray]:
        """The noise-free signal and the opacity of every frame."""
        frames, size = len(self.plan.times_s), self.beam.size
        signal = np.empty((frames, size, size), np.float32)
        od = np.zeros((frames, size, size), np.float16)
        blades, area = self.acquisition.blades, self._measuring_field()
        level = None
        magnification = self.beam.sid_mm / self.beam.sod_mm
        for k in range(frames):
            primary, shaded, window = attenuation.signals(self.matter(k), self.acquisition.spectrum)
            level = float(primary[area].mean()) if level is None else level
            if window is not None:
                od[k][window] = -np.log(shaded / primary[window])
                primary[window] = shaded
            self.load[k] = float(primary[area].mean()) / level
            primary *= blades * np.float32(1 / level)
            primary = focal_blur(primary, magnification=magnification, pitch_mm=self.beam.pitch_mm)
            signal[k] = scattered(primary, self.acquisition.scatter_to_primary, pitch_mm=self.beam.pitch_mm)
        return signal, od

    def _measuring_field(self) -> FloatArray:
        """Where exposure control looks: the middle of the open field."""
        size = self.beam.size
        at = np.arange(size) - self.beam.centre_px
        return (np.hypot(at[:, None], at[None, :]) < 0.36 * size) & (self.acquisition.blades > 0.5)

    def reference_maps(self) -> dict[str, FloatArray]:
        """Arrival, peak, labels in the reference pose."""
        size, frames = self.beam.size, len(self.plan.times_s)
        maps = {
            "arrival_s": np.full((size, size), np.nan, np.float32),
            "time_to_peak_s": np.full((size, size), np.nan, np.float32),
            "peak_od": np.zeros((size, size), np.float32),
            "iodine_peak_mg_cm2": np.zeros((size, size), np.float32),
            "labels": np.zeros((size, size), np.uint8),
        }
        layers = [self.iodine(k) for k in range(frames)]
        pictures = [None if layer is None else layer.moved((0.0, 0.0)) for layer in layers]
        seen = [picture for picture in pictures if picture is not None]
        if not seen:
            return maps
        peak = np.max(seen, axis=0)
        window = attenuation.window_of(peak)
        if window is None:
            return maps
        od = self._reference_od(pictures, window)
        maps["arrival_s"][window] = timing.arrival(od, self.plan.times_s, threshold_od=ARRIVAL_THRESHOLD_OD)
        maps["time_to_peak_s"][window] = timing.time_to_peak(od, self.plan.times_s, threshold_od=ARRIVAL_THRESHOLD_OD)
        maps["peak_od"][window] = od.max(axis=0)
        maps["iodine_peak_mg_cm2"] = peak
        maps["labels"] = self._labels(maps["peak_od"])
        return maps

    def _reference_od(self, pictures: list[FloatArray | None], window: attenuation.Window) -> FloatArray:
        still = (0.0, 0.0)
        last = len(self.plan.times_s) - 1
        matter = attenuation.Matter(
            soft=(self.soft.moved(still) - self.gas.moved(still))[window],
            bone=np.maximum(self.bone.moved(still), 0)[window],
        )
        del last
        od = np.zeros((len(pictures), *matter.soft.shape), np.float32)
        for k, picture in enumerate(pictures):
            if picture is None:
                continue
            with_iodine = attenuation.Matter(soft=matter.soft, bone=matter.bone, iodine=picture[window] * np.float32(1e-3))
            without, shaded, inner = attenuation.signals(with_iodine, self.acquisition.spectrum)
            if inner is not None:
                od[k][inner] = -np.log(shaded / without[inner])
        return od

    def _labels(self, peak_od: FloatArray) -> FloatArray:
        """Which kind of contrast shows: the one with the greater peak of iodine where opacity reaches the threshold."""
        peaks = {}
        for part, mass, kind in zip(self._splats, self._masses, self._kinds(), strict=True):
            highest = np.zeros((self.beam.size,) * 2, np.float32)
            for row in mass:
                if row.any():
                    np.maximum(highest, part.layer(row).moved((0.0, 0.0)), out=highest)
            peaks[kind] = highest
        kinds = list(peaks)
        stack = np.stack([peaks[kind] for kind in kinds])
        label = np.array(kinds, np.uint8)[stack.argmax(axis=0)]
        return np.where(peak_od >= LABEL_THRESHOLD_OD, label, 0).astype(np.uint8)

    def _kinds(self) -> list[int]:
        return [1] * (self.filling is not None) + [2] * (self.vessel is not None)

    def truth(self, od: FloatArray) -> Truth:
        """Everything that is known about the loop."""
        settings, plan, site, move = self.settings, self.plan, self.patient.site, self.movement
        maps = self.reference_maps()
        has_needle = self.shaft is not None
        frames = len(plan.times_s)
        zero = np.zeros(frames)
        mass = self.filling.mass_mg.sum(axis=1, dtype=np.float64) if self.filling else zero
        tip_ref = self.beam.project(self.shaft.tip_mm) if self.shaft else None
        hub_ref = self.beam.project(self.shaft.hub_mm) if self.shaft else None
        contrast = [k for k in range(frames) if self._splats and float(self._mass[k].sum()) > 1e-3]
        return Truth(
            procedure=self.key,
            twin=settings.twin,
            seed=settings.seed,
            view=self.view,
            level=site.level,
            side="left" if site.side > 0 else "right",
            tip_px=self.tip_px if has_needle else None,
            hub_px=self.hub_px if has_needle else None,
            axis_deg=None if tip_ref is None or hub_ref is None else axis_deg(_pair(hub_ref), _pair(tip_ref)),
            target_px=_pair(self.beam.project(site.target_mm)),
            mm_per_px=self.beam.mm_per_px,
            mm_per_px_tip=float(self.beam.mm_per_px_at(site.tip_mm)),
            gauge=self.shaft.gauge if self.shaft else None,
            stylet=settings.stylet,
            needle_rest_from_frame=plan.rest_frame,
            shift_px=move.bone_px,
            rot_deg=move.rot_deg,
            gas_shift_px=move.gas_px,
            motion=move.script,
            mask_frames=plan.mask_frames,
            onset_frame=contrast[0] if contrast else None,
            injection_end_s=self.injection_end_s,
            times_s=plan.times_s,
            od=od,
            arrival_s=maps["arrival_s"],
            arrival_threshold_od=ARRIVAL_THRESHOLD_OD,
            label_threshold_od=LABEL_THRESHOLD_OD,
            labels=maps["labels"],
            time_to_peak_s=maps["time_to_peak_s"],
            peak_od=maps["peak_od"],
            iodine_peak_mg_cm2=maps["iodine_peak_mg_cm2"],
            iodine_mg_ml=self.iodine_mg_ml,
            injected_mg=self.filling.injected_mg if self.filling else zero,
            in_film_mg=mass,
            left_mg=self.filling.left_mg if self.filling else zero,
            injected_mm3=self.filling.injected_mm3 if self.filling else zero,
            run_off_path_px=self._run_off_path(),
            run_off_frames=self._run_off_frames(),
            landmarks_px={name: self.beam.project(line) for name, line in site.landmarks.items()},
            open_field=self.acquisition.blades > 0.5,
            spectrum=self.acquisition.spectrum.name,
            kvp=self.acquisition.spectrum.kvp,
            scatter_to_primary=self.acquisition.scatter_to_primary,
            exposure=self.acquisition.regulated(self.load).exposure(),
            recursive_weight=self.acquisition.recursive_weight,
            dose_ngy=settings.dose_ngy,
            warnings_expected=EXPECTED_WARNINGS[settings.twin],
        )

    def _run_off_path(self) -> DoubleArray | None:
        if self.vessel is None:
            return None
        return self.beam.project(self.vessel.points_mm[: self.vessel.trunk : 3])

    def _run_off_frames(self) -> tuple[int, int] | None:
        if self.vessel is None:
            return None
        mass = self.vessel.mass_mg(self.plan.times_s).sum(axis=1)
        shown = np.flatnonzero(mass > 0.1 * mass.max())
        return int(shown[0]), int(shown[-1])


class _Injection:
    """How the plunger is pushed: a ramp, an uneven hand, sometimes a pause."""

    def __init__(self, spec: SceneSpec, onset_s: float, random: np.random.Generator) -> None:
        self.onset_s = onset_s
        self.volume = 1000 * float(random.uniform(*spec.volume_ml))
        self.mean = 1000 * float(random.uniform(*spec.rate_ml_s))
        self.uneven, self.phase = float(random.uniform(0.0, 0.4)), float(random.uniform(0, 2 * np.pi))
        self.beat_s = float(random.uniform(0.6, 1.6))
        self.ramp_s = float(random.uniform(0.08, 0.35))
        self.end_s = onset_s + self.volume / self.mean
        self.peak = self.mean * (1 + self.uneven)

    def rate(self, time_s: float) -> float:
        """mm3/s at a time."""
        since = time_s - self.onset_s
        if since <= 0 or time_s >= self.end_s:
            return 0.0
        ramp = min(since / self.ramp_s, (self.end_s - time_s) / 0.1, 1.0)
        return self.mean * ramp * (1 + self.uneven * float(np.sin(2 * np.pi * since / self.beat_s + self.phase)))


def _refined(coarse: FloatArray, at: DoubleArray, wanted: DoubleArray) -> FloatArray:
    """A picture on a coarse lattice at finer positions, by cubic splines."""
    step = float(at[1] - at[0])
    layer = np.ascontiguousarray(coarse)
    from scipy.interpolate import make_interp_spline

    basis = make_interp_spline(at, np.eye(len(at), dtype=np.float64), k=3)(wanted).astype(np.float32)
    del step
    return np.asarray(basis @ layer @ basis.T, np.float32)


def _pair(value: DoubleArray) -> tuple[float, float]:
    return float(value[0]), float(value[1])
