"""Serves pictures and texts to OpenIGTLink clients: our viewer, 3D Slicer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    import numpy.typing as npt


class IgtlServer(Closing):
    """Sends what is put to every client; it listens from the moment it is made.

    Parameters
    ----------
    host, port
        Where it listens; port 0 takes a free one.
    expose
        Whether an address that other machines reach is allowed: OpenIGTLink knows no TLS and no
        password.
    lossless
        For proofs: `put` waits for slow clients, which otherwise miss pictures.

    Attributes
    ----------
    port
        Where it listens.

    Raises
    ------
    EndpointError
        The address or port cannot be had, or others reach it and `expose` is not set.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        expose: bool = False,
        lossless: bool = False,
    ) -> None:
        self.port = port
        raise NotImplementedError

    @property
    def clients(self) -> int:
        """How many are connected now."""
        raise NotImplementedError

    def put(self, name: str, pixels: npt.NDArray[Any], wall_s: float | None = None) -> None:
        """Send a picture, (rows, columns) uint8, uint16 or int16, as image device `name`.

        Never waits: a client that is late gets the newest of each name. `wall_s` = when it was
        taken, in seconds since 1970; None = not known. Raises ValueError for another array.
        """
        raise NotImplementedError

    def say(self, name: str, text: str) -> None:
        """Send a text (STRING message), the newest of each name; never waits."""
        raise NotImplementedError

    def close(self) -> None:
        """Let all clients go and stop to listen."""
        raise NotImplementedError
