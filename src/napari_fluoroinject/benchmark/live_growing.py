"""Examples for the forest that judges while frames come: what a live run sees of loops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_fluoroinject.analysis.vascular.traits import TRAITS
from napari_fluoroinject.benchmark.growing import VASCULAR, Examples, label
from napari_fluoroinject.benchmark.run import exposed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_fluoroinject.analysis.live_uptake import Uptake
    from napari_fluoroinject.benchmark.cases import Case
    from napari_fluoroinject.model.arrays import FloatArray
    from napari_fluoroinject.model.cine import CineLoop
    from napari_fluoroinject.phantom import Phantom


def live_examples_of(case: Case, doses_ngy: Sequence[float]) -> tuple[Examples, ...]:
    """Build one scene, expose it at each dose, and follow it as a feed is followed."""
    from napari_fluoroinject.phantom import PhantomSettings

    settings = PhantomSettings(
        seed=case.seed,
        twin=case.twin,
        view=case.view,
        size=case.size,
        frames=case.frames,
        needle=case.needle,
    )
    return tuple(_followed(phantom) for phantom in exposed(case, settings, doses_ngy))


def _followed(phantom: Phantom) -> Examples:
    truth = phantom.truth
    vessels, shown = truth.labels == VASCULAR, truth.run_off_frames
    vectors, labels = [], []
    for uptake, path_px in _uptakes(phantom.loop):
        seen = label(path_px, vessels) if shown is not None else 0
        meanwhile = (
            shown is not None and uptake.first_frame <= shown[1] and uptake.last_frame >= shown[0]
        )
        # A path on the vessel before contrast is in it is neither.
        labels.append(seen if meanwhile else min(-abs(seen), 0))
        vectors.append(uptake.traits.vector())
    return Examples(
        vectors=np.array(vectors, np.float32).reshape(len(vectors), len(TRAITS)),
        run_off=np.array(labels, np.int8),
        vascular=shown is not None,
    )


def _uptakes(loop: CineLoop) -> Iterator[tuple[Uptake, FloatArray]]:
    """Every path that is judged over the first whole mask, and the path in the loop's pixels."""
    from napari_fluoroinject.analysis.feed.watch import Watch
    from napari_fluoroinject.analysis.live_scene import MASK_FRAMES, Masked, Scene
    from napari_fluoroinject.analysis.placing import Lens
    from napari_fluoroinject.compute.backend import choose

    watch = Watch(loop.intensity, loop.shape[1:])
    scene: Scene | None = None
    masked: Masked | None = None
    times = np.arange(loop.shape[0]) / 15.0 if loop.times_s is None else loop.times_s
    for frame, time_s in enumerate(times):
        look = watch.look(loop.frames.frame(frame), float(time_s))
        if look.area is None:
            continue
        if scene is None or look.area_changed:
            scene = Scene(loop.intensity, look.area, on=choose("cpu"), mm_per_px=loop.mm_per_px)
            masked, area = None, look.area
            factor = Lens.of(loop.intensity, area.shape_px).factor
        if not look.fresh:
            continue
        kept = scene.keep(watch.cut(loop.frames.frame(frame)), frame, float(time_s))
        if kept is not None and masked is not None:
            for uptake in masked.add(kept, onset=False).uptakes:
                middle = (factor - 1) / 2 + np.array(area.first_px, np.float32)
                yield uptake, uptake.path_px * np.float32(factor) + middle
        elif len(scene.kept) == MASK_FRAMES:
            masked = scene.lay(scene.chosen(), tuple(scene.kept))
