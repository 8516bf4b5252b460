"""Which URL a file has, who may be told of it, and which pictures a server sees as they are meant."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import time
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import media_samples as made
from captiond import by_url
from captiond.endpoints.failures import is_about_fetching
from captiond.errors import BadRequest, Failure
from captiond.fetch import LEFT_SECONDS, Peeked, left_behind, split_login
from captiond.media import identify, plain
from captiond.media.spec import EncodeSpec
from drops import picture

TEMPLATE = "https://cdn.example/a/{relpath}?size=full"
names = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)


@given(st.lists(names, min_size=1, max_size=3))
def test_a_web_server_finds_every_name_that_linux_has(parts: list[bytes]) -> None:
    relative = b"/".join(parts)
    url = by_url.of_file(TEMPLATE, "/srv/media", os.fsdecode(b"/srv/media/" + relative))
    assert url.isascii()
    seen = urlsplit(url)
    assert (seen.netloc, seen.query, seen.fragment) == ("cdn.example", "size=full", "")
    assert unquote_to_bytes(seen.path) == b"/a/" + relative


def test_a_root_that_is_the_whole_disk_has_its_files() -> None:
    assert by_url.of_file("http://x/{relpath}", "/", "/a b/c.jpg") == "http://x/a%20b/c.jpg"


WORLD, NETWORK, MACHINE = "https://8.8.8.8/v1", "http://192.168.1.20:8000/v1", "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://1.1.1.1/cat.jpg", {WORLD, NETWORK, MACHINE}),
        ("https://anna:word@1.1.1.1/cat.jpg", set()),
        ("https://token@1.1.1.1/cat.jpg", set()),
        ("http://10.0.0.7/cat.jpg", {NETWORK, MACHINE}),
        ("http://[fd00::1]/cat.jpg", {NETWORK, MACHINE}),
        ("http://127.0.0.1/cat.jpg", {MACHINE}),
        ("http://localhost:8000/cat.jpg", {MACHINE}),
        ("http://2130706433/cat.jpg", {MACHINE}),
        ("http://[::ffff:127.0.0.1]/cat.jpg", {MACHINE}),
        ("http://169.254.169.254/latest/meta-data", {MACHINE}),
        ("http://0.0.0.0/cat.jpg", {MACHINE}),
        ("http://nas/cat.jpg", {NETWORK, MACHINE}),
        ("http://nas.no-such-name.lan/cat.jpg", {NETWORK, MACHINE}),
        ("http://[broken/cat.jpg", set()),
    ],
)
def test_a_url_is_told_only_to_who_can_reach_it_and_may_know_it(url: str, told: set[str]) -> None:
    assert {endpoint for endpoint in (WORLD, NETWORK, MACHINE) if by_url.why_not(url, endpoint) is None} == told


@pytest.mark.parametrize(
    ("url", "without", "login"),
    [
        ("https://a.example/x", "https://a.example/x", None),
        ("https://me:p%40ss@a.example:8/x?y#z", "https://a.example:8/x?y#z", "me:p%40ss"),
        ("https://token@a.example/", "https://a.example/", "token"),
    ],
)
def test_a_login_is_taken_out_of_a_url(url: str, without: str, login: str | None) -> None:
    assert split_login(url) == (without, login)


@pytest.mark.parametrize(
    ("hops", "sent"),
    [
        (("https://1.1.1.1/a", "https://9.9.9.9/b.jpg"), True),
        (("https://1.1.1.1/a", "http://10.0.0.7/b.jpg"), False),
        (("https://1.1.1.1/a", "https://me:word@9.9.9.9/b.jpg"), False),
    ],
)
def test_a_redirect_to_where_the_endpoint_may_not_look_is_not_sent(hops: tuple[str, ...], sent: bool) -> None:
    data = picture("x")
    found = by_url.peeked(hops[0], Peeked(data, len(data), hops), WORLD, lambda _kind: EncodeSpec())
    assert (found is not None) == sent
    if found is not None:
        opened, encoded = found
        assert (opened.sha256, encoded.url, encoded.parts) == (hashlib.sha256(data).hexdigest(), hops[0], ())


def test_a_url_that_was_not_read_to_its_end_is_known_by_address_size_and_beginning() -> None:
    head = picture("x") + bytes(60_000)

    def content(url: str, size: int | None, head: bytes = head) -> str:
        found = by_url.peeked(url, Peeked(head, size, (url,)), WORLD, lambda _kind: EncodeSpec())
        assert found is not None
        return found[0].sha256

    one = content("https://1.1.1.1/a.jpg", 900_000)
    assert one == content("https://1.1.1.1/a.jpg", 900_000)
    others = {
        content("https://1.1.1.1/b.jpg", 900_000),
        content("https://1.1.1.1/a.jpg", 900_001),
        content("https://1.1.1.1/a.jpg", None),
        content("https://1.1.1.1/a.jpg", 900_000, picture("y") + bytes(60_000)),
        hashlib.sha256(head).hexdigest(),
    }
    assert len(others | {one}) == 6


def head_of(path: Path) -> tuple[str, bytes]:
    head = path.read_bytes()[: plain.HEAD_BYTES]
    sniffed = identify.sniff(head[: identify.HEAD_BYTES])
    assert sniffed is not None
    return sniffed.format, head


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_is_not_plain(tmp_path: Path, orientation: int) -> None:
    assert plain.is_plain(*head_of(made.turned_jpeg(tmp_path / "a.jpg", orientation))) == (orientation == 1)


def test_still_pictures_of_the_four_formats_are_plain(tmp_path: Path) -> None:
    for make, name in ((made.jpeg, "a.jpg"), (made.png, "a.png"), (made.webp, "a.webp"), (made.gif, "a.gif")):
        assert plain.is_plain(*head_of(make(tmp_path / name))), name
    for make, name in ((made.tiff, "a.tiff"), (made.heic, "a.heic"), (made.avif, "a.avif"), (made.bmp, "a.bmp")):
        assert not plain.is_plain(*head_of(make(tmp_path / name))), name


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_moving_pictures_are_not_plain(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form.lower()}"
    first = made.scene(40, 30)
    first.save(path, form, save_all=True, append_images=[first.rotate(180)], loop=0, duration=100)
    assert not plain.is_plain(*head_of(path))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_png_and_webp_with_an_orientation_are_not_plain(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form.lower()}"
    exif = Image.Exif()
    exif[0x0112] = 6
    made.scene(40, 30).save(path, form, exif=exif)
    assert not plain.is_plain(*head_of(path))


@given(st.binary(max_size=400))
def test_noise_is_never_an_error(noise: bytes) -> None:
    for format_, start in (
        ("jpeg", b"\xff\xd8\xff\xe1" + struct.pack(">H", len(noise) + 8) + b"Exif\0\0"),
        ("png", b"\x89PNG\r\n\x1a\n"),
        ("webp", b"RIFF\0\0\0\0WEBPVP8X" + bytes(8)),
        ("gif", b"GIF89a"),
    ):
        plain.is_plain(format_, start + noise)


def test_a_jpeg_whose_picture_begins_after_what_was_read_is_not_plain() -> None:
    buffer = io.BytesIO()
    made.scene(40, 30).save(buffer, "JPEG")
    data = buffer.getvalue()
    long = data[:2] + 2 * (b"\xff\xe2" + struct.pack(">H", 60_000) + bytes(59_998)) + data[2:]
    assert not plain.is_plain("jpeg", long[: plain.HEAD_BYTES])


FETCHING = [
    "Error while downloading https://cdn.example/a.jpg.: invalid_image_url",
    "Timeout while downloading https://cdn.example/a.jpg.",
    "Failed to download image from https://cdn.example/a.jpg. Reason: 404",
    "Unable to download the file. Please verify the URL and try again.",
    "Only HTTPS URLs are supported.",
    "This URL is disallowed by the website's robots.txt file. Please try a different URL.",
    "Cannot fetch content from the provided URL. Please ensure the URL is valid and accessible by Vertex AI.",
    "URL_ROBOTED: URL_ROBOTED-ROBOTED_DENIED",
    "Received 404 status code when fetching image from URL: https://cdn.example/a.jpg",
    "litellm.ImageFetchError: Error: Unable to fetch image from URL. url=https://cdn.example/a.jpg",
    "404, message='Not Found', url='https://cdn.example/a.jpg': failed to load image",
    "Cannot connect to host cdn.example:443 ssl:default [Name or service not known]",
    "The URL must be from one of the allowed domains: []",
    "Failed to download image",
    "invalid image input",
    "image URLs are not currently supported, please use base64 encoded data instead",
    "'url' field must be a base64 encoded image.",
    "failed to retrieve media: received status code: 403",
    "Download the media resource timed out during the data inspection process.",
    "Fetching image failed with HTTP status 404.",
    "image_url must be a data URI",
    "Could not open the image at the given address",
]
OTHER = [
    "Model fake-vision-1 not found",
    "max_tokens is too large",
    "messages: at least one message is required",
    "The image is too large: 20 MB at most",
    "Invalid API key",
    "Invalid 'temperature': must be at most 2",
    "unknown field: extra",
    "no model was found at https://cdn.example/failed-to-fetch-image-url.jpg",
]


@pytest.mark.parametrize("words", FETCHING)
def test_every_provider_s_words_for_a_url_that_can_not_be_fetched_are_known(words: str) -> None:
    assert is_about_fetching(BadRequest(f"HTTP 400, {words}", http_status=400))


@pytest.mark.parametrize("words", OTHER)
def test_other_complaints_are_not_taken_for_that(words: str) -> None:
    assert not is_about_fetching(BadRequest(f"HTTP 400, {words}", http_status=400))


def test_what_has_no_answer_or_is_of_the_key_is_not_about_fetching() -> None:
    for status in (None, 401, 402, 429, 503):
        failure: Failure = BadRequest("Unable to download the file at this URL", http_status=status)
        assert not is_about_fetching(failure)


def test_only_old_downloads_were_left_behind(tmp_path: Path) -> None:
    assert left_behind(tmp_path / "none") == []
    old, young = tmp_path / "old", tmp_path / "young"
    for path in (old, young):
        path.write_bytes(b"x")
    long_ago = time.time() - LEFT_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    assert left_behind(tmp_path) == [old]
