"""Fixtures that every folder of tests may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from captiond import redact
from fake_endpoint import FakeEndpoint, echo

pytest_plugins = ["fault_table"]

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("captiond", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("captiond")


@pytest.fixture(autouse=True)
def own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that one test registers is hidden in no other."""
    monkeypatch.setattr(redact, "_secrets", set())
    monkeypatch.setattr(redact, "_pattern", None)
    monkeypatch.setattr(redact, "_keys", None)


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    """A running fake endpoint that answers with what it sees in each request, and wants no key."""
    with FakeEndpoint(default=echo()) as endpoint:
        yield endpoint
