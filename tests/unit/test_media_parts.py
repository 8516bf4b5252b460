"""The media room's pure parts: colour names, metadata, sizes, and what is believed of a child's answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

import media_samples as samples
from captiond.errors import FAILURES, Corrupt, Internal
from captiond.media import metadata, wire
from captiond.media.image import fitted
from captiond.media.jpeg import without_metadata
from captiond.media.measure import measure, name_of
from captiond.media.spec import EncodeSpec
from captiond.values import Encoded, FilePart, ImagePart, Kind, Measures, MediaFacts, Opened, Stat

NAMES = {
    "black": ["000000", "0c0c0c"],
    "white": ["ffffff", "fafafa"],
    "grey": ["777777", "b0b0b0", "505050"],
    "red": ["e01010", "aa0000"],
    "orange": ["ff8800", "f07010"],
    "yellow": ["ffee00", "f0d020"],
    "green": ["00b000", "2e8b57", "556b2f"],
    "turquoise": ["30d0c8", "009999"],
    "blue": ["1030d0", "4080d0", "101060"],
    "purple": ["7020a0", "8844cc"],
    "pink": ["ff80b0", "ffb6c8"],
    "brown": ["704020", "654321"],
    "beige": ["f5deb3", "d8c8a8"],
}


@pytest.mark.parametrize(("name", "colour"), [(name, colour) for name, colours in NAMES.items() for colour in colours])
def test_colours_have_the_names_that_people_use(name: str, colour: str) -> None:
    assert name_of(*bytes.fromhex(colour)) == name


def test_brightness_runs_from_nothing_to_all() -> None:
    black, white = Image.new("L", (40, 40), 0), Image.new("RGB", (40, 40), "white")
    half = Image.new("L", (40, 40), 0)
    half.paste(255, (0, 0, 20, 40))
    assert measure(black).brightness == 0
    assert measure(white).brightness == 1
    assert measure(half).brightness == pytest.approx(0.5, abs=0.01)
    assert measure(white).colours == (("white", 1.0),)


def test_a_blurred_picture_is_less_sharp() -> None:
    sharp = samples.photo(300, 200)
    blurred = sharp.filter(ImageFilter.GaussianBlur(3))
    assert measure(blurred).sharpness < measure(sharp).sharpness / 3
    assert measure(Image.new("RGB", (50, 50), "red")).sharpness == 0
    assert measure(Image.new("L", (2, 9), 7)).sharpness == 0


@pytest.mark.parametrize(
    ("make", "model", "said"),
    [
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("Apple", "iPhone 15 Pro", "Apple iPhone 15 Pro"),
        ("Apple\0\0\0", None, "Apple"),
        (None, " X100V ", "X100V"),
        (b"SONY", b"ILCE-7M4", "SONY ILCE-7M4"),
        (None, None, None),
        ("", "\0", None),
        ("Evil\nMaker", "<b>", "Evil Maker <b>"),
    ],
)
def test_make_and_model_are_one_name(make: object, model: object, said: str | None) -> None:
    assert metadata.camera(make, model) == said


def test_exif_that_makes_no_sense_is_left_out() -> None:
    tags = Image.Exif()
    tags[0x0112] = 77
    tags[0x0132] = "0000:00:00 00:00:00"
    tags.get_ifd(0x8825).update({1: "N", 2: (99.0, 0.0, 0.0), 3: "E", 4: (16.0, 0.0, 0.0)})
    taken = metadata.of_exif(tags)
    assert (taken.orientation, taken.at, taken.latitude, taken.longitude) == (1, None, None, None)
    assert taken.has_place


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.binary(max_size=300))
def test_any_exif_can_be_read(data: bytes) -> None:
    exif = Image.Exif()
    try:
        exif.load(b"Exif\0\0II*\0\x08\0\0\0" + data)
    except Exception:  # what Pillow itself refuses never gets further
        return
    assert 1 <= metadata.of_exif(exif).orientation <= 8


@given(st.dictionaries(st.sampled_from(["location", "creation_time", "make", "model"]), st.text(max_size=40)))
def test_any_tags_of_a_video_can_be_read(tags: dict[str, str]) -> None:
    taken = metadata.of_video(tags)
    assert (taken.latitude is None) == (taken.longitude is None)


@given(st.integers(1, 60_000), st.integers(1, 60_000), st.integers(64, 16_384))
def test_a_fitted_size_keeps_the_shape_and_never_grows(width: int, height: int, edge: int) -> None:
    new_width, new_height = fitted((width, height), edge)
    assert 1 <= new_width <= width
    assert 1 <= new_height <= height
    assert max(new_width, new_height) == min(edge, max(width, height))
    assert abs(new_width * height - new_height * width) <= max(width, height)


@given(st.integers(1, 60_000), st.integers(1, 60_000), st.integers(64, 16_384), st.integers(1, 1000))
def test_a_panoramas_short_edge_is_kept_as_far_as_there_is_one(
    width: int, height: int, edge: int, short_edge: int
) -> None:
    size, plain = fitted((width, height), edge, short_edge), fitted((width, height), edge)
    assert size[0] <= width
    assert size[1] <= height
    if max(width, height) <= 4 * min(width, height):
        assert size == plain
    elif max(size) < min(8000, max(width, height)):
        assert min(size) >= min(short_edge, width, height) - 1
    assert max(size) <= max(8000, edge)


@given(st.binary(max_size=400))
def test_cutting_metadata_out_of_anything_keeps_what_is_no_jpeg(data: bytes) -> None:
    assert len(without_metadata(data)) <= len(data)
    assert without_metadata(b"\xff\xd8" + data).startswith(b"\xff\xd8")


STAT = Stat(1000, 1, 2, 3)
IMAGE = Opened("/a.jpg", STAT, "00", Kind.IMAGE, "image/jpeg", 1000)
VIDEO = Opened("/a.mp4", STAT, "00", Kind.VIDEO, "video/mp4", 1000)
FACTS = MediaFacts(
    Kind.IMAGE,
    "image/jpeg",
    "jpeg",
    40,
    30,
    taken_at="2024-01-02T03:04:05",
    latitude=1.5,
    longitude=-2,
    pages=3,
    damaged=True,
    readable_seconds=2.5,
)
SPEC = EncodeSpec(max_frames=2, max_bytes=100_000)


def received(header: dict[str, Any], pictures: list[bytes], opened: Opened = IMAGE, spec: EncodeSpec = SPEC) -> Encoded:
    told = json.loads(json.dumps(header))
    assert wire.sizes(told, spec) == [len(picture) for picture in pictures]
    return wire.result(told, pictures, opened, spec, 0.5)


def test_a_result_arrives_as_it_was_sent() -> None:
    parts = (
        ImagePart("image/jpeg", b"\xff\xd8\xff1", 40, 30, 0.5),
        ImagePart("image/jpeg", b"\xff\xd8\xff22", 40, 30, 1),
    )
    sent = Encoded(FACTS, parts, Measures((("red", 0.5),), 0.1, 3.0), 0.5)
    assert received(*wire.reply(sent)) == sent


def test_facts_alone_mean_the_file_itself_and_only_where_that_was_asked_for() -> None:
    header, pictures = wire.reply(FACTS)
    asked = EncodeSpec(video="video_url")
    assert received(header, pictures, VIDEO, asked).parts == (FilePart("video/mp4", "/a.mp4", STAT),)
    for opened, spec in ((VIDEO, SPEC), (IMAGE, asked)):
        with pytest.raises(ValueError, match="no picture"):
            received(header, pictures, opened, spec)


def test_a_request_arrives_as_it_was_sent() -> None:
    from captiond.media.identify import sniff

    sniffed = sniff(b"GIF89a")
    assert sniffed is not None
    frame = wire.request(sniffed, SPEC, 3.5)
    assert wire.asked(json.loads(frame[wire.LENGTH.size :])) == (sniffed, SPEC, 3.5)


@pytest.mark.parametrize("code", FAILURES)
def test_every_failure_crosses_over(code: str) -> None:
    got = wire.failure_in(wire.failed(FAILURES[code]("why\nso")))
    assert type(got) is FAILURES[code]
    assert "\n" not in str(got)


def test_an_internal_failure_says_where_it_was() -> None:
    got = wire.failure_in(wire.failed(Internal("KeyError('x')")))
    assert isinstance(got, Internal)
    assert "decoder" in got.detail


def test_a_long_detail_is_cut() -> None:
    got = wire.failure_in(wire.failed(Corrupt("x" * 10_000)))
    assert isinstance(got, Corrupt)
    assert len(got.detail) <= 400


@pytest.mark.parametrize(
    "change",
    [
        {"facts": None},
        {"facts": {"format": "jpeg", "width": -1, "height": 2}},
        {"facts": {"format": "jpeg", "width": 10**12, "height": 2}},
        {"facts": {"format": "tiff", "width": 1, "height": 2, "pages": -1}},
        {"facts": {"format": 7, "width": 1, "height": 2}},
        {"facts": {"format": "x" * 5000, "width": 1, "height": 2}},
        {"pictures": "none"},
        {"pictures": [{"size": 4, "width": 1, "height": 1}] * 9},
        {"pictures": [{"size": 10**9, "width": 1, "height": 1}]},
        {"pictures": [{"size": True, "width": 1, "height": 1}]},
        {"pictures": [7]},
        {"measures": {"colours": 3, "brightness": 0, "sharpness": 0}},
        {"measures": {"colours": [], "brightness": float("nan"), "sharpness": 0}},
    ],
)
def test_nothing_odd_is_believed_of_a_child(change: dict[str, Any]) -> None:
    picture = ImagePart("image/jpeg", b"\xff\xd8\xff1", 40, 30)
    header, pictures = wire.reply(Encoded(FACTS, (picture,)))
    with pytest.raises(ValueError):  # noqa: PT011 - any of them
        received({**header, **change}, pictures)


def test_bytes_that_are_no_jpeg_are_not_believed() -> None:
    header, _pictures = wire.reply(Encoded(FACTS, (ImagePart("image/jpeg", b"GIF8", 1, 1),)))
    with pytest.raises(ValueError, match="no JPEG"):
        received(header, [b"GIF8"])


def test_an_unknown_video_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="frames"):
        EncodeSpec(video="auto")
