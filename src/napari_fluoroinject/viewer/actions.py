"""What each key does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_fluoroinject.viewer.bench import STEPS
from napari_fluoroinject.viewer.marked import proposal

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_fluoroinject.viewer.dock import Dock
    from napari_fluoroinject.viewer.player import Player
    from napari_fluoroinject.viewer.session import Session
    from napari_fluoroinject.viewer.stage import Stage


def actions(
    session: Session, stage: Stage, player: Player, dock: Dock
) -> dict[str, Callable[..., Any]]:
    """The call of every action of `keys.KEYS`, by its name."""

    def arm(tool: str) -> None:
        dock.go_to("needle")
        stage.arm(tool)

    def accept() -> None:
        if dock.step == "needle" and proposal(session) is not None:
            session.accept_needle()
            if session.annotation.needle is None:  # nobody said who accepts it
                return
        dock.go_on()

    def window_level(held: bool) -> None:
        if held:
            stage.mouse.hold_window()
        else:
            stage.mouse.free_window()

    return {
        "needle": lambda: arm("needle"),
        "target": lambda: arm("target"),
        "flag": lambda: session.flag(session.frame),
        "end_mark": stage.pointing.end,
        "put_down": stage.pointing.cancel,
        "remove": stage.pointing.back,
        "undo": session.undo,
        "redo": session.redo,
        "play": player.toggle,
        "frame_back": lambda: player.step(-1),
        "frame_on": lambda: player.step(1),
        "first_frame": player.to_first,
        "last_frame": player.to_last,
        "subtraction": stage.toggle_subtraction,
        "next_map": stage.next_map,
        "hide": stage.hide_overlays,
        "window_level": window_level,
        **{
            f"step_{number}": lambda key=key: dock.go_to(key)
            for number, key in enumerate(STEPS, start=1)
        },
        "accept": accept,
    }
