"""A video in the form that its endpoint takes: a small MP4, llama.cpp's and vLLM's own ways, and what follows a refusal."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

import media_samples as made
from fake_behaviour import Behaviour
from fake_endpoint import FakeEndpoint, echo, error, model_entry, ok
from fake_protocol import Media, Recorded
from program import Home


@contextmanager
def server(dialect: str, *, owner: str | None = None, takes: bool | None = True) -> Iterator[FakeEndpoint]:
    """A fake endpoint of one dialect; its list of models says who owns it, and whether it takes videos."""
    entry = model_entry("fake-vision-1", *(("text", "image", "video") if takes else ("text", "image")))
    if owner is not None:
        entry = {"id": "fake-vision-1", "object": "model", "owned_by": owner}
    with FakeEndpoint(default=echo(), models=[entry], dialect=dialect) as fake:
        yield fake


def captioned(tmp_path: Path, fake: FakeEndpoint, path: Path, **config: str) -> list[Recorded]:
    """The requests that a file's caption took."""
    home = Home(tmp_path / "home", fake.base_url)
    home.configure(**config)
    done = home.call("caption", str(path))
    assert done.returncode == 0, done.stderr
    return fake.requests


def seconds_and_codec(media: Media) -> tuple[float, str]:
    with av.open(io.BytesIO(media.data), "r") as container:
        return float(container.duration or 0) / 1e6, container.streams.video[0].codec_context.name


def test_a_video_of_another_container_or_codec_is_sent_as_a_small_mp4(tmp_path: Path) -> None:
    with server("openai") as fake:
        path = made.video(tmp_path / "clip.mkv", "matroska", seconds=4)
        (request,) = captioned(tmp_path, fake, path)
        (media,) = request.media
        assert (media.kind, media.mime) == ("video", "video/mp4")
        seconds, codec = seconds_and_codec(media)
        assert seconds == pytest.approx(4, abs=0.3)
        assert codec == "h264"


def test_a_video_that_is_too_long_is_shown_whole_and_faster_and_the_model_is_told(tmp_path: Path) -> None:
    with server("openai") as fake:
        path = made.video(tmp_path / "clip.mp4", seconds=60, rate=5)
        (request,) = captioned(tmp_path, fake, path, endpoint="max_seconds = 10")
        (media,) = request.media
        assert seconds_and_codec(media)[0] == pytest.approx(10, abs=0.5)
        assert "time lapse of one of 60.0 s" in request.text
        assert "each second of it shows 6.0 s" in request.text


def test_a_video_that_is_found_too_large_becomes_a_small_one_and_then_frames_in_one_attempt(tmp_path: Path) -> None:
    with server("openai") as fake:
        path = made.video(tmp_path / "clip.mp4", seconds=3, draw=lambda at: made.photo(320, 240, int(at * 10)))

        def no_video(recorded: Recorded) -> Behaviour:
            if any(media.kind == "video" for media in recorded.media):
                return error(413, "Request entity too large")
            return ok()

        fake.default = no_video
        kinds = [[media.mime for media in one.media] for one in captioned(tmp_path, fake, path)]
        assert kinds[0] == ["video/mp4"]
        assert kinds[1] == ["video/mp4"]
        assert set(kinds[-1]) == {"image/jpeg"}
        assert len(kinds) <= 4
        sizes = [sum(media.bytes for media in one.media) for one in fake.requests[:-1]]
        assert sizes == sorted(sizes, reverse=True)


def test_llama_cpp_gets_a_video_in_its_own_part_where_it_is_known_to_take_one(tmp_path: Path) -> None:
    with server("llamacpp", owner="llamacpp") as fake:
        path = made.video(tmp_path / "clip.mp4", seconds=2)
        (request,) = captioned(tmp_path, fake, path, endpoint='video = "video_url"')
        (media,) = request.media
        assert (media.kind, media.mime) == ("video", "input_video")
        assert media.data == path.read_bytes()


def test_llama_cpp_gets_frames_while_nobody_knows_whether_it_takes_videos_and_a_probe_finds_out(tmp_path: Path) -> None:
    with server("llamacpp", owner="llamacpp") as fake:
        path = made.video(tmp_path / "clip.mp4", seconds=2)
        home = Home(tmp_path / "home", fake.base_url)
        assert home.call("caption", str(path)).returncode == 0
        assert {media.mime for media in fake.requests[0].media} == {"image/jpeg"}

        def reads(recorded: Recorded) -> Behaviour:
            usage = {"prompt_tokens": 100 + 500 * len(recorded.media), "completion_tokens": 5, "total_tokens": 5}
            return ok("Something.", usage=usage)

        fake.default = reads
        assert "takes videos" in home.call("check", "--call").stdout
        fake.default = echo()
        fake.reset_counts()
        other = made.video(tmp_path / "other.mp4", seconds=1.5)
        assert home.call("caption", str(other)).returncode == 0
        assert [media.mime for media in fake.requests[0].media] == ["input_video"]


def test_vllm_gets_the_frames_of_a_damaged_video_as_one_list(tmp_path: Path) -> None:
    with server("vllm") as fake:
        path = made.truncated(made.video(tmp_path / "clip.mkv", "matroska", seconds=8, key_every=5))
        config = 'video_dialect = "vllm"\nvideo = "video_url"\nmax_frames = 5'
        (request,) = captioned(tmp_path, fake, path, endpoint=config)
        (media,) = request.media
        assert (media.kind, media.mime) == ("5 frames", "video/jpeg")
        assert "frames of" in request.text


def test_the_configured_dialect_goes_before_what_is_known(tmp_path: Path) -> None:
    with server("vllm", owner="somebody") as fake:
        path = made.video(tmp_path / "clip.mp4", seconds=4)
        (request,) = captioned(
            tmp_path, fake, path, endpoint='video_dialect = "vllm"\nvideo = "frames"\nmax_frames = 3'
        )
        assert [(media.kind, media.mime) for media in request.media] == [("3 frames", "video/jpeg")]


def test_a_server_that_takes_no_video_in_any_form_is_asked_with_frames_and_that_is_remembered(tmp_path: Path) -> None:
    with server("none") as fake:
        first = made.video(tmp_path / "first.mp4", seconds=1)
        second = made.video(tmp_path / "second.mp4", seconds=1.4)
        home = Home(tmp_path / "home", fake.base_url)
        assert home.call("caption", str(first)).returncode == 0
        assert home.call("caption", str(second)).returncode == 0
        assert [bool(one.violation) for one in fake.requests] == [True, False, False]
        assert all(media.kind == "image" for one in fake.requests[1:] for media in one.media)


def test_an_unknown_dialect_is_said_with_those_that_there_are(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure(endpoint='video_dialect = "klingon"')
    done = home.call("config")
    assert done.returncode == 78
    assert '"openai", "llamacpp", "vllm"' in done.stderr


def test_the_log_tells_that_a_small_video_was_sent(tmp_path: Path) -> None:
    with server("openai") as fake:
        home = Home(tmp_path / "home", fake.base_url)
        with home.run() as service:
            made.video(home.inbox / "clip.mkv", "matroska", seconds=2)
            home.captioned("clip.mkv")
            assert service.event("job")["small_video"] is True
