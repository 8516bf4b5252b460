"""Every shape in which servers list their models, what is told in it, and the nearest names of one that is not there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.endpoints.catalogue import Model, Sleep, find, missing, nearest, parse
from captiond.endpoints.prices import Price
from captiond.errors import BadResponse

OXEN = {
    "id": "claude-sonnet-4-6",
    "object": "model",
    "owned_by": "oxen",
    "display_name": "Claude Sonnet 4.6",
    "model_type": "base",
    "endpoint": "/chat/completions",
    "capabilities": {"input": ["text", "image"], "output": ["text"]},
    "pricing": {
        "method": "token",
        "input_cost_per_token": 1.5e-7,
        "output_cost_per_token": 6.0e-7,
        "cost_per_second": None,
        "cost_per_image": None,
    },
    "fine_tuning": {"actions": ["text_generation"], "cost_per_second": 0.001},
    "deployments": [],
}


def one(entry: dict[str, Any]) -> Model:
    (model,) = parse({"data": [entry]})
    return model


def test_oxen_tells_inputs_and_prices() -> None:
    model = one(OXEN)
    assert (model.id, model.name, model.custom) == ("claude-sonnet-4-6", "Claude Sonnet 4.6", False)
    assert (model.inputs, model.outputs, model.path) == (("text", "image"), ("text",), "/chat/completions")
    assert [model.input_usd, model.output_usd] == pytest.approx([0.15, 0.6])


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["active"], Sleep.AWAKE),
        (["inactive", "active"], Sleep.AWAKE),
        (["inactive"], Sleep.ASLEEP),
        (["deactivating"], Sleep.ASLEEP),
        (["deploying"], Sleep.WAKING),
        (["error"], Sleep.BROKEN),
        (["unknown"], None),
        ([], Sleep.ASLEEP),
    ],
)
def test_a_custom_model_is_as_awake_as_its_most_awake_deployment(statuses: list[str], expected: Sleep | None) -> None:
    deployments = [{"status": status} for status in statuses]
    model = one(OXEN | {"model_type": "custom", "deployments": deployments})
    assert (model.custom, model.sleep) == (True, expected)


def test_a_base_model_never_sleeps() -> None:
    assert one(OXEN).sleep is None


def test_a_model_that_is_paid_by_the_second_has_no_price_for_tokens() -> None:
    model = one(OXEN | {"pricing": {"method": "time", "cost_per_second": 0.00041, "input_cost_per_token": None}})
    assert (model.input_usd, model.output_usd, model.second_usd) == (None, None, 0.00041)


def test_openrouter_tells_modalities_and_prices_as_texts() -> None:
    entry = {
        "id": "google/gemini-3-flash",
        "name": "Google: Gemini 3 Flash",
        "architecture": {"input_modalities": ["text", "image", "video"], "output_modalities": ["text"]},
        "pricing": {"prompt": "0.0000003", "completion": "0.0000025", "request": "0.002"},
    }
    model = one(entry)
    assert (model.inputs, model.name) == (("text", "image", "video"), "Google: Gemini 3 Flash")
    assert [model.input_usd, model.output_usd, model.call_usd] == pytest.approx([0.3, 2.5, 0.002])
    assert one(entry | {"pricing": {"prompt": "-1", "completion": "-1"}}).input_usd is None


@pytest.mark.parametrize(
    "listed",
    [
        {
            "object": "list",
            "data": [{"id": "some-model", "object": "model", "owned_by": "vllm", "max_model_len": 4096}],
        },
        {"object": "list", "data": [{"id": "some-model", "object": "model", "created": 1, "owned_by": "library"}]},
        {"models": [{"name": "some-model", "model": "some-model", "size": 1, "details": {"family": "llama"}}]},
        [{"id": "some-model"}],
        {"data": [{"id": "some-model", "pricing": None, "capabilities": None, "deployments": None}]},
        {"data": [{"id": "some-model"}, {"id": "some-model"}, {"id": ""}, {"id": 7}, "x", None]},
    ],
)
def test_a_list_that_tells_names_alone_gives_names_alone(listed: Any) -> None:
    assert parse(listed) == (Model("some-model"),)


def test_llama_cpp_lists_each_model_in_two_forms_and_it_is_one() -> None:
    listed = {
        "models": [{"name": "smolvlm", "model": "smolvlm", "capabilities": ["completion", "multimodal"]}],
        "object": "list",
        "data": [{"id": "smolvlm", "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}}],
    }
    assert parse(listed) == (Model("smolvlm", None, ("text", "image"), ("text",)),)


@pytest.mark.parametrize("listed", [None, 7, "models", {}, {"error": "no"}, {"data": "x"}])
def test_what_is_no_list_is_a_bad_response(listed: Any) -> None:
    with pytest.raises(BadResponse):
        parse(listed)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
KEYS = ["id", "name", "capabilities", "architecture", "pricing", "deployments", "model_type", "endpoint", "owned_by"]


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), json_values)))
def test_no_list_of_whatever_makes_it_fail(entries: list[dict[str, Any]]) -> None:
    models = parse({"data": entries})
    for model in models:
        assert model.id.strip()
        assert find(models, model.id) is model


def test_a_model_is_found_by_the_name_it_is_asked_by() -> None:
    models = tuple(map(Model, ("llava:latest", "models/gemini-3-flash", "gpt-x")))
    assert find(models, "gpt-x") == Model("gpt-x")
    assert find(models, "llava") == Model("llava:latest")
    assert find(models, "gemini-3-flash") == Model("models/gemini-3-flash")
    assert find(models, "gpt") is None


def test_a_name_that_is_missing_is_said_with_the_nearest() -> None:
    models = tuple(map(Model, ("gemini-3-flash-preview", "Qwen/Qwen3-VL-4B-Instruct", "flux-2-dev")))
    assert nearest(models, "gemini-3-flash-previw")[0] == "gemini-3-flash-preview"
    assert nearest(models, "qwen3-vl-4b-instruct") == ["Qwen/Qwen3-VL-4B-Instruct"]
    assert nearest(models, "zzzz") == []
    assert missing(models, "flux-2-dev") is None
    assert missing((), "anything") is None
    assert missing(models, "flux-2-def") == (
        "flux-2-def is not in the endpoint's list of models; the nearest are flux-2-dev"
    )


def test_what_can_caption_is_told_by_its_inputs_outputs_and_address() -> None:
    assert Model("x").captions("video")
    assert not Model("x", inputs=("text",)).captions("image")
    assert Model("x", inputs=("text", "image"), outputs=("text",)).captions("image")
    assert not Model("x", inputs=("text", "image"), outputs=("image",)).captions()
    assert not Model("x", path="/images/generate").captions("image")


def test_a_model_has_a_price_where_both_its_parts_are_told() -> None:
    assert Model("x", input_usd=2.0, output_usd=8.0).price == Price(2.0, 8.0)
    assert Model("x", input_usd=0.0, output_usd=0.0, call_usd=0.01).price == Price(0.0, 0.0, 0.01)
    assert Model("x", input_usd=2.0).price is None
    assert Model("x", second_usd=0.1).price is None
