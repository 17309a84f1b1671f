"""All contrast of one loop: intended spread and run-off, as iodine on the detector over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.model.arrays import DoubleArray, FloatArray
from napari_fluoroinject.phantom.beam import Beam
from napari_fluoroinject.phantom.film import Filling, fill, reached
from napari_fluoroinject.phantom.injection import Injection, draw_injection
from napari_fluoroinject.phantom.scenery import RunOffKind, Site
from napari_fluoroinject.phantom.spine import Spine
from napari_fluoroinject.phantom.splat import Splat, film_splat
from napari_fluoroinject.phantom.streams import stream
from napari_fluoroinject.phantom.vessel import Course, Vessel, draw_vessel

if TYPE_CHECKING:
    from napari_fluoroinject.phantom.acquisition import Plan
    from napari_fluoroinject.phantom.layers import Layer
    from napari_fluoroinject.phantom.scenery import SceneSpec, Twin
    from napari_fluoroinject.phantom.settings import PhantomSettings

INTENDED, VASCULAR, OTHER = 1, 2, 3
"""Labels of the kinds of contrast."""

_SEEN_MG = 1e-3
_AWAY_MM = (14.0, 34.0)
_WITHIN = 0.3
_LATEST_START = 0.25
"""Promised run-off starts in this first share of what the loop shows of the injection."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """Where the injection happens and how it is seen."""

    site: Site
    spine: Spine
    beam: Beam
    margin_px: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """What was injected and where it went.

    `splats` and `masses` (frames, cells; mg) hold one entry per kind in `kinds`; `injection` is
    None in a scene without contrast, `fillings` are those of the spaces that filled, `vessel` is
    None without run-off.
    """

    injection: Injection | None
    fillings: tuple[Filling, ...]
    vessel: Vessel | None
    kinds: tuple[int, ...]
    splats: tuple[Splat, ...]
    masses: tuple[FloatArray, ...]

    def iodine(self, frame: int) -> Layer | None:
        """Areal density of iodine in the reference pose, mg/cm2; None while there is none."""
        if not any(mass[frame].any() for mass in self.masses):
            return None
        first = self.splats[0]
        coefficients = sum(
            part.matrix @ mass[frame] for part, mass in zip(self.splats, self.masses, strict=True)
        )
        return first.as_layer(coefficients)

    def onset_frame(self) -> int | None:
        """First frame with contrast; None when there never is any."""
        if not self.masses:
            return None
        total = sum(mass.sum(axis=1) for mass in self.masses)
        seen = np.flatnonzero(total > _SEEN_MG)
        return int(seen[0]) if len(seen) else None

    def labels(self, peak_od: FloatArray, *, threshold_od: float) -> FloatArray:
        """Which kind shows: that with the greater peak of iodine, 0 below the threshold."""
        if not self.kinds:
            return np.zeros(peak_od.shape, np.uint8)
        peaks = np.stack(
            [_highest(part, mass) for part, mass in zip(self.splats, self.masses, strict=True)]
        )
        label = np.array(self.kinds, np.uint8)[peaks.argmax(axis=0)]
        return np.where(peak_od >= threshold_od, label, 0).astype(np.uint8)

    def run_off_path_px(self, beam: Beam) -> DoubleArray | None:
        """The main vessel's course (nodes, 2) about every millimetre; None without run-off."""
        if self.vessel is None:
            return None
        return beam.project(self.vessel.points_mm[: self.vessel.trunk : 3])

    def run_off_frames(self, times_s: DoubleArray) -> tuple[int, int] | None:
        """Frames, first and last, in which run-off holds a tenth of its greatest mass or more."""
        if self.vessel is None:
            return None
        mass = self.vessel.mass_mg(times_s).sum(axis=1)
        shown = np.flatnonzero(mass > 0.1 * mass.max())
        return (int(shown[0]), int(shown[-1])) if len(shown) else None


NOTHING = Contrast(injection=None, fillings=(), vessel=None, kinds=(), splats=(), masses=())
"""The contrast of a scene without any."""


def draw_contrast(
    key: str,
    spec: SceneSpec,
    settings: PhantomSettings,
    *,
    place: Place,
    plan: Plan,
) -> Contrast:
    """Inject: intended spread or one that misses, run-off, both or neither, as the twin says.

    Twins of one seed share flow and vessel: what they have in common is the same.
    """
    if spec.film is None:
        return NOTHING
    twin = spec.twins[settings.twin]
    random = stream(settings.seed, "flow", key)
    film = spec.film(place.site, place.spine, random)
    injection = draw_injection(spec, plan.onset_s, random)
    films = [(INTENDED, reached(film))] if twin.intended else []
    if twin.film is not None:
        own = stream(settings.seed, "flow", key, settings.twin)
        films.append((OTHER, reached(twin.film(place.site, place.spine, own))))
    # what leaves the intended space and what fills another one share the injection
    shared = injection.part(1 / max(len(films), 1))
    fillings = tuple(fill(film, plan.times_s, shared) for _, film in films)
    parts = [
        (kind, film_splat(film, place.beam, margin_px=place.margin_px), filling.mass_mg)
        for (kind, film), filling in zip(films, fillings, strict=True)
    ]
    vessel = None
    if twin.run_off is not None:
        ends_s = float(plan.times_s[-1])
        vessel = _draw_vessel(key, twin, settings.seed, place, injection, ends_s=ends_s)
        splat = vessel.splat(place.beam, margin_px=place.margin_px)
        parts.append((VASCULAR, splat, vessel.mass_mg(plan.times_s)))
    return Contrast(
        injection=injection,
        fillings=fillings,
        vessel=vessel,
        kinds=tuple(part[0] for part in parts),
        splats=tuple(part[1] for part in parts),
        masses=tuple(part[2] for part in parts),
    )


def _draw_vessel(
    key: str, twin: Twin, seed: int, place: Place, injection: Injection, *, ends_s: float
) -> Vessel:
    random = stream(seed, "vessel", key)
    courses = place.site.courses
    course = courses[int(random.integers(len(courses)))]
    heading, away = random.uniform(0, 2 * np.pi), random.uniform(*_AWAY_MM)
    drawn: RunOffKind = "persistent" if random.uniform() < 0.5 else "transient"
    if twin.remote:
        # Away from the tip, but in the picture, however tight it is.
        away = min(away, _WITHIN * place.beam.size * place.beam.mm_per_px)
        offset = away * np.array([0.4, np.cos(heading), np.sin(heading)])
        course = Course(
            start_mm=course.start_mm + offset, heading=course.heading, x_mm=course.x_mm
        )
    kind = drawn if twin.run_off in (None, "drawn") else twin.run_off
    latest = injection.onset_s + _LATEST_START * (ends_s - injection.onset_s)
    return draw_vessel(course, injection, kind=kind, latest_s=latest, random=random)


def _highest(splat: Splat, mass_mg: FloatArray) -> FloatArray:
    """The greatest areal density over time in the reference pose."""
    highest = np.zeros((splat.size, splat.size), np.float32)
    for row in mass_mg:
        if row.any():
            np.maximum(highest, splat.layer(row).moved((0.0, 0.0)), out=highest)
    return highest
