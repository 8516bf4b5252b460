"""The small MP4 that is made of a video, through the guarded decoder: what it shows, and what it is."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import media_samples as samples
from captiond.media import small
from captiond.media.guard import Guard, GuardLimits
from captiond.media.keyframes import Film
from captiond.media.picture import Pictures
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, FilePart, ImagePart, VideoPart

SMALL = EncodeSpec(video="video_url", frame_edge=160, max_frames=4)
MADE = replace(SMALL, video="small")
CONTAINERS = ["mp4", "mov", "mkv", "webm", "avi", "mpegts", "3gp"]
MUXERS = {"mkv": "matroska"}


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    guard = Guard(GuardLimits(seconds=30, memory_mb=1024))
    yield guard
    guard.close()


def made(guard: Guard, path: Path, spec: EncodeSpec = MADE) -> tuple[Encoded, VideoPart]:
    encoded = guard.encode(read(str(path), None), spec)
    (part,) = encoded.parts
    assert isinstance(part, VideoPart), part
    return encoded, part


def seen(part: VideoPart) -> list[tuple[float, Image.Image]]:
    """What a server sees in it: times and pictures."""
    with av.open(io.BytesIO(part.data), "r") as container:
        return [(frame.time or 0.0, frame.to_image()) for frame in container.decode(video=0)]


def boxes(data: bytes) -> list[bytes]:
    at, kinds = 0, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    return kinds


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_small_video_shows_what_the_large_one_does_at_the_same_times(
    guard: Guard, tmp_path: Path, container: str
) -> None:
    path = samples.video(tmp_path / "clip.any", MUXERS.get(container, container), seconds=4, key_every=15)
    encoded, part = made(guard, path)
    assert (part.mime, part.width, part.height, part.speed) == ("video/mp4", 160, 120, 1.0)
    assert encoded.facts.duration_seconds == pytest.approx(4, abs=0.3)
    pictures = seen(part)
    assert 12 <= len(pictures) <= 17
    for at, picture in pictures:
        assert samples.clock(picture) == pytest.approx(at / 4, abs=0.08)
        for colour, meant in zip(samples.quarters(picture), samples.QUARTERS, strict=True):
            assert samples.near(colour, meant, 40)


def test_it_is_an_mp4_that_every_player_takes_and_begins_to_play_at_once(guard: Guard, tmp_path: Path) -> None:
    _, part = made(guard, samples.video(tmp_path / "clip.webm", "webm", seconds=4))
    kinds = boxes(part.data)
    assert kinds[0] == b"ftyp"
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    with av.open(io.BytesIO(part.data), "r") as container:
        (stream,) = container.streams
        assert isinstance(stream, av.VideoStream)
        codec = stream.codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
        assert (stream.sample_aspect_ratio or 1) == 1
        assert container.duration == pytest.approx(4_000_000, abs=300_000)


def test_sound_is_left_out(guard: Guard, tmp_path: Path) -> None:
    path = tmp_path / "loud.mkv"
    silent = samples.video(tmp_path / "silent.mp4", seconds=2)
    sound = samples.audio_only(tmp_path / "sound.mp4")
    with av.open(str(silent)) as one, av.open(str(sound)) as other, av.open(str(path), "w", format="matroska") as both:
        inputs = [(one, one.streams.video[0]), (other, other.streams.audio[0])]
        outputs = [both.add_stream_from_template(stream) for _, stream in inputs]
        for (source, stream), target in zip(inputs, outputs, strict=True):
            for packet in source.demux(stream):
                if packet.dts is not None:
                    packet.stream = target
                    both.mux(packet)
    _, part = made(guard, path)
    with av.open(io.BytesIO(part.data)) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_it_is_upright(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "turned.mp4", seconds=2, rotation=90, draw=lambda _: samples.scene())
    encoded, part = made(guard, path)
    assert (encoded.facts.width, encoded.facts.height) == (240, 320)
    assert (part.width, part.height) == (120, 160)
    found = samples.quarters(seen(part)[0][1])
    turned = [samples.quarters(samples.scene().transpose(turn)) for turn in (Image.Transpose.ROTATE_90,)]
    turned += [samples.quarters(samples.scene().transpose(Image.Transpose.ROTATE_270))]
    assert any(all(samples.near(a, b, 40) for a, b in zip(found, way, strict=True)) for way in turned)


def test_its_pixels_are_square_and_its_edges_even(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "wide.mp4", seconds=1, size=(320, 238), aspect=Fraction(2, 1))
    _, part = made(guard, path, replace(MADE, frame_edge=155))
    assert part.width % 2 == part.height % 2 == 0
    assert part.width / part.height == pytest.approx(320 * 2 / 238, abs=0.1)


def test_a_video_longer_than_allowed_runs_faster_and_shows_all_of_it(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "long.mp4", seconds=60, rate=5)
    encoded, part = made(guard, path, replace(SMALL, max_seconds=10))
    assert part.seconds == 10
    assert part.speed == pytest.approx(6)
    pictures = seen(part)
    assert 10 <= len(pictures) <= 21
    for at, picture in pictures:
        assert samples.clock(picture) == pytest.approx(at / 10, abs=0.04)
    assert pictures[-1][0] > 9
    assert encoded.facts.duration_seconds == pytest.approx(60, abs=0.3)


def test_a_file_that_is_taken_goes_as_it_is_and_another_is_made_small(guard: Guard, tmp_path: Path) -> None:
    clip = samples.video(tmp_path / "clip.mp4", seconds=2, draw=lambda at: samples.photo(320, 240, int(at * 10)))
    size = clip.stat().st_size
    (part,) = guard.encode(read(str(clip), None), SMALL).parts
    assert isinstance(part, FilePart)
    made(guard, clip, replace(SMALL, max_video_bytes=size - 1))
    made(guard, clip, replace(SMALL, max_seconds=1))
    made(guard, samples.video(tmp_path / "clip.mkv", "matroska", seconds=2), SMALL)
    webm = samples.video(tmp_path / "clip.webm", "webm", seconds=2)
    made(guard, webm, SMALL)
    (part,) = guard.encode(read(str(webm), None), replace(SMALL, video_files=("webm/*",))).parts
    assert isinstance(part, FilePart)


def test_a_video_of_high_dynamic_range_is_made_small(guard: Guard, tmp_path: Path) -> None:
    path = tmp_path / "hdr.mp4"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.codec_context.color_trc = 18  # HLG
        for _ in range(5):
            target.mux(stream.encode(av.VideoFrame.from_image(samples.scene())))
        target.mux(stream.encode(None))
    made(guard, path, SMALL)


def noisy(seconds: float, path: Path, size: tuple[int, int] = (320, 240)) -> Path:
    chance = np.random.default_rng(1)
    return samples.video(
        path,
        seconds=seconds,
        rate=5,
        size=size,
        draw=lambda _: Image.fromarray(chance.integers(0, 256, (size[1], size[0], 3), np.uint8)),
    )


@pytest.mark.parametrize("most", [400_000, 100_000, 40_000])
def test_it_keeps_within_the_bytes_allowed_even_where_it_can_not_be_compressed(
    guard: Guard, tmp_path: Path, most: int
) -> None:
    path = noisy(8, tmp_path / "noise.mp4")
    _, part = made(guard, path, replace(SMALL, max_video_bytes=most))
    assert len(part.data) <= most


def test_where_no_small_video_fits_frames_are_sent(guard: Guard, tmp_path: Path) -> None:
    path = noisy(2, tmp_path / "noise.mp4", (640, 480))
    encoded = guard.encode(read(str(path), None), replace(SMALL, max_video_bytes=3_000, frame_edge=640))
    assert all(isinstance(part, ImagePart) for part in encoded.parts)


def test_a_damaged_video_is_sent_as_frames(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "clip.mp4", seconds=8, options={"movflags": "faststart"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = os.urandom(3000)
    path.write_bytes(data)
    encoded = guard.encode(read(str(path), None), MADE)
    assert all(isinstance(part, ImagePart) for part in encoded.parts)


def test_a_video_of_one_frame_is_a_small_video_too(guard: Guard, tmp_path: Path) -> None:
    _, part = made(guard, samples.video(tmp_path / "short.mp4", seconds=0.1))
    assert len(seen(part)) == 1


def test_a_long_film_is_not_read_through(tmp_path: Path) -> None:
    path = samples.video(
        tmp_path / "film.mp4", seconds=7200, rate=1, size=(160, 120), draw=lambda at: samples.photo(160, 120, int(at))
    )
    guard = Guard(GuardLimits(seconds=30, memory_mb=1024))
    try:
        guard.encode(read(str(samples.jpeg(tmp_path / "first.jpg")), None), MADE)
        before = read_bytes(guard)
        _, part = made(guard, path, replace(SMALL, max_seconds=60))
        assert read_bytes(guard) - before < path.stat().st_size / 3
    finally:
        guard.close()
    assert part.seconds == 60
    assert part.speed == pytest.approx(120)
    assert len(seen(part)) == 60


def test_of_a_long_film_on_a_busy_machine_fewer_pictures_are_shown_but_all_of_it(tmp_path: Path) -> None:
    path = samples.film(tmp_path / "film.mp4")
    with av.open(str(path), "r") as container:
        stream = container.streams.video[0]
        film = Film(container, stream, time.monotonic() + 0.25)
        part = small.make(film, film.told(), Pictures(stream, 320, 1_000_000), replace(MADE, max_seconds=720))
    assert part is not None
    pictures = seen(part)
    assert 2 <= len(pictures) < 720
    assert pictures[-1][0] > 0.85 * part.seconds
    for at, picture in pictures:
        assert samples.clock(picture) == pytest.approx(at / part.seconds, abs=0.05)


def read_bytes(guard: Guard) -> int:
    """All that the decoder has read so far."""
    with open(f"/proc/{guard.pid}/io") as told:
        return int(told.readline().split()[1])


def test_nothing_stays_open(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "clip.webm", "webm", seconds=2)
    made(guard, path)
    ours, theirs = len(os.listdir("/proc/self/fd")), len(os.listdir(f"/proc/{guard.pid}/fd"))
    for _ in range(5):
        made(guard, path)
    assert len(os.listdir("/proc/self/fd")) == ours
    assert len(os.listdir(f"/proc/{guard.pid}/fd")) == theirs
