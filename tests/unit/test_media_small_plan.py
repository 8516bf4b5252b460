"""What a small video shows of a large one, and which files go as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.media.asfile import File, goes
from captiond.media.sampling import MOST_BYTES, Source, plan
from captiond.media.spec import EncodeSpec

HD = 1920 * 1080
LIMIT = 600.0

sources = st.builds(
    Source,
    seconds=st.floats(0.05, 1e6),
    frame_pixels=st.integers(64, 8192 * 8192),
    rate=st.floats(0.1, 240),
    keys=st.none() | st.integers(0, 100_000),
)


@given(sources, st.floats(1, 3600), st.integers(10_000, MOST_BYTES))
def test_a_plan_keeps_within_what_is_allowed(source: Source, max_seconds: float, max_bytes: int) -> None:
    made = plan(source, max_seconds, max_bytes)
    if made is None:
        return
    assert 0 < made.seconds <= min(source.seconds, max_seconds)
    assert 1 <= made.count <= max(1, max_bytes // 3_000)
    assert made.count <= 4 * min(source.seconds, max_seconds) + 1


@given(sources)
def test_a_video_that_is_not_too_long_keeps_its_pace(source: Source) -> None:
    made = plan(source, LIMIT, MOST_BYTES)
    if made is None:
        return
    if source.seconds <= LIMIT:
        assert made.seconds == source.seconds
    else:  # a server that looks once a second sees each picture
        assert made.count >= made.seconds * 0.99


@given(sources)
def test_a_long_video_is_not_read_through(source: Source) -> None:
    made = plan(source, LIMIT, MOST_BYTES)
    pixels = source.seconds * source.rate * source.frame_pixels
    if source.keys is None or source.keys >= 32:
        assert made is not None
        assert not made.through or pixels <= 6e9
    else:
        assert made is None or not made.through or pixels <= 12e9


@pytest.mark.parametrize(
    ("source", "seconds", "count", "through"),
    [
        (Source(5, HD, 25, 1), 5, 20, True),
        (Source(60, HD, 25, 6), 60, 120, True),
        (Source(60, HD, 25, 60), 60, 120, False),  # a key frame each second is half of what is wanted
        (Source(600, HD, 25, 60), 600, 192, False),
        (Source(200, HD, 25, 1), 200, 200, True),  # a screen recording with one key frame
        (Source(600, HD, 25, None), 600, 192, False),
        (Source(7200, HD, 25, 720), 192, 192, False),
        (Source(7200, 640 * 360, 25, 720), 600, 600, False),
        (Source(7200, 2 * 3840 * 2160, 60, 7200), 32, 32, False),
    ],
)
def test_what_is_made_of_usual_videos(source: Source, seconds: float, count: int, *, through: bool) -> None:
    made = plan(source, LIMIT, MOST_BYTES)
    assert made is not None
    assert (made.seconds, made.count, made.through) == (seconds, count, through)


@pytest.mark.parametrize("source", [Source(7200, HD, 25, 10), Source(600, HD, 25, 1)])
def test_a_long_film_with_next_to_no_key_frames_has_no_small_version(source: Source) -> None:
    assert plan(source, LIMIT, MOST_BYTES) is None


def test_fewer_bytes_allowed_are_fewer_pictures() -> None:
    made = plan(Source(60, HD, 25, 6), LIMIT, 90_000)
    assert made is not None
    assert made.count == 30


SPEC = EncodeSpec(video="video_url", max_video_bytes=1_000_000)
PHONE = File("mp4", "h264", 900_000, 12.0, 1)


@pytest.mark.parametrize(
    ("change", "as_it_is"),
    [
        ({}, True),
        ({"container": "mov"}, True),
        ({"seconds": 0.0}, True),
        ({"transfer": None}, True),
        ({"size": 1_000_001}, False),
        ({"seconds": 600.5}, False),
        ({"transfer": 16}, False),
        ({"transfer": 18}, False),
        ({"codec": "hevc"}, False),
        ({"codec": "prores", "container": "mov"}, False),
        ({"codec": "vp9", "container": "webm"}, False),
        ({"container": "mkv"}, False),
        ({"container": "avi", "codec": "mpeg4"}, False),
    ],
)
def test_a_file_goes_as_it_is_where_everyone_takes_it(change: dict[str, object], *, as_it_is: bool) -> None:
    assert goes(replace(PHONE, **change), SPEC) is as_it_is  # type: ignore[arg-type]


def test_a_file_goes_as_it_is_where_its_container_is_taken_with_any_codec() -> None:
    spec = replace(SPEC, video_files=("webm/*", "mp4/hevc"))
    assert goes(File("webm", "av1", 1), spec)
    assert goes(File("mp4", "hevc", 1), spec)
    assert not goes(File("mp4", "av1", 1), spec)


def test_a_codec_that_can_not_be_told_is_no_hindrance() -> None:
    assert goes(File("mp4", None, 1), SPEC)
    assert not goes(File("webm", None, 1), SPEC)


def test_no_file_goes_as_it_is_where_another_form_is_wanted() -> None:
    for spec in (
        replace(SPEC, video="small"),
        replace(SPEC, video="frames"),
        replace(SPEC, measure=True),
    ):
        assert not goes(PHONE, spec)
