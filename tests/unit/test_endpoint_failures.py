"""What servers say, as captiond's own failures."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import errors
from captiond.endpoints.failures import DETAIL, detail_of, of_status, without_question
from captiond.endpoints.told_waits import retry_after, until_reset
from captiond.redact import register_secret
from captiond.values import Encoded, Kind, MediaFacts, Request

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (301, "", errors.Redirected),
        (307, "", errors.Redirected),
        (400, "invalid params", errors.BadRequest),
        (400, "image too large", errors.TooLarge),
        (400, "Image size is 5.2 MB, which exceeds the maximum of 5 MB", errors.TooLarge),
        (400, "At least one of the image dimensions exceed max allowed size: 8000 pixels", errors.TooLarge),
        (400, "the request exceeds the available context size (4096 tokens)", errors.TooLarge),
        (400, "max_tokens is too large: 9000. This model supports at most 4096", errors.BadRequest),
        (400, "Invalid model name passed in model=gpt-9", errors.NotFound),
        (400, "The model `gpt-9` does not exist", errors.NotFound),
        (400, "API key not valid. Please pass a valid API key.", errors.Unauthorized),
        (400, "content_filter: the prompt was filtered", errors.Refused),
        (400, "Output data may contain inappropriate content.", errors.Refused),
        (401, "", errors.Unauthorized),
        (402, "", errors.PaymentRequired),
        (403, "", errors.Forbidden),
        (403, "Your input was flagged: violence", errors.Refused),
        (404, "resource_not_found", errors.NotFound),
        (405, "", errors.NotFound),
        (408, "", errors.CallTimeout),
        (409, "", errors.BadRequest),
        (413, "", errors.TooLarge),
        (415, "", errors.BadRequest),
        (418, "", errors.BadRequest),
        (422, "messages.0.content: invalid", errors.BadRequest),
        (422, "image is too big", errors.TooLarge),
        (429, "slow down", errors.RateLimited),
        (429, "You exceeded your current quota", errors.PaymentRequired),
        (429, "insufficient_quota", errors.PaymentRequired),
        (429, "insufficient credits", errors.PaymentRequired),
        (500, "unknown_error", errors.ServerError),
        (500, "image too large", errors.TooLarge),
        (500, "the request exceeds the available context size", errors.TooLarge),
        (500, "memory limit exceeded", errors.ServerError),
        (500, "rate limit exceeded", errors.ServerError),
        (400, "Invalid image: image is 31.2 megapixels, max is 24", errors.TooLarge),
        (400, "The image is greater than 20MB", errors.TooLarge),
        (400, "image must not be bigger than 10 MiB", errors.TooLarge),
        (400, "File size of 12.4MB is over 10MB", errors.TooLarge),
        (400, "ImageTooLarge", errors.TooLarge),
        (400, "At most 1 image(s) may be provided in one prompt.", errors.TooLarge),
        (400, "Could not process image", errors.BadRequest),
        (400, "Unable to process input image. Please retry or report", errors.BadRequest),
        (400, "We do not support image format BMP", errors.BadRequest),
        (400, "Image URLs: this server does not support image URLs", errors.BadRequest),
        (400, "This model cannot process images", errors.NoImages),
        (400, "This model does not support images in messages", errors.NoImages),
        (400, "This model does not support images in BMP format", errors.BadRequest),
        (400, "'messages[0].content' must be a string", errors.NoImages),
        (400, "Your credit balance is too low to access the Anthropic API.", errors.PaymentRequired),
        (400, "User location is not supported for the API use.", errors.Forbidden),
        (400, "The model `llama-9` has been decommissioned and is no longer supported.", errors.NotFound),
        (400, "No models loaded. Please load a model in the developer page", errors.NotFound),
        (429, "limit of 100 requests/day exceeded", errors.QuotaUsedUp),
        (501, "", errors.ServerError),
        (502, "", errors.Unavailable),
        (503, "", errors.Unavailable),
        (504, "", errors.CallTimeout),
        (524, "", errors.CallTimeout),
        (529, "overloaded_error", errors.Unavailable),
        (599, "", errors.ServerError),
    ],
)
def test_each_status_and_wording_has_its_failure(status: int, message: str, expected: type[errors.Failure]) -> None:
    failure = of_status(status, {}, {"error": {"message": message}}, now=NOW)
    assert type(failure) is expected
    assert failure.http_status == status
    assert f"HTTP {status}" in failure.detail


def test_a_rate_limit_that_tells_when_it_ends_is_no_lack_of_credit() -> None:
    failure = of_status(429, {"retry-after": "41"}, "You exceeded your current quota, check your plan", now=NOW)
    assert type(failure) is errors.RateLimited
    assert failure.retry_after == 41


def test_an_unavailable_endpoint_keeps_its_retry_after() -> None:
    assert of_status(503, {"retry-after": "120"}, "", now=NOW).retry_after == 120


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:01:30 GMT"}, 90),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "Sun, 22 Nov 2026 13:01:30 +0100"}, 90),
        ({"retry-after": "Sun, 99 Nov 2026 13:01:30 GMT"}, None),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "1"}, 1),
    ],
)
def test_every_form_of_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "words", "seconds"),
    [
        ({}, "", None),
        ({"x-ratelimit-reset": str(round(NOW.timestamp()) + 90)}, "", 90),
        ({"x-ratelimit-reset": str(round(NOW.timestamp() * 1000) + 5_000), "x-ratelimit-remaining": "0"}, "", 5),
        ({"x-ratelimit-reset": "30"}, "", 30),
        ({"ratelimit-reset": "45", "ratelimit-remaining": "0"}, "", 45),
        ({"x-ratelimit-reset": "30", "x-ratelimit-remaining": "7"}, "", None),
        ({"x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-requests": "0"}, "", 360),
        (
            {
                "x-ratelimit-reset-requests": "1h",
                "x-ratelimit-remaining-requests": "12",
                "x-ratelimit-reset-tokens": "2m59.5s",
                "x-ratelimit-remaining-tokens": "0",
            },
            "",
            179.5,
        ),
        ({"x-ratelimit-reset-tokens": "120ms", "x-ratelimit-remaining-tokens": "0"}, "", 0.12),
        (
            {
                "anthropic-ratelimit-input-tokens-reset": "2026-11-22T12:00:20Z",
                "anthropic-ratelimit-input-tokens-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-22T13:00:00Z",
                "anthropic-ratelimit-requests-remaining": "3",
            },
            "",
            20,
        ),
        ({"x-ratelimit-reset": "soon"}, "", None),
        ({}, "Limit 100000, Used 99900. Please try again in 12m57.6s. Visit", 777.6),
        ({}, "Please try again in 8.64s.", 8.64),
        ({}, "Please retry in 45.578569677s.", 45.578569677),
        ({}, '"@type": "RetryInfo", "retryDelay": "32s"', 32),
        ({}, "try again in 2 hours and 5 minutes", 7_500),
        ({}, "try again later, in 3 parts", None),
        ({}, "wait for 3 minutes", 180),
        ({}, f'"headers": {{"X-RateLimit-Reset": "{round(NOW.timestamp() * 1000) + 60_000}"}}', 60),
    ],
)
def test_the_moment_when_a_limit_begins_anew_is_read_in_every_form(
    headers: dict[str, str], words: str, seconds: float | None
) -> None:
    found = until_reset(headers, words, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000", "code": 429}},
        {"error": {"message": "Rate limit reached for gpt-9 on requests per day (RPD): Limit 200, Used 200"}},
        {"error": {"message": "Rate limit reached for x on tokens per day (TPD): Limit 100000"}},
        [
            {
                "error": {
                    "code": 429,
                    "message": "You exceeded your current quota, please check your plan and billing details.",
                    "status": "RESOURCE_EXHAUSTED",
                    "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}],
                }
            }
        ],
        "you have reached your daily usage limit",
        {"error": "weekly limit reached"},
        b'{"error": {"message": "Your monthly quota is used up"}}',
        {"error": {"message": "The limit for today is reached"}},
    ],
)
@pytest.mark.parametrize("status", [402, 403, 429])
def test_a_quota_of_the_day_or_longer_is_told_from_a_rate_limit(body: object, status: int) -> None:
    assert type(of_status(status, {}, body, now=NOW)) is errors.QuotaUsedUp


@pytest.mark.parametrize(
    "words",
    [
        "Rate limit reached for gpt-9 on requests per min (RPM): Limit 3, Used 3. Please try again in 20s.",
        "Too many requests today's model is busy",
        "slow down",
        "this model is updated daily",
    ],
)
def test_a_limit_of_the_minute_is_no_quota(words: str) -> None:
    assert type(of_status(429, {}, {"error": {"message": words}}, now=NOW)) is errors.RateLimited


def test_the_reset_in_the_words_holds_only_where_a_limit_was_met() -> None:
    assert of_status(429, {}, "try again in 20s", now=NOW).retry_after == 20
    assert of_status(500, {}, "try again in 20s", now=NOW).retry_after is None


@given(st.text(), st.text())
def test_no_header_and_no_words_break_the_reader(value: str, words: str) -> None:
    headers = {
        "x-ratelimit-reset": value,
        "anthropic-ratelimit-requests-reset": value,
        "x-ratelimit-reset-tokens": value,
    }
    seconds = until_reset(headers, f"retry in {words}", NOW)
    assert seconds is None or seconds >= 0


@given(st.text())
def test_no_retry_after_breaks_the_reader(value: str) -> None:
    seconds = retry_after({"retry-after": value, "retry-after-ms": value}, NOW)
    assert seconds is None or seconds >= 0


def test_the_location_of_a_redirect_is_told() -> None:
    assert "https://other.example/v1" in of_status(308, {"location": "https://other.example/v1"}, "").detail


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"error": {"type": "invalid_params", "title": "Wrong", "detail": "no such part"}, "status": "error"},
            "Wrong: no such part: invalid_params",
        ),
        ({"error": {"message": "Wrong"}}, "Wrong"),
        ({"error": "wrong"}, "wrong"),
        ({"message": "wrong", "code": 40301}, "wrong"),
        ({"detail": [{"loc": ["body"], "msg": "field required", "type": "missing"}]}, "field required: missing"),
        ({"object": "error", "message": "wrong", "type": "BadRequestError"}, "wrong: BadRequestError"),
        ([{"error": {"message": "wrong", "status": "INVALID"}}], "wrong"),
        ("<html><style>x{}</style><h1>502</h1>\n<p>Bad\tgateway", "502 Bad gateway"),
        (b'{"error": {"message": "bytes"}}', "bytes"),
        ("{broken", "{broken"),
        ("", ""),
        (None, ""),
        (17, ""),
        ({"error": None}, ""),
    ],
)
def test_the_words_of_an_error_are_found_in_every_shape(body: object, expected: str) -> None:
    assert detail_of(body) == expected


def test_a_detail_is_one_short_line_without_key_and_media() -> None:
    secret = "sk-live-verysecret"
    register_secret(secret)
    said = f"key {secret} of Authorization: Bearer abc.def in data:image/png;base64,AAAA+/= \x1b[31m\n" + "long " * 200
    detail = detail_of({"error": {"message": said}})
    assert len(detail) <= DETAIL
    assert detail.isprintable()
    for hidden in (secret, "abc.def", "AAAA"):
        assert hidden not in detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "detail", "x"]) | st.text(), inner)
    ),
)


@given(JSON, st.integers(300, 599))
def test_no_body_breaks_the_reader(body: object, status: int) -> None:
    for form in (body, json.dumps(body), json.dumps(body).encode()):
        failure = of_status(status, {}, form, now=NOW)
        assert len(failure.detail) <= DETAIL + 20
        assert failure.code in errors.FAILURES


def test_what_repeats_the_prompt_ends_before_it() -> None:
    facts = MediaFacts(Kind.IMAGE, "image/jpeg", "jpeg", 1, 1)
    request = Request("m", "You know the\n Smith family.", "Who is in this image?", Encoded(facts, ()), 300, None)
    for repeated in ("Who is in this image? And so on", "You know the Smith family.", "You know the Smit…"):
        assert without_question(f"HTTP 422, wrong: {repeated}", request) == "HTTP 422, wrong: (the prompt)"
    assert without_question("HTTP 422, wrong", request) == "HTTP 422, wrong"
