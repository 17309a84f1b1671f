"""The CUDA kernels as one text, for whoever compiles them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
"""Compute capabilities that every kernel must compile for: Turing to Blackwell."""
OPTIONS = ("--std=c++17",)
"""What the kernels ask of their compiler."""
_SHARED = "device.cuh"
_SUFFIXES = (".cu", ".cuh")


def kernel_files() -> tuple[str, ...]:
    """Names of the files, the shared one first."""
    folder = files("napari_fluoroinject.compute.kernels")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(_SUFFIXES))
    names.remove(_SHARED)
    return (_SHARED, *names)


@cache
def kernel_source() -> str:
    """Every kernel in one translation unit; a compiler's complaints name the file and line."""
    folder = files("napari_fluoroinject.compute.kernels")
    return "\n".join(
        f'#line 1 "{name}"\n{(folder / name).read_text(encoding="utf-8")}'
        for name in kernel_files()
    )


def kernel_names() -> tuple[str, ...]:
    """Names of the kernels, in the order they stand in."""
    return tuple(re.findall(r"^GLOBAL void (\w+)\(", kernel_source(), re.MULTILINE))


def kernel_constant(name: str) -> int:
    """A whole number that the kernels define and their callers must agree with."""
    found = re.search(rf"^#define {name} (\d+)", kernel_source(), re.MULTILINE)
    if found is None:
        raise KeyError(name)
    return int(found[1])
