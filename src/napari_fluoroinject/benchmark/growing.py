"""Growing the forest that judges run-off, on synthetic loops of stated seeds."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import distance_transform_edt

from napari_fluoroinject.analysis.vascular.forest import Forest
from napari_fluoroinject.analysis.vascular.judge import judge
from napari_fluoroinject.analysis.vascular.traits import TRAITS
from napari_fluoroinject.benchmark.operating import sensitivity_at
from napari_fluoroinject.benchmark.run import exposed
from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.model.arrays import BoolArray, DoubleArray, FloatArray

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_fluoroinject.analysis.vascular import Paths
    from napari_fluoroinject.benchmark.cases import Case
    from napari_fluoroinject.phantom import Phantom, Truth

FALSE_ALARM_RATE = 0.05
"""Of loops without run-off, on which the alarm is set."""
TREES = 100
LEAST_IN_LEAF = 6
SHARE_OF_TRAITS = 0.5
"""Of the traits, that each branch chooses among."""
FOLDS = 10
"""Parts of the loops that are judged by forests grown on the others, to set the alarm."""
ON_VESSEL_PX = 5.0
"""A place of a path is on a run-off within so many pixels of it: a vessel and an error of 1 mm."""
MOST_ON, SOME_ON = 0.6, 0.25
"""A path is a run-off if this share of it is on one; one between the two is no example at all."""
VASCULAR = 2
"""The label of run-offs in `Truth.labels`."""
_BETWEEN = 8
"""Places between two nodes that are looked at."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """The candidate paths of one loop of a scene, which may have others.

    `vectors` (paths, traits); `run_off` (paths,) 1 for a run-off, 0 for none, -1 for what is
    neither; `vascular`: whether contrast ran off in the loop.
    """

    scene: str
    vectors: FloatArray
    run_off: np.ndarray[Any, np.dtype[np.int8]]
    vascular: bool


def examples_of(case: Case, doses_ngy: Sequence[float]) -> tuple[Examples, ...]:
    """Build one scene, expose it at each dose, and look at every path that may be a run-off."""
    from napari_fluoroinject.phantom import PhantomSettings

    settings = PhantomSettings(
        seed=case.seed,
        twin=case.twin,
        view=case.view,
        size=case.size,
        frames=case.frames,
        needle=case.needle,
    )
    return tuple(
        _labelled(paths, phantom.truth, scene=f"{case.key} {case.seed}")
        for phantom in exposed(case, settings, doses_ngy)
        if (paths := _paths(phantom)) is not None
    )


def gather_examples(
    todo: Sequence[Case],
    *,
    doses_ngy: Sequence[float],
    look: Callable[[Case, Sequence[float]], tuple[Examples, ...]] = examples_of,
    jobs: int = 2,
    progress: Callable[[str, float], None] = lambda _step, _fraction: None,
) -> list[Examples]:
    """Examples, by `look`, of every case at every dose, `jobs` at a time."""
    gathered: list[Examples] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(look, case, tuple(doses_ngy)) for case in todo]
        for done, (case, future) in enumerate(zip(todo, futures, strict=True)):
            progress(f"{case.key} {case.twin} seed {case.seed}", done / len(todo))
            gathered.extend(future.result())
    progress("done", 1.0)
    return gathered


def grow(
    loops: Sequence[Examples],
    *,
    grown_on: str,
    traits: tuple[str, ...] = TRAITS,
    judged: Callable[[Forest, FloatArray], float] = judge,
) -> Forest:
    """Grow a forest on the candidate paths of many loops, and set its alarm.

    The alarm is the lowest threshold that at most `FALSE_ALARM_RATE` of the loops without run-off
    exceed, each judged by a forest that was grown without its scene.

    Parameters
    ----------
    loops
        With and without run-off.
    grown_on
        From what, in words.
    traits, judged
        What the vectors hold, and how a forest judges one.

    Raises
    ------
    FluoroinjectError
        Too few loops of one sort, or scikit-learn is not there.
    """
    quiet = [one for one in loops if not one.vascular]
    if min(len(quiet), len(loops) - len(quiet)) < FOLDS:
        raise FluoroinjectError(
            f"seen: {len(loops)} loops, {len(quiet)} of them without run-off; "
            f"expected: at least {FOLDS} with and {FOLDS} without; use more seeds"
        )
    fold = folds(loops)
    scores = np.zeros(len(loops))
    for number in range(FOLDS):
        others = [one for one, part in zip(loops, fold, strict=True) if part != number]
        forest = _grown(others, traits, alarm=1.0, grown_on="")
        for index in np.flatnonzero(fold == number).tolist():
            scores[index] = highest(forest, loops[index], judged)
    vascular = np.array([one.vascular for one in loops])
    _, alarm = sensitivity_at(
        scores[vascular].tolist(), scores[~vascular].tolist(), FALSE_ALARM_RATE
    )
    return _grown(loops, traits, alarm=alarm, grown_on=grown_on)


def folds(loops: Sequence[Examples]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which part each loop belongs to, 0 to `FOLDS` - 1: those of one scene to the same."""
    scenes = list(dict.fromkeys(one.scene for one in loops))
    parts = np.random.default_rng(0).permutation(len(scenes)) % FOLDS
    return np.array([parts[scenes.index(one.scene)] for one in loops])


def highest(
    forest: Forest, loop: Examples, judged: Callable[[Forest, FloatArray], float] = judge
) -> float:
    """The highest judgement of a loop's paths; 0 where it has none."""
    return max((judged(forest, vector) for vector in loop.vectors), default=0.0)


def label(path: DoubleArray | FloatArray, vessels: BoolArray) -> int:
    """1 = a path (nodes, 2) in pixels lies on vessels, 0 = it does not, -1 = neither."""
    away = distance_transform_edt(~vessels) if vessels.any() else np.full(vessels.shape, np.inf)
    steps = np.linspace(path[:-1], path[1:], _BETWEEN, endpoint=False).reshape(-1, 2)
    row, column = np.clip(np.rint(steps).astype(int), 0, np.array(vessels.shape) - 1).T
    on = float((away[row, column] <= ON_VESSEL_PX).mean())
    if on >= MOST_ON:
        return 1
    return -1 if on > SOME_ON else 0


def _paths(phantom: Phantom) -> Paths | None:
    from napari_fluoroinject.analysis.needle import find_needle
    from napari_fluoroinject.analysis.opacity import measure_opacity
    from napari_fluoroinject.analysis.pipeline import hold_still, register
    from napari_fluoroinject.analysis.vascular import look_for_paths
    from napari_fluoroinject.compute.backend import choose
    from napari_fluoroinject.model.needle import NeedleKind

    on = choose("cpu")
    registered = register(phantom.loop, on=on)
    if not registered.injection.mask_frames:
        return None
    gauge = phantom.truth.gauge
    needle = find_needle(registered, gauge=gauge, on=on)
    kind = NeedleKind(gauge=gauge, length_mm=None)
    opacity = measure_opacity(registered, needle, kind=kind, on=on)
    hold_still(opacity, registered, needle, on)
    found = look_for_paths(opacity, registered, needle, on=on)
    return None if isinstance(found, str) else found


def _labelled(found: Paths, truth: Truth, *, scene: str) -> Examples:
    vessels = truth.labels == VASCULAR
    shown = truth.run_off_frames
    labels = [
        label(found.in_loop(one.path), vessels)
        if shown is not None and one.window[0] <= shown[1] and one.window[1] >= shown[0]
        else 0
        for one in found.candidates
    ]
    return Examples(
        scene=scene,
        vectors=np.stack([one.vector() for one in found.traits]),
        run_off=np.array(labels, np.int8),
        vascular=shown is not None,
    )


def _grown(
    loops: Sequence[Examples], traits: tuple[str, ...], *, alarm: float, grown_on: str
) -> Forest:
    try:
        from sklearn.ensemble import ExtraTreesClassifier
    except ImportError as error:
        raise FluoroinjectError(
            "scikit-learn is not there, and growing a forest needs it; "
            "do: pip install 'napari-fluoroinject[train]'"
        ) from error

    vectors = np.concatenate([one.vectors for one in loops])
    run_off = np.concatenate([one.run_off for one in loops])
    known = run_off >= 0
    trees = ExtraTreesClassifier(
        TREES,
        min_samples_leaf=LEAST_IN_LEAF,
        max_features=SHARE_OF_TRAITS,
        class_weight="balanced",
        random_state=0,
    ).fit(vectors[known], run_off[known])
    parts = [one.tree_ for one in trees.estimators_]
    starts = np.cumsum([0, *(part.node_count for part in parts)])[:-1]
    shares = [part.value[:, 0, 1] / part.value[:, 0].sum(axis=1) for part in parts]

    inner = np.concatenate([part.feature for part in parts]) >= 0
    # The left branch of a node is the next node: trees are kept depth first.
    right = np.concatenate([part.children_right - np.arange(part.node_count) for part in parts])
    return Forest(
        traits=traits,
        roots=starts.astype(np.int32),
        trait=np.where(inner, np.concatenate([part.feature for part in parts]), -1).astype(
            np.int32
        ),
        limit=np.concatenate([part.threshold for part in parts]).astype(np.float32),
        right=np.where(inner, right, 0).astype(np.uint16),
        share=np.concatenate(shares).astype(np.float16),
        alarm=alarm,
        grown_on=grown_on,
    )
