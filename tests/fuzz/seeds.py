"""Small files of every kind to start fuzzing from, made by the product and by tests."""

from __future__ import annotations

import sys
from pathlib import Path

from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

HERE = Path(__file__).resolve().parent
SETTINGS = (
    b'[endpoints]\nhere = "pacs://ME:PACS@127.0.0.1:104"\n',
    b'[endpoints.pacs]\nurl = "pacs://A:B@host:11112"\n\n[defaults]\nprocedure = "mbb_lumbar"\n',
    b'[listen]\nhost = "127.0.0.1"\nport = 11112\nae_title = "FI"\n',
)
_CODED = (
    (ExplicitVRLittleEndian, 12),
    (ImplicitVRLittleEndian, 12),
    (DeflatedExplicitVRLittleEndian, 12),
    (JPEGBaseline8Bit, 8),
    (JPEGExtended12Bit, 12),
    (JPEGLosslessSV1, 12),
    (JPEGLSLossless, 12),
    (JPEG2000Lossless, 12),
    (JPEG2000, 12),
    (HTJ2KLossless, 12),
    (RLELossless, 12),
)


def write_seeds(target: str, folder: Path) -> int:
    """Write the seeds of a target into a folder; how many there are now."""
    folder.mkdir(parents=True, exist_ok=True)
    if target == "settings":
        for number, text in enumerate(SETTINGS):
            (folder / f"seed_{number}").write_bytes(text)
        return len(SETTINGS)
    # helpers of other tests import one another by their bare names
    sys.path[:0] = [str(HERE.parent / "dicom")]
    made = _results(folder) if target == "results" else _loops(folder) + _results(folder)
    if not made:
        raise RuntimeError(f"{target}: no seed could be written")
    return made


def write_loop(path: Path) -> Path:
    """Write the loop that the results of the seeds are about."""
    sys.path[:0] = [str(HERE.parent / "dicom")]
    import sources

    sources.xa().save_as(path, enforce_file_format=True)
    return path


def _loops(folder: Path) -> int:
    import sources
    from small_loops import picture, small_loop, small_object

    # as small as can be: what is searched is the structure, not the pixels
    whole = sources.FRAMES, sources.ROWS, sources.COLUMNS
    sources.FRAMES, sources.ROWS, sources.COLUMNS = 3, 8, 8
    made = 0
    for name, build in sources.SOURCES.items():
        build()[0].save_as(folder / f"source_{name}", enforce_file_format=True)
        made += 1
    sources.FRAMES, sources.ROWS, sources.COLUMNS = whole
    for syntax, bits in _CODED:
        loop = small_loop(bits=bits, stored=picture(bits, frames=2, rows=8, columns=8))
        written = small_object(loop, transfer_syntax=syntax)
        written.save_as(folder / f"coded_{syntax.replace('.', '_')}", enforce_file_format=True)
        made += 1
    return made


def _results(folder: Path) -> int:
    import checkable

    made = 0
    for name, build in checkable.EXAMPLES.items():
        build().save_as(folder / f"result_{name.replace(' ', '_')}", enforce_file_format=True)
        made += 1
    return made


if __name__ == "__main__":
    write_seeds(sys.argv[1], Path(sys.argv[2]))
    write_loop(Path(sys.argv[3]))
