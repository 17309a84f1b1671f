"""Finished runs on their way to the service: kept until somebody else has acknowledged them."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.errors import (
    ConflictError,
    FluoroinjectError,
    RefusedError,
    StorageError,
    UnreadableObjectError,
)
from napari_fluoroinject.live.fates import OUTGOING, Way, note_handed, read_way
from napari_fluoroinject.model.closing import Closing
from napari_fluoroinject.spool.disk import fsync, lock, write_whole
from napari_fluoroinject.spool.private import make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.write import EncodedObject
    from napari_fluoroinject.settings import Settings

log = logging.getLogger(__name__)

RETRY_S = 20.0
_JOIN_S = 30.0
_TURN_S, _POLL_S = 10.0, 0.02
"""So long another program of the same recordings may queue a run, or clear what was left."""
_ADDING, _SENDING = ".adding", ".sending"
_SPOOL = "receiver.lock"
"""What every spool holds."""
_ELSEWHERE = "another program of these recordings hands runs over now"
_OF_ONE = (RefusedError, UnreadableObjectError, ConflictError)
"""Errors of one run: others may be taken at the same place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """How the hand-over stands: `error` is why the last try failed, empty where it did not."""

    waiting: int = 0
    handed: int = 0
    error: str = ""


class Outgoing(Closing):
    """A private folder of runs and where each goes to; tried again until it is acknowledged.

    What an earlier process left there is sent on, too. Several programs may use it: one at a time
    sends.

    Parameters
    ----------
    recordings
        Folder of the recordings; ours in it is made if absent, for its owner alone.
    settings
        Names endpoints.

    Raises
    ------
    StorageError
        The folder cannot be made.
    """

    def __init__(self, recordings: Path, settings: Settings) -> None:
        self.folder = recordings / OUTGOING
        self._settings = settings
        self._handed, self._error = 0, ""
        self._changed, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="fluoroinject-outgoing", daemon=True
        )
        try:
            make_private(self.folder)
            with _turn(self.folder / _ADDING, wait_s=_TURN_S):
                for left in (*self.folder.glob("*.dcm"), *self.folder.glob(".*.partial")):
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

    def add(self, encoded: EncodedObject, destination: str, *, of: tuple[Path, int]) -> Path:
        """Queue an object; when this returns it is on the disk.

        Parameters
        ----------
        encoded
            The object.
        destination
            Name or URL of an endpoint, or a spool or folder.
        of
            The recording that it is from, and the number of its run.

        Returns
        -------
        What is there until somebody has acknowledged it.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        uid = str(encoded.dataset.SOPInstanceUID)
        path = self.folder / f"{uid}.dcm"
        order = path.with_suffix(".json")
        way = Way(to=self._lasting(destination), recording=of[0].name, run=of[1])
        try:
            make_private(self.folder)
            with _turn(self.folder / _ADDING, wait_s=_TURN_S):
                for one, content in ((path, encoded.content), (order, way.text())):
                    write_whole(one, content, mode=0o600)
                    fsync(one)
                fsync(self.folder)
        except OSError as error:
            raise _unusable(error) from error
        self._changed.set()
        return order

    def round(self, *, last: bool = False) -> None:
        """Try everything that waits once; what fails stays and is told.

        A destination that does not answer is not tried again in this round. `last` = also where
        it was asked to end.
        """
        try:
            with _turn(self.folder / _SENDING) as mine:
                self._error = self._sent(last=last) if mine else self._error or _ELSEWHERE
        except OSError as error:
            self._error = str(_unusable(error))

    def _sent(self, *, last: bool) -> str:
        """Send what waits; why some of it still does."""
        failed: dict[str, str] = {}
        refused: list[str] = []
        for order in self._orders():
            if self._stopping.is_set() and not last:
                break
            if not order.with_suffix(".dcm").exists():  # somebody took it away
                order.unlink(missing_ok=True)
                continue
            to = ""
            try:
                way = read_way(order)
                to = way.to
                if to in failed:
                    continue
                hand_over(order.with_suffix(".dcm"), to, self._settings)
            except FluoroinjectError as why:
                log.warning("a run was not handed over: %s", type(why).__name__)
                if isinstance(why, _OF_ONE):
                    refused.append(str(why))
                else:
                    failed[to] = str(why)
                continue
            note_handed(self.folder.parent, way)
            order.unlink(missing_ok=True)
            order.with_suffix(".dcm").unlink(missing_ok=True)
            self._handed += 1
        return "; ".join(dict.fromkeys((*failed.values(), *refused)))

    def close(self) -> None:
        """End it after the try that goes on; what was not acknowledged stays in the folder."""
        self._stopping.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)

    def _lasting(self, destination: str) -> str:
        """A folder stays the same wherever the next program is started."""
        path = Path(destination).expanduser()
        named = destination in self._settings.endpoints
        return destination if named or not path.exists() else str(path.absolute())

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


def check_destination(destination: str, settings: Settings) -> None:
    """Refuse what is neither an endpoint nor a folder; nothing is sent, and nobody need answer.

    Parameters
    ----------
    destination, settings
        As `hand_over` takes them.

    Raises
    ------
    FluoroinjectError
        It is none, or its certificate or token cannot be used.
    """
    from napari_fluoroinject.endpoints import connect

    if not (Path(destination).expanduser() / _SPOOL).exists():
        connect(destination, settings)


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


@contextmanager
def _turn(path: Path, *, wait_s: float = 0.0) -> Iterator[bool]:
    """Hold a file alone; yields whether it was had. Where nothing can be locked, it is ours."""
    give_up_s = time.monotonic() + wait_s
    with path.open("ab") as file:
        mine = False
        while not mine:
            try:
                lock(file)
            except (BlockingIOError, PermissionError):
                if time.monotonic() >= give_up_s:
                    break
                time.sleep(_POLL_S)
                continue
            except OSError as error:
                log.debug("no lock", exc_info=error)
            mine = True
        yield mine


def _unusable(error: OSError) -> StorageError:
    return StorageError(
        f"a run cannot be kept for its hand-over: {error.strerror or error}; expected a disk with "
        "room: the recording has it still"
    )
