"""The keys: one table that is bound, told in tooltips, and written as a page."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from napari.components import ViewerModel
    from napari.layers import Layer

Group = Literal["Mark", "Play", "Look", "Steps"]
PLUGIN: Final = "napari-fluoroinject"
OURS: Final = "fluoroinject"
"""A layer with this key in its metadata is one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key, or keys pressed together.

    `does` says what it does, in words; `action` names who does it. A key that is held calls its
    action with True when it goes down and with False when it comes up; others with nothing.
    `in_text` is what a text field that has the focus needs for itself.
    """

    key: str
    does: str
    action: str
    group: Group
    hold: bool = False
    in_text: bool = True

    @property
    def command(self) -> str:
        """Id under which the command palette would know it."""
        return f"{PLUGIN}.{self.action}"


KEYS: Final[tuple[Key, ...]] = (
    Key(
        key="N", does="Mark the needle: click the hub, then the tip", action="needle", group="Mark"
    ),
    Key(key="G", does="Mark the target: one click", action="target", group="Mark"),
    Key(
        key="U",
        does="Flag vascular uptake at this frame, or take the flag away",
        action="flag",
        group="Mark",
    ),
    Key(
        key="Enter",
        does="End the marked line or area",
        action="end_mark",
        group="Mark",
    ),
    Key(key="Escape", does="Mark nothing more", action="put_down", group="Mark", in_text=False),
    Key(key="Delete", does="Remove the mark placed last", action="remove", group="Mark"),
    Key(key="Ctrl+Z", does="Undo", action="undo", group="Mark"),
    Key(key="Ctrl+Shift+Z", does="Redo", action="redo", group="Mark"),
    Key(key="K", does="Play or stop", action="play", group="Play"),
    Key(key=",", does="One frame back", action="frame_back", group="Play"),
    Key(key=".", does="One frame on", action="frame_on", group="Play"),
    Key(key="Home", does="First frame", action="first_frame", group="Play"),
    Key(key="End", does="Last frame", action="last_frame", group="Play"),
    Key(key="Q", does="Native or subtracted picture", action="subtraction", group="Look"),
    Key(key="J", does="Next map", action="next_map", group="Look"),
    Key(key="H", does="Hide what is drawn on the picture", action="hide", group="Look", hold=True),
    Key(
        key="W",
        does="Set window and level by dragging",
        action="window_level",
        group="Look",
        hold=True,
    ),
    *(
        Key(
            key=f"Ctrl+{number}",
            does=f"Step {number}: {name}",
            action=f"step_{number}",
            group="Steps",
            in_text=False,
        )
        for number, name in enumerate(
            ("load", "procedure", "needle and target", "contrast", "review", "send"), 1
        )
    ),
    Key(
        key="Ctrl+Enter",
        does="Accept, and go to the next step",
        action="accept",
        group="Steps",
        in_text=False,
    ),
)

NAPARIS: Final[tuple[str, ...]] = (
    *"VAPSZELRTDIXFBMCOY[]-=1234567",
    "Space",
    *(f"Ctrl+{letter}" for letter in "GERTY"),
    *("Left", "Right", "Up", "Down", "Ctrl+Delete", "Ctrl+Backspace"),
)
"""Keys of napari 0.9 that this table leaves alone."""


def key_of(action: str) -> Key:
    """The key of an action.

    Raises
    ------
    KeyError
        No key has it.
    """
    found = {one.action: one for one in KEYS}
    return found[action]


def tip(text: str, action: str) -> str:
    """A tooltip that names the key: `Play or stop (K)`."""
    key = key_of(action)
    return f"{text} ({'hold ' if key.hold else ''}{key.key})"


class Bound(Closing):
    """Keys that are bound, to be given back by `close`."""

    def __init__(self, viewer: ViewerModel, calls: Mapping[Key, Callable[..., Any]]) -> None:
        self._viewer, self._calls = viewer, calls
        self._before: list[tuple[Any, str, Any, Any]] = []
        self._bind(viewer, tuple(calls))
        for layer in viewer.layers:
            self._bind_layer(layer)
        viewer.layers.events.inserted.connect(self._inserted)

    def close(self) -> None:
        """Bind every key again to what it did before."""
        self._viewer.layers.events.inserted.disconnect(self._inserted)
        for where, key, ours, before in reversed(self._before):
            if where.bind_key(key, None) not in (ours, None):
                continue  # somebody else took the key meanwhile
            if before is not None:
                where.bind_key(key, before, overwrite=True)
        self._before.clear()

    def _inserted(self, event: Any) -> None:
        self._bind_layer(event.value)

    def _bind_layer(self, layer: Layer) -> None:
        """Bind on the layer, too: its own keys come before the viewer's (napari#7302)."""
        if OURS not in layer.metadata:
            return
        from napari.layers import Labels

        own_undo = isinstance(layer, Labels)  # it takes strokes of a brush back, and we do not
        self._bind(
            layer,
            tuple(key for key in self._calls if not (own_undo and key.action in ("undo", "redo"))),
        )

    def _bind(self, where: Any, keys: tuple[Key, ...]) -> None:
        for key in keys:
            ours = _bound(key, self._calls[key])
            before = where.bind_key(key.key, ours, overwrite=True)
            self._before.append((where, key.key, ours, before))


def bind(viewer: ViewerModel, actions: Mapping[str, Callable[..., Any]]) -> Bound:
    """Bind the keys of `actions` on a viewer and on our layers, those that come later, too.

    Raises
    ------
    KeyError
        An action has no key.
    """
    return Bound(viewer, {key_of(name): call for name, call in actions.items()})


def page() -> str:
    """The table as a page of the documentation."""
    lines = [
        "# Keys",
        "",
        "The keys work in the picture, and wherever the focus is not in a text field: there, "
        "letters, `Delete`, `Home`, `End` and `Ctrl+Z` belong to the text. On a Mac, `Ctrl` is "
        "the command key.",
        "",
        "This page is written from the program: `python -m napari_fluoroinject.viewer.keys "
        "docs/keys.md`.",
    ]
    for group in dict.fromkeys(key.group for key in KEYS):
        lines += ["", f"## {group}", "", "| key | does |", "| --- | --- |"]
        for key in KEYS:
            if key.group == group:
                hold = " (hold)" if key.hold else ""
                lines.append(f"| `{key.key}`{hold} | {key.does} |")
    lines += [
        "",
        "## Left to napari",
        "",
        "No key that napari uses for the viewer is taken. These stay what they are: "
        + " ".join(f"`{key}`" for key in NAPARIS)
        + ".",
        "",
        "While a layer of this plugin is selected, `Delete`, `Escape` and "
        "`Ctrl+Z` do what stands above; in layers of labels `Ctrl+Z` takes strokes back.",
        "",
    ]
    return "\n".join(lines)


def _bound(key: Key, call: Callable[..., Any]) -> Callable[[Any], Any]:
    """What napari calls with the viewer or the layer that the key was bound on."""
    if key.hold:
        # napari runs a generator on when the key comes up
        def held(_where: Any) -> Iterator[None]:
            if key.in_text and _typing():
                return
            call(True)
            yield
            call(False)

        return held

    def pressed(_where: Any) -> None:
        if not (key.in_text and _typing()):
            call()

    return pressed


def _typing() -> bool:
    """Whether a text field has the focus; a key that it leaves over is no shortcut either."""
    if "qtpy" not in sys.modules:
        return False
    from qtpy.QtWidgets import (
        QAbstractSpinBox,
        QApplication,
        QComboBox,
        QLineEdit,
        QPlainTextEdit,
        QTextEdit,
    )

    focus = QApplication.focusWidget()
    if isinstance(focus, QComboBox):
        return focus.isEditable()
    return isinstance(focus, QLineEdit | QTextEdit | QPlainTextEdit | QAbstractSpinBox)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
