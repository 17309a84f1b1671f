"""What the tests of the kernels share."""

from __future__ import annotations

import pytest
from host_device import build


@pytest.fixture(scope="session")
def host_library(tmp_path_factory):
    """The CUDA kernels, built for the host."""
    return build(tmp_path_factory.mktemp("kernels"))
