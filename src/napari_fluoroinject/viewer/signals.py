"""What happens to a session, for everything that shows it."""

from __future__ import annotations

from psygnal import Signal, SignalGroup


class SessionSignals(SignalGroup):
    """What happens to a session; all are emitted in the main thread, after the change."""

    runs = Signal()
    """Runs were opened or closed."""
    shown = Signal()
    """Another run is the one that is worked on, or stands beside it."""
    draft = Signal()
    """What a person said has changed, also by undo and redo."""
    look = Signal(str)
    """A first look at a run has come."""
    results = Signal(str)
    """A report or a subtraction of a run has come or gone."""
    frame = Signal(int)
    """Another frame of the shown run is due."""
    kept = Signal(str)
    """Results of a run lie in a folder, or were sent."""
    notice = Signal(str)
    """A person is to be told something."""
    answered = Signal(str)
    """What a person was told is not so any more: it was done."""
