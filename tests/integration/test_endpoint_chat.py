"""The chat endpoint against a real server: what is sent, what is answered, and every way to fail."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fake_endpoint as fakes
from captiond import errors, recipes
from captiond.config.models import OXEN_BASE_URL, Recipe
from captiond.endpoints.chat import ChatEndpoint
from captiond.endpoints.keys import Key
from captiond.errors import Failure
from captiond.values import Source
from fake_endpoint import Behaviour, FakeEndpoint
from requests_made import KEY, endpoint, file_part, image_part, request


def ask(fake: FakeEndpoint, *behaviours: Behaviour, **settings: Any) -> str:
    fake.script(*behaviours)
    client = endpoint(fake.base_url, **settings)
    try:
        return client.ask(request()).text
    finally:
        client.close()


def takes_videos(client: ChatEndpoint) -> bool:
    """Whether its own model takes a video as it is."""
    return client.abilities(client.model).takes_videos


def test_a_call_is_a_right_request_and_its_answer_comes_back_with_all_that_is_known(fake: FakeEndpoint) -> None:
    client = endpoint(fake.base_url + "/")
    picture = image_part("blue", (320, 200))
    answer = client.ask(
        request(picture, system="Be brief.", text="Was ist das? 🦊", temperature=0.2, extra_body={"top_k": 1})
    )
    client.close()
    (recorded,) = fake.requests
    assert fake.violations == []
    assert (recorded.path, recorded.model, recorded.system) == ("/v1/chat/completions", "fake-vision-1", "Be brief.")
    assert recorded.text == "Was ist das? 🦊"
    assert recorded.media[0].sha256 == hashlib.sha256(picture.data).hexdigest()
    assert (recorded.payload["temperature"], recorded.payload["max_tokens"], recorded.payload["top_k"]) == (0.2, 300, 1)
    assert recorded.headers["authorization"] == f"Bearer {KEY}"
    assert recorded.headers["user-agent"].startswith("captiond/")
    assert "a blue image of 320x200 pixels" in answer.text
    assert (answer.finish_reason, answer.model, answer.source) == ("stop", "fake-vision-1", Source.MODEL)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.cost_usd) == (1130, 41, None)
    assert answer.bytes_sent == recorded.body_bytes
    assert 0 < answer.seconds < 10


def test_a_cost_in_the_usage_is_kept(fake: FakeEndpoint) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.00031}
    fake.script(fakes.ok("x", usage=usage))
    assert endpoint(fake.base_url).ask(request()).usage.cost_usd == 0.00031


def test_a_video_file_arrives_as_it_is(fake: FakeEndpoint, tmp_path: Path) -> None:
    fake.fast = True  # random bytes are no video; what arrived is told by the length
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x" * 5_000_001)
    answer = endpoint(fake.base_url).ask(request(file_part(video)))
    assert fake.requests[0].body_bytes == answer.bytes_sent > 6_666_668


def test_connections_are_kept_between_calls_as_many_as_there_were_calls_at_once(fake: FakeEndpoint) -> None:
    price = {"input_per_million": 1, "output_per_million": 4}  # else the list of prices has a connection too
    client = endpoint(fake.base_url, concurrency=4, price=price)
    fake.default = fakes.ok("x", delay=0.05)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.ask(request()), range(8)))
    assert fake.max_in_flight == fake.connections == 4
    client.close()


def test_calls_one_after_another_have_one_connection_whichever_threads_make_them(fake: FakeEndpoint) -> None:
    price = {"input_per_million": 1, "output_per_million": 4}
    client = endpoint(fake.base_url, concurrency=4, price=price)
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(client.ask, request()).result()
    assert fake.connections == 1
    client.close()


def test_each_of_many_calls_at_once_gets_its_own_answer(fake: FakeEndpoint) -> None:
    client = endpoint(fake.base_url, concurrency=16)
    sizes = [(64 + n, 48) for n in range(40)]
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda size: client.ask(request(image_part("green", size))).text, sizes))
    assert all(f"of {size[0]}x48 pixels" in text for size, text in zip(sizes, texts, strict=True))


# --- answers ---


@pytest.mark.parametrize(
    ("behaviour", "text", "finish"),
    [
        (fakes.ok("A red square."), "A red square.", "stop"),
        (fakes.ok([{"type": "text", "text": "A red "}, {"type": "text", "text": "square."}]), "A red square.", "stop"),
        (fakes.ok(""), "", "stop"),
        (fakes.ok(None), "", "stop"),
        (fakes.reasoning("Let me look."), "", "stop"),
        (fakes.ok("<think>hm</think>A square."), "<think>hm</think>A square.", "stop"),
        (fakes.cut("Two people jump"), "Two people jump", "length"),
        (fakes.filtered(), "", "content_filter"),
        (fakes.refusal(), fakes.REFUSAL, "stop"),
        (fakes.ok("x", finish=None), "x", None),
    ],
)
def test_an_answer_comes_back_as_it_was_given(
    fake: FakeEndpoint, behaviour: fakes.Behaviour, text: str, finish: str | None
) -> None:
    fake.script(behaviour)
    answer = endpoint(fake.base_url).ask(request())
    assert (answer.text, answer.finish_reason) == (text, finish)


def test_a_refusal_field_is_a_refusal_and_its_words_and_tokens_are_kept(fake: FakeEndpoint) -> None:
    fake.script(fakes.refusal("I can't look at this.", as_field=True))
    answer = endpoint(fake.base_url).ask(request())
    assert (answer.text, answer.refusal, answer.usage.prompt_tokens) == ("", "I can't look at this.", 1130)
    with pytest.raises(errors.Refused) as caught:
        recipes.reply(Recipe(), answer)
    assert caught.value.rejected == "I can't look at this."


def test_reasoning_that_is_told_apart_is_no_part_of_the_answer(fake: FakeEndpoint) -> None:
    fake.script(fakes.reasoning("The user wants a caption.", "A square."), fakes.reasoning("All of it."))
    whole, empty = (endpoint(fake.base_url).ask(request()) for _ in range(2))
    assert recipes.reply(Recipe(), whole).caption == "A square."
    with pytest.raises(errors.EmptyAnswer, match="reasoning, but no answer") as caught:
        recipes.reply(Recipe(), empty)
    assert caught.value.rejected == "All of it."


@pytest.mark.parametrize(
    "behaviour",
    [
        fakes.html(),
        fakes.bad_json(),
        fakes.no_choices(),
        fakes.truncated(),
        fakes.raw(b""),
        fakes.raw(b"", content_type="text/plain"),
        fakes.raw(b"null"),
        fakes.raw(b"[]"),
        fakes.raw(b'"text"'),
        fakes.raw(b'{"choices": "none"}'),
        fakes.raw(b'{"choices": [17]}'),
        fakes.raw(b'{"choices": [{"message": null}]}'),
        fakes.raw(b'{"choices": [{"message": {"content": 5}}]}'),
        fakes.raw(b"\xff\xfe{}"),
        fakes.raw(b"[" * 200_000),
        fakes.raw(b'{"error": {"message": "something odd"}}'),
        fakes.raw(b"HTTP", content_type="application/json; charset=nonsense"),
        fakes.raw(b"x" * (17 << 20)),
    ],
)
@pytest.mark.fault("an endpoint that misbehaves")
def test_what_is_no_completion_is_a_bad_response(fake: FakeEndpoint, behaviour: fakes.Behaviour) -> None:
    with pytest.raises(errors.BadResponse):
        ask(fake, behaviour)


def test_an_error_that_comes_with_status_200_is_the_failure_it_names(fake: FakeEndpoint) -> None:
    with pytest.raises(errors.RateLimited):
        ask(fake, fakes.raw(b'{"error": {"message": "slow down", "code": 429}}'))


# --- failures ---


@pytest.mark.parametrize("shape", ["title", "message", "empty"])
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (402, errors.PaymentRequired),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (408, errors.CallTimeout),
        (413, errors.TooLarge),
        (429, errors.RateLimited),
        (500, errors.ServerError),
        (503, errors.Unavailable),
        (504, errors.CallTimeout),
    ],
)
@pytest.mark.fault("an endpoint that misbehaves")
def test_each_status_is_its_failure_in_every_shape_and_is_not_retried(
    fake: FakeEndpoint, status: int, expected: type[Failure], shape: str
) -> None:
    with pytest.raises(expected) as caught:
        ask(fake, fakes.error(status, "Something was wrong", shape=shape))
    assert caught.value.http_status == status
    assert shape == "empty" or "Something was wrong" in caught.value.detail
    assert len(fake.requests) == 1


def test_a_wait_that_the_server_asks_for_is_told_and_not_waited(fake: FakeEndpoint) -> None:
    with pytest.raises(errors.RateLimited) as caught:
        ask(fake, fakes.error(429, retry_after=97))
    assert caught.value.retry_after == 97
    with pytest.raises(errors.Unavailable) as caught_too:
        ask(fake, fakes.error(503, retry_after=fakes.http_date(60)))
    assert caught_too.value.retry_after == pytest.approx(60, abs=3)


def test_a_refusal_of_a_large_body_before_it_is_read_is_understood(fake: FakeEndpoint, tmp_path: Path) -> None:
    with pytest.raises(errors.TooLarge):
        ask(fake, fakes.error(413, early=True))


def test_a_key_that_the_server_repeats_is_in_no_failure(fake: FakeEndpoint) -> None:
    with pytest.raises(errors.Unauthorized) as caught:
        ask(fake, fakes.error(401, f"Incorrect API key provided: {KEY}"))
    assert KEY not in f"{caught.value} {caught.value.detail} {caught.value.message}"
    with pytest.raises(errors.BadResponse) as page:
        ask(fake, fakes.raw(f"<p>{KEY}".encode(), content_type="text/html"))
    assert KEY not in page.value.detail


def test_without_a_configured_key_no_request_is_made(fake: FakeEndpoint) -> None:
    client = endpoint(fake.base_url, Key(problem="the environment variable K is not set"))
    with pytest.raises(errors.NoKey, match="K is not set"):
        client.ask(request())
    assert takes_videos(client) is False
    assert (fake.requests, fake.models_asked) == ([], 0)


def test_a_server_that_needs_no_key_gets_no_other_server_s(fake: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "sk-somebody-elses")
    endpoint(fake.base_url, Key()).ask(request())
    assert "sk-somebody-elses" not in str(fake.requests[0].headers)
    assert fake.requests[0].headers["authorization"] == "Bearer none"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.fault("an endpoint that misbehaves")
def test_a_redirect_is_not_followed(fake: FakeEndpoint, status: int) -> None:
    with FakeEndpoint() as other:
        with pytest.raises(errors.Redirected, match=other.base_url):
            ask(fake, fakes.redirect(f"{other.base_url}/chat/completions", status))
        assert other.requests == []


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port
        with pytest.raises(errors.Unavailable, match="refused"):
            endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/v1").ask(request())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".example"])
def test_a_host_name_that_nobody_knows_is_unavailable(host: str) -> None:
    with pytest.raises(errors.Unavailable):
        endpoint(f"http://{host}/v1").ask(request())


def test_a_server_that_speaks_no_tls_is_unavailable(fake: FakeEndpoint) -> None:
    with pytest.raises(errors.Unavailable):
        endpoint(fake.base_url.replace("http:", "https:")).ask(request())


@pytest.mark.parametrize("behaviour", [fakes.reset(), fakes.close()])
@pytest.mark.fault("an endpoint that misbehaves")
def test_a_connection_that_ends_without_an_answer_costs_the_file_an_attempt(
    fake: FakeEndpoint, behaviour: fakes.Behaviour
) -> None:
    with pytest.raises(errors.ServerError, match="without an answer"):
        ask(fake, behaviour)


def test_a_file_that_changed_breaks_the_request_off_and_the_next_one_is_right(
    fake: FakeEndpoint, tmp_path: Path
) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x" * 3_000_000)
    part = file_part(video)
    video.write_bytes(b"y" * 2_000_000)
    client = endpoint(fake.base_url)
    with pytest.raises(errors.Changed):
        client.ask(request(part))
    assert "image" in client.ask(request()).text
    assert fake.violations == []


def test_a_proxy_of_the_environment_is_used(fake: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://{}:{}".format(*fake.address))
    monkeypatch.setenv("NO_PROXY", "localhost")
    client = endpoint("http://model.invalid/v1")
    assert "a red image" in client.ask(request()).text
    assert fake.requests[0].path == "http://model.invalid/v1/chat/completions"
    client.close()


# --- what a model takes ---


def models(*inputs: str) -> list[dict[str, Any]]:
    return [fakes.model_entry("other-1", "text"), fakes.model_entry("fake-vision-1", *inputs)]


@pytest.mark.parametrize(("inputs", "expected"), [(("text", "image", "video"), True), (("text", "image"), False)])
def test_the_server_s_list_tells_whether_a_model_takes_video_and_is_asked_once(
    inputs: tuple[str, ...], *, expected: bool
) -> None:
    with FakeEndpoint(models=models(*inputs)) as fake:
        client = endpoint(fake.base_url)
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: takes_videos(client), range(8))) == {expected}
        assert fake.models_asked == 1


@pytest.mark.parametrize(
    "answer", [fakes.error(404), fakes.error(500), fakes.html(), fakes.bad_json(), fakes.raw(b"[[]]"), fakes.close()]
)
def test_a_server_that_does_not_tell_is_not_sent_videos_and_not_asked_for_each(answer: fakes.Behaviour) -> None:
    with FakeEndpoint(models=answer) as fake:
        client = endpoint(fake.base_url)
        assert takes_videos(client) is False
        assert takes_videos(client) is False
        assert fake.models_asked == 1


def test_a_host_that_is_known_to_take_video_is_believed_when_it_can_not_be_asked() -> None:
    key = Key(problem="none, so that no request is made")
    assert takes_videos(endpoint(OXEN_BASE_URL, key, model="gemini-3-flash-preview")) is True
    assert takes_videos(endpoint(OXEN_BASE_URL, key, model="qwen3-vl-4b-instruct")) is True
    assert takes_videos(endpoint(OXEN_BASE_URL, key, model="claude-sonnet-4-6")) is False
    assert takes_videos(endpoint("http://127.0.0.1:1/v1", key, model="gemini-3-flash-preview")) is False


def test_what_identifies_an_endpoint_has_no_password_in_it() -> None:
    assert endpoint("http://me:secret@Host.example:8000/v1/").identity == "http://host.example:8000/v1"


def packed(text: str, times: int = 1) -> Behaviour:
    body = json.dumps(fakes.completion(text)).encode()
    for _ in range(times):
        body = gzip.compress(body)
    return Behaviour(body=body, headers={"Content-Encoding": ", ".join(["gzip"] * times)})


def test_an_answer_that_is_compressed_though_nobody_asked_for_it_is_read(fake: FakeEndpoint) -> None:
    fake.script(packed("A lighthouse."), packed("Another.", times=2))
    client = endpoint(fake.base_url)
    assert [client.ask(request(image_part())).text for _ in range(2)] == ["A lighthouse.", "Another."]


@pytest.mark.parametrize("times", [1, 2])
def test_a_small_answer_that_unpacks_to_gigabytes_is_not_unpacked(fake: FakeEndpoint, times: int) -> None:
    bomb = packed("a" * 600_000_000, times)
    assert isinstance(bomb.body, bytes)
    assert len(bomb.body) < 1_000_000
    fake.default = bomb
    client = endpoint(fake.base_url)
    tracemalloc.start()
    try:
        with pytest.raises(errors.BadResponse, match="longer than 16 MiB"):
            client.ask(request(image_part()))
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()
