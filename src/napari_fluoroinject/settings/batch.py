"""What a site sets up of its batches: workers, and what one loop may take."""

from __future__ import annotations

from dataclasses import dataclass

from napari_fluoroinject.settings.network import MOST_MB

MOST_WORKERS = 256
MOST_ASSOCIATIONS = 32
LEAST_MEMORY_MB = 256
_MOST_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """What `batch` uses where the command line says nothing.

    Attributes
    ----------
    workers
        Loops at once on this machine; 0 = one after another without Dask; None = as many as there
        are processors, and memory for.
    time_limit_s, memory_limit_mb
        What one loop may take.
    associations
        Studies that are fetched at once from archives.
    """

    workers: int | None = None
    time_limit_s: float = 600.0
    memory_limit_mb: int = 4096
    associations: int = 2

    def __post_init__(self) -> None:
        for name, least, most in (
            ("workers", 0, MOST_WORKERS),
            ("time_limit_s", 1, _MOST_S),
            ("memory_limit_mb", LEAST_MEMORY_MB, MOST_MB),
            ("associations", 1, MOST_ASSOCIATIONS),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(
                    f"{name}: seen {value}; expected a number from {least} to {most:g}"
                )
