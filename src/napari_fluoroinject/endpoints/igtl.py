"""A feed of the pictures that an OpenIGTLink server sends: PLUS, 3D Slicer, research C-arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.endpoints.base import Frame, FeedNote

PORT = 18944
"""The port of OpenIGTLink, where no other is named."""


class IgtlFeed(Closing):
    """The pictures of one image device of an OpenIGTLink server, until it is closed.

    Parameters
    ----------
    host, port
        The server, which may be anywhere: OpenIGTLink knows no TLS and no password.
    device
        Which image device; None = the only one, or the first that sends a picture.
    silent_s
        After so many seconds without a picture that is told.
    said
        Is given device name and text of each STRING message; called by whoever iterates.
    """

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        device: str | None = None,
        silent_s: float = 2.0,
        said: Callable[[str, str], None] | None = None,
    ) -> None:
        raise NotImplementedError

    def __iter__(self) -> Iterator[Frame | FeedNote]:
        """Pictures and notes as they come; it connects again for ever and ends once closed."""
        raise NotImplementedError

    def close(self) -> None:
        """End it at once, also where it connects or waits; may be called from any thread."""
        raise NotImplementedError
