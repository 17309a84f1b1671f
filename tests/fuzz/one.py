"""Fuzz one target: `python -m tests.fuzz.one TARGET LOOP CORPUS [-option...]`.

Options are libFuzzer's. The process ends with 77 at the first broken promise, which libFuzzer has
then written to its `-artifact_prefix`.
"""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["napari_fluoroinject", "pydicom"]):
    from tests.fuzz.targets import measured, targets


def main() -> None:
    """Hand everything over to libFuzzer; it does not return."""
    from tests.fuzz.mutate import mutate

    name, loop, *options = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["napari_fluoroinject", "pydicom"]):
        target = measured(targets(Path(loop))[name])

    def changed(data: bytes, most_bytes: int, seed: int) -> bytes:
        if seed % 3 == 0:
            return bytes(atheris.Mutate(data, len(data)))[:most_bytes]
        return mutate(data, most_bytes, seed)

    own = {} if name == "settings" else {"custom_mutator": changed}
    atheris.Setup([sys.argv[0], *options], target, **own)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
