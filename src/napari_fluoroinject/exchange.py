"""What else is done with DICOM objects: read results, de-identify, exchange codes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fluoroinject import procedures
from napari_fluoroinject.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_fluoroinject.dicom.check.run import Checked
    from napari_fluoroinject.dicom.deidentify.export import Exported
    from napari_fluoroinject.dicom.read_back import ReadBack
    from napari_fluoroinject.sources import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentification:
    """How objects are de-identified; dates are removed unless kept or moved by `shift_days`.

    Without a `uid_map` the secret of the pseudonyms is forgotten when the run is over.
    """

    keep_dates: bool = False
    shift_days: int | None = None
    patient_id: str | None = None
    uid_map: Path | None = None
    allow_burned_in: bool = False


def deidentify_sources(
    sources: Sequence[str],
    request: Deidentification,
    *,
    out: Path,
    progress: Progress = lambda _step, _fraction: None,
) -> Exported:
    """De-identify every DICOM object that files and folders hold; what fails is named.

    Raises
    ------
    IdentityMismatchError
        One patient ID for several patients.
    StorageError
        The folder or the UID map cannot be used.
    """
    from napari_fluoroinject.dicom.deidentify.clean import Rules
    from napari_fluoroinject.dicom.deidentify.dates import DatePolicy
    from napari_fluoroinject.dicom.deidentify.export import export
    from napari_fluoroinject.dicom.deidentify.pseudonyms import fresh, kept_in

    days = request.shift_days
    dates = DatePolicy(deed="keep" if request.keep_dates else "remove")
    rules = Rules(
        pseudonyms=fresh() if request.uid_map is None else kept_in(request.uid_map, outside=out),
        dates=dates if days is None else DatePolicy(deed="shift", days=days),
        patient_id=request.patient_id,
    )
    return export(
        [Path(source) for source in sources],
        rules,
        out=out,
        allow_burned_in=request.allow_burned_in,
        progress=progress,
    )


def write_mapping_template(path: Path) -> int:
    """Write the private codes as a file for a site to fill in; returns how many there are.

    Raises
    ------
    StorageError
        It cannot be written, or is there: a file that was filled in is never replaced.
    """
    from napari_fluoroinject.dicom.site_codes import mapping_template

    text = mapping_template({one.key: one.name for one in procedures.every()})
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise StorageError(f"{path} is there already; expected the name of a new file") from error
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror or error}; expected a file in a folder "
            "that can be written to"
        ) from error
    return text.count("\n[")


def check_codes(path: Path) -> tuple[int, int]:
    """Return how many concepts have a site's code in a file, and how many there are.

    Raises
    ------
    SettingsError
        The file is not valid.
    """
    from napari_fluoroinject.dicom.codes import PRIVATE_CONCEPTS
    from napari_fluoroinject.dicom.site_codes import site_codes

    keys = procedures.all_keys()
    found = site_codes(path, procedures=keys)
    return len(found.targets), len(PRIVATE_CONCEPTS) + len(keys)


def read_result(path: Path, *, codes: Path | None = None, loop: str | None = None) -> ReadBack:
    """Read what a DICOM object of results says.

    Parameters
    ----------
    path
        The file.
    codes
        A site's mapping, None = none.
    loop
        File or folder of the one loop that it is about, None = not given.

    Raises
    ------
    AnnotationError
        A report of ours that was changed, or was written with codes that are not given.
    SettingsError
        The mapping is not valid.
    UnreadableObjectError
        No DICOM object, or one of a kind that is not read.
    """
    from napari_fluoroinject.dicom.read_back import read_back
    from napari_fluoroinject.dicom.site_codes import site_codes
    from napari_fluoroinject.sources import only_loop

    book = None if codes is None else site_codes(codes, procedures=procedures.all_keys())
    about = None if loop is None else only_loop(loop)
    return read_back(path, codes=book, loop=about)


def check_results(
    paths: Sequence[Path], sources: Sequence[Path] = (), *, codes: Path | None = None
) -> tuple[Checked, ...]:
    """Check DICOM results; `codes` is a site's mapping, None = none. See `check.run.check_files`.

    Raises
    ------
    SettingsError
        The mapping is not valid.
    """
    from napari_fluoroinject.dicom.check.run import check_files
    from napari_fluoroinject.dicom.site_codes import site_codes

    book = None if codes is None else site_codes(codes, procedures=procedures.all_keys())
    return check_files(paths, sources, codes=book)
