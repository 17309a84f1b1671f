"""Work that is done before anybody asks for it: it is quick, and marks nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.viewer import works

if TYPE_CHECKING:
    from napari_fluoroinject.viewer.bench import Bench


class Ahead(Closing):
    """Subtracts the shown run as soon as it was looked at, so that the second view has a picture.

    Parameters
    ----------
    bench
        Where it is worked on.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        bench.session.signals.look.connect(self._looked)
        bench.session.signals.shown.connect(self._shown)

    def close(self) -> None:
        """Start nothing more."""
        self._bench.session.signals.look.disconnect(self._looked, missing_ok=True)
        self._bench.session.signals.shown.disconnect(self._shown, missing_ok=True)

    def _looked(self, _uid: str) -> None:
        self._shown()

    def _shown(self) -> None:
        session = self._bench.session
        if session.run is None or session.look is None:
            return
        if session.subtracted is None and session.beside is None:
            works.subtract(self._bench, session.run)
