"""Videos through the guarded decoder: the file itself or its frames, and every way in which one can be broken."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

import media_samples as samples
from captiond.errors import Corrupt, Failure, NoKeyFrame, NotMedia, NoVideoStream, TooManyPixels, Truncated, VideoOff
from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, FilePart, ImagePart, Kind

FRAMES = EncodeSpec(video="frames", max_frames=4, frame_edge=160)
AS_FILE = EncodeSpec(video="video_url", max_frames=4, frame_edge=160)
CONTAINERS = ["mp4", "mov", "mkv", "webm", "avi", "mpegts", "3gp"]
FASTSTART = {"movflags": "faststart"}
MUXERS = {"mkv": "matroska"}


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    guard = Guard(GuardLimits(seconds=30, memory_mb=1024))
    yield guard
    guard.close()


def taken(guard: Guard, path: Path, spec: EncodeSpec = FRAMES) -> tuple[Encoded, list[float], list[Image.Image]]:
    result = guard.encode(read(str(path), None), spec)
    times, pictures = [], []
    for part in result.parts:
        assert isinstance(part, ImagePart)
        assert part.at_seconds is not None
        times.append(part.at_seconds)
        pictures.append(samples.opened_jpeg(part.data))
    return result, times, pictures


def shows_the_scene(picture: Image.Image) -> bool:
    return all(samples.near(*pair, 40) for pair in zip(samples.quarters(picture), samples.QUARTERS, strict=True))


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_frames_from_all_over_its_length(guard: Guard, tmp_path: Path, container: str) -> None:
    path = samples.video(tmp_path / "clip.any", MUXERS.get(container, container), seconds=4, key_every=5)
    result, times, pictures = taken(guard, path)
    assert result.facts.kind is Kind.VIDEO
    assert (result.facts.width, result.facts.height) == (320, 240)
    assert result.facts.duration_seconds == pytest.approx(4, abs=0.3)
    assert len(pictures) == 4
    assert times == sorted(times)
    for number, (at, picture) in enumerate(zip(times, pictures, strict=True)):
        assert picture.size == (160, 120)
        assert at == pytest.approx(0.5 + number, abs=0.55)
        # What is seen is what was shown at the time that is told.
        assert samples.clock(picture) == pytest.approx(at / 4, abs=0.08)
        assert shows_the_scene(picture)


VIDEOS = [
    ("h264", "libx264", "yuv420p", ["mp4", "mov", "matroska", "avi", "mpegts", "3gp"]),
    ("hevc", "libx265", "yuv420p10le", ["mp4", "mov", "matroska", "mpegts"]),
    ("vp9", "libvpx-vp9", "yuv420p", ["webm", "mp4", "matroska"]),
    ("av1", "libsvtav1", "yuv420p", ["mp4", "webm", "matroska"]),
    ("mpeg4", "mpeg4", "yuv420p", ["avi", "mp4", "mov", "3gp"]),
    ("mpeg2video", "mpeg2video", "yuv420p", ["mpeg", "vob", "mpegts", "matroska"]),
    ("prores", "prores_ks", "yuv422p10le", ["mov", "matroska"]),
    ("mjpeg", "mjpeg", "yuv420p", ["avi", "mov", "mp4"]),
]
"""A codec, who encodes it here and in which pixels, and the containers that it comes in."""


@pytest.mark.parametrize(
    ("codec", "encoder", "pixels", "container"),
    [(*video, container) for *video, containers in VIDEOS for container in containers],
)
def test_every_codec_is_read_in_the_containers_that_it_comes_in(
    guard: Guard, tmp_path: Path, codec: str, encoder: str, pixels: str, container: str
) -> None:
    path = samples.video(tmp_path / "a", container, codec=encoder, pixels=pixels, rate=25, key_every=10)
    result, times, pictures = taken(guard, path)
    assert {"libdav1d": "av1"}.get(result.facts.video_codec or "", result.facts.video_codec) == codec
    assert result.facts.duration_seconds == pytest.approx(4, abs=0.2)
    assert len(times) == 4
    for at, picture in zip(times, pictures, strict=True):
        assert samples.clock(picture) == pytest.approx(at / 4, abs=0.06)
        assert shows_the_scene(picture)


def test_a_cameras_transport_stream_with_a_time_before_each_packet_is_read(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mts", "mpegts", key_every=5, options={"mpegts_m2ts_mode": "1"})
    assert path.read_bytes()[4] == path.read_bytes()[4 + 192] == 0x47
    result, times, pictures = taken(guard, path)
    assert result.facts.format == "mpegts"
    assert len(times) == 4
    assert all(map(shows_the_scene, pictures))


@pytest.mark.parametrize(
    ("codec", "container", "size", "encoder"),
    [
        ("h263", "3gp", (352, 288), {}),
        ("libx264", "mpegts", (320, 240), {"x264-params": "interlaced=1:open-gop=1:bframes=3"}),
        ("mpeg2video", "mpegts", (320, 240), {"flags": "+ildct+ilme", "bf": "2"}),
    ],
)
def test_old_phones_and_camcorders_films_are_read(
    guard: Guard, tmp_path: Path, codec: str, container: str, size: tuple[int, int], encoder: dict[str, str]
) -> None:
    path = samples.video(tmp_path / "a", container, codec=codec, size=size, rate=25, key_every=10, encoder=encoder)
    _result, times, pictures = taken(guard, path)
    assert len(times) == 4
    for at, picture in zip(times, pictures, strict=True):
        assert samples.clock(picture) == pytest.approx(at / 4, abs=0.06)
        assert shows_the_scene(picture)


def test_frames_of_a_variable_rate_are_told_with_the_time_when_they_are_shown(guard: Guard, tmp_path: Path) -> None:
    # 40 frames: the first half in 2 s, the others in 8 s.
    path = samples.video(
        tmp_path / "a.mp4", key_every=2, times=lambda number: number if number < 20 else 20 + (number - 20) * 4
    )
    result, times, pictures = taken(guard, path)
    assert result.facts.duration_seconds == pytest.approx(10, abs=0.5)
    assert times == pytest.approx([1.25, 3.75, 6.25, 8.75], abs=1)
    for at, picture in zip(times, pictures, strict=True):
        frame = at * 10 if at < 2 else 20 + (at - 2) * 10 / 4
        assert samples.clock(picture) == pytest.approx(frame / 40, abs=0.04)


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_sound_beside_it_changes_nothing(guard: Guard, tmp_path: Path, container: str) -> None:
    path = samples.video(tmp_path / "a", container, key_every=5, sound=True)
    result, times, _pictures = taken(guard, path)
    assert result.facts.duration_seconds == pytest.approx(4, abs=0.2)
    assert len(times) == 4


@pytest.mark.parametrize("moov", ["last", "first"])
def test_an_index_may_come_last_or_first(guard: Guard, tmp_path: Path, moov: str) -> None:
    path = samples.video(tmp_path / "a.mp4", key_every=5, options=FASTSTART if moov == "first" else None)
    data = path.read_bytes()
    assert (data.index(b"moov") < data.index(b"mdat")) == (moov == "first")
    assert len(taken(guard, path)[1]) == 4


def test_frames_are_decoded_on_to_where_key_frames_are_far_apart(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mp4", seconds=8, key_every=1000)
    _result, times, pictures = taken(guard, path)
    assert times == pytest.approx([1, 3, 5, 7], abs=0.35)
    for at, picture in zip(times, pictures, strict=True):
        assert samples.clock(picture) == pytest.approx(at / 8, abs=0.05)


@pytest.mark.parametrize(("container", "codec"), [("mpegts", "libx264"), ("mpeg", "mpeg2video")])
def test_a_stream_without_an_index_is_decoded_on_from_a_key_frame_far_before(
    guard: Guard, tmp_path: Path, container: str, codec: str
) -> None:
    path = samples.video(
        tmp_path / "one.ts", container, codec=codec, rate=25, seconds=6, key_every=250, size=(640, 480)
    )
    _result, times, _images = taken(guard, path)
    assert len(times) >= 4
    assert times[-1] > 5


def test_where_decoding_on_costs_much_nearly_as_many_key_frames_do(guard: Guard, tmp_path: Path) -> None:
    # A key frame every 10 s, eight parts of 7.5 s: six key frames, and 75 frames of 2.8 megapixels in between.
    scenes = [samples.photo(2000, 1400, seed) for seed in range(6)]
    path = samples.video(
        tmp_path / "a.mp4", seconds=60, rate=2, key_every=20, size=(2000, 1400), draw=lambda at: scenes[int(at / 10)]
    )
    _result, times, _pictures = taken(guard, path, EncodeSpec(video="frames", max_frames=8))
    assert times == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize("container", ["mp4", "matroska", "mpegts"])
def test_a_film_whose_pictures_are_renewed_strip_by_strip_has_no_key_frames_but_is_shown(
    guard: Guard, tmp_path: Path, container: str
) -> None:
    encoder = {"preset": "veryfast", "x264-params": "intra-refresh=1"}
    path = samples.video(tmp_path / "a", container, seconds=16, rate=25, key_every=25, encoder=encoder)
    result, times, pictures = taken(guard, path)
    assert not result.facts.damaged
    assert times == pytest.approx([2, 6, 10, 14], abs=3)
    for at, picture in zip(times, pictures, strict=True):
        assert samples.clock(picture) == pytest.approx(at / 16, abs=0.05)
        assert shows_the_scene(picture)


def scenes_of(*lengths: float, black: tuple[int, ...] = ()) -> Callable[[float], Image.Image]:
    """What to draw at each second: one scene after the other, so many seconds each; those numbered in `black` are that."""
    shots = [
        Image.new("RGB", (320, 240)) if number in black else samples.photo(320, 240, number)
        for number in range(len(lengths))
    ]
    ends = list(itertools.accumulate(lengths))
    return lambda at: shots[min(bisect.bisect_right(ends, at), len(shots) - 1)]


def test_a_clip_in_which_nothing_changes_gives_one_frame(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mp4", seconds=20, key_every=10, draw=scenes_of(20))
    _result, times, _pictures = taken(guard, path)
    assert len(times) == 1


def test_each_scene_is_shown_once_however_long_it_is(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mp4", seconds=40, key_every=10, draw=scenes_of(22, 1.5, 16.5))
    _result, times, _pictures = taken(guard, path)
    first, second, third = times
    assert first < 22 <= second < 23.5 <= third


def test_a_scene_that_comes_back_is_not_shown_again(guard: Guard, tmp_path: Path) -> None:
    one, other = samples.photo(320, 240, 1), samples.photo(320, 240, 2)
    path = samples.video(
        tmp_path / "a.mp4", seconds=16, key_every=10, draw=lambda at: one if int(at / 4) % 2 == 0 else other
    )
    _result, times, _pictures = taken(guard, path)
    assert len(times) == 2


def test_frames_that_show_nothing_are_left_out(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mp4", seconds=24, key_every=10, draw=scenes_of(8, 4, 4, 8, black=(0, 3)))
    _result, times, pictures = taken(guard, path)
    assert all(8 <= at < 16 for at in times)
    assert len(times) == 2
    assert all(max(picture.convert("L").tobytes()) > 64 for picture in pictures)


def test_a_film_that_is_all_black_gives_one_black_frame(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mp4", seconds=8, draw=lambda _at: Image.new("RGB", (320, 240)))
    _result, times, pictures = taken(guard, path)
    assert len(times) == 1
    assert max(pictures[0].convert("L").tobytes()) < 24


@pytest.mark.parametrize("container", ["mp4", "webm", "avi"])
def test_a_clip_of_one_frame_gives_that_frame(guard: Guard, tmp_path: Path, container: str) -> None:
    path = samples.video(tmp_path / "a", container, seconds=0.1)
    _result, _times, pictures = taken(guard, path)
    assert len(pictures) == 1
    assert samples.near(samples.quarters(pictures[0])[0], samples.RED, 40)


@pytest.mark.parametrize("container", ["mov", "mp4", "3gp", "matroska"])
@pytest.mark.parametrize(
    ("rotation", "mirrored", "undo"),
    [
        (0, False, None),
        (90, False, Image.Transpose.ROTATE_270),
        (-90, False, Image.Transpose.ROTATE_90),
        (180, False, Image.Transpose.ROTATE_180),
        (0, True, Image.Transpose.FLIP_LEFT_RIGHT),
    ],
)
def test_the_display_matrix_is_applied(
    guard: Guard, tmp_path: Path, container: str, rotation: int, mirrored: bool, undo: Image.Transpose | None
) -> None:
    # Stored turned back, so that the matrix brings it upright at 320 x 240. Positive angles are counterclockwise.
    upright = samples.scene(320, 240)
    stored = upright.transpose(undo) if undo is not None else upright
    path = samples.video(
        tmp_path / "a",
        container,
        seconds=1,
        size=stored.size,
        rotation=rotation,
        mirrored=mirrored,
        draw=lambda _at: stored,
    )
    result, _times, pictures = taken(guard, path)
    assert (result.facts.width, result.facts.height) == (320, 240)
    for picture in pictures:
        assert picture.size == (160, 120)
        assert shows_the_scene(picture)


@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def test_hdr_of_ten_bits_has_the_colours_that_it_shows_on_a_screen(guard: Guard, tmp_path: Path, transfer: str) -> None:
    result, _times, pictures = taken(guard, samples.hdr_video(tmp_path / "a.mov", transfer, "mov"))
    assert result.facts.video_codec == "hevc"
    for seen, meant in zip(samples.quarters(pictures[0]), samples.QUARTERS, strict=True):
        assert samples.near(seen, meant, 16), (seen, meant)


@pytest.mark.parametrize(
    ("size", "matrix", "told", "full"),
    [
        ((1280, 720), "itu709", "colormatrix=bt709", False),
        ((1280, 720), "itu709", "", False),
        ((1280, 720), "itu601", "colormatrix=smpte170m", False),
        ((640, 480), "itu601", "", False),
        ((640, 480), "itu601", "colormatrix=bt470bg", False),
        ((640, 480), "itu709", "colormatrix=bt709", False),
        ((640, 480), "itu601", "fullrange=on", True),
        ((1280, 720), "itu709", "fullrange=on:colormatrix=bt709", True),
        ((1280, 720), "itu709", "colormatrix=YCgCo", False),  # not converted by libav: as its size has it
    ],
)
def test_the_matrix_and_the_range_are_those_that_are_told_or_usual_for_the_size(
    guard: Guard, tmp_path: Path, size: tuple[int, int], matrix: str, told: str, full: bool
) -> None:
    path = samples.colour_video(tmp_path / "a.mp4", size, matrix, told, full=full)
    _result, _times, pictures = taken(guard, path)
    for seen, meant in zip(samples.quarters(pictures[0]), samples.QUARTERS, strict=True):
        assert samples.near(seen, meant, 6), (seen, meant)


def test_pixels_that_are_not_square_are_made_so(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mp4", seconds=1, size=(320, 240), aspect=Fraction(2, 1))
    _result, _times, pictures = taken(guard, path, EncodeSpec(video="frames", frame_edge=768))
    assert {picture.size for picture in pictures} == {(320, 120)}


def test_date_camera_and_place_of_a_quicktime_film_are_told(guard: Guard, tmp_path: Path) -> None:
    apple = "com.apple.quicktime."
    tags = {
        apple + "location.ISO6709": "+48.2082-016.3738+190.000/",
        apple + "make": "Apple",
        apple + "model": "iPhone 17",
        apple + "creationdate": "2025-07-08T09:10:11+0200",
    }
    result, _times, _pictures = taken(guard, samples.video(tmp_path / "a.mov", "mov", seconds=1, tags=tags))
    facts = result.facts
    assert (facts.latitude, facts.longitude) == (48.2082, -16.3738)
    assert facts.camera == "Apple iPhone 17"
    assert facts.taken_at == "2025-07-08T09:10:11"
    assert facts.video_codec == "h264"


def test_a_file_without_a_duration_is_read_to_its_end(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mkv", "matroska", seconds=4, key_every=5, options={"live": "1"})
    result, times, _pictures = taken(guard, path)
    assert result.facts.duration_seconds == pytest.approx(4, abs=0.3)
    assert len(times) == 4


@pytest.mark.parametrize(
    ("container", "options"),
    [("mp4", {}), ("mp4", FASTSTART), ("matroska", {}), ("mpegts", {}), ("mpeg", {}), ("avi", {})],
)
def test_a_film_of_two_hours_is_not_read_through(tmp_path: Path, container: str, options: dict[str, str]) -> None:
    path = samples.film(tmp_path / "a", container, options=options)
    opened = read(str(path), None)
    spec = EncodeSpec(video="frames", max_frames=8, frame_edge=160)
    guard = Guard(GuardLimits(seconds=10, memory_mb=1024))
    try:
        guard.encode(opened, spec)  # its libraries are read, too
        before = bytes_read(guard)
        result, times, pictures = taken(guard, path, spec)
        assert bytes_read(guard) - before < path.stat().st_size / 40
    finally:
        guard.close()
    assert result.facts.duration_seconds == pytest.approx(7200, abs=2)
    assert times == pytest.approx([450 + 900 * number for number in range(8)], abs=12)
    for at, picture in zip(times, pictures, strict=True):
        assert samples.clock(picture) == pytest.approx(at / 7200, abs=0.05)


def test_of_a_film_that_is_broken_off_the_index_tells_how_much_is_there(tmp_path: Path) -> None:
    path = samples.truncated(samples.film(tmp_path / "a", options=FASTSTART), 0.5)
    opened = read(str(path), None)
    guard = Guard(GuardLimits(seconds=10, memory_mb=1024))
    try:
        guard.encode(opened, FRAMES)
        before = bytes_read(guard)
        result, times, _pictures = taken(guard, path)
        assert bytes_read(guard) - before < path.stat().st_size / 40
    finally:
        guard.close()
    assert result.facts.damaged
    assert result.facts.duration_seconds == pytest.approx(7200, abs=2)
    assert result.facts.readable_seconds == pytest.approx(3600, abs=60)
    assert times == pytest.approx([450 + 900 * number for number in range(4)], abs=30)


def bytes_read(guard: Guard) -> int:
    """By the decoder process so far, in all its calls."""
    return int(Path(f"/proc/{guard.pid}/io").read_text().split()[1])


@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_an_endpoint_that_takes_video_gets_the_file_itself(guard: Guard, tmp_path: Path, container: str) -> None:
    path = samples.video(tmp_path / "a", MUXERS.get(container, container), seconds=1)
    opened = read(str(path), None)
    result = guard.encode(opened, AS_FILE)
    assert result.parts == (FilePart(opened.mime, str(path), opened.stat),)
    assert (result.facts.width, result.facts.height) == (320, 240)
    assert result.facts.duration_seconds == pytest.approx(1, abs=0.2)


def test_video_off_is_said_without_decoding(tmp_path: Path) -> None:
    guard = Guard()
    with pytest.raises(VideoOff):
        guard.encode(read(str(samples.video(tmp_path / "a.mp4", seconds=1)), None), EncodeSpec(video="off"))
    assert guard.pid is None


def test_a_video_is_measured_on_a_frame(guard: Guard, tmp_path: Path) -> None:
    spec = EncodeSpec(video="frames", max_frames=2, measure=True)
    result, _times, _pictures = taken(guard, samples.video(tmp_path / "a.mp4", seconds=1), spec)
    assert result.measures is not None
    assert {"red", "green", "blue", "yellow"} <= {name for name, _share in result.measures.colours}


BROKEN: list[tuple[str, Callable[[Path], Path], type[Failure]]] = [
    ("no key frame mp4", samples.no_key_frame, NoKeyFrame),
    ("no key frame mkv", lambda p: samples.no_key_frame(p, "matroska"), NoKeyFrame),
    ("no key frame mpeg4", lambda p: samples.no_key_frame(p, "avi"), NoKeyFrame),
    ("no key frame but an index that says so", lambda p: samples.no_key_frame(p, "3gp"), NoKeyFrame),
    ("audio only mp4", samples.audio_only, NoVideoStream),
    ("audio only mkv", lambda p: samples.audio_only(p, "matroska"), NoVideoStream),
    ("no index", samples.without_index, Truncated),
    ("truncated mp4", lambda p: samples.truncated(samples.video(p)), Truncated),
    ("truncated in its first frame", lambda p: samples.truncated(samples.video(p, "matroska"), 0.05), Truncated),
    ("garbage mkv", lambda p: samples.garbage_after(samples.video(p, "matroska"), 60), Truncated),
    ("garbage avi", lambda p: samples.garbage_after(samples.video(p, "avi"), 12), Truncated),
    ("garbage mp4", lambda p: samples.garbage_after(samples.video(p), 32), Corrupt),
]


FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
CUT = [("mp4", FASTSTART), ("mp4", FRAGMENTS), ("mov", FASTSTART), ("matroska", {}), ("webm", {}), ("avi", {})]


@pytest.mark.parametrize("mode", ["frames", "video_url"])
@pytest.mark.parametrize(("container", "options"), CUT)
def test_of_a_video_that_is_broken_off_what_is_there_is_shown_and_told(
    guard: Guard, tmp_path: Path, container: str, options: dict[str, str], mode: str
) -> None:
    whole = samples.video(tmp_path / "a", container, seconds=8, key_every=5, options=options)
    result, times, pictures = taken(
        guard, samples.truncated(whole), EncodeSpec(video=mode, max_frames=4, frame_edge=160)
    )
    assert result.facts.damaged
    assert result.facts.readable_seconds == pytest.approx(4.5, abs=0.3)
    assert len(times) == 4
    assert max(times) <= 4.8
    for at, picture in zip(times, pictures, strict=True):
        assert samples.clock(picture) == pytest.approx(at / 8, abs=0.05)
        assert shows_the_scene(picture)


def test_a_file_that_lacks_only_its_index_is_not_called_damaged(guard: Guard, tmp_path: Path) -> None:
    path = samples.video(tmp_path / "a.mkv", "matroska", seconds=8, key_every=5)
    path.write_bytes(path.read_bytes()[:-20])
    result, times, _pictures = taken(guard, path)
    assert not result.facts.damaged
    assert len(times) == 4


@pytest.mark.parametrize("container", ["mp4", "matroska", "webm", "avi", "mpegts"])
def test_frames_are_taken_before_and_behind_a_damaged_part(guard: Guard, tmp_path: Path, container: str) -> None:
    path = samples.damaged(samples.video(tmp_path / "a", container, seconds=8, key_every=5))
    result, times, pictures = taken(guard, path, EncodeSpec(video="frames", max_frames=8, frame_edge=160))
    assert min(times) < 3
    assert max(times) > 5
    assert result.facts.readable_seconds is None
    shown = [shows_the_scene(picture) for picture in pictures]
    assert sum(shown) >= len(shown) - (container == "webm")  # VP8 decodes noise, and calls it a picture


def test_a_part_that_can_not_be_decoded_is_told(guard: Guard, tmp_path: Path) -> None:
    # Every key frame of the middle is asked for, and one of them is noise.
    path = samples.damaged(samples.video(tmp_path / "a.mp4", seconds=8, key_every=5))
    result, _times, _pictures = taken(guard, path, EncodeSpec(video="frames", max_frames=16))
    assert result.facts.damaged


@pytest.mark.parametrize("mode", ["frames", "video_url"])
@pytest.mark.parametrize(("name", "make", "failure"), BROKEN, ids=[name for name, _make, _failure in BROKEN])
def test_a_broken_video_fails_with_its_own_reason(
    guard: Guard, tmp_path: Path, name: str, make: Callable[[Path], Path], failure: type[Failure], mode: str
) -> None:
    with pytest.raises(Failure) as caught:
        guard.encode(read(str(make(tmp_path / "x")), None), EncodeSpec(video=mode))
    assert type(caught.value) is failure, (name, caught.value.message)


def test_frames_larger_than_allowed_are_not_decoded(guard: Guard, tmp_path: Path) -> None:
    with pytest.raises(TooManyPixels):
        guard.encode(read(str(samples.video(tmp_path / "a.mp4", seconds=1)), None), EncodeSpec(max_pixels=320 * 239))


def test_a_playlist_named_like_a_video_opens_nothing(tmp_path: Path) -> None:
    secret = samples.video(tmp_path / "secret.mp4", seconds=1)
    with pytest.raises(NotMedia):
        read(str(samples.playlist(tmp_path / "list.mp4", secret)), None)
