"""Health, counters and the status page of a service, over HTTP on loopback.

A service opens it with `with start(root, port=8080, sources=Sources(...)) as status:`; `status.port`
is the port that is listened on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What only the running service knows; the rest is read from the spool.

    Attributes
    ----------
    reserve_bytes
        Free space of the spool below which nothing is taken.
    associations
        How many are open now.
    echoes
        Whether the receiver answers a C-ECHO; called now and then, may take some seconds.
    threads
        Names of the parts that must run (`receiver`, `worker`, `sender`) and whether each does.
    """

    reserve_bytes: int = 64 << 20
    associations: Callable[[], int] | None = None
    echoes: Callable[[], bool] | None = None
    threads: Callable[[], dict[str, bool]] | None = None
