"""The built-in describer's words: true, well-made English, and nothing that was not measured."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.endpoints.builtin import BuiltinEndpoint, describe
from captiond.values import Encoded, Kind, Measures, MediaFacts, Request, Source

PHOTO = MediaFacts(
    kind=Kind.IMAGE,
    mime="image/jpeg",
    format="jpeg",
    width=4032,
    height=3024,
    taken_at="2024-05-01T14:03:22",
    camera="Canon EOS R6",
    latitude=48.8584,
    longitude=2.2945,
)
MEASURES = Measures((("grey", 0.55), ("brown", 0.3), ("white", 0.1)), 0.7, 12.0)
CLIP = MediaFacts(Kind.VIDEO, "video/mp4", "mp4", 1920, 1080, duration_seconds=83.4, video_codec="h264")


def test_a_photo_is_told_with_all_that_is_known_of_it() -> None:
    assert describe(PHOTO, MEASURES) == (
        "JPEG photo, landscape, 4032 × 3024 (12.2 MP). Mostly grey, with brown and white; bright, with many sharp edges. "
        "Taken on 2024-05-01 14:03 with Canon EOS R6 at 48.8584° N, 2.2945° E."
    )


def test_a_video_is_told_with_its_length_and_codec() -> None:
    assert describe(CLIP, None) == "MP4 video, landscape, 1920 × 1080, 1 min 23 s long, H.264."


def test_of_a_damaged_video_it_is_told_where_it_ends() -> None:
    assert describe(replace(CLIP, damaged=True), None).endswith(", H.264, damaged.")
    assert describe(replace(CLIP, damaged=True, readable_seconds=61), None).endswith(", damaged after 1 min 1 s.")


def test_what_is_not_known_is_not_said() -> None:
    plain = MediaFacts(Kind.IMAGE, "image/png", "png", 64, 64)
    assert describe(plain, None) == "PNG picture, square, 64 × 64."


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 10, "height": 20}, "portrait"),
        ({"animated": True, "format": "gif"}, "GIF animation"),
        ({"camera": None}, "JPEG picture"),
        ({"latitude": -33.9, "longitude": -70.5}, "at 33.9000° S, 70.5000° W"),
        ({"taken_at": "2024-05-01"}, "Taken on 2024-05-01 with"),
        ({"taken_at": "yesterday", "camera": None, "latitude": None}, ""),
        ({"format": "tiff"}, "TIFF photo"),
        ({"format": "xyz"}, "XYZ photo"),
    ],
)
def test_each_fact_has_its_words(changes: dict[str, object], words: str) -> None:
    assert words in describe(replace(PHOTO, **changes), MEASURES)  # type: ignore[arg-type]  # any field
    if not words:
        assert "Taken" not in describe(replace(PHOTO, **changes), MEASURES)  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.1 s"), (4.25, "4.2 s"), (9.97, "10 s"), (60, "1 min"), (3600, "1 h"), (3725, "1 h 2 min 5 s")],
)
def test_lengths_read_well(seconds: float, words: str) -> None:
    assert f", {words} long" in describe(replace(CLIP, duration_seconds=seconds), None)


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        ((("red", 1.0),), "Almost all red;"),
        ((("red", 0.96), ("blue", 0.04)), "Almost all red;"),
        ((("red", 0.7),), "Mostly red;"),
        ((("red", 0.6), ("blue", 0.3)), "Mostly red, with blue;"),
        ((("red", 0.4), ("blue", 0.3), ("green", 0.2)), "Red, blue and green;"),
    ],
)
def test_colours_are_named_largest_first(colours: tuple[tuple[str, float], ...], words: str) -> None:
    assert words in describe(PHOTO, replace(MEASURES, colours=colours))


def test_a_picture_without_a_named_colour_still_has_its_brightness() -> None:
    assert ". Very dark, with few sharp edges." in describe(PHOTO, Measures((), 0.01, 0))


numbers = st.floats(0, 1)


@given(
    st.builds(
        Measures,
        st.lists(st.tuples(st.sampled_from(["red", "grey"]), numbers), max_size=5).map(tuple),
        numbers,
        st.floats(0, 255),
    ),
    st.builds(
        MediaFacts,
        kind=st.sampled_from(Kind),
        mime=st.just("image/png"),
        format=st.sampled_from(["png", "mp4", "weird"]),
        width=st.integers(1, 10**6),
        height=st.integers(1, 10**6),
        duration_seconds=st.none() | st.floats(0, 1e6),
        taken_at=st.none() | st.text(),
        camera=st.none() | st.just("Camera 1"),
        latitude=st.none() | st.floats(-90, 90),
        longitude=st.none() | st.floats(-180, 180),
        animated=st.booleans(),
    ),
)
def test_every_description_is_made_of_sentences(measures: Measures, facts: MediaFacts) -> None:
    text = describe(facts, measures)
    assert re.fullmatch(r"([A-Z0-9].*\.)( [A-Z].*\.)*", text)
    assert "  " not in text
    assert "None" not in text


def test_the_endpoint_answers_at_once_as_builtin_and_asks_for_measures() -> None:
    endpoint = BuiltinEndpoint()
    answer = endpoint.ask(Request("m", None, "What is it?", Encoded(PHOTO, (), MEASURES), 300, None))
    assert answer.source is Source.BUILTIN
    assert answer.model == endpoint.model == "builtin/1"
    assert (answer.usage.prompt_tokens, answer.finish_reason) == (None, "stop")
    assert endpoint.wants_measures
    assert not endpoint.abilities(endpoint.model).takes_videos
