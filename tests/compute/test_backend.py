"""A backend is what was asked for, or an error that says what to do."""

from __future__ import annotations

import pytest

from napari_fluoroinject.compute import cuda
from napari_fluoroinject.compute.backend import choose
from napari_fluoroinject.errors import BackendUnavailableError


@pytest.fixture
def no_device(monkeypatch):
    monkeypatch.setattr(cuda, "_driver_is_there", lambda: False)
    cuda.device.cache_clear()


def test_auto_is_the_processor_where_no_device_is(no_device):
    assert choose().name == choose("auto").name == choose("cpu").name == "cpu"


def test_the_definition_can_be_run_itself():
    assert choose("reference").name == "reference"


def test_every_backend_says_what_it_runs_on():
    for wish in ("cpu", "reference"):
        backend = choose(wish)
        assert backend.device
        assert backend.version


def test_cuda_is_refused_with_a_way_out_and_never_replaced(no_device):
    with pytest.raises(BackendUnavailableError, match="--on cpu"):
        choose("cuda")


def test_an_unknown_backend_is_refused_by_name():
    with pytest.raises(BackendUnavailableError, match="abacus"):
        choose("abacus")
