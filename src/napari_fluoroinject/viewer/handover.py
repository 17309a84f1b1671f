"""Takes over loops that were opened as plain layers, by File > Open or as a sample."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.viewer.describe import run_name
from napari_fluoroinject.viewer.opening import take_in
from napari_fluoroinject.viewer.reader import runs_held

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_fluoroinject.viewer.bench import Bench
    from napari_fluoroinject.viewer.jobs import Post


class Handover(Closing):
    """Makes runs of such layers, those that are there and those that come; the layers go.

    Parameters
    ----------
    viewer
        Whose layers are watched.
    bench
        Where the runs are opened.
    post
        Has a call made in the main thread, later: napari is still busy with a layer that comes.
    """

    def __init__(self, viewer: ViewerModel, bench: Bench, post: Post) -> None:
        self._viewer, self._bench, self._post = viewer, bench, post
        self._closed = False
        viewer.layers.events.inserted.connect(self._came)
        post(self._take_over)

    def close(self) -> None:
        """Watch no more."""
        self._closed = True
        self._viewer.layers.events.inserted.disconnect(self._came)

    def _came(self, event: Any) -> None:
        if runs_held([event.value]):
            self._post(self._take_over)

    def _take_over(self) -> None:
        if self._closed:
            return
        layers = [one for one in self._viewer.layers if runs_held([one])]
        if not layers:
            return
        names = [run.name for run in self._bench.session.runs]
        runs = []
        for run in runs_held(layers):
            names.append(run_name(run.loop.view, names))
            runs.append(replace(run, name=names[-1]))
        for layer in layers:
            self._viewer.layers.remove(layer)
            layer.data.close()
        take_in(self._bench, runs)
