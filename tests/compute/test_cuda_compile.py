"""Every kernel compiles for every supported device; a compiler needs no device."""

from __future__ import annotations

import re
import sys

import pytest

from napari_fluoroinject.compute.cuda_source import (
    ARCHITECTURES,
    OPTIONS,
    kernel_constant,
    kernel_names,
    kernel_source,
)

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="NVIDIA's compiler is not there")


def compiled(source, architecture):
    """What the compiler says and the machine code it made."""
    from cupy.cuda import nvrtc

    program = nvrtc.createProgram(source, "kernels.cu", (), ())
    wishes = (f"--gpu-architecture=sm_{architecture}", *OPTIONS, "--ptxas-options=-v")
    try:
        nvrtc.compileProgram(program, wishes)
    except nvrtc.NVRTCError:
        return nvrtc.getProgramLog(program), b""
    return nvrtc.getProgramLog(program), nvrtc.getCUBIN(program)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_kernel_compiles_and_keeps_its_values_in_registers(architecture):
    told, code = compiled(kernel_source(), architecture)
    assert code
    assert set(re.findall(r"entry function '(\w+)'", told)) == set(kernel_names())
    assert set(re.findall(r"(\d+) bytes stack frame", told)) == {"0"}
    assert set(re.findall(r"(\d+) bytes spill", told)) == {"0"}
    assert max(map(int, re.findall(r"Used (\d+) registers", told))) <= 128  # two blocks at a time
    assert "warning" not in told


def test_a_compiler_names_the_file_and_line_of_a_mistake():
    line = next(
        number
        for number, text in enumerate(kernel_source().partition('"warp.cu"')[2].splitlines())
        if "shear_down" in text
    )
    told, code = compiled(kernel_source().replace("void shear_down(", "vod shear_down("), "90")
    assert not code
    assert f"warp.cu({line})" in told


def test_an_unknown_constant_of_the_kernels_is_a_key_error():
    with pytest.raises(KeyError, match="NO_SUCH"):
        kernel_constant("NO_SUCH")
