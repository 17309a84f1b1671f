"""Attributes against the tables: missing, empty, out of place, of a value that is not allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset

from napari_fluoroinject.dicom.check.condition import condition, tag_of, values_of
from napari_fluoroinject.dicom.check.elements import names_person
from napari_fluoroinject.dicom.check.fault import Fault
from napari_fluoroinject.dicom.check.table import Row, Use, modules, rows_below, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_fluoroinject.dicom.check.subject import Subject


def attribute_faults(subject: Subject) -> Iterator[Fault]:
    """Yield what the tables of the object's class and of the file meta information find."""
    yield from module_faults("file_meta", subject.meta, subject.meta)
    if subject.object_class is None:
        return
    whole = subject.dataset
    for use in subject.object_class.modules:
        if _holds(use.sentence, whole, whole):
            yield from module_faults(use.name, whole, whole)
    yield from _code_faults(subject)
    for use in subject.object_class.groups:
        yield from _group_faults(subject, use)


def module_faults(name: str, item: Dataset, whole: Dataset, path: str = "") -> Iterator[Fault]:
    """Yield what one table finds in a data set or item."""
    section = modules()[name].section
    for row in rows_of(name):
        yield from _row_faults(row, item, whole, path=path, section=section)


def holds(row: Row, item: Dataset, whole: Dataset) -> bool:
    """Tell whether a row counts for this item."""
    return _holds(row.sentence, item, whole)


def _holds(sentence: str, item: Dataset, whole: Dataset) -> bool:
    return not sentence or condition(sentence)(item, whole)


def _row_faults(
    row: Row, item: Dataset, whole: Dataset, *, path: str, section: str
) -> Iterator[Fault]:
    where = path + row.keyword
    tag = tag_of(row.keyword)
    if not holds(row, item, whole):
        if row.exclusive and tag in item:
            yield _fault("attribute.excluded", where, "the attribute", "none here", section)
        return
    if tag in item:
        yield from _present_faults(row, item, whole, where=where, section=section)
    elif row.required:
        expected = f"the attribute, type {row.type}{_because(row)}"
        yield _fault("attribute.missing", where, "nothing", expected, section)


def _present_faults(
    row: Row, item: Dataset, whole: Dataset, *, where: str, section: str
) -> Iterator[Fault]:
    values = values_of(item, row.keyword)
    if not values and row.filled:
        expected = f"a value, type {row.type}{_because(row)}"
        yield _fault("attribute.empty", where, "no value", expected, section)
    if values:
        yield from _value_faults(row, values, whole, where=where, section=section)


def _value_faults(
    row: Row, values: list[Any], whole: Dataset, *, where: str, section: str
) -> Iterator[Fault]:
    """What is wrong with a value, or inside of the items of a sequence."""
    yield from _term_faults(row, values, where, section)
    if isinstance(values[0], Dataset):
        for index, below in enumerate(values):
            for inner in rows_below(row):
                yield from _row_faults(
                    inner, below, whole, path=f"{where}[{index}].", section=section
                )


def _term_faults(row: Row, values: list[object], where: str, section: str) -> Iterator[Fault]:
    if row.terms is None:
        return
    texts = [str(value) for value in values]
    if row.terms.allow(texts):
        return
    hidden = names_person(tag_of(row.keyword), "")
    seen = "(not shown)" if hidden else " \\ ".join(repr(text[:64]) for text in texts[:8])
    rule = "attribute.term" if row.terms.defined else "attribute.value"
    yield Fault(
        rule=rule,
        severity="warning" if row.terms.defined else "error",
        where=where,
        seen=seen,
        expected=str(row.terms),
        section=section,
    )


def _because(row: Row) -> str:
    return f", because {row.sentence}" if row.sentence else ""


def _fault(rule: str, where: str, seen: str, expected: str, section: str) -> Fault:
    return Fault(
        rule=rule, severity="error", where=where, seen=seen, expected=expected, section=section
    )


def _code_faults(subject: Subject) -> Iterator[Fault]:
    """Every code sequence has the rows of its macro (PS3.3 8.8), wherever it stands."""
    for path, item in subject.items:
        if _keyword(path).endswith("CodeSequence"):
            yield from module_faults("code", item, subject.dataset, f"{path}.")


def _keyword(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0]


def _group_faults(subject: Subject, use: Use) -> Iterator[Fault]:
    """A functional group stands in the shared item or in every frame's, never in both."""
    whole = subject.dataset
    if not _holds(use.sentence, whole, whole):
        return
    shared = any(use.name in item for item in values_of(whole, "SharedFunctionalGroupsSequence"))
    section = modules()["groups"].section
    for index, item in enumerate(values_of(whole, "PerFrameFunctionalGroupsSequence")):
        where = f"PerFrameFunctionalGroupsSequence[{index}].{use.name}"
        present = bool(values_of(item, use.name))
        if present and shared:
            yield _fault("group.twice", where, "it also in the shared groups", "one", section)
        elif not present and not shared:
            yield _fault("group.missing", where, "nothing", "this functional group", section)
