"""Videos as they reach the endpoint: as frames, as the file itself, or not at all."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import media_samples as made
from fake_endpoint import FakeEndpoint, Recorded, echo, model_entry
from program import Home, Program
from waiting import until

CONFIG = """
[database]
url = "sqlite:///{folder}/state/captions.db"
[queue]
max_attempts = 1
[endpoints.frames]
base_url = "{pictures}"
model = "fake-vision-1"
video = "frames"
max_frames = 5
frame_edge = 200
[endpoints.file]
base_url = "{videos}"
model = "fake-vision-1"
video = "video_url"
max_video_bytes = {limit}
[endpoints.off]
base_url = "{videos}"
model = "fake-vision-1"
video = "off"
[endpoints.auto-videos]
base_url = "{videos}"
model = "fake-vision-1"
[endpoints.auto-pictures]
base_url = "{pictures}"
model = "fake-vision-1"
"""
WAYS = ("frames", "file", "off", "auto-videos", "auto-pictures")
ROOT = """
[recipes.{way}]
prompt = "Way {way}, file {{filename}}, {{kind}} of {{duration}}."
endpoint = "{way}"
[[watch]]
path = "{folder}/inbox/{way}"
recipe = "{way}"
settle_seconds = 0.2
"""
LIMIT = 200_000

CLIPS: dict[str, Callable[[Path], object]] = {
    "clip.mp4": lambda path: made.video(path, "mp4"),
    "clip.mov": lambda path: made.video(path, "mov"),
    "clip.mkv": lambda path: made.video(path, "matroska"),
    "clip.webm": lambda path: made.video(path, "webm"),
    "clip.avi": lambda path: made.video(path, "avi"),
    "turned.mp4": lambda path: made.video(path, "mp4", rotation=90, draw=lambda _: made.scene(320, 240)),
    "broken.mkv": lambda path: made.truncated(made.video(path, "matroska", key_every=5)),
    "short.mp4": lambda path: made.video(path, "mp4", seconds=0.1),
}
MIMES = {
    "clip.mp4": "video/mp4", "clip.mov": "video/quicktime", "clip.mkv": "video/x-matroska", "clip.webm": "video/webm",
    "clip.avi": "video/x-msvideo",
}  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """The clips in every root, and what was sent of them."""

    home: Home
    program: Program
    fakes: list[FakeEndpoint]

    def __call__(self, way: str, name: str) -> Recorded:
        """The one request for a file under one root."""
        start = f"Way {way}, file {name},"
        found = [one for fake in self.fakes for one in fake.requests if start in one.text]
        assert len(found) == 1
        return found[0]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    with ExitStack() as stack:
        pictures = stack.enter_context(FakeEndpoint(default=echo()))
        listed = [model_entry("fake-vision-1", "text", "image", "video")]
        videos = stack.enter_context(FakeEndpoint(default=echo(), models=listed))
        home = Home(tmp_path_factory.mktemp("video"))
        config = CONFIG.format(folder=home.folder, pictures=pictures.base_url, videos=videos.base_url, limit=LIMIT)
        home.config.write_text(config + "".join(ROOT.format(way=way, folder=home.folder) for way in WAYS))
        for way in WAYS:
            (home.inbox / way).mkdir()
        for name, make in CLIPS.items():
            make(home.inbox / "frames" / name)
            if name in MIMES:
                (home.inbox / "file" / name).write_bytes((home.inbox / "frames" / name).read_bytes())
        for way in ("off", "auto-videos", "auto-pictures"):
            (home.inbox / way / "clip.mp4").write_bytes((home.inbox / "frames" / "clip.mp4").read_bytes())
        made.video(
            home.inbox / "file" / "large.mp4", "mp4", seconds=12, draw=lambda at: made.photo(320, 240, int(at * 10))
        )
        assert (home.inbox / "file" / "large.mp4").stat().st_size > LIMIT
        made.jpeg(home.inbox / "off" / "picture.jpg")
        program = stack.enter_context(home.run())
        until(lambda: _ended(home) == len(CLIPS) + len(MIMES) + 5, timeout=60)
        assert not pictures.violations
        assert not videos.violations
        yield Sent(home, program, [pictures, videos])


def _ended(home: Home) -> int:
    return len(home.rows("SELECT 1 FROM job WHERE state IN ('done', 'failed')"))


def _caption(home: Home, way: str, name: str) -> str:
    (row,) = home.rows("SELECT caption FROM captions WHERE path = ?", str(home.inbox / way / name))
    return str(row["caption"])


@pytest.mark.parametrize("name", MIMES)
def test_frames_of_every_container_are_evenly_spaced_and_their_times_are_told(sent: Sent, name: str) -> None:
    request = sent("frames", name)
    assert [part.kind for part in request.media] == ["image"] * 5
    times = [float(at) for at in re.findall(r"(\d+(?:\.\d+)?) s\b", request.text.rpartition(", at ")[2])]
    assert len(times) == 5, request.text
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert 0.5 < min(gaps) <= max(gaps) < 1.1  # 0.8 apart, or on the key frame that is near
    assert times[-1] - times[0] > 2.8
    for at, part in zip(times, request.media, strict=True):
        frame = made.opened_jpeg(part.data)
        assert abs(made.clock(frame) - at / 4) < 0.06, (at, made.clock(frame))
        assert all(
            made.near(one, other, 40) for one, other in zip(made.quarters(_edges(frame)), made.QUARTERS, strict=True)
        )
        assert max(part.width, part.height) == 200


def _edges(frame: Image.Image) -> Image.Image:
    """A frame without the clock in its middle."""
    width, height = frame.size
    left, right = frame.crop((0, 0, width // 3, height)), frame.crop((width * 2 // 3, 0, width, height))
    joined = Image.new("RGB", (2 * left.width, height))
    joined.paste(left, (0, 0))
    joined.paste(right, (left.width, 0))
    return joined


def test_a_turned_video_arrives_upright(sent: Sent) -> None:
    parts = sent("frames", "turned.mp4").media
    assert all(part.height == 200 and part.width == 150 for part in parts)
    with Image.open(io.BytesIO(parts[0].data)) as frame:
        found = made.quarters(frame)
    turned = made.quarters(made.scene().transpose(Image.Transpose.ROTATE_90))
    other = made.quarters(made.scene().transpose(Image.Transpose.ROTATE_270))
    assert any(all(made.near(a, b, 40) for a, b in zip(found, way, strict=True)) for way in (turned, other))


def test_of_a_broken_video_what_can_be_read_is_captioned_and_everyone_is_told(sent: Sent) -> None:
    request = sent("frames", "broken.mkv")
    readable = re.search(r"The file is damaged: only its first (\d\.\d) s could be read\.", request.text)
    assert readable
    assert 1.9 < float(readable[1]) < 2.7
    assert len(request.media) == 5
    (line,) = [line for line in sent.program.lines("job") if line["path"].endswith("broken.mkv")]
    assert (line["outcome"], line["damaged"]) == ("done", True)
    assert line["readable_s"] == pytest.approx(float(readable[1]), abs=0.06)
    shown = sent.home.call("show", str(sent.home.inbox / "frames" / "broken.mkv")).stdout
    assert f"damaged: only its first {readable[1]} s could be read; copy it again" in shown


def test_a_video_of_one_frame_is_sent_as_one_frame(sent: Sent) -> None:
    assert len(sent("frames", "short.mp4").media) == 1


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mov"])
def test_video_url_sends_the_file_itself_with_its_type(sent: Sent, name: str) -> None:
    (part,) = sent("file", name).media
    assert (part.kind, part.mime) == ("video", MIMES[name])
    assert part.data == (sent.home.inbox / "file" / name).read_bytes()


@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm", "clip.avi", "large.mp4"])
def test_video_url_sends_a_small_mp4_of_what_not_every_server_takes_and_of_what_is_too_large(
    sent: Sent, name: str
) -> None:
    (part,) = sent("file", name).media
    assert (part.kind, part.mime) == ("video", "video/mp4")
    assert part.bytes <= LIMIT
    assert part.data != (sent.home.inbox / "file" / name).read_bytes()


def test_off_fails_videos_with_that_reason_and_captions_pictures(sent: Sent) -> None:
    job = next(
        row
        for row in sent.home.rows("SELECT file.folder, job.* FROM job JOIN file ON file.id = job.file_id")
        if row["folder"].endswith("/off") and row["state"] == "failed"
    )
    assert job["reason"] == "video_off"
    assert _caption(sent.home, "off", "picture.jpg")


def test_auto_sends_the_file_where_the_models_list_says_video_and_frames_elsewhere(sent: Sent) -> None:
    (part,) = sent("auto-videos", "clip.mp4").media
    assert (part.kind, part.mime) == ("video", "video/mp4")
    assert {part.kind for part in sent("auto-pictures", "clip.mp4").media} == {"image"}


def test_the_view_tells_the_length_and_size(sent: Sent) -> None:
    (row,) = sent.home.rows("SELECT * FROM captions WHERE path = ?", str(sent.home.inbox / "frames" / "clip.mp4"))
    assert (row["kind"], row["mime"], row["width"], row["height"]) == ("video", "video/mp4", 320, 240)
    assert abs(row["duration_seconds"] - 4.0) < 0.15
    assert "video of 4" in sent("frames", "clip.mp4").text
