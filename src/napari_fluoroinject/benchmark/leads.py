"""Accuracy of leads against truth: contacts, order, level, offset and migration over seeds."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_fluoroinject.analysis.leads import find_leads
from napari_fluoroinject.analysis.leads.migration import (
    Depth,
    Examination,
    depth_seen,
    migration,
)
from napari_fluoroinject.analysis.measures.lines import sides_px
from napari_fluoroinject.analysis.pipeline import register
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import AnalysisError
from napari_fluoroinject.model.arrays import DoubleArray
from napari_fluoroinject.model.cine import CineLoop
from napari_fluoroinject.model.lead import Lead, level_at
from napari_fluoroinject.phantom import PhantomSettings, Truth, make_phantom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from napari_fluoroinject.model.arrays import BoolArray

SCENES = ("scs_lead", "drg_lead")
VIEWS = ("AP", "LAT")
FOUND_PX = 2.0
"""A contact is found where one was told within this distance: about half a contact's width."""
PRECISE_PX = 0.5
MARKS_PX = (0.0, 1.0)
"""1 sigma of the end plates' and midline's marks: exact, and as a person marks them."""
FRAMES = 24
_RIM_PX = 3
"""A contact that is cut off by the open field's edge is not asked for."""
_TWO_EVERY = 4
"""Every so many seeds the patient has two leads, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One migration: its error and stated 1 sigma in mm, and the marks' 1 sigma.

    `deep` says whether a lateral view told the depth; None, None: it was not to be compared.
    """

    marks_px: float
    deep: bool
    error_mm: float | None
    sigma_mm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadScore:
    """Errors of one loop's leads, and of the migration to it where it is a second examination.

    `contacts` could have been found, `errors_px` holds one error per contact found; `false` were
    told where there is none. `right`, `wrong` and `unknown` count the leads' orders. `level` and
    `offset_mm` are errors of tips and contacts with marks of 1 px.
    """

    scene: str
    view: str
    seed: int
    twin: str
    contacts: int
    errors_px: tuple[float, ...]
    false: int
    leads: int
    leads_found: int
    right: int
    wrong: int
    unknown: int
    level: tuple[float, ...]
    offset_mm: tuple[float, ...]
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """One loop with the leads found in it; `plates_px` and `midline_px` as it shows them."""

    loop: CineLoop
    truth: Truth
    leads: tuple[Lead, ...]
    contacts_px: DoubleArray
    plates_px: DoubleArray
    midline_px: DoubleArray


def run_lead_benchmark(
    scenes: Sequence[str],
    *,
    seeds: int,
    first_seed: int,
    dose_ngy: float = 20.0,
    jobs: int = 2,
    progress: Callable[[str, float], None] = lambda _step, _fraction: None,
) -> tuple[LeadScore, ...]:
    """Build, analyse and score every scene's examinations in both views, `jobs` at a time."""
    todo = list(product(scenes, range(first_seed, first_seed + seeds)))
    scores: list[LeadScore] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(score_patient, key, seed, dose_ngy) for key, seed in todo]
        for done, ((key, seed), future) in enumerate(zip(todo, futures, strict=True)):
            progress(f"{key} seed {seed}", done / len(todo))
            scores.extend(future.result())
    progress("done", 1.0)
    return tuple(scores)


def score_patient(
    key: str, seed: int, dose_ngy: float, *, frames: int = FRAMES
) -> tuple[LeadScore, ...]:
    """Score one patient: two examinations in both views; of every fourth seed two leads, too."""
    later = "migrated" if seed % 2 else "follow_up"
    twins = ("none", later, "two_leads") if seed % _TWO_EVERY == 0 else ("none", later)
    seen = {
        (view, twin): _seen(key, view, seed, twin, dose_ngy=dose_ngy, frames=frames)
        for view, twin in product(VIEWS, twins)
    }
    scores = []
    for (view, twin), one in seen.items():
        pair = (seen[view, "none"], one) if twin == later else None
        lateral = seen["LAT", "none"] if view == "AP" else None
        moved = () if pair is None else tuple(_migrations(*pair, lateral, seed))
        scores.append(score_leads(one, moved))
    return tuple(scores)


def _seen(key: str, view: str, seed: int, twin: str, *, dose_ngy: float, frames: int) -> _Seen:
    settings = PhantomSettings(seed=seed, twin=twin, view=view, dose_ngy=dose_ngy, frames=frames)
    phantom = make_phantom(key, settings=settings)
    on, truth = choose(), phantom.truth
    registered = register(phantom.loop, on=on)
    if truth.contacts_px is None:
        raise AnalysisError(f"{key} has no leads; expected one of {', '.join(SCENES)}")
    mask = list(registered.injection.mask_frames) or list(range(frames))
    return _Seen(
        loop=phantom.loop,
        truth=truth,
        leads=find_leads(registered, on=on),
        contacts_px=_posed(truth.contacts_px, truth, mask),
        plates_px=_posed(truth.landmarks_px["end_plates"], truth, mask),
        midline_px=_posed(truth.landmarks_px["midline"], truth, mask),
    )


def _posed(points_px: DoubleArray, truth: Truth, mask: Sequence[int]) -> DoubleArray:
    """Points (..., 2) as the mean pose of the analysis' mask frames shows them."""
    angle = float(np.radians(truth.rot_deg[list(mask)].mean()))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = (np.array(truth.open_field.shape) - 1) / 2
    shift = truth.shift_px[list(mask)].mean(axis=0)
    result: DoubleArray = centre + (points_px - centre) @ turn.T + shift
    return result


def score_leads(one: _Seen, moved: tuple[Moved, ...] = ()) -> LeadScore:
    """Compare the leads of one loop with its truth."""
    random = np.random.default_rng(one.truth.seed)
    plates, midline = (_marked(line, 1.0, random) for line in (one.plates_px, one.midline_px))
    visible = _visible(one.contacts_px, one.truth.open_field)
    true = one.contacts_px[visible]
    told = np.concatenate([np.empty((0, 2)), *(lead.contacts_px for lead in one.leads)])
    away = np.linalg.norm(told[:, None] - true[None], axis=2)
    pairs = linear_sum_assignment(np.minimum(away, 10 * FOUND_PX))
    errors = away[pairs]
    near = errors < FOUND_PX
    orders = [_order(lead, one.contacts_px) for lead in one.leads]
    mm = one.truth.mm_per_px
    return LeadScore(
        scene=one.truth.procedure,
        view=one.truth.view,
        seed=one.truth.seed,
        twin=one.truth.twin,
        contacts=int(visible.sum()),
        errors_px=tuple(errors[near].tolist()),
        false=int((away.min(axis=1, initial=np.inf) >= FOUND_PX).sum()),
        leads=len(one.contacts_px),
        leads_found=len(one.leads),
        right=orders.count("right"),
        wrong=orders.count("wrong"),
        unknown=orders.count("unknown"),
        level=tuple(_level_errors(one, plates)),
        offset_mm=()
        if one.truth.view != "AP"
        else tuple(
            mm * (_offset(told[i], midline) - _offset(true[j], one.midline_px))
            for i, j in zip(pairs[0][near], pairs[1][near], strict=True)
        ),
        moved=moved,
    )


def _visible(contacts: DoubleArray, field: BoolArray) -> BoolArray:
    """Which contacts (leads, contacts) lie inside the open field."""
    at, size = np.rint(contacts).astype(int), np.array(field.shape)
    inside: BoolArray = np.all((at >= _RIM_PX) & (at < size - _RIM_PX), axis=-1)
    for down, right in product((-_RIM_PX, 0, _RIM_PX), repeat=2):
        row, column = (np.clip(at[..., k] + (down, right)[k], 0, size[k] - 1) for k in (0, 1))
        inside &= field[row, column]
    return inside


def _marked(line: DoubleArray, sigma_px: float, random: np.random.Generator) -> DoubleArray:
    """A line (points, 2) as it is marked."""
    return line + sigma_px * random.standard_normal(line.shape)


def _own(lead: Lead, contacts: DoubleArray) -> tuple[int, DoubleArray]:
    """The true lead that a lead is, and which of its contacts those found are."""
    away = np.linalg.norm(lead.contacts_px[None, :, None] - contacts[:, None], axis=3)
    one = int(np.median(away.min(axis=2), axis=1).argmin())
    return one, away[one].argmin(axis=1)


def _order(lead: Lead, contacts: DoubleArray) -> str:
    if lead.order == "unknown":
        return "unknown"
    _, numbers = _own(lead, contacts)
    return "right" if numbers[-1] > numbers[0] else "wrong"


def _level_errors(one: _Seen, plates: DoubleArray) -> Iterator[float]:
    """Of the tips, in levels, where the end was told."""
    for lead in one.leads:
        if lead.order == "unknown":
            continue
        tip = one.contacts_px[_own(lead, one.contacts_px)[0], 0]
        told, true = level_at(lead.contacts_px[0], plates), level_at(tip, one.plates_px)
        if told is not None and true is not None:
            yield told - true


def _offset(point: DoubleArray, midline: DoubleArray) -> float:
    right = (float(midline[0, 0]), float(midline[:, 1].max()) + 1e4)
    line = [(float(row), float(column)) for row, column in midline]
    return float(sides_px(point[None], line, right)[0])


def _migrations(first: _Seen, second: _Seen, lateral: _Seen | None, seed: int) -> Iterator[Moved]:
    """With each kind of mark; in AP without and with the depth that a lateral view shows."""
    true = _true_way_mm(first.truth, second.truth)
    for marks_px, deep in product(MARKS_PX, (False, True)):
        if deep and (lateral is None or not lateral.leads):
            continue
        random = np.random.default_rng((seed, int(marks_px)))
        try:
            depth = None
            if deep and lateral is not None:
                depth = _depth(lateral, marks_px, random)
            pair = [_examination(one, marks_px, random) for one in (first, second)]
            found = migration(*pair, depth=depth)
        except AnalysisError:
            yield Moved(marks_px=marks_px, deep=deep, error_mm=None, sigma_mm=None)
            continue
        error = found.mm - true
        yield Moved(marks_px=marks_px, deep=deep, error_mm=error, sigma_mm=found.sigma_mm)


def _depth(lateral: _Seen, marks_px: float, random: np.random.Generator) -> Depth:
    return depth_seen(_examination(lateral, marks_px, random))


def _examination(one: _Seen, marks_px: float, random: np.random.Generator) -> Examination:
    if not one.leads:
        raise AnalysisError("no lead was found; expected one to compare")
    lead, calibration = one.leads[0], one.loop.calibration
    size = one.loop.shape[1:]
    return Examination(
        contacts_px=lead.contacts_px,
        order=lead.order,
        sigma_px=lead.sigma_px,
        plates_px=_marked(one.plates_px, marks_px, random),
        first_level="T12",
        mm_per_px=one.truth.mm_per_px,
        mm_sigma=None if calibration is None else calibration.relative_uncertainty,
        view=one.truth.view,
        tilt_deg=one.loop.view.secondary_angle_deg,
        centre_px=((size[0] - 1) / 2, (size[1] - 1) / 2),
    )


def _true_way_mm(first: Truth, second: Truth) -> float:
    """The mean way of the contacts along the spine beside them, towards the feet positive."""
    contacts, plates = first.contacts_mm, first.end_plates_mm
    if contacts is None or plates is None or second.contacts_mm is None:
        raise AnalysisError("the truth holds no contacts; expected a scene with leads")
    middles = (plates[1:] + plates[:-1]) / 2
    piece = int(np.abs(middles[:, 2] - contacts[0, :, 2].mean()).argmin())
    spine = plates[piece + 1] - plates[piece]
    way = (second.contacts_mm[0] - contacts[0]).mean(axis=0)
    return float(way @ spine / np.linalg.norm(spine))


def lead_table(scores: Sequence[LeadScore]) -> dict[str, Mapping[str, float | int | None]]:
    """Condense scores into figures by scene and view."""
    groups = dict.fromkeys((score.scene, score.view) for score in scores)
    return {
        f"{scene} {view}": _figures([s for s in scores if (s.scene, s.view) == (scene, view)])
        for scene, view in groups
    }


def _figures(scores: Sequence[LeadScore]) -> dict[str, float | int | None]:
    errors = np.array([error for score in scores for error in score.errors_px])
    contacts = sum(score.contacts for score in scores)
    levels = np.abs([error for score in scores for error in score.level])
    offsets = np.abs([error for score in scores for error in score.offset_mm])
    return {
        "loops": len(scores),
        "contacts": contacts,
        "found share": len(errors) / contacts if contacts else None,
        f"found within {PRECISE_PX:g} px share": float((errors <= PRECISE_PX).sum() / contacts)
        if contacts
        else None,
        "precision mean px": _mean(errors),
        "precision p95 px": _p95(errors),
        "false contacts": sum(score.false for score in scores),
        "leads": sum(score.leads for score in scores),
        "leads found": sum(score.leads_found for score in scores),
        "order right": sum(score.right for score in scores),
        "order wrong": sum(score.wrong for score in scores),
        "order unknown": sum(score.unknown for score in scores),
        "tip level error mean levels, marks 1 px": _mean(levels),
        "midline offset error mean mm, marks 1 px": _mean(offsets),
        "midline offset error p95 mm, marks 1 px": _p95(offsets),
        **_moved_figures([moved for score in scores for moved in score.moved]),
    }


def _moved_figures(every: Sequence[Moved]) -> dict[str, float | int | None]:
    told: dict[str, float | int | None] = {}
    for marks_px, deep in product(MARKS_PX, (False, True)):
        some = [one for one in every if (one.marks_px, one.deep) == (marks_px, deep)]
        pairs = [(abs(m.error_mm), m.sigma_mm) for m in some if m.error_mm is not None]
        errors = np.array([error for error, _ in pairs])
        name = f"migration, marks {marks_px:g} px{', depth from LAT' if deep else ''}"
        told |= {
            f"{name}: compared": len(pairs),
            f"{name}: not compared": len(some) - len(pairs),
            f"{name}: error mean mm": _mean(errors),
            f"{name}: error p95 mm": _p95(errors),
            f"{name}: within 2 sigma": _mean(
                np.array([error <= 2 * sigma for error, sigma in pairs if sigma is not None])
            ),
            f"{name}: sigma mean mm": _mean(np.array([s for _, s in pairs if s is not None])),
        }
    return told


def _mean(values: DoubleArray) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _p95(values: DoubleArray) -> float | None:
    return float(np.percentile(values, 95)) if len(values) else None
