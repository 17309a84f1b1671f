"""What one probe of the doctor found."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one probe found; `core` is False for what the product works without."""

    topic: str
    name: str
    works: bool
    found: str
    core: bool = True
    advice: str = ""


def installed(distribution: str) -> str | None:
    """Return the version of a distribution, None where it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
