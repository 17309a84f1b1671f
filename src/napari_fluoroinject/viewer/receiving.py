"""Receives pushed runs in this process, for as long as a person wants it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from napari_fluoroinject.errors import FluoroinjectError
from napari_fluoroinject.model.closing import Closing

if TYPE_CHECKING:
    from napari_fluoroinject.settings.network import ListenSettings

Light = Literal["stopped", "starting", "listening", "failed"]
_STOP_S = 20.0


class Receiving(Closing):
    """A receiver in a thread of its own, with the station of the settings.

    Attributes
    ----------
    light
        What it does now.
    says
        The same in a sentence; where it failed, what was seen and what to do.
    port
        Where it listens; 0 where it does not.
    """

    def __init__(self, settings: ListenSettings) -> None:
        self.light: Light = "stopped"
        self.says = "Stopped: nothing is received here."
        self.port = 0
        self._settings = settings
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it listens, or is about to."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to listen; `light` tells when it does."""
        if self.running:
            return
        self._stop.clear()
        self.light, self.says = "starting", "Starting: the guards of the receiver are tried."
        self._thread = threading.Thread(target=self._receive, name="receiving", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask for its end; `light` tells when it has come."""
        self._stop.set()

    def close(self) -> None:
        """Stop, and wait until every association has ended."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _receive(self) -> None:
        # pynetdicom comes with it: only whoever receives waits for that
        from napari_fluoroinject.endpoints.receive import receiving
        from napari_fluoroinject.endpoints.storage_scp import station_of

        try:
            with receiving(self._settings, station_of(self._settings)) as receiver:
                self.port = receiver.port
                host, title = receiver.station.host, receiver.station.ae_title
                self.light = "listening"
                self.says = (
                    f"Listening on {host}:{self.port} as {title}: send runs there from the "
                    f"C-arm or the PACS.{_reach(host)}"
                )
                self._stop.wait()
        except FluoroinjectError as error:
            self.light, self.says = "failed", _what_to_do(error, self._settings)
        except Exception as error:  # the edge of the worker
            self.light = "failed"
            self.says = f"Not listening: unexpected {type(error).__name__}; please report it."
        else:
            self.light, self.says = "stopped", "Stopped: nothing is received here."
        finally:
            self.port = 0


def _reach(host: str) -> str:
    """What must be known of an address that no other machine reaches."""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        return ""
    return (
        f" {host} is reached from this computer alone: for a C-arm, write this computer's address "
        "as host and the C-arm's title into allow, under [listen] of fluoroinject.toml."
    )


def _what_to_do(error: FluoroinjectError, settings: ListenSettings) -> str:
    return (
        f"Not listening: {error}. If `fluoroinject listen` already runs on port {settings.port} "
        "or with this spool, its runs appear below; else choose another port or spool in the "
        "settings (listen.port, listen.spool) and start again."
    )
