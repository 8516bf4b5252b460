"""The limits that servers name when they refuse something as too large, in their own words."""

from __future__ import annotations

import pytest

from captiond.endpoints import failures
from captiond.endpoints.sizes import NO_LIMITS, SizeLimits, about_bytes, about_edges, told
from captiond.errors import BadRequest, NoImages, TooLarge

MB = 1_000_000


@pytest.mark.parametrize(
    ("status", "words", "picture", "request_", "edge"),
    [
        # Anthropic: https://github.com/anthropics/claude-code/issues/19631, /4778 and /9375
        (400, "messages.2.content.0.image.source.base64: image exceeds 5 MB maximum: 8259148 bytes > 5242880 bytes",
         5 * MB, None, None),
        (400, "messages.7.content.2.image.source.base64.data: At least one of the image dimensions exceed max allowed "
              "size: 8000 pixels", None, None, 8000),
        (400, "At least one of the image dimensions exceed max allowed size for many-image requests: 2000 pixels",
         None, None, 2000),
        (413, "Request exceeds the maximum size", None, None, None),
        # OpenAI
        (413, "Maximum content size limit (26214400) exceeded (26244400 bytes read)", None, 26_214_400, None),
        (400, "Total image size is 52.1MB, which exceeds the allowed limit of 50MB", None, 50 * MB, None),
        # Gemini
        (400, "Request payload size exceeds the limit: 20971520 bytes.", None, 20_971_520, None),
        # Qwen, by DashScope
        (400, "Exceeded limit on max bytes per data-uri item : 10485760", 10_485_760, None, None),
        (400, "Image size is too large: 5000x4000 exceeds 4096x4096", None, None, 4096),
        (400, "The image has 33177600 pixels, more than the limit of 16777216 pixels", None, None, 4096),
        (400, "image exceeds 33 megapixels", None, None, 5744),
        # vLLM and llama.cpp: tokens, and not bytes
        (400, "This model's maximum context length is 128000 tokens. However, you requested 150000 tokens", None, None, None),
        (400, "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", None, None, None),
        (400, "The decoder prompt (length 5000) is longer than the maximum model length of 4096.", None, None, None),
        # proxies and frameworks
        (413, "413 Request Entity Too Large nginx/1.24.0", None, None, None),
        (413, "Failed to buffer the request body: length limit exceeded", None, None, None),
        (413, "Payload Too Large: the body limit is 1MiB", None, 1_048_576, None),
        (422, "image file must be less than 4 MB", 4 * MB, None, None),
        (400, "Image file size exceeds limit of 10MB", 10 * MB, None, None),
    ],
)  # fmt: skip
def test_what_a_refusal_says_is_the_limit_before_base64(
    status: int, words: str, picture: int | None, request_: int | None, edge: int | None
) -> None:
    failure = failures.of_status(status, {}, {"error": {"message": words}})
    assert isinstance(failure, TooLarge)
    found = told(failure.detail)
    assert found.picture_bytes == (picture * 3 // 4 if picture else None)
    assert found.edge == edge
    if request_ is None:
        assert found.request_bytes is None
    else:
        assert found.request_bytes is not None
        assert 0.9 * request_ * 3 / 4 - 8192 < found.request_bytes < request_ * 3 / 4


@pytest.mark.parametrize(
    "words", ["", "HTTP 413", "too large: limit 1 byte", "image too large (max 3 pixels)", "limit: -5"]
)
def test_a_limit_that_no_server_has_is_none(words: str) -> None:
    assert told(words) == NO_LIMITS


def test_what_a_refusal_is_about_tells_what_to_make_smaller() -> None:
    assert about_bytes("HTTP 413")
    assert about_bytes("HTTP 400, image is larger than 20 MB")
    assert not about_bytes("HTTP 400, image too large")
    assert about_edges("HTTP 413, image dimensions too large")
    assert not about_bytes("HTTP 413, image dimensions too large")
    assert about_edges("HTTP 400, exceeds the available context size (4096 tokens)")


def test_a_refusal_of_too_many_pictures_tells_how_many_are_taken() -> None:
    assert told("At most 3 image(s) may be provided in one prompt.") == SizeLimits(pictures=3)
    assert told("Too many images and documents: 0 + 120 > 100") == SizeLimits(pictures=100)
    assert told("The maximum number of images is 5") == SizeLimits(pictures=5)
    assert told("Too many images provided") == NO_LIMITS


def test_the_tighter_of_two_limits_holds() -> None:
    assert SizeLimits(5, None, 7, 1).tighter(SizeLimits(4, 9, None, 2)) == SizeLimits(4, 9, 7, 1)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "No endpoints found that support image input"),
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        (400, "Invalid content type. image_url is only supported by certain models."),
        (400, "Model does not support images. Please use a model that does."),
        (400, "meta-llama/Llama-3.1-8B-Instruct is not a multimodal model"),
        (400, "At most 0 image(s) may be provided in one prompt."),
        (400, "Failed to deserialize: messages[0]: unknown variant `image_url`, expected `text`"),
        (500, "this model is missing data required for image input"),
    ],
)
def test_a_model_without_eyes_is_the_endpoint_s_failure_and_not_the_file_s(status: int, words: str) -> None:
    assert isinstance(failures.of_status(status, {}, {"error": {"message": words}}), NoImages)


@pytest.mark.parametrize(
    "words", ["image and width must be larger than 10 pixels", "unsupported image format", "invalid image"]
)
def test_what_is_wrong_with_one_picture_is_its_own_fault(words: str) -> None:
    assert type(failures.of_status(400, {}, {"error": {"message": words}})) is BadRequest
