"""The CUDA kernels give what the definition gives; their text is run on the host to see it."""

from __future__ import annotations

import numpy as np
import pytest
from host_device import HostDevice, WroteOutsideError, build
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_cases import CASES, compare, make_inputs, subtraction_of

from napari_fluoroinject import procedures
from napari_fluoroinject.analysis.pipeline import analyze_loop
from napari_fluoroinject.compute import cpu
from napari_fluoroinject.compute.backend import Backend, Kernels, choose
from napari_fluoroinject.compute.cuda_source import kernel_names, kernel_source
from napari_fluoroinject.compute.launched import LaunchedKernels
from napari_fluoroinject.errors import BackendUnavailableError
from napari_fluoroinject.model.annotation import Annotation
from napari_fluoroinject.phantom import PhantomSettings, make_phantom

OPERATIONS = {name for name in vars(Kernels) if not name.startswith("_")}


@pytest.fixture(params=["cpu", "cuda on the host", pytest.param("cuda", marks=pytest.mark.gpu)])
def kernels(request, host_library):
    if request.param == "cpu":
        return cpu
    if request.param == "cuda on the host":
        return LaunchedKernels(HostDevice(host_library, turn_bytes=60_000))
    try:
        return choose("cuda").kernels
    except BackendUnavailableError as error:
        pytest.skip(str(error))


def told(case, kernels, inputs):
    return [str(one) for one in compare(case, kernels, inputs) if not one.good]


def test_every_operation_has_a_case():
    assert {case.name for case in CASES} == OPERATIONS


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("seed", range(4))
def test_every_backend_gives_what_the_definition_gives(kernels, case, seed):
    assert told(case, kernels, make_inputs(seed)) == []


def test_every_kernel_is_used(host_library):
    device = HostDevice(host_library)
    for case in CASES:
        compare(case, LaunchedKernels(device), make_inputs(0))
    launched = {name for lane in device.lanes for name in lane.launched}
    assert launched == set(kernel_names())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@settings(max_examples=8, deadline=None)
@given(turn_bytes=st.integers(1, 300_000))
def test_results_do_not_depend_on_where_a_loop_is_cut(host_library, case, turn_bytes):
    inputs = make_inputs(1)
    whole = case.run(LaunchedKernels(HostDevice(host_library, turn_bytes=1 << 30)), inputs)
    cut = case.run(LaunchedKernels(HostDevice(host_library, turn_bytes=turn_bytes)), inputs)
    for name, values in whole.items():
        np.testing.assert_array_equal(cut[name], values)


def test_pixels_outside_the_field_never_leak(host_library):
    kernels, inputs = LaunchedKernels(HostDevice(host_library)), make_inputs(2)
    hidden = np.where(inputs.field > 0, inputs.frames, np.float32(np.nan))
    for result in (
        kernels.bin_frames(hidden, inputs.field, 2),
        kernels.smooth(hidden, inputs.field, 1.5),
        kernels.band_pass(hidden, inputs.field, 1.0, 4.0),
    ):
        assert np.isfinite(result).all()


def test_of_equal_curves_the_first_is_taken(host_library):
    kernels, inputs = LaunchedKernels(HostDevice(host_library)), make_inputs(2)
    twice = np.concatenate([inputs.curves, inputs.curves])
    once, again = (kernels.best_curve(inputs.frames, curves) for curves in (inputs.curves, twice))
    np.testing.assert_array_equal(once[0], again[0])


def test_stored_values_of_the_other_byte_order_are_read_rightly(host_library):
    kernels, inputs = LaunchedKernels(HostDevice(host_library)), make_inputs(2)
    stored = np.maximum(inputs.stored, 0).astype(np.uint16)
    swapped = kernels.binned_ln(stored.astype(stored.dtype.newbyteorder("S")), inputs.beam, 3, 2)
    np.testing.assert_array_equal(swapped, kernels.binned_ln(stored, inputs.beam, 3, 2))


def test_a_whole_analysis_comes_out_the_same_as_on_the_processor(host_library):
    settings = PhantomSettings(size=192, frames=30)
    loop = make_phantom("esi_il_lumbar", settings=settings).loop
    device = LaunchedKernels(HostDevice(host_library))
    on = Backend(name="cuda", device="the host", version="0", kernels=device)
    ours, theirs = (
        analyze_loop(loop, procedures.get("esi_il_lumbar"), Annotation(), on=backend)
        for backend in (on, choose("cpu"))
    )
    np.testing.assert_allclose(ours.motion.shift_px, theirs.motion.shift_px, atol=1e-3)
    np.testing.assert_allclose(ours.needle.tip_px, theirs.needle.tip_px, atol=1e-2)
    for name in ("arrival_s", "peak_od"):
        one, other = getattr(ours.maps, name), getattr(theirs.maps, name)
        assert np.mean(np.isnan(one) != np.isnan(other)) < 1e-3
        # of nearly equal ramps one or the other is taken, some hundredths of a second apart
        assert np.nanquantile(np.abs(one - other), 0.995) < 1e-3


def test_a_window_without_data_and_a_sum_without_weight_are_0(host_library):
    kernels, inputs = LaunchedKernels(HostDevice(host_library)), make_inputs(2)
    nothing = np.zeros_like(inputs.field)
    assert not kernels.smooth(inputs.frames, nothing, 1.0).any()
    assert not kernels.bin_frames(inputs.frames, nothing, 2).any()
    assert not kernels.weighted_mean(inputs.frames, np.zeros_like(inputs.frames)).any()


def test_a_loop_without_frames_gives_results_without_frames(host_library):
    kernels, inputs = LaunchedKernels(HostDevice(host_library)), make_inputs(2)
    none = inputs.frames[:0]
    assert kernels.smooth(none, inputs.field, 1.0).shape == none.shape
    assert kernels.warp(none, inputs.pose[:0]).shape == none.shape


def test_arrays_that_do_not_fit_together_are_refused_before_a_kernel_reads_past_them(host_library):
    kernels, inputs = LaunchedKernels(HostDevice(host_library)), make_inputs(2)
    short = inputs.frames[:, 1:]
    for call in (
        lambda: kernels.bin_frames(short, inputs.field, 2),
        lambda: kernels.smooth(short, inputs.field, 1.0),
        lambda: kernels.band_pass(short, inputs.field, 1.0, 2.0),
        lambda: kernels.warp(inputs.frames, inputs.pose[1:]),
        lambda: kernels.sample(inputs.frames, inputs.pose[1:, :2], 1.0, (8, 8)),
        lambda: kernels.motion_equations(inputs.frames, short[0], short[:2], inputs.weight),
        lambda: kernels.weighted_mean(short, inputs.weight),
        lambda: kernels.best_curve(inputs.frames, inputs.curves[:, 1:]),
        lambda: kernels.best_ramp(inputs.frames[1:], inputs.family),
        lambda: kernels.curve_maps(
            inputs.loop[:, 1:], inputs.exposures, subtraction_of(inputs.loop[0])
        ),
        lambda: kernels.curve_maps(
            inputs.loop[1:], inputs.exposures, subtraction_of(inputs.loop[0])
        ),
    ):
        with pytest.raises(ValueError, match="shape"):
            call()


WRONG = {
    "bin_frames": ("total / share : 0.0f", "total / (share + 1.0f) : 0.0f"),
    "bin_frames: closed pixels": (
        "if (field[at(0, row, column, rows, columns)] > 0.0f)",
        "if (field[at(0, row, column, rows, columns)] >= 0.0f)",
    ),
    "binned_ln: origin": ("value - first_stored", "value + first_stored"),
    "binned_ln: end of the table": ("first_stored, entries - 1", "first_stored, entries - 2"),
    "sum_across: place": ("k, y, x + tap, rows", "k, y, x - tap, rows"),
    "sum_across: weight": ("rows, columns)] * w);", "rows, columns)]);"),
    "sum_down: reach": (
        "const int high = reach > rows - 1 - y",
        "const int high = reach > rows - 2",
    ),
    "mean_down: little data": ("part > least", "part > -least"),
    "subtract_inside: sign": ("fine[i] - coarse[i]", "fine[i] + coarse[i]"),
    "shear_down: row": ("first + tap, rows - 1", "first + tap + 1, rows - 1"),
    "shear_down: edge": ("clamp(first + tap, rows - 1)", "clamp(first + tap, rows - 2)"),
    "shear_across: sign": ("x + start[at(0, k, y", "x - start[at(0, k, y"),
    "shear_across: frame": ("taps[at(k, tap, y, SAMPLES", "taps[at(0, tap, y, SAMPLES"),
    "sample: row outside": ("if (row < 0 || row >= rows)", "if (row < 0 || row > rows)"),
    "sample: column outside": ("first >= -1 && first + 1 < columns", "first >= 0"),
    "sample: share": ("upper + down_share", "lower + down_share"),
    "sample: frame": ("given > 1 ? k : 0", "given > 1 ? 0 : 0"),
    "motion_strips: sign of the turn": ("gy * right - gx * down", "gy * right + gx * down"),
    "motion_strips: offset": ("sums[3] -= wy", "sums[3] += wy"),
    "motion_strips: centre": ("0.5f * (float)(rows - 1)", "0.5f * (float)rows"),
    "motion_strips: last rows": ("(strip + 1) * STRIP < rows", "(strip + 1) * STRIP <= rows - 9"),
    "add_strips": ("int strip = 0; strip < strips", "int strip = 1; strip < strips"),
    "weighted_mean: first frame": (
        "for (int k = 0; k < count; k++) {\n    const size_t i",
        "for (int k = 1; k < count; k++) {\n    const size_t i",
    ),
    "best_curve: highest": ("product[i] > highest", "product[i] < highest"),
    "best_curve: group": ("chosen = group * TOGETHER + i", "chosen = group + i"),
    "running_sums: position": ("value * positions[k]", "value * positions[0]"),
    "running_sums: fade": ("fade[at(0, d, k, decays, count)]", "fade[at(0, 0, k, decays, count)]"),
    "best_ramp: end of the rise": ("high = frame[ramps + r]", "high = frame[r]"),
    "best_ramp: share": ("- share * whole", "+ share * whole"),
    "best_ramp: decay": ("chosen = r * decays + d", "chosen = r * decays"),
    "follow: row": ("y + (int)step.down", "y - (int)step.down"),
    "follow: sample to the right": ("clamp(column + j, columns", "clamp(column - j, columns"),
    "follow: last sample": (
        "for (int j = 0; j < NEAR; j++) {\n      const Stored",
        "for (int j = 0; j < NEAR - 1; j++) {\n      const Stored",
    ),
    "follow: share of a column": ("fmaf(step.column[j],", "fmaf(step.column[0],"),
    "follow: shares of rows": ("fmaf(step.row[j],", "fmaf(step.row[3 - j],"),
    "follow: first share": ("if (i >= j &&", "if (i > j &&"),
    "follow: offset": ("ln[i] - step.offset", "ln[i] + step.offset"),
    "follow: smallest number": ("table, -32768, mask", "table, -32767, mask"),
    "follow: frame": ("k++, frame += plane", "k++"),
    "follow: begins anew": ("if (before == 0) {", "if (before <= 1) {"),
    "follow: time": ("Step here = step[k]", "Step here = step[first]"),
    "follow: smoothing": ("(curve.earlier + opacity)", "(curve.latest + opacity)"),
    "follow: one frame late": ("higher ? step.time", "higher ? step.before"),
    "follow: not confirmed": ("last >= threshold) {", "true) {"),
    "follow: void crossing": ("curve.area = curve.moment = 0.0f;", ""),
    "follow: below zero": ("(value > 0.0f ? value : 0.0f)", "value"),
    "follow: moment": ("step.time - curve.candidate,", "step.before - curve.candidate,"),
    "follow: what is kept": ("at[6 * plane] = curve.arrival", "at[6 * plane] = curve.candidate"),
    "follow: flag": ("1u << (k - first)", "2u << (k - first)"),
    "read_curves: time left": ("last.time - curve.peak_time", "last.before - curve.peak_time"),
    "read_curves: last": ("curve.value / curve.peak", "curve.latest / curve.peak"),
    "count_above: rows": ("y = strip * COUNTED;", "y = strip * COUNTED + 1;"),
    "an edge that is not guarded": (
        "if (x >= columns || y >= rows || k >= count) return;",
        "if (y >= rows || k >= count) return;",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_kernel_is_found_out(name, tmp_path):
    right, wrong = WRONG[name]
    source = kernel_source()
    assert right in source
    kernels = LaunchedKernels(HostDevice(build(tmp_path, source.replace(right, wrong))))
    inputs = make_inputs(0)
    try:
        found = any(told(case, kernels, inputs) for case in CASES)
    except WroteOutsideError:
        found = True
    assert found
