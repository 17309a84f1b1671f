"""Workers by device: one for each, and processors that decode ahead; the results are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from batch_studies import plan, study_uid

from napari_fluoroinject.batch.ahead import DevicePool
from napari_fluoroinject.batch.layout import VISIBLE, WorkerPlace, devices_here, layout
from napari_fluoroinject.batch.order import JOB_FOLDER, LoopOrder
from napari_fluoroinject.batch.task import Limits, Task, leave_token
from napari_fluoroinject.compute import cuda
from napari_fluoroinject.confined.work import NotWorked, Worked
from napari_fluoroinject.dicom.decoded import with_decoded, write_decoded
from napari_fluoroinject.dicom.read import read_loop
from napari_fluoroinject.errors import BackendUnavailableError
from napari_fluoroinject.phantom import PhantomSettings
from napari_fluoroinject.workflow import (
    AnalysisRequest,
    analyze_received,
    decode_ahead,
    make_phantom_files,
)

ON_PROCESSORS = (WorkerPlace(role="analyse"), WorkerPlace(role="decode"))
"""A layout for tests: the first stands for a device."""


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    """A small loop in JPEG-LS."""
    settings = PhantomSettings(seed=3, size=64, frames=10)
    folder = tmp_path_factory.mktemp("coded")
    return make_phantom_files("mbb_lumbar", settings, out=folder, packing="jpeg_ls")[0]


def test_a_machine_without_devices_has_workers_that_analyse_and_no_others():
    assert layout("auto", 3, ()) == (WorkerPlace(role="analyse"),) * 3
    assert layout("cpu", 2, ("0", "1")) == (WorkerPlace(role="analyse"),) * 2
    assert {one.environment[VISIBLE] for one in layout("auto", 3, ())} == {""}
    with pytest.raises(BackendUnavailableError, match="no CUDA device"):
        layout("cuda", 3, ())


def test_each_device_has_one_worker_that_sees_it_alone_and_the_others_decode():
    places = layout("auto", 3, ("0", "GPU-5"))
    assert [one.environment[VISIBLE] for one in places] == ["0", "GPU-5", "", "", ""]
    assert [one.role for one in places] == ["analyse"] * 2 + ["decode"] * 3
    assert [one.role for one in layout("cuda", 0, ("0",))] == ["analyse", "decode"]


def test_devices_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(cuda, "device_count", lambda: 2)
    monkeypatch.delenv(VISIBLE, raising=False)
    assert devices_here() == ("0", "1")
    monkeypatch.setenv(VISIBLE, "3, GPU-7")
    assert devices_here() == ("3", "GPU-7")

    def none():
        raise BackendUnavailableError("no driver")

    monkeypatch.setattr(cuda, "device_count", none)
    assert devices_here() == ()


def content(folder):
    return {one.name: one.read_bytes() for one in folder.iterdir()}


@pytest.fixture(scope="module")
def plain(coded, tmp_path_factory):
    """Folder of the loop's results as `analyze` makes them."""
    request = AnalysisRequest(on="cpu")
    return analyze_received((coded,), request, out=tmp_path_factory.mktemp("plain")).folder


def test_frames_that_were_decoded_ahead_give_the_same_bytes(coded, plain, tmp_path):
    path = decode_ahead((coded,), tmp_path, most_bytes=1 << 20)
    request = AnalysisRequest(on="cpu")
    made = analyze_received((coded,), request, out=tmp_path / "same", decoded=tmp_path)
    assert content(made.folder) == content(plain)
    # they are what is looked at: other frames under the same hash give another picture
    np.save(path, np.ascontiguousarray(np.load(path)[::-1]))
    made = analyze_received((coded,), request, out=tmp_path / "other", decoded=tmp_path)
    assert (made.folder / "overview.png").read_bytes() != (plain / "overview.png").read_bytes()


def test_a_decoded_file_is_used_for_its_own_loop_and_only_whole(coded, tmp_path):
    loop = read_loop(coded)
    path = write_decoded(loop, tmp_path, most_bytes=1 << 20)
    assert path is not None
    mapped = with_decoded(loop, tmp_path)
    assert mapped.frames is not loop.frames
    assert np.array_equal(mapped.frames.every(), loop.frames.every())
    assert (mapped.sha256, mapped.reference, mapped.decoder) == (
        loop.sha256,
        loop.reference,
        loop.decoder,
    )
    path.write_bytes(path.read_bytes()[:-5])
    assert with_decoded(loop, tmp_path) is loop
    np.save(path, np.zeros((1, 2, 3), np.uint16))
    assert with_decoded(loop, tmp_path) is loop
    path.rename(path.with_stem("0" * 64))
    assert with_decoded(loop, tmp_path) is loop


def test_only_what_is_coded_and_small_enough_is_decoded_ahead(coded, tmp_path):
    loop = read_loop(coded)
    assert write_decoded(loop, tmp_path, most_bytes=64 * 64 * 10 * 2 - 1) is None
    settings = PhantomSettings(seed=3, size=64, frames=10)
    plain = make_phantom_files("mbb_lumbar", settings, out=tmp_path / "plain")[0]
    assert write_decoded(read_loop(plain), tmp_path, most_bytes=1 << 30) is None
    assert list(tmp_path.glob("*.npy")) == []


def test_a_pool_with_decoders_gives_the_results_of_analyze_and_leaves_nothing(
    coded, plain, tmp_path
):
    bad = tmp_path / "bad.dcm"
    bad.write_bytes(coded.read_bytes()[:5000])
    out = tmp_path / "out"
    (order,), _, _ = plan(out, coded, on="cpu")
    broken = LoopOrder(key=f"{study_uid(3)}.1.1", source="bad.dcm", paths=(bad,), asked={})
    leave_token(out, "token")
    pool = DevicePool(ON_PROCESSORS, out / JOB_FOLDER)
    try:
        for one in (order, broken):
            pool.give(Task(order=one, out=out, limits=Limits(), token="token"))
        answers = {}
        while len(answers) < 2:
            took = pool.took(60.0)
            assert took is not None
            answers[took[0]] = took[1].told
    finally:
        pool.close()
    assert isinstance(answers[broken.key], NotWorked)
    assert isinstance(answers[order.key], Worked)
    assert content(out / order.key) == content(plain)
    assert [one for one in (out / JOB_FOLDER).iterdir() if one.name.startswith(".")] == []


def test_a_pool_that_is_closed_in_the_middle_ends(coded, tmp_path):
    out = tmp_path / "out"
    orders, _, _ = plan(out, coded, on="cpu")
    leave_token(out, "token")
    pool = DevicePool(ON_PROCESSORS, out / JOB_FOLDER)
    for _ in range(8):
        pool.give(Task(order=orders[0], out=out, limits=Limits(), token="token"))
    pool.close()
    assert [one for one in (out / JOB_FOLDER).iterdir() if one.name.startswith(".")] == []
    assert not list(Path(out).rglob("*.npy"))
