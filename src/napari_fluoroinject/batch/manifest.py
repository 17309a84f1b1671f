"""A list of sources as a file: one a line, with what is asked for each of them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from napari_fluoroinject import procedures
from napari_fluoroinject.batch.order import Unplanned
from napari_fluoroinject.batch.wishes import Line, check_request
from napari_fluoroinject.decide import AUTO
from napari_fluoroinject.errors import AnnotationError, FluoroinjectError, ProcedureError
from napari_fluoroinject.model.annotation import MaskWish
from napari_fluoroinject.model.geometry import Side
from napari_fluoroinject.model.written import frames_of, needle_of, point_of
from napari_fluoroinject.sources import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.settings import Settings
    from napari_fluoroinject.workflow import AnalysisRequest

    Row = dict[str, str]

ENDINGS = (".csv", ".jsonl", ".txt")
COLUMNS = (
    *("source", "procedure", "level", "side", "needle", "target", "gauge", "mask"),
    *("mask_frames", "annotation"),
)
"""Names as `analyze` has them for its options; the annotation, which is read, comes last."""
_NOTE = "#"
_LONGEST_LINE = 1 << 16
_LONGEST_TOLD = 60


class _FaultError(Exception):
    """A line, or one column of it, that cannot be used."""

    def __init__(self, reason: str, *, column: str = "") -> None:
        self.column = column
        super().__init__(reason)


def is_manifest(source: str) -> bool:
    """Whether a source is a file that lists sources.

    Parameters
    ----------
    source
        As a person names it.
    """
    return source.lower().endswith(ENDINGS) and Path(source).is_file()


def lines_of(path: Path, base: AnalysisRequest, settings: Settings) -> Iterator[Line | Unplanned]:
    """Read a list line by line: `.csv` with a row of names, `.jsonl` with objects, or `.txt`.

    UTF-8, with or without a byte order mark. Lines that are empty or begin with `#` are left out,
    and so are columns whose name begins so. A relative path begins at the list.

    Parameters
    ----------
    path
        The list.
    base
        What is asked for where a line says nothing.
    settings
        Endpoints by name, and what is set for each procedure.

    Yields
    ------
    What each line asks for; of one that cannot be used why, with its number and column; of a list
    without any that it names no source.
    """
    rows = {".csv": _csv_rows, ".jsonl": _json_rows}.get(path.suffix.lower(), _text_rows)
    number = seen = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in rows(_short_lines(file)):
                where, seen = f"{path.name}, line {number}", seen + 1
                try:
                    if isinstance(row, _FaultError):
                        raise row
                    yield _line(row, path, base, settings, where=where)
                except _FaultError as fault:
                    column = f", column {fault.column}" if fault.column else ""
                    yield Unplanned(source=where + column, reason=str(fault))
        if not seen:
            reason = "seen a list without a source; expected one a line, after a line with names"
            yield Unplanned(source=path.name, reason=reason)
    except UnicodeDecodeError:
        reason = "seen bytes that are no UTF-8; expected a list in UTF-8: the rest is not read"
        yield Unplanned(source=f"{path.name}, after line {number}", reason=reason)
    except (OSError, csv.Error) as error:
        told = getattr(error, "strerror", None) or error
        yield Unplanned(
            source=f"{path.name}, after line {number}",
            reason=f"seen {told}; expected a list that can be read: the rest is not",
        )


def _short_lines(file: Any) -> Iterator[str]:
    """Lines of a file that may be anything: none is longer than a line may be."""
    while line := file.readline(_LONGEST_LINE):
        yield line


def _text_rows(lines: Iterator[str]) -> Iterator[tuple[int, Row | _FaultError]]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith(_NOTE):
            yield number, {"source": text}


def _json_rows(lines: Iterator[str]) -> Iterator[tuple[int, Row | _FaultError]]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith(_NOTE):
            continue
        try:
            told = json.loads(text, object_pairs_hook=_once)
            if not isinstance(told, dict):
                raise _FaultError(f"seen {_short(text)}; expected an object with a source")
            row = {_name(name): _plain(name, value) for name, value in told.items()}
            yield number, {name: value for name, value in row.items() if value}
        except _FaultError as fault:
            yield number, fault
        except (ValueError, RecursionError) as error:
            yield number, _FaultError(f"seen no JSON ({error}); expected one object a line")


def _csv_rows(lines: Iterator[str]) -> Iterator[tuple[int, Row | _FaultError]]:
    number, names = 0, list[str]()
    for line in lines:
        number += 1
        if line.strip() and not line.lstrip().startswith(_NOTE):
            delimiter = max(",;\t", key=line.count)
            try:
                names = [_name(one) for one in next(csv.reader([line], delimiter=delimiter))]
                _check_names(names)
            except _FaultError as fault:
                yield number, fault
                return
            break
    reader = csv.reader(lines, delimiter=delimiter if names else ",")
    before = number
    for values in reader:
        first, number = number + 1, before + reader.line_num
        if not any(map(str.strip, values)) or values[0].lstrip().startswith(_NOTE):
            continue
        if len(values) > len(names):
            yield (
                first,
                _FaultError(
                    f"seen {len(values)} values; expected {len(names)}, one for each name of the "
                    "first line: what holds a comma stands in quotes"
                ),
            )
            continue
        pairs = zip(names, map(str.strip, values), strict=False)
        yield first, {name: text for name, text in pairs if name and text}


def _check_names(names: list[str]) -> None:
    if "source" not in names:
        raise _FaultError(
            f"seen no column 'source'; expected it among the names of the first line: "
            f"{', '.join(COLUMNS)}"
        )
    for name in names:
        if name and names.count(name) > 1:
            raise _FaultError("seen twice; expected each name once", column=name)


def _name(told: str) -> str:
    """Name of a column, empty where it is to be left out."""
    name = told.strip().lower().removeprefix("--").replace("-", "_")
    if name.startswith(_NOTE):
        return ""
    if name not in COLUMNS:
        raise _FaultError(
            f"seen {_short(told.strip())}; expected one of {', '.join(COLUMNS)}, or a name that "
            f"begins with {_NOTE} and is left out",
            column=told.strip()[:_LONGEST_TOLD] or "without a name",
        )
    return name


def _plain(name: str, value: Any) -> str:
    """A value of JSON as people write it: a list of numbers has commas between."""
    if value is None:
        return ""
    if isinstance(value, list) and all(_is_number(one) for one in value):
        return ",".join(map(repr, value))
    if isinstance(value, str) or _is_number(value):
        return str(value).strip()
    raise _FaultError(
        f"seen {_short(json.dumps(value))}; expected text, a number or a list of numbers",
        column=name,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) < len(pairs):
        names = Counter(name for name, _ in pairs)
        raise _FaultError("seen twice; expected each name once", column=names.most_common(1)[0][0])
    return told


def _line(row: Row, path: Path, base: AnalysisRequest, settings: Settings, *, where: str) -> Line:
    if not row.get("source"):
        raise _FaultError("seen none; expected a file, a folder or an endpoint", column="source")
    request = base
    for column in COLUMNS[1:]:
        if column not in row:
            continue
        try:
            request = _asking(request, column, row[column], path, settings)
            check_request(request)
        except FluoroinjectError as error:
            raise _FaultError(str(error), column=column) from error
    return Line(source=_source(row["source"], path, settings), where=where, request=request)


def _asking(
    request: AnalysisRequest, column: str, text: str, path: Path, settings: Settings
) -> AnalysisRequest:
    if column == "procedure":
        known = procedures.all_keys(site=request.site_procedures)
        if text not in (AUTO, *known):
            raise ProcedureError(
                f"seen {_short(text)}; expected auto or a key that `fluoroinject procedures` lists"
            )
        doses = type(request).by(settings, text).dose_reference
        return replace(request, procedure=text, dose_reference=doses)
    if column == "annotation":
        marks = path.absolute().parent / text
        if not marks.is_file():  # a pipe or a device would be read for ever
            raise AnnotationError(f"seen {_short(text)}; expected a plain file, beside the list")
        return replace(request, annotation_file=marks)
    name, read = _READ[column]
    return replace(request, **{name: read(text)})


def _source(text: str, path: Path, settings: Settings) -> str:
    here = path.absolute().parent / text
    name, _, query = text.partition("?")
    elsewhere = name in settings.endpoints or "://" in name or "=" in query
    if elsewhere and not here.exists() and is_remote(text, settings):
        return text
    if is_manifest(str(here)):
        raise _FaultError(
            "seen another list; expected files, folders and endpoints", column="source"
        )
    return str(here)


def _one_of(*known: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise AnnotationError(f"seen {_short(text)}; expected one of {', '.join(known)}")
        return text

    return read


def _gauge(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise AnnotationError(
            f"seen {_short(text)}; expected a whole number, for example 22"
        ) from None


def _short(text: str) -> str:
    return repr(text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}...")


_READ: dict[str, tuple[str, Callable[[str], Any]]] = {
    "level": ("level", str),
    "side": ("side", _one_of(*get_args(Side))),
    "needle": ("needle", needle_of),
    "target": ("target_px", point_of),
    "gauge": ("gauge", _gauge),
    "mask": ("mask", _one_of(*get_args(MaskWish))),
    "mask_frames": ("mask_frames", frames_of),
}
"""Field of a request and what reads it, by column."""
