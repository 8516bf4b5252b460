"""Pictures that move, through the guarded decoder: which frames arrive of them, and when they are."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import media_samples as samples
from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, ImagePart, Kind

FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
SPEC = EncodeSpec(frame_edge=200)


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    guard = Guard(GuardLimits(seconds=30, memory_mb=512))
    yield guard
    guard.close()


def encoded(guard: Guard, path: Path, spec: EncodeSpec = SPEC) -> tuple[Encoded, list[ImagePart], list[Image.Image]]:
    result = guard.encode(read(str(path), None), spec)
    parts = [part for part in result.parts if isinstance(part, ImagePart)]
    return result, parts, [samples.opened_jpeg(part.data) for part in parts]


def times(parts: list[ImagePart]) -> list[float]:
    return [part.at_seconds for part in parts if part.at_seconds is not None]


@pytest.mark.parametrize("form", FORMATS)
def test_an_animation_arrives_as_frames_evenly_over_its_length(guard: Guard, tmp_path: Path, form: str) -> None:
    result, parts, images = encoded(guard, samples.animation(tmp_path / "a", form, frames=20, milliseconds=100))
    assert result.facts.kind is Kind.IMAGE
    assert result.facts.animated
    assert result.facts.duration_seconds == pytest.approx(2.0)
    assert len(parts) == SPEC.max_frames
    expected = [int((number + 0.5) / 8 * 20) / 10 for number in range(8)]
    assert times(parts) == pytest.approx(expected, abs=0.101)
    for image, at in zip(images, times(parts), strict=True):
        assert image.size == (200, 150)
        assert samples.clock(image) == pytest.approx(at / 2.0, abs=0.06)
        assert samples.near(samples.quarters(image)[0], samples.RED, 40)


@pytest.mark.parametrize("form", FORMATS)
def test_each_frame_counts_as_long_as_it_is_shown(guard: Guard, tmp_path: Path, form: str) -> None:
    lengths = [100, 3000, 200, 700]
    path = samples.animation(tmp_path / "a", form, frames=4, milliseconds=lengths)
    result, parts, _images = encoded(guard, path)
    assert result.facts.duration_seconds == pytest.approx(4.0)
    assert times(parts) == pytest.approx(
        [0.1, 3.1, 3.3], abs=0.01
    )  # the first is gone before the first eighth's middle


@pytest.mark.parametrize("form", FORMATS)
def test_frames_that_look_all_the_same_are_a_still_picture(guard: Guard, tmp_path: Path, form: str) -> None:
    path = tmp_path / "a"
    if form in ("GIF", "PNG"):  # Pillow joins equal frames of these, so one pixel differs where nobody looks
        alike = [samples.scene(), samples.scene(), samples.scene()]
        alike[1].putpixel((0, 0), (219, 30, 30))
    else:
        alike = [samples.scene()] * 3
    samples.animation(path, form, frames=3, draw=lambda number: alike[number])
    result, parts, images = encoded(guard, path)
    if form != "PNG":  # a palette and a lossy codec forget the difference
        assert not result.facts.animated
        assert result.facts.duration_seconds is None
        assert times(parts) == []
        assert images[0].size == (320, 240)


def test_a_gif_of_one_frame_is_a_still_picture(guard: Guard, tmp_path: Path) -> None:
    samples.scene().save(tmp_path / "a.gif")
    result, parts, images = encoded(guard, tmp_path / "a.gif")
    assert not result.facts.animated
    assert times(parts) == []
    assert images[0].size == (320, 240)


def test_what_flashes_between_the_frames_is_found(guard: Guard, tmp_path: Path) -> None:
    """Every second frame is the scene, turned: eight even distances of sixteen frames meet one kind alone."""
    turned = samples.scene().transpose(Image.Transpose.ROTATE_180)
    path = samples.animation(tmp_path / "a.gif", frames=16, draw=lambda n: turned if n % 2 else samples.scene())
    result, parts, images = encoded(guard, path)
    assert result.facts.animated
    assert times(parts) == [0.0, 0.1]
    assert [samples.near(samples.quarters(image)[0], samples.RED) for image in images] == [True, False]


def test_a_gif_that_asks_for_no_delay_is_timed_as_browsers_do(guard: Guard, tmp_path: Path) -> None:
    result, parts, _images = encoded(guard, samples.animation(tmp_path / "a.gif", frames=4, milliseconds=0))
    assert result.facts.duration_seconds == pytest.approx(0.4)
    assert times(parts) == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_the_picture_for_those_who_show_no_apng_is_no_frame_of_it(guard: Guard, tmp_path: Path) -> None:
    stand_in = Image.new("RGB", (320, 240), "black")
    frames = [samples.clock_scene(n / 4) for n in range(4)]
    stand_in.save(tmp_path / "a.png", save_all=True, append_images=frames, default_image=True, duration=500)
    result, parts, images = encoded(guard, tmp_path / "a.png")
    assert result.facts.duration_seconds == pytest.approx(2.0)
    assert times(parts) == [0.0, 0.5, 1.0, 1.5]
    assert all(samples.near(samples.quarters(image)[3], samples.YELLOW) for image in images)


def test_transparent_frames_lie_on_white(guard: Guard, tmp_path: Path) -> None:
    def draw(number: int) -> Image.Image:
        picture = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
        picture.paste((220, 30, 30, 255), (number * 40, 0, number * 40 + 40, 100))
        return picture

    for form in ("GIF", "WEBP", "PNG"):
        # Pillow's lossless WebP does not say that it has alpha.
        lossy = {"lossless": False} if form == "WEBP" else {"disposal": 2}
        path = samples.animation(tmp_path / form, form, frames=5, draw=draw, **lossy)
        _result, parts, images = encoded(guard, path)
        assert len(parts) == 5
        for number, image in enumerate(images):
            red, clear = image.getpixel((number * 40 + 20, 50)), image.getpixel(((number * 40 + 100) % 200, 50))
            assert samples.near(red, samples.RED, 30)  # type: ignore[arg-type]  # an RGB pixel is a triple
            assert samples.near(clear, (255, 255, 255), 12)  # type: ignore[arg-type]


def test_the_endpoints_number_of_frames_is_kept(guard: Guard, tmp_path: Path) -> None:
    path = samples.animation(tmp_path / "a.gif", frames=10)
    assert len(encoded(guard, path, EncodeSpec(max_frames=3))[1]) == 3
    result, parts, _images = encoded(guard, path, EncodeSpec(max_frames=1))
    assert len(parts) == 1
    assert not result.facts.animated


def test_an_animation_that_breaks_off_shows_what_there_is(guard: Guard, tmp_path: Path) -> None:
    path = samples.truncated(samples.animation(tmp_path / "a.gif", frames=20), 0.5)
    result, parts, _images = encoded(guard, path)
    assert result.facts.animated
    assert 2 <= len(parts) <= 8
    assert times(parts)[-1] < 1.2


def test_a_long_animation_is_never_held_whole(guard: Guard, tmp_path: Path) -> None:
    """200 frames of 2.1 megapixels are 1.3 GB: more than the decoder may take."""
    size = (1920, 1080)
    path = samples.animation(tmp_path / "a.gif", frames=200, draw=lambda number: Image.new("L", size, number))
    result, parts, _images = encoded(guard, path)
    assert result.facts.duration_seconds == pytest.approx(20.0)
    assert len(parts) >= 2


def test_a_turned_webp_is_turned_in_every_frame(guard: Guard, tmp_path: Path) -> None:
    def draw(number: int) -> Image.Image:
        return samples.clock_scene(number / 4).transpose(Image.Transpose.ROTATE_90)

    path = samples.animation(tmp_path / "a.webp", "WEBP", frames=4, draw=draw, exif=samples.exif(6))
    result, parts, images = encoded(guard, path)
    assert (result.facts.width, result.facts.height) == (320, 240)
    assert len(parts) == 4
    for image in images:
        assert all(samples.near(s, m) for s, m in zip(samples.quarters(image), samples.QUARTERS, strict=True))


def test_a_measured_animation_has_its_colours(guard: Guard, tmp_path: Path) -> None:
    result, _parts, _images = encoded(guard, samples.animation(tmp_path / "a.gif"), EncodeSpec(measure=True))
    assert result.measures is not None
    assert {"red", "green", "blue", "yellow"} <= {name for name, _share in result.measures.colours}


def test_an_apng_that_says_more_frames_than_it_has_shows_those(guard: Guard, tmp_path: Path) -> None:
    path = samples.animation(tmp_path / "a.png", "PNG", frames=4)
    data = path.read_bytes()
    at = data.index(b"acTL")
    body = b"acTL" + struct.pack(">II", 4_000_000_000, 0)
    path.write_bytes(data[:at] + body + struct.pack(">I", zlib.crc32(body)) + data[at + 16 :])
    _result, parts, _images = encoded(guard, path)
    assert 1 <= len(parts) <= 4
