"""What a call costs by its tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.endpoints.prices import FREE, Price
from captiond.values import Usage

tokens = st.integers(0, 10_000_000)
prices = st.floats(0, 1000, allow_nan=False)


def test_a_call_costs_its_tokens_times_their_prices() -> None:
    assert Price(2.0, 8.0).cost(Usage(1000, 500)) == 0.006
    assert Price(2.0, 8.0, per_call := 0.01).cost(Usage(0, 0)) == per_call
    assert Price(1.0, 4.0).cost(Usage(1130, 41)) == 0.001294  # and not 0.0012940000000000002


def test_what_costs_nothing_need_not_be_counted() -> None:
    assert FREE.cost(Usage()) == 0
    assert Price(0.0, 0.0, 0.25).cost(Usage()) == 0.25
    assert Price(0.5, 0.0).cost(Usage(2_000_000, None)) == 1


@pytest.mark.parametrize("usage", [Usage(1000, None), Usage(None, 500), Usage()])
def test_a_missing_count_is_an_unknown_cost(usage: Usage) -> None:
    assert Price(2.0, 8.0).cost(usage) is None


@given(tokens, tokens, prices, prices, prices)
def test_more_tokens_never_cost_less(prompt: int, answer: int, per_in: float, per_out: float, per_call: float) -> None:
    price = Price(per_in, per_out, per_call)
    cost, more = price.cost(Usage(prompt, answer)), price.cost(Usage(prompt + 1000, answer + 1000))
    assert cost is not None
    assert more is not None
    assert 0 <= cost <= more
