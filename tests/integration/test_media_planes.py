"""A JPEG made smaller plane by plane shows what it shows by way of RGB."""

from __future__ import annotations

import io
import math
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

import media_samples as samples
from captiond.media import identify, image, planes
from captiond.media.spec import EncodeSpec
from captiond.values import ImagePart


def bands(size: tuple[int, int]) -> Image.Image:
    """Slopes with bands of strong colours and hard edges across them."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    shown = Image.merge("RGB", (across, Image.linear_gradient("L").resize(size), ImageChops.invert(across)))
    for at, colour in enumerate(["red", "lime", "blue", "white", "black"]):
        shown.paste(colour, (size[0] * at // 5, size[1] // 3, size[0] * (at + 1) // 5, size[1] // 2))
    return shown


def saved(picture: Image.Image, **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, "JPEG", **({"quality": 92} | options))
    return target.getvalue()


def encoded(data: bytes, edge: int, tmp_path: Any) -> Image.Image:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    sniffed = identify.sniff(data[: identify.HEAD_BYTES])
    assert sniffed is not None
    with path.open("rb") as file:
        (part,) = image.encode(file, sniffed, EncodeSpec(max_edge=edge), 30).parts
    assert isinstance(part, ImagePart)
    return samples.opened_jpeg(part.data)


def by_rgb(data: bytes, size: tuple[int, int]) -> Image.Image:
    """The same by way of RGB: decoded whole, resized, and saved alike."""
    small = Image.open(io.BytesIO(data)).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return samples.opened_jpeg(saved(small, quality=85))


def decibels(one: Image.Image, other: Image.Image) -> float:
    squares = ImageStat.Stat(ImageChops.difference(one, other)).sum2
    mean = sum(squares) / len(squares) / (one.width * one.height)
    return 99.0 if mean == 0 else 10 * math.log10(255 * 255 / mean)


@pytest.mark.parametrize("edge", [640, 641, 333, 1199, 90])
@pytest.mark.parametrize("options", [{}, {"subsampling": "4:4:4"}, {"progressive": True}], ids=str)
def test_the_picture_is_the_same_as_by_way_of_rgb(edge: int, options: dict[str, Any], tmp_path: Any) -> None:
    data = saved(bands((1200, 803)), **options)
    assert planes.possible(Image.open(io.BytesIO(data)))
    shown = encoded(data, edge, tmp_path)
    assert max(shown.size) == edge
    assert decibels(shown, by_rgb(data, shown.size)) > 28


def test_a_turned_photo_keeps_its_colours_where_they_belong(tmp_path: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(bands((1200, 800)), exif=exif)
    shown = encoded(data, 600, tmp_path)
    assert shown.size == (400, 600)
    assert decibels(shown, by_rgb(data, (600, 400)).transpose(Image.Transpose.ROTATE_270)) > 28


def test_a_jpeg_that_is_kept_in_rgb_is_not_taken_for_ycbcr(tmp_path: Any) -> None:
    data = saved(bands((1200, 800)), keep_rgb=True)
    assert not planes.possible(Image.open(io.BytesIO(data)))
    assert decibels(encoded(data, 600, tmp_path), by_rgb(data, (600, 400))) > 28


def test_a_jpeg_without_jfif_marker_is_judged_by_its_component_ids(tmp_path: Any) -> None:
    data = saved(bands((1200, 800)))
    assert data[2:4] == b"\xff\xe0"
    bare = data[:2] + data[4 + int.from_bytes(data[4:6], "big") :]
    assert planes.possible(Image.open(io.BytesIO(bare)))
    assert decibels(encoded(bare, 600, tmp_path), by_rgb(data, (600, 400))) > 28


@pytest.mark.parametrize(
    "picture", [bands((600, 400)).convert("L"), bands((600, 400)).convert("CMYK")], ids=["L", "CMYK"]
)
def test_grey_and_cmyk_jpegs_go_their_own_way(picture: Image.Image) -> None:
    assert not planes.possible(Image.open(io.BytesIO(saved(picture))))
