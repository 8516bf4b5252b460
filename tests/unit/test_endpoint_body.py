"""The body of a request: right JSON of a known length, made in pieces, and honest about files that change."""

from __future__ import annotations

import base64
import json
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.endpoints.body import PIECE, SENT, Body
from captiond.errors import BadRequest, Changed, Unreadable, Vanished
from captiond.values import ImagePart
from requests_made import file_part, image_part, request


def sent(body: Body) -> bytes:
    return b"".join(body)


def data_of(part: dict[str, Any]) -> tuple[str, bytes]:
    head, _, data = part[part["type"]]["url"].partition(",")
    return head, base64.b64decode(data, validate=True)


def test_a_picture_follows_the_text_as_a_data_url() -> None:
    part = image_part("blue")
    payload = json.loads(sent(Body(request(part, text="What is it?"))))
    (message,) = payload["messages"]
    text, media = message["content"]
    assert message["role"] == "user"
    assert text == {"type": "text", "text": "What is it?"}
    assert media["type"] == "image_url"
    assert data_of(media) == ("data:image/jpeg;base64", part.data)


def test_frames_keep_their_order_and_the_system_text_comes_first() -> None:
    parts = [image_part(colour, at_seconds=n) for n, colour in enumerate(["red", "green", "blue"])]
    payload = json.loads(sent(Body(request(*parts, system="Be brief."))))
    assert payload["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [data_of(part)[1] for part in payload["messages"][1]["content"][1:]] == [part.data for part in parts]


def test_settings_are_sent_only_where_they_are_set_and_extra_body_adds_its_own() -> None:
    assert "temperature" not in json.loads(sent(Body(request())))
    payload = json.loads(sent(Body(request(temperature=0.5, max_tokens=7, extra_body={"top_k": 3, "seed": 1}))))
    assert (payload["temperature"], payload["max_tokens"], payload["top_k"], payload["seed"]) == (0.5, 7, 3, 1)


def test_extra_body_can_replace_settings_but_not_the_question() -> None:
    extra = {"max_tokens": 9, "model": "other", "messages": []}
    payload = json.loads(sent(Body(request(extra_body=extra))))
    assert (payload["max_tokens"], payload["model"], len(payload["messages"])) == (9, "fake-vision-1", 1)
    payload = json.loads(sent(Body(request(extra_body={"max_completion_tokens": 9}))))
    assert payload["max_completion_tokens"] == 9
    assert "max_tokens" not in payload


@pytest.mark.parametrize("value", [math.nan, math.inf, Path("x")])
def test_an_extra_body_that_is_no_json_is_a_bad_request(value: object) -> None:
    with pytest.raises(BadRequest, match="extra_body"):
        Body(request(extra_body={"top_p": value}))


@given(
    data=st.binary(max_size=100),
    at=st.sampled_from([0, 1, 2, 3, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE]),
    text=st.text(),
    system=st.none() | st.text(min_size=1),
)
def test_the_length_is_known_before_and_every_byte_arrives(data: bytes, at: int, text: str, system: str | None) -> None:
    part = ImagePart("image/png", bytes(at) + data, 1, 1)
    body = Body(request(part, text=text, system=system))
    whole = sent(body)
    assert len(whole) == body.length
    content = json.loads(whole)["messages"][-1]["content"]
    assert content[0]["text"] == text
    assert data_of(content[1]) == ("data:image/png;base64", part.data)


@pytest.mark.parametrize("size", [1, 2, 3, 1000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 2])
def test_a_video_file_is_sent_whole_in_pieces(tmp_path: Path, size: int) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(os.urandom(size))
    body = Body(request(file_part(video)))
    pieces = list(body)
    assert max(map(len, pieces)) <= SENT
    assert len(pieces) <= size // PIECE + 2
    assert sum(map(len, pieces)) == body.length
    (_, media) = json.loads(b"".join(pieces))["messages"][0]["content"]
    assert media["type"] == "video_url"
    assert data_of(media) == ("data:video/mp4;base64", video.read_bytes())


def test_a_body_can_be_sent_again(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x" * 10)
    body = Body(request(file_part(video)))
    assert sent(body) == sent(body)


def test_a_file_that_is_not_the_one_looked_at_is_not_sent(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x" * 10)
    body = Body(request(file_part(video)))
    video.write_bytes(b"y" * 10)
    with pytest.raises(Changed):
        sent(body)


@pytest.mark.parametrize("change", ["shorter", "longer", "other bytes"])
def test_a_file_that_changes_while_it_is_sent_is_noticed(tmp_path: Path, change: str) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x" * (3 * PIECE))
    pieces = iter(Body(request(file_part(video))))
    next(pieces), next(pieces)
    with video.open("r+b") as file:
        if change == "shorter":
            file.truncate(PIECE + 100)
        else:
            file.seek(0, os.SEEK_END if change == "longer" else os.SEEK_SET)
            file.write(b"y")
    with pytest.raises(Changed):
        list(pieces)


def test_a_file_that_went_away_and_one_that_can_not_be_opened_say_so(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x")
    part = file_part(video)
    video.unlink()
    with pytest.raises(Vanished):
        sent(Body(request(part)))
    video.symlink_to(video)
    with pytest.raises(Unreadable):
        sent(Body(request(part)))


def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    video = tmp_path / "clip.mp4"
    video.write_bytes(b"x")
    part = file_part(video)
    video.unlink()
    os.mkfifo(video)
    with pytest.raises(Changed):
        sent(Body(request(part)))
