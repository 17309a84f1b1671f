"""One workspace for each napari viewer: it puts the parts together, and takes them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from qtpy.QtWidgets import QDockWidget, QWidget

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.settings import Settings, load_settings
from napari_fluoroinject.spool.private import make_private
from napari_fluoroinject.viewer import keys, works
from napari_fluoroinject.viewer.actions import actions
from napari_fluoroinject.viewer.adapter import main_window, show_own_slider
from napari_fluoroinject.viewer.ahead import Ahead
from napari_fluoroinject.viewer.bench import Bench
from napari_fluoroinject.viewer.binding import binding_fault
from napari_fluoroinject.viewer.curves import CurvesPanel
from napari_fluoroinject.viewer.device import find_device
from napari_fluoroinject.viewer.dock import Dock
from napari_fluoroinject.viewer.handover import Handover
from napari_fluoroinject.viewer.jobs import Jobs
from napari_fluoroinject.viewer.layout import Layout
from napari_fluoroinject.viewer.live.panel import LivePanel
from napari_fluoroinject.viewer.pages.load import LoadPage
from napari_fluoroinject.viewer.placing import CURVE
from napari_fluoroinject.viewer.player import Player
from napari_fluoroinject.viewer.post import MainThread
from napari_fluoroinject.viewer.preferences import (
    Setup,
    lay_under,
    napari_pages,
    read_preferences,
)
from napari_fluoroinject.viewer.session import Session
from napari_fluoroinject.viewer.stage import Stage
from napari_fluoroinject.viewer.strip import Strip
from napari_fluoroinject.viewer.transport import Transport
from napari_fluoroinject.viewer.window_end import WindowEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_fluoroinject.model.geometry import Point
    from napari_fluoroinject.viewer.run import Run

DOCK_NAME = "FluoroInject (FluoroInject)"
"""As napari names the dock where it opens it from its menu: both are then one."""
STRIP_NAME = "FluoroInject: playback and curves"

_OPEN: dict[int, Workspace] = {}
"""By the identity of their viewers; each is taken out when it is closed, at its window's end."""


def workspace(viewer: napari.Viewer, *, settings: Settings | None = None) -> Workspace:
    """Return the workspace of a viewer, and make it where there is none.

    Parameters
    ----------
    viewer
        The viewer, or napari's proxy of it.
    settings
        For a new one; None = as the command line finds them.
    """
    whole: napari.Viewer = getattr(viewer, "__wrapped__", viewer)
    made = _OPEN.get(id(whole))
    if made is None:
        made = _OPEN[id(whole)] = Workspace(whole, settings=settings)
    return made


def workspace_of(viewer: napari.Viewer) -> Workspace | None:
    """Return the workspace of a viewer, None where there is none.

    Parameters
    ----------
    viewer
        As above.
    """
    return _OPEN.get(id(getattr(viewer, "__wrapped__", viewer)))


class Workspace(Closing):
    """Session, work, pictures, playback and dock of one viewer.

    The viewer's other layers and docks are left alone. It closes itself when the window does.
    """

    def __init__(self, viewer: napari.Viewer, *, settings: Settings | None = None) -> None:
        self.viewer = viewer
        self.closed = False
        setup, faults = set_up(settings)
        self.session = Session(site_procedures=setup.settings.site_procedures)
        self.session.operator = setup.operator
        self._post = MainThread()
        self.jobs = Jobs(self._post)
        self.stage = Stage(viewer, self.session)
        self.bench = Bench(
            session=self.session,
            jobs=self.jobs,
            settings=setup.settings,
            tools=self.stage,
            results=setup.results,
        )
        self.player = Player(self.session, self.stage)
        self.dock = Dock(self.bench)
        self._make_strip()
        self._window = main_window(viewer)
        self._layout = Layout(self._window, self.stage.companion_widget)
        self._host: QWidget | None = None
        self._live: LivePanel | None = None
        self._keys = keys.bind(viewer, actions(self.session, self.stage, self.player, self.dock))
        self._end = WindowEnd(
            self._window, asked=self._put_back, stays=self.lay_out, ended=self.close
        )
        self._handover = Handover(viewer, self.bench, self._post)
        self._ahead = Ahead(self.bench)
        self._begin(faults)

    # Where it is docked

    @property
    def is_hosted(self) -> bool:
        """Whether the dock is in a window."""
        return self._host is not None

    def hosted(self, host: QWidget) -> None:
        """Note in which widget the dock lies now; one that it lay in before is taken away."""
        before, self._host = self._host, host
        if before is not None:
            self._undock(before)

    def dock_in_window(self, make: Callable[[napari.Viewer], QWidget]) -> None:
        """Dock at the right of the window, as napari would from its menu."""
        self.viewer.window.add_dock_widget(make(self.viewer), name=DOCK_NAME, area="right")
        self.lay_out()

    def lay_out(self) -> None:
        """Give the window the clinical layout, once the dock is in it."""
        if self.closed or self._host is None:
            return
        dock = self._host.parent()
        if isinstance(dock, QDockWidget) and dock.window() is self._window:
            self._layout.apply(dock, self._strip_dock())
            show_own_slider(self.viewer, False)  # the transport has one, in seconds

    def dock_beside(self, widget: QWidget, title: str) -> None:
        """Make a docked widget a tab of the six steps: one below the other has no room."""
        if self.closed or self._host is None:
            return
        steps, dock = self._host.parent(), widget.parent()
        if isinstance(steps, QDockWidget) and isinstance(dock, QDockWidget):
            self._window.tabifyDockWidget(steps, dock)
            steps.setWindowTitle(DOCK_NAME)  # what the tabs have room for
            dock.setWindowTitle(title)
            dock.show()
            dock.raise_()

    def toggle_panels(self) -> None:
        """Show or hide napari's own panels."""
        self._layout.show_panels(not self._layout.panels_shown)

    def fill_screen(self) -> None:
        """Make the window as large as the screen."""
        screen = self._window.screen()
        if screen is not None:
            self._window.setGeometry(screen.availableGeometry())

    # What is asked of it from elsewhere

    @property
    def live(self) -> LivePanel:
        """The panel of the live view, made when it is first asked for."""
        if self._live is None:
            self._live = LivePanel(self.bench)
        return self._live

    def load_from(self, tab: Literal["pacs", "c-arm"]) -> None:
        """Open step 1 at one of its tabs."""
        self.dock.go_to("load")
        page = self.dock.page("load")
        if isinstance(page, LoadPage):
            page.show_tab(tab)

    def play_or_pause(self) -> None:
        """Play, or stop playing."""
        self.with_run(lambda _run: self.player.toggle())

    def analyze(self) -> None:
        """Analyse the shown run."""
        self.with_run(lambda run: works.analyze(self.bench, run))

    def write_results(self) -> None:
        """Keep the results of the shown run."""
        self.with_run(lambda run: works.keep(self.bench, run))

    def with_run(self, call: Callable[[Run], object]) -> None:
        """Do this with the shown run; where there is none, say so."""
        run = self.session.run
        if run is None:
            self.dock.tell("No run is open: open one in step 1, Load.")
        else:
            call(run)

    def close(self) -> None:
        """End the work, put the window back, and let go of everything; may be called again."""
        if self.closed:
            return
        self.closed = True
        _OPEN.pop(id(self.viewer), None)
        self._end.release()
        self._handover.close()
        self._ahead.close()
        self._put_back()
        self.stage.pointing.asked.disconnect(self._curve_at, missing_ok=True)
        self.jobs.close()
        self._post.close()
        for part in (self._keys, self.player):
            part.close()
        for page in (self.dock, self._transport, self._curves, self._live):
            if page is not None:
                page.release()
        self.stage.close()
        self._take_docks_away()

    def _put_back(self) -> None:
        if self._layout.applied:
            show_own_slider(self.viewer, True)
        self._layout.restore()

    def _make_strip(self) -> None:
        self._transport = Transport(self.player, self.session)
        self._curves = CurvesPanel(self.session, ask=lambda: self.stage.arm(CURVE))
        self.stage.pointing.asked.connect(self._curve_at)
        self._strip = Strip(self._transport, self._curves)

    def _curve_at(self, point_px: Point) -> None:
        self._curves.show_point(point_px)
        self.stage.point_at(self.session.frame, (point_px,))

    def _begin(self, faults: tuple[str, ...]) -> None:
        unsound = binding_fault()
        for fault in (*faults, *([] if unsound is None else [unsound])):
            self.dock.tell(fault, "error")
        try:
            make_private(self.bench.results)
        except OSError as error:
            self.dock.tell(
                f"The results folder {self.bench.results} cannot be used: {error.strerror}; "
                "choose another in napari's preferences, page FluoroInject",
                "error",
            )
        find_device(self.jobs, self.bench.settings.defaults.on, self.dock.foot.set_device)

    def _strip_dock(self) -> QDockWidget:
        parent = self._strip.parent()
        if isinstance(parent, QDockWidget):
            return parent
        docked = self.viewer.window.add_dock_widget(self._strip, name=STRIP_NAME, area="bottom")
        dock = cast("QDockWidget", docked)
        dock.setTitleBarWidget(QWidget())  # no close button: it belongs to the dock of steps
        return dock

    def _take_docks_away(self) -> None:
        for widget in (self._host, self._strip):
            if widget is not None:
                self._undock(widget)
        self._host = None

    def _undock(self, widget: QWidget) -> None:
        dock = widget.parent()
        if isinstance(dock, QDockWidget):
            self.viewer.window.remove_dock_widget(dock)
        widget.setParent(None)
        widget.deleteLater()


def set_up(settings: Settings | None) -> tuple[Setup, tuple[str, ...]]:
    """Return the settings with the preferences laid under them, and what was wrong with either."""
    faults: list[str] = []
    if settings is None:
        try:
            settings = load_settings()
        except FluoroinjectError as error:
            settings = Settings()
            faults.append(f"The settings file is not used: {error}")
    preferences, more = read_preferences(napari_pages())
    setup = lay_under(settings, preferences)
    return setup, (*faults, *more, *setup.faults)
