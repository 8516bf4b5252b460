"""Fixtures that every folder of tests may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from captiond import redact
from fake_endpoint import FakeEndpoint, echo

pytest_plugins = ["fault_table"]

LONGEST = (
    "faults/test_soak.py",
    "faults/test_system_calls.py",
    "faults/test_any_deeds.py",
    "acceptance/test_large_shares.py",
)
"""Files that take many minutes; a file is one worker's, so these come first: whoever began one last would be waited for."""

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("captiond", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("captiond")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((turn for turn, file in enumerate(LONGEST) if item.path.match(file)), len(LONGEST))

    items.sort(key=turn)


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
