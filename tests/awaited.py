"""What tests of threads wait for: no bound of the product, only an end to what would hang."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(condition: Callable[[], object], *, within_s: float = 120.0) -> None:
    """Wait for something to come to pass in another thread."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)
