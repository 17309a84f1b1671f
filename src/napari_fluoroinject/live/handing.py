"""Finished runs on their way to the service: kept until somebody else has acknowledged them."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import EndpointError, FluoroinjectError, StorageError
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.disk import fsync, write_whole
from napari_fluoroinject.spool.private import make_private

if TYPE_CHECKING:
    from napari_fluoroinject.dicom.write import EncodedObject
    from napari_fluoroinject.settings import Settings

log = logging.getLogger(__name__)

RETRY_S = 20.0
_JOIN_S = 30.0
_SPOOL = "receiver.lock"
"""What every spool holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """How the hand-over stands: `error` is why the last try failed, empty where it did not."""

    waiting: int = 0
    handed: int = 0
    error: str = ""


class Outgoing(Closing):
    """A private folder of runs and where each goes to; tried again until it is acknowledged.

    What an earlier process left there is sent on, too.

    Parameters
    ----------
    folder
        Made if absent, for its owner alone.
    settings
        Names endpoints.

    Raises
    ------
    StorageError
        The folder cannot be made.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self._settings = settings
        self._handed, self._error = 0, ""
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="fluoroinject-outgoing", daemon=True
        )
        try:
            make_private(folder)
            for left in (*folder.glob("*.dcm"), *folder.glob(".*.partial")):
                if not left.with_suffix(".json").exists():  # never queued, or acknowledged
                    left.unlink()
        except OSError as error:
            raise _unusable(error) from error

    @property
    def told(self) -> Handed:
        """How it stands; may be read from any thread."""
        return Handed(waiting=len(self._orders()), handed=self._handed, error=self._error)

    def start(self) -> None:
        """Begin to send what waits."""
        self._thread.start()

    def add(self, encoded: EncodedObject, destination: str) -> Path:
        """Queue an object; when this returns it is on the disk.

        Parameters
        ----------
        encoded
            The object.
        destination
            Name or URL of an endpoint, or a spool or folder.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        uid = str(encoded.dataset.SOPInstanceUID)
        path = self.folder / f"{uid}.dcm"
        try:
            write_whole(path, encoded.content, mode=0o600)
            fsync(path)
            order = path.with_suffix(".json")
            write_whole(order, json.dumps({"to": destination}).encode(), mode=0o600)
            fsync(order)
            fsync(self.folder)
        except OSError as error:
            raise _unusable(error) from error
        self._changed.set()
        return path

    def round(self, *, last: bool = False) -> None:
        """Try everything that waits once; what fails stays and is told.

        A destination that failed is not tried again in this round. `last` = also where it was
        asked to end.
        """
        failed: dict[str, str] = {}
        for order in self._orders():
            if self._stopping.is_set() and not last:
                return
            destination = ""
            try:
                destination = _destination(order)
                if destination in failed:
                    continue
                hand_over(order.with_suffix(".dcm"), destination, self._settings)
            except FluoroinjectError as why:
                failed[destination] = str(why)
                log.warning("a run was not handed over: %s", type(why).__name__)
                continue
            order.unlink()
            with suppress(OSError):
                order.with_suffix(".dcm").unlink()
            self._handed += 1
        self._error = "; ".join(failed.values())

    def close(self) -> None:
        """End it after the try that goes on; what was not acknowledged stays in the folder."""
        self._stopping.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _orders(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            try:
                self.round()
            except Exception as error:  # the edge of the thread: a person gets a sentence
                log.debug("handing over failed", exc_info=error)
                self._error = f"unexpected {type(error).__name__}; please report it with this line"
            self._changed.wait(RETRY_S)


def hand_over(path: Path, destination: str, settings: Settings) -> None:
    """Give an object to whoever is named; it is durably kept there when this returns.

    Parameters
    ----------
    path
        The DICOM file.
    destination
        Name or URL of an endpoint: C-STORE or STOW. The folder of a spool whose receiver does not
        run now: it is received into it as if it had been pushed. Another folder: copied.
    settings
        Names endpoints.

    Raises
    ------
    FluoroinjectError
        Nobody acknowledged it.
    """
    from napari_fluoroinject.endpoints import connect

    if (Path(destination).expanduser() / _SPOOL).exists():
        _into_spool(path, Path(destination).expanduser(), settings)
        return
    peer, _ = connect(destination, settings)
    (receipt,) = peer.store([path])
    log.info("a run was handed over: status 0x%04X", receipt.status)


def _into_spool(path: Path, spool: Path, settings: Settings) -> None:
    from dataclasses import replace

    from napari_fluoroinject.endpoints.pacs import Pacs
    from napari_fluoroinject.endpoints.receive import HERE, receiving

    listen = replace(settings.listen, spool=spool)
    try:
        with receiving(listen, HERE, job=True) as receiver:
            Pacs(host="127.0.0.1", port=receiver.port, called=receiver.ae_title).store([path])
    except StorageError as error:
        raise StorageError(
            f"the spool cannot take it now: {error}; where a receiver runs on it, hand to its "
            "address instead: pacs://CALLING:CALLED@host:port"
        ) from error


def _destination(order: Path) -> str:
    try:
        return str(json.loads(order.read_bytes())["to"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EndpointError(
            "a run that waits does not say where it goes to; expected the file that was written "
            "with it"
        ) from error


def _unusable(error: OSError) -> StorageError:
    return StorageError(
        f"a run cannot be kept for its hand-over: {error.strerror or error}; expected a disk with "
        "room: the recording has it still"
    )
