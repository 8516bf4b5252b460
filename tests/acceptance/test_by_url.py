"""URLs instead of bytes: `captiond caption URL`, and a root with `public_url`."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import media_samples as made
from drops import drop, drop_many, picture
from fake_behaviour import Behaviour
from fake_endpoint import FakeEndpoint, error, ok
from fake_protocol import Recorded
from program import Home
from waiting import until
from web import Web


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    site = tmp_path / "site"
    site.mkdir()
    with Web(site) as running:
        yield running


@pytest.fixture
def cdn(home: Home) -> Iterator[Web]:
    """A server of the root's own files, named in its `public_url`."""
    with Web(home.inbox) as running:
        home.configure(watch=f'public_url = "{running.url}/{{relpath}}"')
        yield running


def big(label: str) -> bytes:
    """A picture that is longer than what is looked at."""
    return picture(label) + bytes(100_000)


# --- captiond caption URL --------------------------------------------------------------------------------------------


def test_the_url_itself_is_sent_and_nothing_but_its_beginning_is_read_here(
    home: Home, fake: FakeEndpoint, web: Web
) -> None:
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    url = f"{web.url}/cat.jpg"
    ended = home.call("caption", "--json", url)
    assert ended.returncode == 0, ended.stderr
    (request,) = fake.requests
    assert request.urls == (url,)
    assert [media.data for media in request.media] == [big("cat")]
    assert web.whole_by_us() == []
    (told,) = json.loads(ended.stdout)
    assert (told["kind"], told["media"]["mime"], told["media"]["bytes"]) == ("image", "image/jpeg", len(big("cat")))
    assert (told["media"]["width"], told["media"]["height"]) == (64, 48)
    assert not fake.violations


def test_a_url_is_paid_for_once_until_its_picture_changes(home: Home, fake: FakeEndpoint, web: Web) -> None:
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    for _ in range(2):
        assert home.call("caption", f"{web.url}/cat.jpg").returncode == 0
    assert len(fake.requests) == 1
    (web.folder / "cat.jpg").write_bytes(big("dog"))
    assert home.call("caption", f"{web.url}/cat.jpg").returncode == 0
    assert len(fake.requests) == 2


def test_a_small_picture_has_one_answer_as_a_url_and_as_a_file(home: Home, fake: FakeEndpoint, web: Web) -> None:
    drop(web.folder / "small.jpg")
    assert home.call("caption", str(web.folder / "small.jpg"), f"{web.url}/small.jpg").returncode == 0
    assert home.call("caption", "--inline", f"{web.url}/small.jpg").returncode == 0
    assert len(fake.requests) == 1


def test_a_video_goes_as_its_url_where_the_endpoint_takes_video(home: Home, fake: FakeEndpoint, web: Web) -> None:
    home.configure(endpoint='video = "video_url"')
    made.video(web.folder / "clip.mp4", "mp4", seconds=1)
    ended = home.call("caption", "--json", f"{web.url}/clip.mp4")
    assert ended.returncode == 0, ended.stderr
    (request,) = fake.requests
    assert (request.urls, request.media[0].kind) == ((f"{web.url}/clip.mp4",), "video")
    assert json.loads(ended.stdout)[0]["kind"] == "video"
    home.configure(endpoint='video = "frames"')
    assert home.call("caption", f"{web.url}/clip.mp4").returncode == 0
    assert (fake.requests[1].urls, fake.requests[1].media[0].kind) == ((), "image")


def test_inline_sends_the_bytes(home: Home, fake: FakeEndpoint, web: Web) -> None:
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    assert home.call("caption", "--inline", f"{web.url}/cat.jpg").returncode == 0
    (request,) = fake.requests
    assert (request.urls, len(request.media)) == ((), 1)
    assert web.whole_by_us() == ["/cat.jpg"]


def test_inline_reaches_a_running_service(home: Home, fake: FakeEndpoint, web: Web) -> None:
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    with home.run():
        assert home.call("caption", "--inline", f"{web.url}/cat.jpg").returncode == 0
        assert home.call("caption", f"{web.url}/cat.jpg").returncode == 0
    assert [request.urls for request in fake.requests] == [(), (f"{web.url}/cat.jpg",)]


@pytest.mark.parametrize("name", ["turned.jpg", "photo.heic", "moving.gif", "large.jpg"])
def test_what_the_endpoint_would_not_see_as_meant_is_fetched(
    home: Home, fake: FakeEndpoint, web: Web, name: str
) -> None:
    path = web.folder / name
    match name:
        case "turned.jpg":
            made.turned_jpeg(path, 6)
        case "photo.heic":
            made.heic(path)
        case "moving.gif":
            frames = [made.scene(40, 30), made.scene(40, 30).rotate(180)]
            frames[0].save(path, save_all=True, append_images=frames[1:], loop=0, duration=100)
        case _:
            home.configure(endpoint="max_bytes = 20_000")
            path.write_bytes(big("large"))
    assert home.call("caption", f"{web.url}/{name}").returncode == 0
    assert fake.requests[0].urls == ()
    assert fake.requests[0].media
    assert not fake.violations


REFUSALS = {
    "openai": error(400, "Error while downloading https://x.example/cat.jpg.", kind="invalid_image_url"),
    "anthropic": error(400, "Unable to download the file. Please verify the URL and try again.", shape="message"),
    "gemini": error(400, "Cannot fetch content from the provided URL.", shape="message"),
    "ollama": error(400, "image URLs are not currently supported, please use base64 encoded data instead"),
    "lm studio": error(400, "'url' field must be a base64 encoded image."),
    "vllm": error(500, "Cannot connect to host x.example:443 ssl:default", shape="message"),
    "forbidden": error(403, "Failed to fetch the image: the server answered 403"),
    "unknown words": error(400, "Nope."),
    "a broken server": error(500),
}


@pytest.mark.parametrize("who", REFUSALS)
def test_bytes_are_sent_within_the_same_attempt_when_the_endpoint_cannot_fetch(
    home: Home, fake: FakeEndpoint, web: Web, who: str
) -> None:
    fake.fetches = REFUSALS[who]
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    url = f"{web.url}/cat.jpg"
    ended = home.call("caption", url)
    assert ended.returncode == 0, ended.stderr
    assert [bool(request.urls) for request in fake.requests] == [True, False]
    job = home.jobs()["cat.jpg"]
    assert (job["state"], job["attempts"]) == ("done", 1)
    assert home.call("caption", url).returncode == 0
    assert len(fake.requests) == 2
    assert home.rows("SELECT state FROM endpoint")[0]["state"] == "healthy"


def test_a_redirect_is_the_endpoints_to_follow(home: Home, fake: FakeEndpoint, web: Web) -> None:
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    web.moved["/latest"] = "/cat.jpg"
    assert home.call("caption", f"{web.url}/latest").returncode == 0
    assert fake.requests[0].urls == (f"{web.url}/latest",)


def test_a_url_with_a_password_is_fetched_here_and_shown_nowhere(home: Home, fake: FakeEndpoint, web: Web) -> None:
    web.login = "anna:s3cr3t-word"
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    (web.folder / "page.jpg").write_text("no picture")
    url = f"http://anna:s3cr3t-word@{web.host}"
    ended = home.call("caption", f"{url}/cat.jpg", f"{url}/page.jpg")
    assert ended.returncode == 1
    assert "fetched here and sent as bytes: it holds a user name or password" in ended.stderr
    assert f"{web.url}/cat.jpg: " in ended.stdout
    assert [request.urls for request in fake.requests] == [()]
    shown = home.call("show", f"{url}/cat.jpg")
    assert shown.returncode == 0, shown.stderr
    status = home.call("status")
    for text in (ended.stdout, ended.stderr, shown.stdout, status.stdout):
        assert "s3cr3t" not in text
    with sqlite3.connect(home.database) as connection:
        assert not [line for line in connection.iterdump() if "s3cr3t" in line]


def test_an_address_of_this_machine_is_not_told_to_an_endpoint_elsewhere(
    home: Home, fake: FakeEndpoint, web: Web
) -> None:
    """An address that is nowhere: that nothing answers there does not matter here."""
    home.base_url = "http://192.0.2.1:9/v1"
    home.configure(timeout=1)
    (web.folder / "cat.jpg").write_bytes(big("cat"))
    ended = home.call("caption", f"{web.url}/cat.jpg")
    assert "is fetched here and sent as bytes: its address is of this machine" in ended.stderr
    assert {(visit.path, visit.range, visit.by_endpoint) for visit in web.visits} == {("/cat.jpg", None, False)}


def test_a_url_that_can_not_be_had_fails_once_and_says_why(home: Home, fake: FakeEndpoint, web: Web) -> None:
    (web.folder / "page.html").write_text("<!doctype html><p>No picture.")
    ended = home.call("caption", f"{web.url}/missing.jpg", f"{web.url}/page.html", "http://[broken/x.jpg")
    assert ended.returncode == 1
    assert "missing.jpg answered 404" in ended.stderr
    assert "page.html: The file is named like" in ended.stderr
    assert "0 captioned, 3 failed" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not fake.requests


# --- a root with public_url ------------------------------------------------------------------------------------------


def test_a_root_with_a_public_url_sends_urls_whatever_the_names_are(home: Home, fake: FakeEndpoint, cdn: Web) -> None:
    names = [b"plain.jpg", b"with space.jpg", b"hash#tag?and%41.jpg", "ümläut.jpg".encode(), b"latin-\xe9.jpg"]
    (home.inbox / "deep" / "er").mkdir(parents=True)
    with home.run() as program:
        for name in names:
            Path(os.fsdecode(os.path.join(os.fsencode(home.inbox / "deep" / "er"), name))).write_bytes(picture(name))
        until(lambda: home.rows("SELECT count(*) AS n FROM captions")[0]["n"] == len(names))
        lines = program.lines("job")
    assert {url.removeprefix(cdn.url) for request in fake.requests for url in request.urls} == {
        "/deep/er/plain.jpg",
        "/deep/er/with%20space.jpg",
        "/deep/er/hash%23tag%3Fand%2541.jpg",
        "/deep/er/%C3%BCml%C3%A4ut.jpg",
        "/deep/er/latin-%E9.jpg",
    }
    assert {request.media[0].data for request in fake.requests} == {picture(name) for name in names}
    assert all(line["by_url"] and line["sent_bytes"] < 1000 for line in lines)
    assert cdn.whole_by_us() == []
    assert not fake.violations


def test_copies_and_sidecars_are_as_with_bytes(home: Home, fake: FakeEndpoint, cdn: Web) -> None:
    drop(home.inbox / "a.jpg", "same")
    drop(home.inbox / "b.jpg", "same")
    with home.run():
        home.captioned("a.jpg", "b.jpg")
        assert home.sidecar("a.jpg")["sha256"] == fake.requests[0].media[0].sha256
    assert len(fake.requests) == 1
    home.configure()
    assert home.call("caption", str(home.inbox / "a.jpg")).returncode == 0
    assert len(fake.requests) == 1


def test_what_endpoints_do_not_decode_is_sent_as_bytes(home: Home, fake: FakeEndpoint, cdn: Web) -> None:
    made.heic(home.inbox / "photo.heic")
    made.tiff(home.inbox / "scan.tiff")
    made.turned_jpeg(home.inbox / "turned.jpg", 3)
    made.png(home.inbox / "drawing.png")
    made.webp(home.inbox / "page.webp")
    made.video(home.inbox / "clip.mp4", "mp4", seconds=1)
    with home.run():
        home.captioned("photo.heic", "scan.tiff", "turned.jpg", "drawing.png", "page.webp", "clip.mp4")
    assert sorted(url for request in fake.requests for url in request.urls) == [
        f"{cdn.url}/drawing.png",
        f"{cdn.url}/page.webp",
    ]
    assert not fake.violations


def test_a_video_of_the_root_goes_as_its_url_too(home: Home, fake: FakeEndpoint, cdn: Web) -> None:
    home.configure(endpoint='video = "video_url"', watch=f'public_url = "{cdn.url}/{{relpath}}"')
    fake.script(REFUSALS["gemini"])
    made.video(home.inbox / "first.mp4", "mp4", seconds=1)
    with home.run():
        home.captioned("first.mp4")
    with home.run():
        made.video(home.inbox / "second.mp4", "mp4", seconds=2)
        home.captioned("second.mp4")
    assert [bool(request.urls) for request in fake.requests] == [True, False, True]
    assert [request.media[0].kind for request in fake.requests[1:]] == ["video", "video"]


@pytest.mark.parametrize("words", ["plain", "unknown"])
def test_an_endpoint_that_cannot_fetch_is_asked_once_and_told_once(
    home: Home, fake: FakeEndpoint, cdn: Web, words: str
) -> None:
    fake.fetches = REFUSALS["anthropic" if words == "plain" else "unknown words"]
    with home.run() as program:
        drop(home.inbox / "first.jpg")
        home.captioned("first.jpg")
        names = drop_many(home.inbox / "more", 12)
        home.captioned(*names)
        told = program.lines("url_refused")
    assert [bool(request.urls) for request in fake.requests] == [True] + [False] * 13
    assert [(line["endpoint"], line["place"], line["level"]) for line in told] == [("fake", str(home.inbox), "warning")]
    assert home.jobs()["first.jpg"]["attempts"] == 1


def test_a_model_that_sees_nothing_by_url_gets_bytes_at_the_next_attempt(
    home: Home, fake: FakeEndpoint, cdn: Web
) -> None:
    """A server may drop what it can't fetch, and answer all the same."""
    fake.script(ok("I'm sorry, but I can't see any image. Please provide the image."))
    drop(home.inbox / "a.jpg")
    with home.run():
        home.captioned("a.jpg")
    assert [bool(request.urls) for request in fake.requests] == [True, False]


def test_a_picture_too_large_by_url_is_sent_smaller_as_bytes(home: Home, fake: FakeEndpoint, cdn: Web) -> None:
    refused: Behaviour = error(413, "Request entity too large")
    fake.script(refused, refused)
    made.jpeg(home.inbox / "a.jpg", made.photo(1200, 900))
    with home.run():
        home.captioned("a.jpg")
    assert [bool(request.urls) for request in fake.requests] == [True, False, False]
    assert fake.requests[2].media[0].width < 1200
    assert home.jobs()["a.jpg"]["attempts"] == 1


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("https://cdn.example/", "must have it once"),
        ("https://cdn.example/{relpath}?again={relpath}", "2 times"),
        ("ftp://cdn.example/{relpath}", "http:// or https://"),
        ("https://{relpath}/x", "no host"),
        ("https://cdn.example/{relpath}/{name}", "braces"),
        ("https://me:pass@cdn.example/{relpath}", "user or password"),
    ],
)
def test_a_wrong_public_url_is_a_configuration_error_with_its_remedy(home: Home, url: str, wrong: str) -> None:
    home.configure(watch=f'public_url = "{url}"')
    ended = home.call("status")
    assert ended.returncode == 78
    assert "watch[0].public_url" in ended.stderr
    assert wrong in ended.stderr
    assert "https://cdn.example/{relpath}" in ended.stderr


def test_a_server_that_fails_at_every_url_gets_bytes_and_is_not_taken_for_a_broken_one(
    home: Home, fake: FakeEndpoint, cdn: Web
) -> None:
    def fails_at_urls(recorded: Recorded) -> Behaviour:
        return error(500, "Internal Server Error") if recorded.urls else ok()

    fake.default = fails_at_urls
    names = drop_many(home.inbox, 16)
    with home.run() as service:
        home.captioned(*names)
        assert service.lines("endpoint_paused") == []
    assert {job["attempts"] for job in home.jobs().values()} == {1}
