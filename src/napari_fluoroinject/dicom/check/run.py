"""The checker: files in, faults out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject.dicom.check import (
    content,
    encoding,
    frames,
    origin,
    presentation,
    references,
    segmentation,
    values,
)
from napari_fluoroinject.dicom.check.attributes import attribute_faults
from napari_fluoroinject.dicom.check.fault import Fault
from napari_fluoroinject.dicom.check.rule import Rule  # noqa: TC001 - of a public constant
from napari_fluoroinject.dicom.check.siblings import sibling_faults
from napari_fluoroinject.dicom.check.subject import (
    Subject,
    Surroundings,
    items_of,
    open_subject,
    read_header,
)
from napari_fluoroinject.dicom.opened import CINE_CLASSES, one_error
from napari_fluoroinject.errors import UnreadableObjectError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydicom.dataset import Dataset

    from napari_fluoroinject.dicom.site_codes import CodeBook

RULES: tuple[Rule, ...] = (
    *origin.RULES,
    *encoding.RULES,
    *references.RULES,
    *frames.RULES,
    *segmentation.RULES,
    *presentation.RULES,
    *content.RULES,
    *values.RULES,
)
"""Every rule beside those of the tables, in the order that faults are told."""

TABLE_RULES = {
    "attribute.missing": "An attribute that has to be there is not.",
    "attribute.empty": "An attribute that has to have a value has none.",
    "attribute.excluded": "An attribute stands where it must not.",
    "attribute.value": "A value is none of the enumerated ones.",
    "attribute.term": "A value is none of the defined terms; others may be in use.",
    "group.missing": "A functional group that each frame needs is neither shared nor the frame's.",
    "group.twice": "A functional group is shared and a frame's at once.",
}
"""What the tables find, by rule."""
_NO_SOURCE = (
    "No source is known: identity was compared among the results alone; references to frames and "
    "whether points lie in the picture were not checked."
)
_UNREADABLE = "file.readable"
_PREFIX = slice(128, 132)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of one file.

    Attributes
    ----------
    path
        Of the file.
    title
        Its class, as far as it is known.
    faults
        What is wrong, by rule.
    notes
        What could not be checked and why, one sentence each.
    """

    path: Path
    title: str
    faults: tuple[Fault, ...]
    notes: tuple[str, ...] = ()


def check_files(
    paths: Sequence[Path], sources: Sequence[Path] = (), *, codes: CodeBook | None = None
) -> tuple[Checked, ...]:
    """Check objects, alone and against one another.

    Parameters
    ----------
    paths
        Files, or folders: of those every DICOM file, however deep.
    sources
        Files or folders of the loops that the objects were made from. Without them loops that
        lie beside the objects, and that these refer to, are taken.
    codes
        A site's own, with which the objects were written; None = the private ones.

    Returns
    -------
    One entry per file, in the order of `paths` and of names; sources among `paths` are left out.
    """
    files = _files(paths)
    headers, unreadable = _headers(files)
    stated, spoilt = _headers(_files(sources))
    around = _surroundings(headers, stated, said=bool(sources))
    if codes is not None:
        own = ((code.scheme_designator, code.value) for code in codes.targets.values())
        around = replace(around, codes=frozenset(own))
    results = [path for path in files if path not in headers or not _among(headers[path], around)]
    checked = [
        _check_one(path, around) if path in headers else _failed(path, unreadable[path])
        for path in results
    ]
    checked += [_failed(path, error) for path, error in spoilt.items()]
    return _with_siblings(_with_twins(checked, headers), headers)


def check_object(path: Path, around: Surroundings) -> tuple[Fault, ...]:
    """Return the faults of one file.

    Raises
    ------
    UnreadableObjectError
        Not a DICOM file, or damaged so that its attributes cannot be read.
    """
    with open_subject(path, around) as subject, one_error(path.name):
        return _faults(subject)


def _faults(subject: Subject) -> tuple[Fault, ...]:
    found = [*attribute_faults(subject)]
    for rule in RULES:
        found += _applied(rule, subject)
    return tuple(dict.fromkeys(found))


def _applied(rule: Rule, subject: Subject) -> tuple[Fault, ...]:
    """Apply a rule; values that it cannot work with are a fault by themselves."""
    try:
        with one_error(subject.name):
            return rule.faults(subject)
    except UnreadableObjectError as error:
        fault = Fault(
            rule=rule.id,
            severity="error",
            where="",
            seen=error.seen,
            expected="values that the rule can be applied to",
            section=rule.section,
        )
        return (fault,)


def _check_one(path: Path, around: Surroundings) -> Checked:
    try:
        with open_subject(path, around) as subject, one_error(path.name):
            title = getattr(subject.object_class, "title", "") or _class_name(subject.dataset)
            return Checked(path=path, title=title, faults=_faults(subject), notes=_notes(subject))
    except UnreadableObjectError as error:
        return _failed(path, error)


def _failed(path: Path, error: UnreadableObjectError) -> Checked:
    fault = Fault(
        rule=_UNREADABLE,
        severity="error",
        where="",
        seen=error.seen,
        expected=error.expected,
        section="PS3.10 7",
    )
    return Checked(path=path, title="not read", faults=(fault,))


def _notes(subject: Subject) -> tuple[str, ...]:
    if subject.sources:
        return ()
    return (_NO_SOURCE,)


def _class_name(dataset: Dataset) -> str:
    uid = dataset.get("SOPClassUID")
    return str(getattr(uid, "name", uid))


def _files(paths: Iterable[Path]) -> list[Path]:
    """Files as they are; of folders what begins like a DICOM file."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if _is_dicom(one)) if path.is_dir() else ()
        found.update(dict.fromkeys(inside or ([] if path.is_dir() else [path])))
    return list(found)


def _is_dicom(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(_PREFIX.stop)[_PREFIX] == b"DICM"
    except OSError:
        return True  # it is told of when it is opened


def _headers(
    files: Iterable[Path],
) -> tuple[dict[Path, Dataset], dict[Path, UnreadableObjectError]]:
    read, failed = {}, {}
    for path in files:
        try:
            read[path] = read_header(path)
        except UnreadableObjectError as error:
            failed[path] = error
    return read, failed


def _surroundings(
    headers: Mapping[Path, Dataset], stated: Mapping[Path, Dataset], *, said: bool
) -> Surroundings:
    own = {_uid(header): header for header in headers.values()}
    if said:
        given = {_uid(header): header for header in stated.values()}
        return Surroundings(known=own | given, sources=frozenset(given), stated=True)
    beside = _beside(headers, own)
    everything = own | beside
    named = {
        str(item.get("ReferencedSOPInstanceUID"))
        for header in own.values()
        for _, item in items_of(header)
    }
    found = {uid for uid in named & set(everything) if _may_be_source(everything[uid])}
    known = {uid: everything[uid] for uid in own.keys() | found}
    return Surroundings(known=known, sources=frozenset(found))


def _beside(headers: Mapping[Path, Dataset], own: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """Headers of the other DICOM files in the folders of the objects."""
    folders = {path.parent for path in headers}
    others = [
        one
        for folder in sorted(folders)
        for one in sorted(folder.iterdir())
        if one not in headers and _is_dicom(one)
    ]
    read, _ = _headers(others)
    return {_uid(header): header for header in read.values() if _uid(header) not in own}


def _may_be_source(header: Dataset) -> bool:
    """A loop is no derived image of another one."""
    return header.get("SOPClassUID") in CINE_CLASSES and "SourceImageSequence" not in header


def _among(header: Dataset, around: Surroundings) -> bool:
    return _uid(header) in around.sources


def _uid(header: Dataset) -> str:
    return str(header.get("SOPInstanceUID"))


def _with_twins(checked: list[Checked], headers: Mapping[Path, Dataset]) -> tuple[Checked, ...]:
    """Add a fault to every object whose SOP Instance UID another one has too."""
    by_uid = defaultdict(list)
    for one in checked:
        if one.path in headers:
            by_uid[_uid(headers[one.path])].append(one.path)
    twins = {path for paths in by_uid.values() if len(paths) > 1 for path in paths}
    fault = Fault(
        rule="uid.unique",
        severity="error",
        where="SOPInstanceUID",
        seen="the UID of another object that was checked",
        expected="one of its own",
        section="PS3.5 9.1",
    )
    return tuple(
        Checked(path=c.path, title=c.title, faults=(*c.faults, fault), notes=c.notes)
        if c.path in twins
        else c
        for c in checked
    )


def _with_siblings(
    checked: tuple[Checked, ...], headers: Mapping[Path, Dataset]
) -> tuple[Checked, ...]:
    """Add what differs among results whose source is not known, which else nothing would tell."""
    alone = {c.path: headers[c.path] for c in checked if c.notes and c.path in headers}
    faults = sibling_faults(alone)
    return tuple(replace(c, faults=(*c.faults, *faults.get(c.path, ()))) for c in checked)
