"""One loop before it is exposed: layers, their movement, needle and contrast, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import make_interp_spline

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.phantom import body, needle
from napari_fluoroinject.phantom.acquisition import Acquisition
from napari_fluoroinject.phantom.attenuation import Matter, Window
from napari_fluoroinject.phantom.beam import Beam, aim
from napari_fluoroinject.phantom.catalogue import examination
from napari_fluoroinject.phantom.contrast import Contrast, Place, draw_contrast
from napari_fluoroinject.phantom.layers import Layer, margin_px
from napari_fluoroinject.phantom.lead import Lead, draw_leads, lead_rods
from napari_fluoroinject.phantom.motion import Movement, draw_movement
from napari_fluoroinject.phantom.patient import Patient, with_tip_of
from napari_fluoroinject.phantom.radiograph import bone_mineral
from napari_fluoroinject.phantom.scenery import Twin
from napari_fluoroinject.phantom.settings import PhantomSettings
from napari_fluoroinject.phantom.streams import stream

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.scenery import SceneSpec

_LATTICE_MM = 0.58
"""Sampling of line integrals at the isocentre; splines refine it to pixels."""
_AIM_MM = 5.0
_STILL = (0.0, 0.0)
_MG = np.float32(1e-3)
_LEAST_G_CM2 = np.float32(1e-6)

Shift = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """Everything in the beam over one loop.

    `bone`, `soft` and `gas` are layers of areal density (g/cm2) in the reference pose; `shaft` is
    None without a needle, and so are `tip_px` and `hub_px` (frames, 2). `leads` are the patient's.
    """

    key: str
    view: str
    twin: Twin
    settings: PhantomSettings
    patient: Patient
    acquisition: Acquisition
    beam: Beam
    movement: Movement
    bone: Layer
    soft: Layer
    gas: Layer
    shaft: needle.Shaft | None
    tip_px: DoubleArray | None
    hub_px: DoubleArray | None
    contrast: Contrast
    leads: tuple[Lead, ...] = ()

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.acquisition.plan.times_s)

    def matter(self, frame: int) -> Matter:
        """What the beam meets in a frame."""
        move = self.movement
        shift, rot = pair(move.bone_px[frame]), float(move.rot_deg[frame])
        gas = self.gas.moved(pair(move.gas_px[frame]))
        soft = self.soft.moved(pair(move.skin_px[frame])) - gas
        steel = []
        for rod in self._rods(frame):
            if rod.g_cm3 == needle.PLASTIC_G_CM3:
                plastic = needle.shade(rod, self.beam.size)
                if plastic is not None:
                    soft[plastic[0]] += plastic[1]
            else:
                steel.append(needle.shade_finely(rod, self.beam.size))
        platinum = []
        for lead in self.leads:
            contacts, wire = lead_rods(lead, self.beam, move, frame)
            platinum += [needle.shade_finely(rod, self.beam.size) for rod in contacts]
            steel += [needle.shade_finely(rod, self.beam.size) for rod in wire]
        return Matter(
            soft=soft,
            bone=np.maximum(self.bone.moved(shift, rot), 0),
            steel=tuple(shaded for shaded in steel if shaded is not None),
            iodine=self.iodine(frame, shift=shift, rot_deg=rot),
            platinum=tuple(shaded for shaded in platinum if shaded is not None),
        )

    def iodine(self, frame: int, *, shift: Shift, rot_deg: float) -> FloatArray | None:
        """Iodine, g/cm2, with the bone layer moved; None while there is none.

        What is too thin to matter (an opacity of 1e-5) counts as none.
        """
        layer = self.contrast.iodine(frame)
        if layer is None:
            return None
        picture = layer.moved(shift, rot_deg) * _MG
        picture[picture < _LEAST_G_CM2] = 0.0
        return picture

    def reference_matter(self, window: Window) -> Matter:
        """Tissue and bone in the reference pose on a window, without needle and contrast."""
        return Matter(
            soft=(self.soft.moved(_STILL) - self.gas.moved(_STILL))[window],
            bone=np.maximum(self.bone.moved(_STILL), 0)[window],
        )

    def _rods(self, frame: int) -> tuple[needle.Rod, ...]:
        if self.shaft is None or self.tip_px is None or self.hub_px is None:
            return ()
        tip, hub = self.tip_px[frame], self.hub_px[frame]
        return needle.rods(self.shaft, self.beam, tip=tip, hub=hub, frame=frame)


def set_stage(
    key: str,
    spec: SceneSpec,
    settings: PhantomSettings,
    *,
    view: str,
    patient: Patient,
    acquisition: Acquisition,
) -> Stage:
    """Put patient, needle, movement and contrast before the beam."""
    beam, plan = point(acquisition, patient), acquisition.plan
    twin = spec.twins[settings.twin]
    site = with_tip_of(twin, patient, stream(settings.seed, "pose", key, settings.twin))
    patient = replace(patient, site=site)
    margin, again = margin_px(beam.mm_per_px), examination(settings.twin)
    movement = draw_movement(
        settings.motion,
        plan.times_s,
        plan.mask_frames,
        mm_per_px=beam.mm_per_px,
        random=stream(settings.seed, "motion", key, view, *again),
    )
    shaft = needle.draw_shaft(
        patient.site,
        gauges=(settings.gauge,) if settings.gauge else spec.gauges,
        stylet=settings.stylet,
        advance_mm=plan.advance_mm,
        random=stream(settings.seed, "pose", key, "needle"),
    )
    tip, hub = needle.follow(shaft, beam, movement)
    anatomy = stream(settings.seed, "anatomy", view, *again)
    bone, soft, gas = _layers(patient, beam, margin, anatomy)
    leads = _leads(key, spec, settings, patient)
    with_needle = settings.needle and spec.device == "needle"
    place = Place(site=patient.site, spine=patient.spine, beam=beam, margin_px=margin)
    return Stage(
        key=key,
        view=view,
        twin=twin,
        settings=settings,
        patient=patient,
        acquisition=acquisition,
        beam=beam,
        movement=movement,
        bone=bone,
        soft=soft,
        gas=gas,
        shaft=shaft if with_needle else None,
        tip_px=tip if with_needle else None,
        hub_px=hub if with_needle else None,
        contrast=draw_contrast(key, spec, settings, place=place, plan=plan),
        leads=leads,
    )


def _leads(
    key: str, spec: SceneSpec, settings: PhantomSettings, patient: Patient
) -> tuple[Lead, ...]:
    if spec.device != "lead":
        return ()
    random = stream(settings.seed, "pose", key, "lead")
    return draw_leads(key, settings.twin, patient.spine, patient.site, random)


def pair(value: DoubleArray) -> tuple[float, float]:
    """Two numbers of an array as plain floats."""
    return float(value[0]), float(value[1])


def point(acquisition: Acquisition, patient: Patient) -> Beam:
    """Point the beam with its isocentre beside the target: people do not centre exactly."""
    target = patient.site.target_mm
    level = aim(acquisition.stand, target)
    down, across = _AIM_MM * acquisition.off_target
    return aim(acquisition.stand, target + down * level.row_axis + across * level.column_axis)


def _layers(
    patient: Patient, beam: Beam, margin: int, random: np.random.Generator
) -> tuple[Layer, Layer, Layer]:
    """Bone, soft tissue and gas, sampled on a coarse lattice of rays and refined to pixels."""
    step = max(1.0, round(_LATTICE_MM / beam.mm_per_px, 3))
    pixels = np.arange(-margin, beam.size + margin, dtype=np.float64)
    lattice = np.arange(-margin, beam.size + margin + step, step)
    weights = make_interp_spline(lattice, np.eye(len(lattice)), k=3)(pixels).astype(np.float32)
    pictures = (
        bone_mineral(patient.skeleton, beam, pixels=lattice),
        body.soft_path(patient.trunk, beam, pixels=lattice, random=random),
        body.gas_path(patient.trunk, beam, pixels=lattice, random=random),
    )
    bone, soft, gas = (
        Layer.of(np.asarray(weights @ picture @ weights.T, np.float32), margin_px=margin)
        for picture in pictures
    )
    return bone, soft, gas
