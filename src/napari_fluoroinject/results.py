"""The results of one loop in one folder: complete, or not there."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fluoroinject.errors import StorageError
from napari_fluoroinject.model.summary import summarize
from napari_fluoroinject.spool.disk import write_whole
from napari_fluoroinject.spool.folder import replaced_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.outputs import Outputs, Pictures
    from napari_fluoroinject.model.report import Report
    from napari_fluoroinject.model.subtracted import SubtractedLoop


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopResult:
    """What one loop left behind: its folder, its summary, and the files of its DICOM objects.

    `sources` are the files that it was read from, and `endpoint` where those were fetched for it,
    None where they lie here; `replaced` is the procedure of the earlier results that these took
    the place of, None where there were none.
    """

    sources: tuple[Path, ...]
    folder: Path
    summary: dict[str, Any]
    files: tuple[Path, ...]
    replaced: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubtractionResult:
    """What a subtraction left behind: the folder, its DICOM objects and its picture.

    `sources` are the files of the loop; `masks` is the presentation state of the loop that
    subtracts in the same way, None where none may speak of it; `told` says in words what was
    subtracted from what.
    """

    sources: tuple[Path, ...]
    folder: Path
    file: Path
    masks: Path | None
    picture: Path
    told: str


def save(
    report: Report, source_paths: Sequence[Path], *, out: Path, outputs: Outputs | None = None
) -> LoopResult:
    """Write picture, DICOM objects and summary of a report under `out`.

    They appear together or not at all, in place of all results of an earlier run; files of others
    in that folder stay.

    Parameters
    ----------
    report
        The analysed loop.
    source_paths
        The files it was read from; identity is copied from them once their hash was checked.
    out
        Folder for the results; a folder named by the loop's SOP Instance UID is made in it.
    outputs
        Which DICOM objects, and how; None = the usual ones.

    Raises
    ------
    IdentityMismatchError
        The source files are not those of the report any more.
    StorageError
        The folder cannot be written; what was there before is there still.
    """
    from napari_fluoroinject.dicom.encode import encode_results
    from napari_fluoroinject.dicom.write import write_objects
    from napari_fluoroinject.rendering.overview import draw_overview

    objects = encode_results(
        report, source_paths, outputs=outputs, pictures=_pictures(report, outputs)
    )
    picture = draw_overview(report)
    folder = out / report.loop.reference.sop_instance_uid
    with replaced_folder(folder, ours=is_result) as fresh:
        written = write_objects(objects, fresh)
        write_whole(fresh / "overview.png", picture)
        summary = summarize(report, tuple(asdict(one) for one in written))
        _check(summary)
        told = json.dumps(summary, indent=1, allow_nan=False)
        write_whole(fresh / "summary.json", (told + "\n").encode())
        replaced = _procedure_of(folder)
    return LoopResult(
        sources=tuple(source_paths),
        folder=folder,
        summary=summary,
        files=tuple(folder / one.file for one in written),
        replaced=replaced,
    )


def save_subtraction(
    made: SubtractedLoop, source_paths: Sequence[Path], *, out: Path
) -> SubtractionResult:
    """Write a subtracted loop, and a sheet of its frames, into the folder of the loop's results.

    Each file is whole or not there; the results of an analysis of the same loop stay.

    Parameters
    ----------
    made
        The subtracted loop.
    source_paths
        The files it was read from; identity is copied from them once their hash was checked.
    out
        As above.

    Raises
    ------
    IdentityMismatchError
        The source files are not those that were subtracted.
    EncodingError
        There are more pixels than one object can hold.
    StorageError
        The folder cannot be written.
    """
    from napari_fluoroinject.dicom.encode import encode_subtraction
    from napari_fluoroinject.dicom.write import write_objects
    from napari_fluoroinject.rendering.contact_sheet import draw_sheet

    encoded = encode_subtraction(made, source_paths)
    sheet = draw_sheet(made)
    folder = out / made.loop.reference.sop_instance_uid
    picture, earlier = folder / "subtracted.png", folder / "subtracted_masks.dcm"
    try:  # never an earlier picture, or earlier masks, beside a new object
        picture.unlink(missing_ok=True)
        earlier.unlink(missing_ok=True)
        written, *masks = write_objects(encoded, folder)
        write_whole(picture, sheet)
    except (OSError, StorageError) as error:
        with suppress(OSError):  # a folder that holds nothing says that something was done
            folder.rmdir()
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{folder} could not be written: {error.strerror or error}; expected a folder that "
            "can be written to, with room on the disk"
        ) from error
    return SubtractionResult(
        sources=tuple(source_paths),
        folder=folder,
        file=folder / written.file,
        masks=folder / masks[0].file if masks else None,
        picture=picture,
        told=f"{made.told()}; {made.moved()}",
    )


def _pictures(report: Report, outputs: Outputs | None) -> Pictures:
    """Draw what objects are to hold."""
    from napari_fluoroinject.dicom.outputs import Pictures
    from napari_fluoroinject.rendering.color_map import draw_color_map
    from napari_fluoroinject.rendering.key_image import draw_key_image
    from napari_fluoroinject.rendering.pdf import draw_pdf

    asked = outputs is not None and "document" in outputs.also
    return Pictures(
        key_image=draw_key_image(report),
        color_map=draw_color_map(report),
        document=draw_pdf(report) if asked else None,
    )


def is_result(name: str) -> bool:
    """Tell whether a file is a result of a loop, or what is left of a half-written one.

    Parameters
    ----------
    name
        Of a file in a folder of results.
    """
    from napari_fluoroinject.dicom.outputs import RESULT_FILES

    half = name.startswith(".") and name.endswith((".part", ".partial"))
    return half or name in RESULT_FILES or name in ("overview.png", "summary.json")


def _procedure_of(folder: Path) -> str | None:
    """Procedure of the results that stand in a folder; None where none, or none that is told."""
    try:
        told = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return str(told["procedure"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _check(summary: dict[str, Any]) -> None:
    """Hold the summary against its schema: what other programs read is never malformed."""
    from jsonschema import Draft202012Validator

    from napari_fluoroinject.model.summary import summary_schema

    Draft202012Validator(summary_schema()).validate(summary)
