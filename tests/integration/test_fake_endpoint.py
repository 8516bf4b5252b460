"""The tests' own endpoint: it must catch a wrong request, and misbehave as it says."""

from __future__ import annotations

import base64
import http.client
import io
import json
import threading
import time
from typing import Any

import pytest
from PIL import Image

from fake_endpoint import (
    FakeEndpoint,
    FakeProcess,
    close,
    drip,
    error,
    hang,
    html,
    ok,
    reset,
    truncated,
)
from waiting import until


def picture(colour: str = "red", size: tuple[int, int] = (64, 48), form: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


def body(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "messages": [{"role": "user", "content": list(parts)}],
        **more,
    }


def image_part(data: bytes, mime: str = "image/jpeg") -> dict[str, Any]:
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{mime};base64,{base64.b64encode(data).decode()}"},
    }


def post(fake: FakeEndpoint, payload: Any, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection(*fake.address, timeout=10)
    try:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        connection.request(
            "POST",
            "/v1/chat/completions",
            data,
            {"Content-Type": "application/json", **headers},
        )
        response = connection.getresponse()
        return response.status, response.read(), response.msg
    finally:
        connection.close()


def test_a_right_request_is_recorded_with_its_decoded_media_and_echoed(
    fake: FakeEndpoint,
) -> None:
    status, answer, _ = post(fake, body({"type": "text", "text": "What is it?"}, image_part(picture("blue"))))
    assert status == 200
    (recorded,) = fake.requests
    assert (recorded.model, recorded.text) == ("m", "What is it?")
    (media,) = recorded.media
    assert (media.kind, media.width, media.height, media.colour) == (
        "image",
        64,
        48,
        "blue",
    )
    assert "a blue image of 64x48 pixels" in json.loads(answer)["choices"][0]["message"]["content"]
    assert fake.violations == []


@pytest.mark.parametrize(
    "payload",
    [
        b"{not json",
        body({"type": "image", "image": "x"}),
        body(image_part(b"no picture at all")),
        body(image_part(picture(form="PNG"))),
        body({"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,@@@@"}}),
        body({"type": "text", "text": ""}),
        body({"type": "text", "text": "x"}, temperature=3),
        body({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}}),
        {"model": "", "messages": [{"role": "user", "content": "x"}]},
        {"model": "m", "messages": []},
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "x"},
                {"role": "system", "content": "x"},
            ],
        },
    ],
)
def test_a_request_against_the_protocol_is_answered_400_and_noted(fake: FakeEndpoint, payload: Any) -> None:
    assert post(fake, payload)[0] == 400
    assert len(fake.violations) == 1


def test_the_key_it_wants_is_required() -> None:
    with FakeEndpoint(key="sesame") as fake:
        assert post(fake, body({"type": "text", "text": "x"}))[0] == 401
        assert post(fake, body({"type": "text", "text": "x"}), Authorization="Bearer sesame")[0] == 200


def test_scripts_come_in_order_and_then_the_default(fake: FakeEndpoint) -> None:
    fake.script(error(429, retry_after=7), error(503, shape="message"), html())
    question = body({"type": "text", "text": "x"})
    status, _, headers = post(fake, question)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert post(fake, question)[0] == 503
    assert post(fake, question)[1].startswith(b"<!doctype")
    assert post(fake, question)[0] == 200


@pytest.mark.parametrize("behaviour", [reset(), close(), truncated()])
def test_broken_connections_break(fake: FakeEndpoint, behaviour: Any) -> None:
    fake.script(behaviour)
    with pytest.raises((OSError, http.client.HTTPException)):
        post(fake, body({"type": "text", "text": "x"}))


def test_a_dripping_answer_takes_its_time(fake: FakeEndpoint) -> None:
    fake.script(drip(ok("x"), part="head", interval=0.002))
    started = time.monotonic()
    assert post(fake, body({"type": "text", "text": "x"}))[0] == 200
    assert time.monotonic() - started > 0.1


def test_hanging_requests_are_counted_in_flight_until_released(
    fake: FakeEndpoint,
) -> None:
    fake.default = hang(ok())
    threads = [threading.Thread(target=post, args=(fake, body({"type": "text", "text": "x"}))) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: fake.in_flight == 3)
    fake.release()
    for thread in threads:
        thread.join()
    assert fake.max_in_flight == 3
    until(lambda: fake.in_flight == 0)


def test_a_client_that_goes_away_is_noticed(fake: FakeEndpoint) -> None:
    fake.script(hang())
    connection = http.client.HTTPConnection(*fake.address)
    question = json.dumps(body({"type": "text", "text": "x"}))
    connection.request("POST", "/v1/chat/completions", question, {"Content-Type": "application/json"})
    until(lambda: fake.in_flight == 1)
    connection.close()
    until(lambda: fake.disconnects == 1)


def test_it_runs_as_a_process_of_its_own() -> None:
    with FakeProcess("--fast", "--delay", "0.01") as process:
        host, _, port = process.base_url.removeprefix("http://").removesuffix("/v1").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request(
            "POST",
            "/v1/chat/completions",
            b"x" * 3_000_000,
            {"Content-Type": "application/json"},
        )
        assert connection.getresponse().status == 200
        connection.close()
        stats = process.stats()
        assert (stats["requests"], stats["body_bytes"]) == (1, 3_000_000)
        process.reset()
        assert process.stats()["requests"] == 0
