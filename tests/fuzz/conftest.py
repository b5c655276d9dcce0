"""How much is tried: seconds by default, minutes with ``--long``, hours with a profile of its own.

``pytest tests/fuzz --hypothesis-profile=hours`` looks for new cases; those that it finds become
files in ``corpus``, which are always tried.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "print_blob": True}
settings.register_profile("quick", max_examples=50, derandomize=True, database=None, **COMMON)
settings.register_profile("long", max_examples=3_000, database=None, **COMMON)
settings.register_profile("hours", max_examples=300_000, **COMMON)

MEMORY = 1 << 30
"""Bytes by which this process may grow while one test tries all its inputs."""


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("long" if config.getoption("--long") else "quick")


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MEMORY
