"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure: how long an example takes is told by benchmarks, never by tests.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
