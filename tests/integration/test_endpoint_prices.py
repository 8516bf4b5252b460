"""Where the price of a call comes from: the configuration, the endpoint's own bill, its list of models."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import fake_endpoint as fakes
from captiond.config.models import LocalModel
from captiond.endpoints import pricelist
from captiond.endpoints.catalogue import Model
from captiond.endpoints.local import LocalEndpoint
from captiond.endpoints.pricelist import PriceList
from captiond.endpoints.prices import FREE, Price
from captiond.errors import Unavailable
from fake_endpoint import FakeEndpoint, ok
from requests_made import endpoint, request
from waiting import until

LISTED = Price(1.0, 4.0)


def priced(models: list[Model]) -> PriceList:
    """A list of prices that was read to its end."""
    prices = PriceList(lambda: models, None)
    prices.of("x", wait=True)
    return prices


def test_a_call_costs_what_the_list_of_models_says(fake: FakeEndpoint) -> None:
    client = endpoint(fake.base_url)
    assert client.price("fake-vision-1", wait=True) == LISTED
    assert client.ask(request()).usage.cost_usd == 0.001294
    assert client.price("another-model") is None
    assert client.ask(request(model="another-model")).usage.cost_usd is None
    assert fake.models_asked == 1


def test_the_list_that_tells_abilities_tells_prices_too(fake: FakeEndpoint) -> None:
    client = endpoint(fake.base_url)
    client.abilities("fake-vision-1")
    assert client.price("fake-vision-1") == LISTED
    assert fake.models_asked == 1


def test_a_configured_price_goes_before_the_list_and_the_bill(fake: FakeEndpoint) -> None:
    fake.default = ok(usage={"prompt_tokens": 1000, "completion_tokens": 100, "cost": 7.0})
    client = endpoint(fake.base_url, price={"input_per_million": 2, "output_per_million": 10, "per_call": 0.5})
    assert client.ask(request()).usage.cost_usd == 0.503
    assert fake.models_asked == 0


def test_the_endpoints_own_bill_goes_before_its_list(fake: FakeEndpoint) -> None:
    fake.default = ok(usage={"prompt_tokens": 1000, "completion_tokens": 100, "cost": 0.0007})
    client = endpoint(fake.base_url)
    client.abilities("fake-vision-1")
    assert client.ask(request()).usage.cost_usd == 0.0007


def test_tokens_that_are_not_told_leave_the_cost_unknown(fake: FakeEndpoint) -> None:
    fake.default = ok(usage={"prompt_tokens": 1000})
    assert endpoint(fake.base_url).ask(request()).usage.cost_usd is None


@pytest.mark.parametrize("models", [fakes.error(404), fakes.html(), fakes.raw(b'{"data": []}'), fakes.close()])
def test_a_missing_list_is_no_error(models: fakes.Behaviour) -> None:
    with FakeEndpoint(models=models) as fake:
        client = endpoint(fake.base_url)
        assert client.price("fake-vision-1", wait=True) is None
        answer = client.ask(request())
    assert (answer.usage.prompt_tokens, answer.usage.cost_usd) == (1130, None)


def test_a_list_that_hangs_holds_up_no_call_and_no_end() -> None:
    with FakeEndpoint(models=fakes.hang()) as fake:
        client = endpoint(fake.base_url)
        assert client.price("fake-vision-1") is None
        until(lambda: fake.models_asked == 1)
        assert client.ask(request()).text
        client.close()
        until(lambda: not [thread for thread in threading.enumerate() if thread.name == "prices"], timeout=5)


def test_an_old_list_holds_until_the_new_one_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap, dear = Model("x", input_usd=1.0, output_usd=4.0), Model("x", input_usd=2.0, output_usd=8.0)
    here = threading.Event()
    lists: Iterator[Model] = itertools.chain([cheap], itertools.repeat(dear))

    def fetch() -> list[Model]:
        model = next(lists)
        if model is dear:
            here.wait()
        return [model]

    monkeypatch.setattr(pricelist, "REFRESH_SECONDS", 0.0)
    prices = PriceList(fetch, None)
    assert prices.of("x", wait=True) == Price(1.0, 4.0)
    assert prices.of("x") == Price(1.0, 4.0)
    here.set()
    until(lambda: prices.of("x") == Price(2.0, 8.0))


def test_a_list_that_fails_is_left_alone_for_a_while() -> None:
    asked = 0

    def fetch() -> list[Model]:
        nonlocal asked
        asked += 1
        raise Unavailable

    prices = PriceList(fetch, None)
    for _ in range(3):
        assert prices.of("x", wait=True) is None
    assert asked == 1


def test_a_model_without_a_price_has_none() -> None:
    assert priced([Model("x"), Model("y", input_usd=1.0)]).of("x") is None


def test_the_local_model_is_free(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    assert LocalEndpoint(LocalModel(), tmp_path).price("any") is FREE
