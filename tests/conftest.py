"""Fixtures that every folder of tests may use."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fake_endpoint import FakeEndpoint, echo


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    """A running fake endpoint that answers with what it sees in each request, and wants no key."""
    with FakeEndpoint(default=echo()) as endpoint:
        yield endpoint
