"""Cameras' raw photos through the guarded decoder: the preview where it is large enough, else the sensor's values."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import media_samples as samples
import raw_samples as raws
from captiond.errors import Corrupt, Failure, TooManyPixels, Truncated, Unsupported
from captiond.media.guard import Guard, GuardLimits
from captiond.media.reader import read
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, ImagePart

SENSOR = (1600, 1200)
PREVIEW = (1200, 900)
TURNS = {
    1: None,
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}
"""Orientation -> what was done to the upright scene before it was stored."""

CAMERAS: dict[str, dict[str, Any]] = {
    "dng": {},
    "nef": {"dng_version": False, "make": "NIKON CORPORATION", "model": "NIKON D3"},
    "arw": {"dng_version": False, "make": "SONY", "model": "ILCE-7"},
    "pef": {"dng_version": False, "make": "PENTAX", "model": "PENTAX K-3"},
    "orf": {"dng_version": False, "make": "OLYMPUS IMAGING CORP.", "model": "E-M10", "magic": b"IIRO"},
    "rw2": {"dng_version": False, "make": "Panasonic", "model": "DMC-GX7", "magic": b"IIU\0"},
}


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    guard = Guard(GuardLimits(seconds=30, memory_mb=1024))
    yield guard
    guard.close()


def encoded(guard: Guard, path: Path, spec: EncodeSpec | None = None) -> tuple[Encoded, Image.Image]:
    result = guard.encode(read(str(path), None), spec or EncodeSpec())
    (part,) = result.parts
    assert isinstance(part, ImagePart)
    return result, samples.opened_jpeg(part.data)


def shows_the_scene(image: Image.Image, within: int = 24) -> bool:
    return all(samples.near(s, m, within) for s, m in zip(samples.quarters(image), samples.QUARTERS, strict=True))


@pytest.mark.parametrize("format_", CAMERAS)
def test_a_preview_that_is_large_enough_is_the_picture(guard: Guard, tmp_path: Path, format_: str) -> None:
    path = raws.dng(
        tmp_path / "named.anything",
        Image.new("RGB", SENSOR, "black"),
        preview=samples.scene(*PREVIEW),
        **CAMERAS[format_],
    )
    result, image = encoded(guard, path)
    assert result.facts.format == format_
    assert image.size == PREVIEW
    assert shows_the_scene(image)
    assert abs(result.facts.width - SENSOR[0]) < 8
    assert result.facts.height == SENSOR[1]
    assert result.facts.taken_at == "2024-05-06T07:08:09"
    assert (result.facts.camera or "").endswith(CAMERAS[format_].get("model", "Sensor 1"))


@pytest.mark.parametrize("preview", [None, (160, 120), (780, 585)])
def test_without_one_the_sensors_values_become_a_picture_of_half_its_size(
    guard: Guard, tmp_path: Path, preview: tuple[int, int] | None
) -> None:
    small = Image.new("RGB", preview, "black") if preview else None
    path = raws.dng(tmp_path / "a.dng", samples.scene(*SENSOR), preview=small)
    result, image = encoded(guard, path)
    assert (result.facts.width, result.facts.height) == SENSOR
    assert image.size == (800, 600)
    assert shows_the_scene(image)


def test_a_preview_is_large_enough_if_the_endpoint_wants_no_more(guard: Guard, tmp_path: Path) -> None:
    path = raws.dng(tmp_path / "a.dng", Image.new("RGB", SENSOR), preview=samples.scene(800, 600))
    _result, image = encoded(guard, path, EncodeSpec(max_edge=400))
    assert image.size == (400, 300)
    assert shows_the_scene(image)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("with_preview", [False, True])
def test_a_raw_photo_stands_upright(guard: Guard, tmp_path: Path, orientation: int, with_preview: bool) -> None:
    stored = samples.scene(*SENSOR)
    if (undo := TURNS[orientation]) is not None:
        stored = stored.transpose(undo)
    preview = stored.resize((stored.width * 3 // 4, stored.height * 3 // 4)) if with_preview else None
    path = raws.dng(tmp_path / "a.dng", stored, preview=preview, orientation=orientation)
    result, image = encoded(guard, path)
    assert (result.facts.width, result.facts.height) == SENSOR
    assert image.width > image.height
    assert shows_the_scene(image)


def test_a_preview_that_the_camera_has_turned_already_is_not_turned_again(guard: Guard, tmp_path: Path) -> None:
    upright = samples.scene(900, 1200)
    stored = samples.scene(1200, 1600).transpose(Image.Transpose.ROTATE_90)
    result, image = encoded(guard, raws.dng(tmp_path / "a.dng", stored, preview=upright, orientation=6))
    assert (result.facts.width, result.facts.height) == (1200, 1600)
    assert image.size == (900, 1200)
    assert shows_the_scene(image)


def test_a_broken_preview_gives_way_to_the_sensors_values(guard: Guard, tmp_path: Path) -> None:
    path = raws.dng(tmp_path / "a.dng", samples.scene(*SENSOR), preview=samples.photo(*PREVIEW))
    data = bytearray(path.read_bytes())
    at = data.index(b"\xff\xd8\xff") + 2
    data[at : at + 600] = bytes(600)
    path.write_bytes(data)
    _result, image = encoded(guard, path)
    assert image.size == (800, 600)
    assert shows_the_scene(image)


def test_big_endian_directories_and_a_place_are_read(guard: Guard, tmp_path: Path) -> None:
    path = raws.dng(tmp_path / "a.dng", samples.scene(*SENSOR), big_endian=True, gps=True)
    result, image = encoded(guard, path)
    assert (result.facts.latitude, result.facts.longitude) == (48.2082, 16.3738)
    assert shows_the_scene(image)
    assert not image.getexif()


def test_a_raw_photo_that_ends_early_is_truncated_even_if_its_preview_is_whole(guard: Guard, tmp_path: Path) -> None:
    for name, form in CAMERAS.items():
        if name in ("orf", "rw2"):  # LibRaw itself has to tell
            continue
        path = raws.dng(tmp_path / name, samples.scene(*SENSOR), preview=samples.scene(*PREVIEW), **form)
        with pytest.raises(Failure) as caught:
            encoded(guard, samples.truncated(path, 0.9))
        assert type(caught.value) is Truncated, name


def test_what_only_begins_like_a_raw_photo_has_a_reason_of_its_own(guard: Guard, tmp_path: Path) -> None:
    heads = {
        "raf": b"FUJIFILMCCD-RAW 0201FF383501",
        "orf": b"IIRO\x08\0\0\0",
        "rw2": b"IIU\0\x18\0\0\0",
        "cr2": b"II*\0\x10\0\0\0CR\x02\0\0\0\0\0",
        "cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + b"\0\0\x10\0moov",
    }
    for name, head in heads.items():
        path = tmp_path / name
        path.write_bytes(head + bytes(5000))
        with pytest.raises(Failure) as caught:
            encoded(guard, path)
        assert isinstance(caught.value, Unsupported | Corrupt | Truncated), (name, caught.value)
    assert encoded(guard, samples.jpeg(tmp_path / "after.jpg"))[1].size == (320, 240)


def test_a_raw_photo_whose_directories_come_last_is_one(guard: Guard, tmp_path: Path) -> None:
    whole = raws.dng(tmp_path / "whole.dng", samples.scene(*SENSOR), preview=samples.scene(*PREVIEW)).read_bytes()
    (count,) = struct.unpack("<H", whole[8:10])
    directory = whole[8 : 8 + 2 + 12 * count + 4]
    path = tmp_path / "a.dng"
    path.write_bytes(
        whole[:4] + struct.pack("<I", len(whole)) + bytes(len(directory)) + whole[8 + len(directory) :] + directory
    )
    result, image = encoded(guard, path)
    assert result.facts.format == "dng"
    assert result.facts.taken_at == "2024-05-06T07:08:09"
    assert image.size == PREVIEW


def test_a_raw_photo_of_too_many_pixels_is_not_decoded(guard: Guard, tmp_path: Path) -> None:
    path = raws.dng(tmp_path / "a.dng", samples.scene(*SENSOR))
    with pytest.raises(TooManyPixels):
        encoded(guard, path, EncodeSpec(max_pixels=1_000_000))


def test_twelve_megapixels_are_developed_within_the_memory_allowed(tmp_path: Path) -> None:
    guard = Guard(GuardLimits(seconds=60, memory_mb=512))
    try:
        _result, image = encoded(guard, raws.dng(tmp_path / "a.dng", samples.scene(4000, 3000)))
    finally:
        guard.close()
    assert image.size == (1568, 1176)
    assert shows_the_scene(image)


def test_a_plain_tiff_of_a_cameras_maker_is_a_tiff(guard: Guard, tmp_path: Path) -> None:
    path = samples.tiff(tmp_path / "a.tif", tiffinfo={271: "NIKON CORPORATION", 272: "NIKON D750"})
    result, image = encoded(guard, path)
    assert (result.facts.format, result.facts.camera) == ("tiff", "NIKON D750")
    assert shows_the_scene(image)
