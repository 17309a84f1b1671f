"""Find the leads of a loop or a picture, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.leads.chains import find_chains
from napari_fluoroinject.analysis.leads.complete import completed, trimmed
from napari_fluoroinject.analysis.leads.dots import dotted_leads
from napari_fluoroinject.analysis.leads.overlaid import overlaid_leads
from napari_fluoroinject.analysis.leads.profile import Fit, fit_contacts
from napari_fluoroinject.analysis.leads.spots import FAINTEST_OD, find_spots, metal_of
from napari_fluoroinject.analysis.leads.wire import wire_end
from napari_fluoroinject.analysis.needle.find import mean_opacity
from napari_fluoroinject.analysis.needle.line import pixel_scale
from napari_fluoroinject.model.lead import Lead

if TYPE_CHECKING:
    from napari_fluoroinject.analysis.registered import RegisteredLoop
    from napari_fluoroinject.compute.backend import Backend
    from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

_NOMINAL_MM = 0.28
"""Pixel at which `pixel_scale` is 1."""
_HALF_MM, _WIDE_MM = (0.3, 2.2), (0.25, 0.9)
"""Half lengths and half widths of contacts, with what blur does to them."""
_UNLIKE = 0.22
"""Robust spread of lengths and of widths, of their median: bone's rows of spots differ more."""
_SURE_MM = 0.1
_AS_DARK = 0.5
_APART_MM = 0.8
_MOST_TRIED = 30
_MOST_FRAMES = 60
"""More frames lessen the noise no further than matters."""


def find_leads(registered: RegisteredLoop, *, on: Backend) -> tuple[Lead, ...]:
    """Find the leads in the mean of the registered frames, the strongest first.

    Parameters
    ----------
    registered
        The loop with its motion; one frame is enough.
    on
        The compute backend that aligns the frames.
    """
    locked = np.flatnonzero(registered.motion.locked)
    if not locked.size:
        return ()
    chosen = locked[np.linspace(0, len(locked) - 1, min(len(locked), _MOST_FRAMES)).astype(int)]
    opacity = mean_opacity(registered, tuple(int(frame) for frame in chosen), on=on)
    scale = pixel_scale(registered.loop.mm_per_px, registered.field.shape)
    return leads_in(opacity, registered.field, mm_per_px=_NOMINAL_MM / scale)


def leads_in(opacity: FloatArray, field: BoolArray, *, mm_per_px: float) -> tuple[Lead, ...]:
    """Find the leads of one picture.

    Parameters
    ----------
    opacity
        (rows, columns) float32, rising with opacity, natural-log units.
    field
        (rows, columns), True inside the open field.
    mm_per_px
        Of the picture, or what stands for it.
    """
    short = dotted_leads(opacity, field, mm_per_px=mm_per_px)
    fits = short or _barred_leads(opacity, field, mm_per_px)
    return tuple(_lead(opacity, fit, mm_per_px) for fit in fits)


def _barred_leads(opacity: FloatArray, field: BoolArray, mm_per_px: float) -> tuple[Fit, ...]:
    """Leads whose contacts are bars, longer than wide."""
    every = find_spots(opacity, field, mm_per_px=mm_per_px)
    spots = metal_of(every)
    found: list[Fit] = []
    tried = 0
    for chain in find_chains(spots, mm_per_px=mm_per_px):
        at = spots.at_px[list(chain)]
        if tried == _MOST_TRIED or any(_shares(at, fit, mm_per_px) for fit in found):
            continue
        tried += 1
        fit = fit_contacts(opacity, at, mm_per_px=mm_per_px, rounds=1)
        if not is_lead(fit, mm_per_px=mm_per_px):
            continue
        fit = fit_contacts(opacity, trimmed(fit.at_px), mm_per_px=mm_per_px)
        if is_lead(fit, mm_per_px=mm_per_px) and _as_dark(fit, found):
            found.append(completed(opacity, field, fit, mm_per_px=mm_per_px))
    if len(found) > 1:
        return tuple(found)
    return overlaid_leads(opacity, field, every, mm_per_px=mm_per_px) or tuple(found)


def is_lead(fit: Fit, *, mm_per_px: float) -> bool:
    """Whether fitted contacts are metal of a lead: of its width, all alike, sharply limited."""
    half, wide = (float(np.median(sizes)) * mm_per_px for sizes in (fit.half_px, fit.wide_px))
    if not (_HALF_MM[0] < half < _HALF_MM[1] and _WIDE_MM[0] < wide < _WIDE_MM[1]):
        return False
    if _unlike(fit.half_px) > _UNLIKE or _unlike(fit.wide_px) > _UNLIKE:
        return False
    sure = float(np.median(fit.sigma_px)) * mm_per_px < _SURE_MM
    return sure and float(np.median(fit.height)) > FAINTEST_OD


def _as_dark(fit: Fit, found: list[Fit]) -> bool:
    """Whether contacts take as much of the beam as those of the leads found before, or half."""
    darkest = max((float(np.median(other.height)) for other in found), default=0.0)
    return float(np.median(fit.height)) > _AS_DARK * darkest


def _unlike(sizes: DoubleArray) -> float:
    """Robust spread of sizes, of their median."""
    middle = float(np.median(sizes))
    return 1.4826 * float(np.median(np.abs(sizes - middle))) / middle


def _shares(at: DoubleArray, fit: Fit, mm_per_px: float) -> bool:
    """Whether a row has a contact of a lead that was found already."""
    away = np.linalg.norm(at[:, None] - fit.at_px[None], axis=2)
    return bool((away * mm_per_px < _APART_MM).any())


def _lead(opacity: FloatArray, fit: Fit, mm_per_px: float) -> Lead:
    end = wire_end(opacity, fit, mm_per_px=mm_per_px)
    ordered = fit.turned() if end == 0 else fit
    return Lead(
        contacts_px=ordered.at_px,
        sigma_px=float(np.median(fit.sigma_px)),
        order="unknown" if end is None else "distal_first",
    )
