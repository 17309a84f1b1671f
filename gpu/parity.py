"""Does CUDA give what the definition gives? Every operation, over seeds.

    python gpu/parity.py [--seeds 20] [--size 160] [--frames 16]

Each seed makes noise of an odd shape and a phantom's opacity. Exit status: 0 all within tolerance,
1 something outside, 2 no device that can be used.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from kernel_cases import CASES, READ_OFF, TIES, TOLERANCE, Agreement, compare, make_inputs

from napari_fluoroinject.compute.backend import Kernels, choose
from napari_fluoroinject.errors import BackendUnavailableError
from napari_fluoroinject.phantom import PhantomSettings, make_phantom

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

_SCENES = ("esi_il_lumbar", "mbb_lumbar")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one line per result and return the exit status."""
    wishes = _parser().parse_args(arguments)
    try:
        backend = choose("cuda")
    except BackendUnavailableError as error:
        print(f"nothing compared: {error}", file=sys.stderr)
        return 2
    print(f"{backend.device}, {backend.version}, against the definition in NumPy and SciPy")
    return report(agreements(backend.kernels, wishes))


def agreements(kernels: Kernels, wishes: argparse.Namespace) -> dict[str, list[Agreement]]:
    """Every comparison, by the name of the result."""
    found: dict[str, list[Agreement]] = {}
    for seed in range(wishes.seeds):
        opacity = _opacity(seed, size=wishes.size, frames=wishes.frames)
        for inputs in (make_inputs(seed), make_inputs(seed, opacity)):
            for case in CASES:
                for one in compare(case, kernels, inputs):
                    found.setdefault(one.name, []).append(one)
    return found


def report(found: dict[str, list[Agreement]]) -> int:
    """Print the table and return the exit status."""
    print(
        f"tolerance {TOLERANCE:g} of 1 + |value| (sums: of the largest; what is read off curves: "
        f"{READ_OFF:g}), ties in {TIES:g}"
    )
    print(f"{'result':<32}{'worst/tolerance':>16}{'outside':>10}{'seeds':>7}")
    for name, ones in found.items():
        worst, outside = max(one.worst for one in ones), max(one.outside for one in ones)
        verdict = "" if all(one.good for one in ones) else "  OUTSIDE"
        print(f"{name:<32}{worst:>16.3g}{outside:>10.2g}{len(ones) // 2:>7}{verdict}")
    good = all(one.good for ones in found.values() for one in ones)
    print("all within tolerance" if good else "NOT within tolerance")
    return 0 if good else 1


def _opacity(seed: int, *, size: int, frames: int) -> np.ndarray:
    settings = PhantomSettings(seed=seed, size=size, frames=frames)
    loop = make_phantom(_SCENES[seed % len(_SCENES)], settings=settings).loop
    ln = loop.intensity.ln(loop.frames.every())
    return ln[:2].mean(axis=0) - ln


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--size", type=int, default=160, help="rows and columns of the phantom")
    parser.add_argument("--frames", type=int, default=16, help="frames of the phantom")
    return parser


if __name__ == "__main__":
    sys.exit(main())
