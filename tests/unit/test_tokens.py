"""Tokens by the rules that providers publish, with the examples of their own pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.endpoints import tokens
from captiond.values import Encoded, FilePart, ImagePart, Kind, MediaFacts, Request, Stat

MODELS = [
    "gemini-2.5-flash",
    "gemini-3-flash-preview",
    "gpt-4o",
    "gpt-5-mini",
    "claude-opus-4-8",
    "qwen3-vl-2b-instruct",
    "x",
]


@pytest.mark.parametrize(
    ("model", "width", "height", "expected"),
    [
        ("gemini-2.5-flash", 384, 384, 258),
        ("google/gemini-2.0-flash", 960, 540, 6 * 258),
        ("gemini-3-flash-preview", 4000, 3000, 1120),
        ("gpt-4o", 1024, 1024, 765),
        ("gpt-4o-2024-08-06", 2048, 4096, 1105),
        ("gpt-4o-mini", 1024, 1024, 2833 + 4 * 5667),
        ("openai/gpt-4.1-mini", 1024, 1024, 1659),
        ("gpt-5-mini", 1024, 1024, 1229),
        ("gpt-5-mini", 768, 1024, 922),
        ("o3", 1024, 1024, 675),
        ("claude-sonnet-4-6", 1092, 1092, 1590),
        ("claude-3-5-sonnet-20241022", 200, 200, 54),
        ("claude-sonnet-4-6", 5120, 512, 328),
        ("gemma-3-27b-it", 1568, 1045, 256),
        ("claude-sonnet-4-6", 1568, 1568, 1600),
        ("anthropic/claude-opus-4-8", 1568, 1568, 3279),
        ("Qwen/Qwen3-VL-4B-Instruct", 1024, 768, 768),
        ("qwen2.5-vl-7b-instruct", 1120, 1120, 1600),
        ("some-model", 1500, 1000, 2000),
    ],
)
def test_a_picture_takes_what_its_models_family_says(model: str, width: int, height: int, expected: int) -> None:
    assert tokens.of_picture(model, width, height) == expected


@given(st.sampled_from(MODELS), st.integers(1, 8000), st.integers(1, 8000))
def test_every_picture_takes_some_tokens_and_none_takes_a_hundred_thousand(model: str, width: int, height: int) -> None:
    assert 0 < tokens.of_picture(model, width, height) <= 100_000


def test_text_takes_a_token_for_four_letters() -> None:
    assert tokens.of_text("") == 0
    assert tokens.of_text("Describe this image in one or two plain sentences.") == 13
    assert tokens.of_text("犬") == 1


def test_a_video_takes_as_many_frames_as_servers_look_at() -> None:
    assert tokens.of_video("gemini-2.5-flash", 1920, 1080, 60) == 60 * (258 + 32)
    assert tokens.of_video("gemini-3-flash-preview", 1920, 1080, 60) == 60 * (70 + 32)
    assert tokens.of_video("qwen3-vl", 640, 480, 10) == 10 * 20 * 15
    assert tokens.of_video("qwen3-vl", 640, 480, 7200) == 32 * 20 * 15


def test_a_request_takes_the_sum_of_its_parts() -> None:
    facts = MediaFacts(Kind.VIDEO, "video/mp4", "mp4", 640, 480, 10.0)
    frames = tuple(ImagePart("image/jpeg", b"", 320, 240, at) for at in (0.0, 5.0))
    request = Request("claude-x", "Be brief.", "What is it?", Encoded(facts, frames), 300, None)
    assert tokens.of_request(request) == 5 + 2 * 103
    film = FilePart("video/mp4", "/film.mp4", Stat(1, 1, 1, 1))
    request = Request("gemini-3", None, "What is it?", Encoded(facts, (film,)), 300, None)
    assert tokens.of_request(request) == 3 + 10 * 102
