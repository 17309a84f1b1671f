"""Many objects de-identified into one folder: one patient stays one, references still hold."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.deidentify.clean import Rules
from napari_fluoroinject.dicom.deidentify.rewrite import (
    Source,
    pixels_in_doubt,
    read_source,
    what_is_left_out,
    write_cleaned,
)
from napari_fluoroinject.dicom.find import OTHER_DOCUMENTS, files_of
from napari_fluoroinject.errors import (
    ConflictError,
    EncodingError,
    FluoroinjectError,
    IdentityMismatchError,
    StorageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from napari_fluoroinject.dicom.deidentify.person import Person

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export did.

    Attributes
    ----------
    written
        The new files; their names tell nothing.
    doubts
        (name of the source, reason) of each that was written though its picture may show text.
    failures
        (name of the source, message) of each that was not written.
    skipped
        How many files were left out, by what they are.
    """

    written: tuple[Path, ...]
    doubts: tuple[tuple[str, str], ...]
    failures: tuple[tuple[str, str], ...]
    skipped: dict[str, int]


def export(
    paths: Iterable[Path],
    rules: Rules,
    *,
    out: Path,
    allow_burned_in: bool = False,
    progress: Callable[[str, float], None] = lambda _step, _done: None,
) -> Exported:
    """De-identify every DICOM object among files and below folders; what fails is named.

    Parameters
    ----------
    paths
        Files and folders; in folders, files that do not claim to be DICOM are skipped, and so is
        what lies in `out`.
    rules
        How; one patient ID for all is refused where there are several patients.
    out
        The folder; it is made.
    allow_burned_in
        Write objects whose header says that text is burned in.
    progress
        Told what is being done, and the fraction that is done.

    Raises
    ------
    IdentityMismatchError
        One patient ID was given for several patients.
    StorageError
        The folder cannot be made.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{out} cannot be made: {error.strerror or error}; expected a folder that can be"
        ) from error
    run = _Export(rules, out, allow_burned_in=allow_burned_in)
    found = list(run.wanted(paths))
    if rules.patient_id is not None:
        _check_one_patient(found)
    for k, path in enumerate(found):
        progress(f"object {k + 1} of {len(found)}", k / len(found))
        run.take(path)
    log.info("de-identified %d objects, %d failed", len(run.written), len(run.failures))
    return run.done()


@dataclass(slots=True)
class _Export:
    """The run so far."""

    rules: Rules
    out: Path
    allow_burned_in: bool = field(kw_only=True)
    written: list[Path] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    _seen: dict[str, tuple[Path, int]] = field(default_factory=dict)

    def wanted(self, paths: Iterable[Path]) -> Iterable[Path]:
        out = self.out.resolve()
        for path, named in files_of(paths):
            if path.resolve().is_relative_to(out):
                self.skipped["in the folder of the export"] += 1
            elif not named and (why := _left_out(path)) is not None:
                self.skipped[why] += 1
            else:
                yield path

    def take(self, path: Path) -> None:
        try:
            source = read_source(path)
            if self._is_copy(source):
                self.skipped["copy"] += 1
                return
            judged = source.burned_in
            if judged.certain and not self.allow_burned_in:
                raise EncodingError(
                    f"{path.name}: {'; '.join(judged.reasons)}; not written: clean the pixels "
                    "first, or say --allow-burned-in"
                )
            self.written.append(write_cleaned(source, self.rules, self.out))
            reasons = (*judged.reasons, *pixels_in_doubt(source))
            self.doubts.extend((path.name, reason) for reason in reasons)
        except FluoroinjectError as error:
            self.failures.append((path.name, str(error)))

    def done(self) -> Exported:
        return Exported(
            written=tuple(self.written),
            doubts=tuple(self.doubts),
            failures=tuple(self.failures),
            skipped=dict(self.skipped),
        )

    def _is_copy(self, source: Source) -> bool:
        """Whether the object was there before; the same UID with other content is an error."""
        this = (source.path, source.structure.start)
        first = self._seen.setdefault(source.structure.sop_instance_uid, this)
        if first is this:
            return False
        if _digest(*first) == _digest(*this):
            return True
        raise ConflictError(
            f"{source.path.name}: seen the SOP Instance UID of another file with other content; "
            "expected one content for one UID"
        )


def _left_out(path: Path) -> str | None:
    """Why a file that merely lies in a folder is left out; None where it is tried."""
    if path.suffix.lower() in OTHER_DOCUMENTS:
        return "not a DICOM object"
    try:
        return what_is_left_out(path)
    except FluoroinjectError:  # is named when its turn comes
        return None


def _digest(path: Path, start: int) -> bytes:
    """Of the data set: file meta information is its writer's."""
    with path.open("rb") as file:
        file.seek(start)
        return hashlib.file_digest(file, "sha256").digest()


def _check_one_patient(paths: Iterable[Path]) -> None:
    patients: set[Person] = set()
    for path in paths:
        with suppress(FluoroinjectError):  # is named when its turn comes
            patients.add(read_source(path).patient)
    if any(one.is_unlike(other) for one, other in combinations(patients, 2)):
        raise IdentityMismatchError(
            "one patient ID for several patients, told apart by ID, issuer, name or date of "
            "birth; expected the objects of one, or no --patient-id: each patient gets an ID of "
            "their own"
        )
