"""Every kind of source by every result: written, validated, read back."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from napari_fluoroinject.benchmark.validators import complaints, installed
from napari_fluoroinject.dicom.check.run import check_files
from napari_fluoroinject.dicom.encode import omissions
from napari_fluoroinject.dicom.identity import identify
from napari_fluoroinject.dicom.outputs import EXTRAS, Outputs
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.dicom.round_trip import disagreements, has_reader
from napari_fluoroinject.dicom.source_kinds import SOURCE_KINDS, SourceKind, write_as
from napari_fluoroinject.model.annotation import Event
from napari_fluoroinject.phantom import PhantomSettings, make_phantom
from napari_fluoroinject.results import save
from napari_fluoroinject.workflow import analyze

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_fluoroinject.dicom.sr_statements import Omission
    from napari_fluoroinject.model.report import Report

PROCEDURE = "mbb_lumbar"
"""Whose scene is written as every kind of source."""
COLUMNS: dict[str, str] = {
    "report": "SR",
    "report_3d": "SR, 3D class",
    "segmentation": "SEG",
    "segmentation_viewer": "SEG, viewer",
    "segmentation_fractional": "SEG, fractional",
    "segmentation_labelmap": "SEG, labels",
    "map": "maps",
    "parametric": "Parametric Maps",
    "presentation": "GSPS",
    "mask_presentation": "XA/XRF GSPS",
    "key_image": "key image",
    "color_map": "colour map",
    "key_objects": "KOS",
    "document": "PDF",
    "procedure_log": "log",
}
"""What is written, by the beginning of its name; `_3d` and `_viewer` come of a second writing."""
_OMITTED = {
    "segmentation": "Segmentation",
    "map": "Map of",
    "parametric": "Map of",
    "presentation": "Annotations",
    "mask_presentation": "Mask and shifts",
    "procedure_log": "Procedure log",
    "color_map": "Map of arrival",
}
"""How the report says that one was not made."""
_EVENTS = (Event(kind="contrast", time_s=0.5), Event(kind="medication", time_s=60.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One result of one kind of source.

    `objects` were written; each of `faults` names its object and who found it; `reason` says why
    nothing was written.
    """

    source: str
    output: str
    objects: int
    faults: tuple[str, ...] = ()
    reason: str = ""

    @property
    def told(self) -> str:
        """The cell as a reader sees it; what is wrong or missing is in italics."""
        if not self.objects:
            return f"*{self.reason or 'not written, and no reason is known'}*"
        many = f"{self.objects} objects" if self.objects > 1 else "1 object"
        return many if not self.faults else f"*{many}, {len(self.faults)} faults*"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteMatrix:
    """All cells, and which outside tools looked at them."""

    cells: tuple[Cell, ...]
    tools: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault, with its source."""
        return tuple(f"{cell.source}: {fault}" for cell in self.cells for fault in cell.faults)

    def markdown(self) -> str:
        """The matrix as tables."""
        told = {(cell.source, cell.output): cell.told for cell in self.cells}
        head = ["source", *COLUMNS.values()]
        rows = [
            [kind.title, *(told[kind.key, output] for output in COLUMNS)] for kind in SOURCE_KINDS
        ]
        lines = [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
        written = sum(cell.objects for cell in self.cells)
        empty = sum(not cell.objects for cell in self.cells)
        looked = ", ".join(self.tools) or "no outside tool, because none is installed"
        lines += [
            "",
            f"{len(self.cells)} cells: {len(self.cells) - empty} written with {written} objects, "
            f"{empty} with the reason why not. Looked at by {looked}, by `fluoroinject check`, "
            f"and read back and compared with what was to be written: {len(self.faults)} faults.",
            *(f"- {fault}" for fault in self.faults),
        ]
        return "\n".join(lines)


def run_write_matrix(
    *,
    seed: int,
    size: int,
    frames: int,
    jobs: int,
    thorough: bool,
    told: Callable[[str, float], None],
) -> WriteMatrix:
    """Write one synthetic loop as every kind of source, and all results of each.

    Parameters
    ----------
    seed, size, frames
        Of the loop.
    jobs
        Processes at a time.
    thorough
        Run the slow tools, too: PixelMed takes five to ten seconds for an object.
    told
        Progress: what was done, and the share of the whole.
    """
    tasks = [(kind, seed, size, frames, thorough) for kind in SOURCE_KINDS]
    cells: list[Cell] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done, made in enumerate(pool.map(_cells_of, tasks), start=1):
            cells += made
            told(made[0].source, done / len(tasks))
    return WriteMatrix(cells=tuple(cells), tools=installed(thorough=thorough))


def _cells_of(task: tuple[SourceKind, int, int, int, bool]) -> tuple[Cell, ...]:
    kind, seed, size, frames, thorough = task
    phantom = make_phantom(
        PROCEDURE, settings=PhantomSettings(seed=seed, size=size, frames=frames)
    )
    annotation = replace(phantom.truth.annotation, events=_EVENTS)
    with TemporaryDirectory() as name:
        folder = Path(name)
        loops = write_as(phantom.loop, kind, seed=seed, folder=folder)
        reports = [
            (analyze(read_loop(*paths), PROCEDURE, annotation, on="cpu"), paths) for paths in loops
        ]
        sources = [path for paths in loops for path in paths]
        written = [
            (output, report, path)
            for report, paths in reports
            for output, path in _written(report, paths, folder)
        ]
        checked = _checked([path for _, _, path in written], sources)
        found: dict[str, list[list[str]]] = {}
        for output, report, path in written:
            faults = [*checked[path], *_faults(report, path, thorough=thorough)]
            found.setdefault(output, []).append(faults)
        report, paths = reports[0]
        left_out = omissions(report, identify(report, paths))
        return tuple(_cell(kind, output, found.get(output), left_out) for output in COLUMNS)


def _written(report: Report, paths: tuple[Path, ...], folder: Path) -> Iterator[tuple[str, Path]]:
    """Write all results twice: in the usual way, and as viewers and newer archives want them."""
    usual = save(report, paths, out=folder / "usual", outputs=Outputs(also=frozenset(EXTRAS)))
    other = save(
        report,
        paths,
        out=folder / "other",
        outputs=Outputs(seg_profile="viewer", report_class="comprehensive3d"),
    )
    for path in usual.files:
        yield _column(path), path
    for path in other.files:
        if path.stem in ("report", "segmentation"):
            yield {"report": "report_3d", "segmentation": "segmentation_viewer"}[path.stem], path


def _column(path: Path) -> str:
    stem = path.stem
    return stem if stem in COLUMNS else stem.partition("_")[0]


def _cell(
    kind: SourceKind, output: str, found: list[list[str]] | None, left_out: tuple[Omission, ...]
) -> Cell:
    """One cell, from the faults of each of its objects."""
    if found is None:
        return Cell(source=kind.key, output=output, objects=0, reason=_reason(output, left_out))
    faults = tuple(f"{output}: {fault}" for faults in found for fault in faults)
    return Cell(source=kind.key, output=output, objects=len(found), faults=faults)


def _checked(paths: list[Path], sources: list[Path]) -> dict[Path, list[str]]:
    """Faults that our own checker finds, by file; objects of one folder know of each other."""
    folders = sorted({path.parent for path in paths})
    return {
        one.path: [f"check: {fault}" for fault in one.faults]
        for folder in folders
        for one in check_files([folder], sources)
    }


def _faults(report: Report, path: Path, *, thorough: bool) -> Iterator[str]:
    for complaint in complaints(path, thorough=thorough):
        yield f"{complaint.tool}: {complaint.text}"
    if has_reader(path):
        for told in disagreements(report, path):
            yield f"read back: {told}"


def _reason(output: str, left_out: tuple[Omission, ...]) -> str:
    begins = _OMITTED.get("segmentation" if output.startswith("seg") else output, "?")
    return next((one.reason for one in left_out if one.name.startswith(begins)), "")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
