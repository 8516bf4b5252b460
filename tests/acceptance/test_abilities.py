"""What an endpoint can do is found out, kept and acted on; what it finds too large is made smaller, and remembered."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import media_samples
from drops import drop, noise
from fake_endpoint import Behaviour, FakeEndpoint, Recorded, error, model_entry, ok
from program import Home
from waiting import until

TEXT_TOKENS = 40
PICTURE_TOKENS = 258
UNTOLD = {"id": "fake-vision-1", "object": "model", "owned_by": "somebody"}


def counted(text: str, seen: int) -> Behaviour:
    """An answer whose usage counts so many pictures."""
    prompt = TEXT_TOKENS + PICTURE_TOKENS * seen
    return ok(text, usage={"prompt_tokens": prompt, "completion_tokens": 5, "total_tokens": prompt + 5})


def seeing(recorded: Recorded) -> Behaviour:
    """A server that sees pictures and videos: it names a picture's colour, which is what it can tell without a model."""
    pictures = [media for media in recorded.media if media.kind == "image"]
    return counted(f"It is {pictures[0].colour}." if pictures else "I see a moving thing.", len(recorded.media))


def dropping(*kinds: str) -> Callable[[Recorded], Behaviour]:
    """A server that answers 200, and gives its model nothing of these kinds."""

    def answer(recorded: Recorded) -> Behaviour:
        left = [media for media in recorded.media if media.kind not in kinds]
        return counted(f"It is {left[0].colour}." if left else "A lovely day at the sea.", len(left))

    return answer


def refusing(limit: int, words: str = "", status: int = 413) -> Callable[[Recorded], Behaviour]:
    """A server that takes bodies up to so many bytes."""
    return lambda recorded: error(status, words) if recorded.body_bytes > limit else ok("A noisy picture.")


def checked(home: Home) -> tuple[int, list[dict[str, Any]]]:
    done = home.call("check", "--call", "--json")
    return done.returncode, [one for one in json.loads(done.stdout) if one["check"] == "endpoint"]


def abilities(home: Home) -> dict[str, tuple[str, str]]:
    rows = home.rows("SELECT name, value, source FROM ability")
    return {row["name"]: (row["value"], row["source"]) for row in rows}


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def status_of(home: Home) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(home.call("status", "--json").stdout)
    return document


def test_a_server_that_drops_pictures_is_found_out_and_nothing_more_is_paid(home: Home, fake: FakeEndpoint) -> None:
    fake.default = dropping("image", "video")
    code, found = checked(home)
    assert code == 1
    assert [one["level"] for one in found[-1:]] == ["fail"]
    assert "40 prompt tokens with and 40 without" in found[-1]["message"]
    assert "models --kind image" in found[-1]["remedy"]
    assert abilities(home) == {"image": ("no", "probe")}
    paid = len(fake.requests)
    assert paid == 3  # the recipe's own, the text alone, the picture
    drop(home.inbox / "a.jpg")
    with home.run() as program:
        line = program.event("endpoint_paused")
        assert "takes no images" in line["reason"]
        until(lambda: "takes no images" in (status_of(home)["endpoints"][0]["reason"] or ""))
    assert home.jobs()["a.jpg"]["state"] == "queued"
    assert home.jobs()["a.jpg"]["attempts"] == 0
    assert len(fake.requests) == paid
    home.configure(endpoint='image = "on"')
    with home.run():
        home.captioned("a.jpg")


def test_a_service_that_waits_goes_on_when_a_check_finds_the_pictures_seen(home: Home, fake: FakeEndpoint) -> None:
    fake.default = dropping("image")
    checked(home)
    drop(home.inbox / "a.jpg")
    with home.run() as program:
        program.event("endpoint_paused")
        fake.default = seeing
        assert checked(home)[0] == 0
        home.captioned("a.jpg", timeout=30)


def test_a_list_that_lies_of_videos_is_found_out_and_they_go_as_frames(home: Home, fake: FakeEndpoint) -> None:
    fake.models = [model_entry("fake-vision-1", "text", "image", "video")]
    fake.default = dropping("video")
    code, found = checked(home)
    assert code == 0
    assert any("takes no videos, they are dropped" in one["message"] for one in found)
    assert abilities(home) == {"image": ("yes", "probe"), "video": ("no", "probe")}
    fake.reset_counts()
    media_samples.video(home.inbox / "clip.mp4")
    with home.run():
        home.captioned("clip.mp4")
    (asked,) = fake.requests
    assert {media.kind for media in asked.media} == {"image"}


def test_a_server_that_takes_videos_without_telling_gets_them_after_a_check(home: Home, fake: FakeEndpoint) -> None:
    fake.models = [UNTOLD]
    fake.default = seeing
    assert checked(home)[0] == 0
    assert abilities(home)["video"] == ("yes", "probe")
    fake.reset_counts()
    media_samples.video(home.inbox / "clip.mp4")
    with home.run():
        home.captioned("clip.mp4")
    assert [media.kind for media in fake.requests[0].media] == ["video"]


def test_a_probe_is_tiny_and_the_service_makes_none(home: Home, fake: FakeEndpoint) -> None:
    fake.models = [UNTOLD]
    fake.default = seeing
    drop(home.inbox / "a.jpg")
    with home.run():
        home.captioned("a.jpg")
    assert len(fake.requests) == 1
    fake.reset_counts()
    checked(home)
    probes = fake.requests[1:]  # after the recipe's own
    assert len(probes) == 3
    assert all(probe.payload["max_tokens"] <= 64 and probe.body_bytes < 60_000 for probe in probes)
    assert [[media.kind for media in probe.media] for probe in probes] == [[], ["image"], ["video"]]


def test_a_model_that_takes_no_images_by_its_list_is_not_asked(home: Home, fake: FakeEndpoint) -> None:
    fake.models = [model_entry("fake-vision-1", "text")]
    drop(home.inbox / "a.jpg")
    with home.run() as program:
        assert "by the endpoint's list of models" in program.event("endpoint_paused")["reason"]
    assert fake.requests == []
    done = home.call("caption", str(home.inbox / "a.jpg"))
    assert done.returncode == 1
    assert "takes no images" in done.stderr
    assert fake.requests == []


def test_a_model_that_says_it_takes_no_images_fails_no_file(home: Home, fake: FakeEndpoint) -> None:
    fake.default = error(404, "No endpoints found that support image input")
    drop(home.inbox / "a.jpg")
    with home.run() as program:
        assert "takes no images" in program.event("endpoint_paused")["reason"]
    assert home.jobs()["a.jpg"]["state"] == "queued"


@pytest.mark.parametrize(
    ("limit", "status", "words", "tries"),
    [
        (400_000, 413, "", 5),
        (400_000, 413, "Maximum content size limit (400000) exceeded (1200000 bytes read)", 2),
        (400_000, 400, "Request payload size exceeds the limit: 400000 bytes.", 2),
        (400_000, 400, "messages.0.content.1.image.source.base64: image exceeds 0.4 MB maximum: 1200000 bytes > 400000 bytes", 2),
    ],
)  # fmt: skip
def test_a_size_that_was_refused_once_is_not_sent_again_not_after_a_restart_either(
    home: Home, fake: FakeEndpoint, limit: int, status: int, words: str, tries: int
) -> None:
    fake.default = refusing(limit, words, status)
    noise(home.inbox / "a.jpg")
    with home.run():
        home.captioned("a.jpg")
        first = len(fake.requests)
        assert 2 <= first <= tries
        assert home.jobs()["a.jpg"]["attempts"] == 1
        noise(home.inbox / "b.jpg")
        home.captioned("b.jpg")
        assert len(fake.requests) == first + 1
    with home.run():
        noise(home.inbox / "c.jpg")
        home.captioned("c.jpg")
        assert len(fake.requests) == first + 2
        assert fake.requests[-1].body_bytes > limit / 4
    home.configure(endpoint="max_bytes = 3_000_000")
    fake.default = ok("Whole.")
    with home.run():
        noise(home.inbox / "d.jpg")
        home.captioned("d.jpg")
    assert fake.requests[-1].body_bytes > limit


def test_a_limit_in_pixels_is_kept_as_one(home: Home, fake: FakeEndpoint) -> None:
    words = "At least one of the image dimensions exceed max allowed size: 700 pixels"
    fake.default = lambda recorded: error(400, words) if recorded.media[0].width > 700 else ok("Small enough.")
    drop(home.inbox / "a.jpg", size=(1500, 900))
    with home.run():
        home.captioned("a.jpg")
        drop(home.inbox / "b.jpg", size=(1400, 900))
        home.captioned("b.jpg")
    assert [recorded.media[0].width for recorded in fake.requests] == [1500, 700, 700]
    (row,) = home.rows("SELECT * FROM size_limit")
    assert (row["edge"], row["picture_bytes"], row["request_bytes"]) == (700, None, None)


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ("At most 3 image(s) may be provided in one prompt.", [8, 3, 3]),
        ("Too many images provided.", [8, 4, 2, 8, 4, 2]),
    ],
)
def test_of_a_video_fewer_frames_are_sent_where_so_many_pictures_are_refused(
    home: Home, fake: FakeEndpoint, words: str, sent: list[int]
) -> None:
    fake.default = lambda recorded: error(400, words) if len(recorded.media) > 3 else ok("It moves.")
    with home.run():
        for name, seed in (("a", 100), ("b", 200)):
            clip = media_samples.video(
                home.folder / f"{name}.mp4",
                seconds=1.6,
                key_every=2,
                draw=lambda at, seed=seed: media_samples.photo(320, 240, seed + int(at * 10)),  # type: ignore[misc]
            )
            clip.rename(home.inbox / f"{name}.mp4")
            home.captioned(f"{name}.mp4")
    assert [len(recorded.media) for recorded in fake.requests] == sent
    assert home.jobs()["b.mp4"]["attempts"] == 1


def test_a_video_that_was_too_large_as_a_file_keeps_the_next_ones_from_going_so(home: Home, fake: FakeEndpoint) -> None:
    fake.models = [model_entry("fake-vision-1", "text", "image", "video")]
    clip = media_samples.video(home.folder / "a.mp4", draw=lambda at: media_samples.photo(320, 240, int(at * 10)))
    limit = clip.stat().st_size * 0.8
    fake.default = lambda recorded: error(413) if recorded.media[0].bytes > limit else ok("It moves.")
    with home.run():
        clip.rename(home.inbox / "a.mp4")
        home.captioned("a.mp4")
        (home.inbox / "b.part").write_bytes((home.inbox / "a.mp4").read_bytes() + b"\0" * 64)
        (home.inbox / "b.part").rename(home.inbox / "b.mp4")
        home.captioned("b.mp4")
    sent = [recorded.media[0] for recorded in fake.requests]
    assert [media.kind for media in sent] == ["video", "video", "video"]
    assert [media.bytes > limit for media in sent] == [True, False, False]


def test_json_is_asked_for_by_the_protocol_where_the_list_says_so(home: Home, fake: FakeEndpoint) -> None:
    fake.models = [{**UNTOLD, "supported_parameters": ["response_format", "structured_outputs"]}]
    fake.default = lambda recorded: ok(json.dumps({"caption": "A red thing.", "mood": "calm", "category": "b"}))
    home.configure(recipe='fields = ["caption", "mood"]\ncategories = ["a", "b"]')
    drop(home.inbox / "a.jpg")
    with home.run():
        assert home.captioned("a.jpg")["a.jpg"]["category"] == "b"
    asked = fake.requests[0].payload["response_format"]["json_schema"]
    assert asked["strict"] is True
    assert asked["schema"]["required"] == ["caption", "mood", "category"]
    assert asked["schema"]["properties"]["category"]["enum"] == ["a", "b"]


def test_a_format_that_is_refused_is_left_out_within_the_same_attempt_and_later(home: Home, fake: FakeEndpoint) -> None:
    fake.models = [{**UNTOLD, "owned_by": "vllm"}]
    fake.default = lambda recorded: (
        error(400, "response_format is not supported by this model")
        if "response_format" in recorded.payload
        else ok('{"caption": "A red thing.", "mood": "calm"}')
    )
    home.configure(recipe='fields = ["caption", "mood"]')
    drop(home.inbox / "a.jpg")
    with home.run():
        home.captioned("a.jpg")
        drop(home.inbox / "b.jpg")
        home.captioned("b.jpg")
    assert ["response_format" in recorded.payload for recorded in fake.requests] == [True, False, False]
    assert home.jobs()["a.jpg"]["attempts"] == 1
    assert abilities(home) == {"json": ("off", "answer")}


def test_a_server_that_is_not_known_gets_no_format_unless_the_configuration_says_so(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.models = [UNTOLD]
    fake.default = ok('{"caption": "A red thing.", "mood": "calm"}')
    home.configure(recipe='fields = ["caption", "mood"]')
    drop(home.inbox / "a.jpg")
    with home.run():
        home.captioned("a.jpg")
    home.configure(recipe='fields = ["caption", "mood"]', endpoint='json_output = "json_object"')
    drop(home.inbox / "b.jpg")
    with home.run():
        home.captioned("b.jpg")
    assert [recorded.payload.get("response_format") for recorded in fake.requests] == [None, {"type": "json_object"}]
