"""The list of models of a real server, and a model that sleeps until it is asked to wake."""

from __future__ import annotations

from typing import Any

import pytest

import fake_endpoint as fakes
from captiond import errors
from captiond.endpoints.builtin import MODEL, BuiltinEndpoint
from captiond.endpoints.keys import Key
from fake_endpoint import FakeEndpoint, model_entry
from requests_made import KEY, endpoint, request


def test_the_models_of_a_server_come_in_its_order() -> None:
    with FakeEndpoint(key=KEY, models=[model_entry("b"), model_entry("a", deployment="inactive")]) as fake:
        models = endpoint(fake.base_url).models()
    assert [model.id for model in models] == ["b", "a"]
    assert [models[0].input_usd, models[0].output_usd] == pytest.approx([1, 4])
    assert models[1].custom


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (fakes.error(401), errors.Unauthorized),
        (fakes.error(404), errors.NotFound),
        (fakes.error(503), errors.Unavailable),
        (fakes.html(), errors.BadResponse),
        (fakes.bad_json(), errors.BadResponse),
        (fakes.raw(b'{"data": 7}'), errors.BadResponse),
        (fakes.raw(b"[" * 200_000), errors.BadResponse),
        (fakes.close(), errors.ServerError),
        (fakes.redirect("http://127.0.0.1:1/v1/models"), errors.Redirected),
    ],
)
def test_a_list_that_can_not_be_had_is_a_typed_failure(answer: Any, expected: type[errors.Failure]) -> None:
    with FakeEndpoint(models=answer) as fake, pytest.raises(expected):
        endpoint(fake.base_url).models()


def test_without_its_key_no_list_is_asked_for(fake: FakeEndpoint) -> None:
    with pytest.raises(errors.NoKey):
        endpoint(fake.base_url, Key(problem="it is not set")).models()
    assert fake.models_asked == 0


def test_the_built_in_describer_lists_itself() -> None:
    assert [model.id for model in BuiltinEndpoint().models()] == [MODEL]


def test_a_sleeping_model_is_woken_once_and_answers_when_it_is_awake() -> None:
    with FakeEndpoint(asleep=("oxen:me/cats v2",), waking=2) as fake:
        client = endpoint(fake.base_url)
        for _ in range(3):
            with pytest.raises(errors.Asleep) as caught:
                client.ask(request(model="oxen:me/cats v2"))
            assert caught.value.retry_after == 0
            assert "being woken" in caught.value.message
        assert client.ask(request(model="oxen:me/cats v2")).text
        assert fake.activated == ["oxen:me/cats v2"]


def test_a_server_that_names_no_time_is_asked_again_a_little_later(fake: FakeEndpoint) -> None:
    fake.activation = fakes.raw(b"{}")
    fake.script(fakes.error(409, "The deployment is currently not running"))
    with pytest.raises(errors.Asleep) as caught:
        endpoint(fake.base_url).ask(request())
    assert caught.value.retry_after == 15


def test_a_server_that_can_not_wake_models_is_waited_for_ever_longer(fake: FakeEndpoint) -> None:
    fake.script(fakes.error(503, "model is asleep"))
    with pytest.raises(errors.Asleep) as caught:
        endpoint(fake.base_url).ask(request())
    assert caught.value.retry_after is None
    assert "can't be woken from here" in caught.value.message


@pytest.mark.parametrize(("status", "expected"), [(402, errors.PaymentRequired), (403, errors.Forbidden)])
def test_a_key_that_may_not_wake_the_model_is_said(status: int, expected: type[errors.Failure]) -> None:
    with FakeEndpoint(asleep=("mine",)) as fake:
        fake.activation = fakes.error(status)
        with pytest.raises(expected):
            endpoint(fake.base_url).ask(request(model="mine"))


@pytest.mark.parametrize(
    "words",
    [
        "the model does not support images",
        "model gpt-x is not supported",
        "Your request was deployed to nobody",
        "invalid model: not a string",
        "the image is inactive",
    ],
)
def test_other_refusals_wake_nothing(fake: FakeEndpoint, words: str) -> None:
    fake.script(fakes.error(400, words))
    with pytest.raises(errors.Failure) as caught:
        endpoint(fake.base_url).ask(request())
    assert not isinstance(caught.value, errors.Asleep)
    assert fake.activated == []
