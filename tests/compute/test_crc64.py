"""The CRC of OpenIGTLink against another implementation."""

from __future__ import annotations

import crcmod
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_fluoroinject.compute.kernels.crc64 import crc64

OTHER = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, rev=False, initCrc=0, xorOut=0)


def test_the_check_value_of_the_catalogue_comes_out():
    assert crc64(np.frombuffer(b"123456789", np.uint8)) == 0x6C40DF5F0B497347


@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_it_is_that_of_another_implementation_however_the_bytes_are_cut(data, cut):
    seen = np.frombuffer(data, np.uint8)
    assert crc64(seen[cut:], crc64(seen[:cut])) == OTHER(data)
