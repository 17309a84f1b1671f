"""Where the viewer keeps what it writes: the user's own data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from platformdirs import user_data_path

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = "fluoroinject"


def data_folder() -> Path:
    """The user's data folder of this program; it need not exist."""
    return user_data_path(APPLICATION, appauthor=False)
