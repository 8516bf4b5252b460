"""Pictures as they reach the endpoint: one service captions them all, and the bytes of each request are looked at."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import media_samples as made
from fake_endpoint import FakeEndpoint, Media, echo
from program import Home

MAX_BYTES = 120_000
WHITE = (255, 255, 255)


def _profiled(path: Path) -> Path:
    """Display P3's own red, green, blue and grey; sRGB can't show the first three, so they must be clipped."""
    pixels = made.scene()
    return made.jpeg(path, pixels, icc_profile=made.wide_gamut_profile(), quality=97)


def _noise(path: Path) -> Path:
    noise = np.random.default_rng(3).integers(0, 256, (1500, 2000, 3), np.uint8)
    return made.png(path, Image.fromarray(noise))


SAMPLES: dict[str, Callable[[Path], object]] = {
    "small.jpg": made.jpeg,
    "plain.png": made.png,
    "plain.webp": made.webp,
    "plain.gif": made.gif,
    "plain.bmp": made.bmp,
    "plain.tiff": made.tiff,
    "turned.tiff": made.turned_tiff,
    "plain.heic": made.heic,
    "plain.avif": made.avif,
    "cmyk.jpg": made.cmyk_jpeg,
    "cmyk.tiff": lambda path: made.tiff(path, made.scene().convert("CMYK")),
    "grey16.png": made.png_16bit_grey,
    "rgb16.png": made.png_16bit_rgb,
    "alpha.png": made.png_alpha,
    "palette-alpha.png": made.png_palette_alpha,
    "wide-gamut.jpg": _profiled,
    "large.jpg": lambda path: made.jpeg(path, made.scene(4000, 3000)),
    "tall.png": lambda path: made.png(path, made.scene(1800, 6000)),
    "panorama.png": lambda path: made.png(path, made.scene(6000, 800)),
    "tiny.png": lambda path: made.png(path, made.scene(8, 6)),
    "one-pixel.png": lambda path: made.png(path, Image.new("RGB", (1, 1), made.GREEN)),
    "fits.jpg": lambda path: made.jpeg(path, made.scene(1568, 1000)),
    "noise.png": _noise,
    **{f"turned-{n}.jpg": functools.partial(made.turned_jpeg, orientation=n) for n in range(1, 9)},
    **{f"turned-{n}-large.jpg": functools.partial(made.turned_jpeg, orientation=n, size=(3200, 2400)) for n in (3, 6)},
}


@dataclass(frozen=True)
class Sent:
    """The samples, and what was sent of them."""

    home: Home
    fake: FakeEndpoint

    def __call__(self, name: str) -> Media:
        """The one picture that was sent for a file."""
        media = [part for request in self.fake.requests if f"File {name}," in request.text for part in request.media]
        assert len(media) == 1
        return media[0]


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sent]:
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path_factory.mktemp("encoding"), fake.base_url)
        home.configure(
            endpoint=f"max_bytes = {MAX_BYTES}",
            watch='recipe = "named"',
            more='[recipes.named]\nprompt = "File {filename}, {width} x {height}."\nendpoint = "fake"',
        )
        for name, make in SAMPLES.items():
            make(home.inbox / name)
        with home.run():
            home.captioned(*SAMPLES, timeout=60)
        assert not fake.violations

        yield Sent(home, fake)


def _image(media: Media) -> Image.Image:
    image = Image.open(io.BytesIO(media.data))
    image.load()
    return image


def _shows_the_scene(image: Image.Image, within: int = 24) -> bool:
    found = made.quarters(image)
    return all(made.near(one, other, within) for one, other in zip(found, made.QUARTERS, strict=True))


@pytest.mark.parametrize(
    "name",
    [
        "small.jpg", "plain.png", "plain.webp", "plain.gif", "plain.bmp", "plain.tiff", "turned.tiff",
        "plain.heic", "plain.avif", "cmyk.jpg", "rgb16.png", *(f"turned-{n}.jpg" for n in range(1, 9)),
        "turned-3-large.jpg", "turned-6-large.jpg", "large.jpg", "tall.png", "panorama.png", "fits.jpg",
    ],
)  # fmt: skip
def test_every_format_and_orientation_arrives_upright_in_its_own_colours(sent: Sent, name: str) -> None:
    assert _shows_the_scene(_image(sent(name)))


def test_cmyk_without_a_profile_arrives_near_its_colours(sent: Sent) -> None:
    assert _shows_the_scene(_image(sent("cmyk.tiff")), within=40)


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_is_larger_than_the_limits_or_than_it_was(sent: Sent, name: str) -> None:
    media = sent(name)
    row = sent.home.captions()[name]
    assert max(media.width, media.height) <= (3840 if name == "panorama.png" else 1568)
    assert media.width <= row["width"]
    assert media.height <= row["height"]
    assert media.bytes <= MAX_BYTES
    assert abs(media.width / media.height - row["width"] / row["height"]) < 0.02 * row["width"] / row["height"]


def test_what_is_too_large_fills_the_limit(sent: Sent) -> None:
    assert (sent("large.jpg").width, sent("large.jpg").height) == (1568, 1176)
    assert sent("tall.png").height == 1568
    assert (sent("panorama.png").width, sent("panorama.png").height) == (3840, 512)
    assert (sent("turned-6-large.jpg").width, sent("turned-6-large.jpg").height) == (1568, 1176)


def test_what_is_small_keeps_its_size(sent: Sent) -> None:
    assert (sent("tiny.png").width, sent("tiny.png").height) == (8, 6)
    assert (sent("one-pixel.png").width, sent("one-pixel.png").height) == (1, 1)
    assert (sent("plain.heic").width, sent("plain.heic").height) == (320, 240)


@pytest.mark.parametrize("name", ["small.jpg", "fits.jpg", "turned-1.jpg"])
def test_a_jpeg_that_fits_and_stands_upright_is_sent_as_it_is(sent: Sent, name: str) -> None:
    assert sent(name).data == (sent.home.inbox / name).read_bytes()


def test_what_is_transparent_is_white(sent: Sent) -> None:
    left_up, right_up, left_down, right_down = made.quarters(_image(sent("alpha.png")))
    assert made.near(left_up, WHITE)
    assert made.near(left_down, WHITE)
    assert made.near(right_up, made.GREEN)
    assert made.near(right_down, made.YELLOW)
    assert made.near(made.quarters(_image(sent("palette-alpha.png")))[0], WHITE)


def test_sixteen_bits_of_grey_keep_their_scale(sent: Sent) -> None:
    grey = np.asarray(_image(sent("grey16.png")).convert("L"), np.int16)
    ramp = np.linspace(0, 255, 256)
    assert np.abs(grey.mean(axis=0) - ramp).max() < 4


def test_colours_of_a_wide_gamut_become_srgb(sent: Sent) -> None:
    """The expected values are Display P3's primaries through the sRGB matrix, gamma 2.2 in and sRGB's curve out."""
    found = made.quarters(_image(sent("wide-gamut.jpg")))
    for colour, pixel in zip(made.QUARTERS, found, strict=True):
        assert made.near(pixel, _p3_as_srgb(colour), within=10)
    assert any(not made.near(pixel, colour, within=10) for colour, pixel in zip(made.QUARTERS, found, strict=True))


def _p3_as_srgb(colour: tuple[int, int, int]) -> tuple[int, ...]:
    linear = (np.array(colour) / 255) ** 2.19921875
    matrix = np.array([[1.22494, -0.22494, 0.0], [-0.04206, 1.04206, 0.0], [-0.01964, -0.07864, 1.09828]])
    srgb = np.clip(matrix @ linear, 0, 1)
    encoded = np.where(srgb <= 0.0031308, srgb * 12.92, 1.055 * srgb ** (1 / 2.4) - 0.055)
    return tuple(round(value * 255) for value in encoded)


def test_an_animation_arrives_as_frames_that_are_told_as_such(tmp_path: Path) -> None:
    with FakeEndpoint(default=echo()) as fake:
        home = Home(tmp_path, fake.base_url)
        home.configure(endpoint="max_frames = 4")
        made.animation(home.inbox / "ball.gif", frames=23, milliseconds=100)
        with home.run():
            home.captioned("ball.gif")
        assert not fake.violations
        (request,) = fake.requests
    told = "These 4 pictures are frames of one animation of 2.3 s, at 0.2 s, 0.8 s, 1.4 s, 2.0 s."
    assert told in request.text
    assert len(request.media) == 4
    row = home.captions()["ball.gif"]
    assert (row["kind"], row["duration_seconds"]) == ("image", 2.3)
