"""Studies brought from an archive into folders of their own, few at a time, with patience."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_fluoroinject.batch.order import Unplanned
from napari_fluoroinject.endpoints import STUDY_KEYS, connect
from napari_fluoroinject.errors import (
    EndpointError,
    FluoroinjectError,
    RefusedError,
    UnreachableError,
)
from napari_fluoroinject.sources import OBJECT_KEYS, runs_among

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from napari_fluoroinject.endpoints.base import Counterpart, Query
    from napari_fluoroinject.model.cine import LoopReference
    from napari_fluoroinject.settings import Settings

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 1.0, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long an archive that does not answer is asked again.

    `wait_s` waits between two tries, and tells whether to stop; None = until the batch is closed.
    """

    total_s: float = 300.0
    wait_s: Callable[[float], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A study that was fetched, or was not because nothing in it has changed.

    Attributes
    ----------
    study
        Its UID.
    state
        A hash of what the archive told of it: UIDs of the objects that can hold loops or doses.
    files
        What came; None where the state is the one that was known.
    failures
        What did not come.
    """

    study: str
    state: str
    files: tuple[Path, ...] | None = ()
    failures: tuple[Unplanned, ...] = ()


class Archive:
    """An endpoint as a source of many studies; its methods may be called by several threads.

    Parameters
    ----------
    source
        Its name or URL, with what is asked for behind a `?`.
    settings
        Endpoints by name, certificates, tokens.
    turns
        Held by whoever has an association: all archives of a batch share it.
    patience
        What is done where nobody answers.
    stop
        Set where no more is wanted.

    Raises
    ------
    FluoroinjectError
        The source is not valid.
    """

    def __init__(
        self,
        source: str,
        settings: Settings,
        *,
        turns: threading.BoundedSemaphore,
        patience: Patience,
        stop: threading.Event,
    ) -> None:
        self.source = source
        self.name = source.partition("?")[0]
        self._settings = settings
        self._turns = turns
        self._patience = patience
        self._stop = stop
        self._away = False
        self._one_at_a_time = False
        self._alone = threading.Lock()
        _, query = self._connect()
        self.keys: Mapping[str, str] = query.keys

    def studies(self, keys: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
        """Ask at study level.

        Parameters
        ----------
        keys
            What is asked for; the UID and the date are asked for, too.

        Raises
        ------
        FluoroinjectError
            Nobody answers for long, or the query is refused.
        """
        asked = {"StudyInstanceUID": "", "StudyDate": "", **keys}
        return self._asked("STUDY", asked)

    def fetch(self, study: str, room: Path, *, known: str | None = None) -> Fetched:
        """Bring loops and dose reports of one study into a folder.

        Parameters
        ----------
        study
            Its UID.
        room
            The folder; it is made where something is fetched.
        known
            A state in which nothing has to be fetched.
        """
        keys = {key: text for key, text in self.keys.items() if key not in STUDY_KEYS}
        try:
            asked = dict.fromkeys(OBJECT_KEYS, "") | keys | {"StudyInstanceUID": study}
            wanted = runs_among(self._asked("IMAGE", asked))
        except FluoroinjectError as error:
            return Fetched(study=study, state="", failures=(self._not_fetched(study, error),))
        state = _state_of(wanted)
        if state == known:
            return Fetched(study=study, state=state, files=None)
        files: dict[Path, None] = {}
        failures = [
            self._not_fetched(study, error)
            for reference in wanted
            for error in self._fetch(reference, room, files)
        ]
        return Fetched(study=study, state=state, files=tuple(files), failures=tuple(failures))

    def _fetch(
        self, reference: LoopReference, room: Path, files: dict[Path, None]
    ) -> Iterator[FluoroinjectError]:
        """Fetch one series; yields why not, and what came nevertheless is in `files`."""

        def retrieve(counterpart: Counterpart) -> None:
            for path in counterpart.retrieve(reference, room):
                files[path] = None
                if self._stop.is_set():
                    raise EndpointError("the batch was stopped; expected to go on")

        try:
            try:
                self._patiently(retrieve)
            except EndpointError as error:
                if isinstance(error, RefusedError | UnreachableError) or (
                    self._one_at_a_time or self._stop.is_set()
                ):
                    raise
                log.info("%s is asked for one study at a time: %s", self.name, error)
                self._one_at_a_time = True  # a port on which we listen is taken by another fetch
                self._patiently(retrieve)
        except FluoroinjectError as error:
            yield error

    def _asked(self, level: str, keys: Mapping[str, str]) -> Sequence[Mapping[str, str]]:
        from napari_fluoroinject.endpoints.base import Query

        query = Query(level="STUDY" if level == "STUDY" else "IMAGE", keys=keys)
        return self._patiently(lambda counterpart: counterpart.query(query))

    def _patiently(self, work: Callable[[Counterpart], _T]) -> _T:
        """Work with an association; begin again, later and later, where nobody answers."""
        waited_s, next_s = 0.0, _FIRST_WAIT_S
        while True:
            try:
                with self._turns, self._alone if self._one_at_a_time else nullcontext():
                    told = self._once(work)
            except UnreachableError:
                # one that stayed away is asked once for each study, until it answers
                if self._away or waited_s + next_s > self._patience.total_s:
                    self._away = True
                    raise
                log.warning("%s does not answer; it is asked again", self.name)
                if (self._patience.wait_s or self._stop.wait)(next_s):
                    raise
                waited_s += next_s
                next_s = min(2 * next_s, _LONGEST_WAIT_S)
            else:
                self._away = False
                return told

    def _once(self, work: Callable[[Counterpart], _T]) -> _T:
        counterpart, _ = self._connect()
        close = getattr(counterpart, "close", None)
        with nullcontext() if close is None else closing(counterpart):  # type: ignore[type-var]  # it was looked for
            return work(counterpart)

    def _connect(self) -> tuple[Counterpart, Query]:
        counterpart, query = connect(self.source, self._settings, also=STUDY_KEYS)
        return counterpart, replace(query, level="IMAGE")

    def _not_fetched(self, study: str, error: FluoroinjectError) -> Unplanned:
        return Unplanned(source=f"study {study} at {self.name}", reason=str(error))


def _state_of(wanted: Sequence[LoopReference]) -> str:
    uids = sorted(
        uid for one in wanted for uid in one.frame_instance_uids or (one.sop_instance_uid,)
    )
    return hashlib.sha256("\n".join(uids).encode()).hexdigest()
