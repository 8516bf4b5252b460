"""What a model can do, by its server's list, by what else the server tells, and by the table of known servers."""

from __future__ import annotations

from typing import Any

import pytest

from captiond.endpoints.abilities import Abilities, Dialect, JsonForm, Told
from captiond.endpoints.keys import Key
from fake_endpoint import FakeEndpoint, model_entry
from requests_made import endpoint

NO_KEY = Key(problem="none, so that no request is made")


def entry(owner: str, **more: Any) -> dict[str, Any]:
    return {"id": "fake-vision-1", "object": "model", "owned_by": owner, **more}


def test_ollama_tells_at_its_own_address_whether_a_model_sees(fake: FakeEndpoint) -> None:
    fake.models = [entry("library")]
    for told, expected in ((["completion", "vision"], True), (["completion", "tools"], False)):
        fake.pages["/api/show"] = {"capabilities": told}
        client = endpoint(fake.base_url)
        found = client.abilities("fake-vision-1")
        assert (found.image, found.video, found.json) == (expected, False, JsonForm.SCHEMA)
        assert found.told["image"] is Told.LIST
    assert fake.requests == []


def test_lm_studio_tells_at_its_own_address_whether_a_model_sees(fake: FakeEndpoint) -> None:
    fake.models = [entry("organization_owner")]
    for told, expected in ((True, True), (False, False), ("yes", None)):
        entries = [{"key": "other", "capabilities": {}}, {"key": "fake-vision-1", "capabilities": {"vision": told}}]
        fake.pages = {"/api/v1/models": {"models": entries}}
        assert endpoint(fake.base_url).abilities("fake-vision-1").image is expected


def test_an_older_lm_studio_tells_by_the_type(fake: FakeEndpoint) -> None:
    fake.models = [entry("organization_owner")]
    for kind, expected in (("vlm", True), ("llm", False), ("embeddings", None)):
        fake.pages["/api/v0/models"] = {"data": [{"id": "other", "type": "vlm"}, {"id": "fake-vision-1", "type": kind}]}
        assert endpoint(fake.base_url).abilities("fake-vision-1").image is expected


@pytest.mark.parametrize("page", [None, [], {"capabilities": "vision"}, {"data": 7}, "x"])
def test_a_server_that_answers_something_else_there_is_not_known(fake: FakeEndpoint, page: object) -> None:
    for owner, path in (
        ("library", "/api/show"),
        ("organization_owner", "/api/v1/models"),
        ("organization_owner", "/api/v0/models"),
    ):
        fake.models = [entry(owner)]
        fake.pages = {} if page is None else {path: page}
        assert endpoint(fake.base_url).abilities("fake-vision-1").image is None


def test_llama_cpp_s_list_tells_pictures_and_its_videos_are_not_believed_in_before_a_probe(fake: FakeEndpoint) -> None:
    fake.models = [entry("llamacpp", architecture={"input_modalities": ["text", "image", "video"]})]
    found = endpoint(fake.base_url).abilities("fake-vision-1")
    assert (found.image, found.dialect, found.json) == (True, Dialect.LLAMACPP, JsonForm.SCHEMA)
    assert not found.takes_videos
    fake.models = [entry("llamacpp", architecture={"input_modalities": ["text"]})]
    assert endpoint(fake.base_url).abilities("fake-vision-1").image is False


@pytest.mark.parametrize(("model", "video"), [("Qwen/Qwen3-VL-4B-Instruct", True), ("llava-hf/llava-1.5-7b-hf", False)])
def test_vllm_takes_videos_with_models_that_are_made_for_them(fake: FakeEndpoint, model: str, *, video: bool) -> None:
    fake.models = [entry("vllm") | {"id": model}]
    found = endpoint(fake.base_url).abilities(model)
    assert (found.video, found.dialect, found.json) == (video, Dialect.VLLM, JsonForm.SCHEMA)


@pytest.mark.parametrize(
    ("base_url", "model", "image", "video", "json"),
    [
        ("https://api.openai.com/v1", "gpt-5-mini", None, False, JsonForm.SCHEMA),
        ("https://api.openai.com/v1", "gpt-3.5-turbo", None, False, JsonForm.OFF),
        ("https://api.anthropic.com/v1", "claude-sonnet-4-6", True, False, JsonForm.OFF),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gemini-3-flash-preview", True, False, JsonForm.SCHEMA),
        ("https://hub.oxen.ai/api/ai", "gemini-3-flash-preview", None, True, None),
        ("https://example.com/v1", "gpt-5-mini", None, None, None),
    ],
)  # fmt: skip
def test_a_known_provider_is_believed_where_it_can_not_be_asked(
    base_url: str, model: str, image: bool | None, video: bool | None, json: JsonForm | None
) -> None:
    found = endpoint(base_url, NO_KEY, model=model).abilities(model)
    assert (found.image, found.video, found.json) == (image, video, json)


def test_the_configuration_goes_before_a_probe_and_a_probe_before_the_list(fake: FakeEndpoint) -> None:
    fake.models = [model_entry("fake-vision-1", "text", "image", "video")]
    client = endpoint(fake.base_url)
    told = client.abilities("fake-vision-1")
    assert (told.image, told.takes_videos) == (True, True)
    client.known.learn("fake-vision-1", Abilities.of(Told.PROBE, image=False, video=False))
    probed = client.abilities("fake-vision-1")
    assert (probed.image, probed.takes_videos) == (False, False)
    assert client.abilities("fake-vision-1").by("image") == "by `captiond check --call`"
    client = endpoint(fake.base_url, image="on", video="video_url", json_output="json_object")
    client.known.learn("fake-vision-1", Abilities.of(Told.PROBE, image=False, video=False))
    found = client.abilities("fake-vision-1")
    assert (found.image, found.video, found.json) == (True, True, JsonForm.OBJECT)


def test_the_list_is_asked_once_for_all_models(fake: FakeEndpoint) -> None:
    fake.models = [model_entry("one", "text"), model_entry("two", "text", "image")]
    client = endpoint(fake.base_url)
    assert [client.abilities(name).image for name in ("one", "two", "one", "three")] == [False, True, False, None]
    assert fake.models_asked == 1


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (["temperature", "response_format", "structured_outputs"], JsonForm.SCHEMA),
        (["response_format"], JsonForm.OBJECT),
        (["temperature"], JsonForm.OFF),
        (None, None),
    ],
)
def test_openrouter_s_list_tells_the_form_of_json(
    fake: FakeEndpoint, parameters: list[str] | None, expected: JsonForm | None
) -> None:
    fake.models = [entry("somebody", supported_parameters=parameters)]
    assert endpoint(fake.base_url).abilities("fake-vision-1").json is expected
