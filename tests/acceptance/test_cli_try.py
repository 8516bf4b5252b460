"""`captiond try` compares prompts, models and recipes on files, and keeps nothing."""

from __future__ import annotations

import base64
import io
import json
import re
import sqlite3
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGINT
from typing import Any

import pytest
from PIL import Image

import fake_endpoint as fakes
from captiond.cli.playground_page import MARK
from fake_endpoint import FakeEndpoint, Recorded, model_entry
from media_samples import video
from program import Home, Program
from waiting import until

KEYS = [
    "path", "recipe", "prompt", "model", "caption", "category", "tags", "fields", "prompt_tokens", "completion_tokens",
    "cost_usd", "seconds", "reason", "message",
]  # fmt: skip
EVIL = "<script>alert('x')</script> \x1b[2J\u202egpj"


def says_its_question(recorded: Recorded) -> fakes.Behaviour:
    colours = " ".join(dict.fromkeys(media.colour for media in recorded.media))
    return fakes.ok(f"{recorded.model} on {recorded.text.splitlines()[0]}: {colours}")


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    models = [model_entry("fake-vision-1", price=1e-6), model_entry("fake-vision-2", price=2e-6)]
    with FakeEndpoint(default=says_its_question, models=models, asleep=("fake-cats",), waking=1) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    home = Home(tmp_path, fake.base_url)
    for colour in ("red", "blue"):
        Image.new("RGB", (640, 480), colour).save(home.inbox / f"{colour}.jpg")
    return home


def tried(home: Home, *args: str, code: int = 0) -> list[dict[str, Any]]:
    result = home.call("try", "--json", *args)
    assert result.returncode == code, result.stderr
    entries: list[dict[str, Any]] = json.loads(result.stdout)
    assert all(list(entry) == KEYS for entry in entries)
    return entries


def contents(home: Home) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.folder.rglob("*") if path.is_file()}


def test_every_prompt_is_asked_of_every_model_on_every_file(home: Home, fake: FakeEndpoint) -> None:
    entries = tried(
        home, str(home.inbox), "-p", "One?", "-p", "Two {kind}?", "-m", "fake-vision-2", "-m", "fake-vision-1"
    )
    assert [(Path(one["path"]).name, one["prompt"], one["model"]) for one in entries] == [
        (name, prompt, model)
        for name in ("blue.jpg", "red.jpg")
        for prompt in ("One?", "Two {kind}?")
        for model in ("fake-vision-2", "fake-vision-1")
    ]
    assert entries[2]["caption"] == "fake-vision-2 on Two image?: blue"
    assert (entries[0]["prompt_tokens"], entries[0]["completion_tokens"]) == (1130, 41)
    assert entries[0]["cost_usd"] == pytest.approx(1130 * 2e-6 + 41 * 8e-6)
    assert entries[1]["cost_usd"] == pytest.approx(1130 * 1e-6 + 41 * 4e-6)
    assert all(one["seconds"] >= 0 and one["reason"] is None for one in entries)
    assert fake.violations == []
    assert (len(fake.requests), fake.models_asked) == (8, 1)


def test_calls_run_together_and_never_more_than_the_endpoint_takes(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.ok("x", delay=0.1)
    tried(home, str(home.inbox), *(word for number in range(8) for word in ("-p", f"Question {number}?")))
    assert len(fake.requests) == 16
    assert 2 <= fake.max_in_flight <= 4


def test_nothing_is_stored_and_no_database_is_made(home: Home) -> None:
    before = contents(home)
    tried(home, str(home.inbox))
    assert contents(home) == before


def test_it_works_beside_the_service_and_leaves_its_database_alone(home: Home) -> None:
    with home.run():
        home.captioned("red.jpg", "blue.jpg")
        before = {name: dict(row) for name, row in home.captions().items()}
        with sqlite3.connect(home.database) as connection:
            calls = connection.execute("SELECT count(*) FROM call").fetchone()
            assert tried(home, str(home.inbox / "red.jpg"), "-p", "Else?")
            assert connection.execute("SELECT count(*) FROM call").fetchone() == calls
        assert {name: dict(row) for name, row in home.captions().items()} == before


def test_recipes_are_judged_as_the_service_does(home: Home, fake: FakeEndpoint) -> None:
    more = (
        '[recipes.colours]\nprompt = "Which colour?"\ncategories = ["red", "green"]\nendpoint = "fake"\n'
        '[recipes.facts]\nfields = ["caption", "tags", "mood"]\nendpoint = "fake"\n'
    )
    home.configure(more=more)

    def answer(recorded: Recorded) -> fakes.Behaviour:
        if "Which colour" in recorded.text:
            return fakes.ok(recorded.media[0].colour)
        return fakes.ok('{"caption": "A square.", "tags": ["a", "b"], "mood": "calm"}')

    fake.default = answer
    red, blue = home.inbox / "red.jpg", home.inbox / "blue.jpg"
    entries = tried(home, str(red), str(blue), "-r", "colours", "-r", "facts", code=1)
    assert [(one["recipe"], one["category"], one["reason"]) for one in entries] == [
        ("colours", "red", None),
        ("facts", None, None),
        ("colours", None, "not_a_category"),
        ("facts", None, None),
    ]
    assert (entries[1]["caption"], entries[1]["tags"], entries[1]["fields"]) == (
        "A square.",
        ["a", "b"],
        {"mood": "calm"},
    )
    assert entries[2]["caption"] is None
    assert entries[2]["cost_usd"] > 0  # an answer that can't be used is paid for


def test_a_failure_is_shown_in_its_place_with_its_remedy_and_the_others_are_there(home: Home) -> None:
    (home.inbox / "text.jpg").write_text("no picture")
    result = home.call("try", str(home.inbox))
    assert result.returncode == 1
    assert "not_media: " in result.stdout
    assert "remedy: rename it" in result.stdout
    assert "captiond retry" not in result.stdout
    assert "fake-vision-1 on Describe this image.: red" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("2 answers, 1 failed, 0.002588 USD")


def test_a_picture_that_is_too_large_is_asked_again_smaller(home: Home, fake: FakeEndpoint) -> None:
    fake.default = lambda recorded: (
        fakes.error(413, "image too large") if recorded.media[0].width > 500 else says_its_question(recorded)
    )
    (entry,) = tried(home, str(home.inbox / "red.jpg"))
    assert entry["caption"]
    assert [request.media[0].width for request in fake.requests] == [640, 384]


def test_a_video_is_tried_as_frames(home: Home, fake: FakeEndpoint) -> None:
    clip = home.folder / "clip.mp4"
    video(clip)
    (entry,) = tried(home, str(clip))
    assert entry["caption"]
    assert len(fake.requests[0].media) > 1


def test_a_url_is_fetched_and_tried(home: Home) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=home.inbox)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/red.jpg"
        (entry,) = tried(home, url)
        server.shutdown()
    assert (entry["path"], entry["caption"]) == (url, "fake-vision-1 on Describe this image.: red")


def test_an_endpoint_that_asks_for_a_moment_is_waited_for_and_a_sleeping_model_woken(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.script(fakes.error(429, retry_after=0.2))
    assert tried(home, str(home.inbox / "red.jpg"))[0]["caption"]
    assert tried(home, str(home.inbox / "red.jpg"), "-m", "fake-cats")[0]["caption"]
    assert fake.activated == ["fake-cats"]


def test_an_endpoint_that_asks_to_wait_long_is_not_waited_for(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.error(429, retry_after=3600)
    (entry,) = tried(home, str(home.inbox / "red.jpg"), code=1)
    assert entry["reason"] == "rate_limited"


def test_another_endpoint_than_the_recipes_can_be_asked_with_its_own_model(home: Home) -> None:
    home.configure(
        recipe='model = "fake-vision-2"', more=f'[endpoints.other]\nbase_url = "{home.base_url}"\nmodel = "its-own"\n'
    )
    assert tried(home, str(home.inbox / "red.jpg"))[0]["model"] == "fake-vision-2"
    assert tried(home, str(home.inbox / "red.jpg"), "--endpoint", "other")[0]["model"] == "its-own"
    (entry,) = tried(home, str(home.inbox / "red.jpg"), "--endpoint", "builtin")
    assert (entry["model"], entry["cost_usd"]) == ("builtin/1", 0)
    assert "Almost all red" in entry["caption"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere.jpg"], "no such file or folder: nowhere.jpg"),
        (["inbox", "-r", "nope"], "there is no recipe 'nope'; there are default"),
        (["inbox", "--endpoint", "nope"], "there is no endpoint 'nope'; there are fake, local, builtin"),
        (["inbox", "-p", "Who is {who}?"], "{who} is no variable of a prompt"),
        (["inbox", "-p", " "], "a prompt is empty"),
        (["inbox", "--endpoint", "builtin", "-m", "x"], "has its own model"),
        (["inbox", "--html", "inbox"], "inbox is a folder"),
        (["inbox", "--html", "inbox/red.jpg"], "is left alone"),
        (["inbox", "--html", "no/page.html"], "no folder that can be written"),
    ],
)
def test_wrong_usage_is_said_before_anything_is_asked(
    home: Home, fake: FakeEndpoint, args: list[str], said: str
) -> None:
    before = contents(home)
    result = home.call("try", *args)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr
    assert fake.requests == []
    assert contents(home) == before


@pytest.mark.parametrize("columns", ["200", "100", "60", "30"])
def test_the_text_fits_the_terminal_and_has_no_colour_off_it(home: Home, fake: FakeEndpoint, columns: str) -> None:
    fake.default = fakes.ok("many words " * 30 + EVIL)
    args = ["-m", "fake-vision-1", "-m", "fake-vision-2", "-p", "One?", "-p", "Two?"]
    result = home.call("try", str(home.inbox / "red.jpg"), *args, env={"COLUMNS": columns})
    assert result.returncode == 0
    path, *lines = result.stdout.splitlines()
    assert path == str(home.inbox / "red.jpg")
    assert max(map(len, lines)) <= int(columns)
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert result.stdout.replace("\n", " ").count("tokens") == 4
    heads = [line for line in lines if "fake-vision-1" in line and "fake-vision-2" in line]
    assert len(heads) == (0 if int(columns) < 65 else 2)


def test_a_page_has_all_in_it_and_nothing_that_runs(home: Home, fake: FakeEndpoint) -> None:
    fake.default = lambda recorded: fakes.refusal() if recorded.model == "fake-vision-2" else fakes.ok(EVIL)
    odd = home.inbox / "<b>&.png"
    Image.new("RGB", (900, 300), "green").save(odd)
    video(home.folder / "clip.mp4")
    page = home.folder / "page.html"
    args = [str(odd), "clip.mp4", "-p", '<i>"What"</i>', "-m", "fake-vision-1", "-m", "fake-vision-2"]
    result = home.call("try", *args, "--html", "page.html")
    assert result.returncode == 1
    assert "the comparison is in page.html" in result.stderr
    text = page.read_text()
    assert text.encode().startswith(MARK)
    for tag in ("<script", "<b>&", "<i>", "<link", "http://", "https://", "\x1b", "\u202e"):
        assert tag not in text
    assert "&lt;script&gt;" in text
    assert "&lt;b&gt;&amp;.png" in text
    assert "refused" in text
    pictures = [base64.b64decode(data) for data in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)]
    sizes = [Image.open(io.BytesIO(data)).size for data in pictures]
    assert sizes[0] == (720, 240)
    assert len(sizes) > 2
    again = home.call("try", *args, "--html", "page.html")
    assert again.returncode == 1
    assert "is left alone" not in again.stderr
    assert not list(home.folder.glob(".captiond-*"))


def test_without_an_endpoint_the_built_in_describer_is_tried_and_said(home: Home) -> None:
    home.config.write_text("")
    result = home.call("try", str(home.inbox / "red.jpg"), env={"XDG_STATE_HOME": str(home.folder / "state")})
    assert result.returncode == 0
    assert "OXEN_API_KEY" in result.stderr
    assert "Almost all red" in " ".join(result.stdout.split())
    assert not (home.folder / "state").exists()


def test_how_many_calls_it_will_be_is_said_first(home: Home) -> None:
    result = home.call("try", "inbox", "-p", "One?", "-p", "Two?", "-p", "Three?")
    assert result.stderr.splitlines()[0] == "2 files × 3 questions: 6 calls"


def test_a_folder_without_media_is_said(home: Home) -> None:
    (home.folder / "empty").mkdir()
    result = home.call("try", "--json", "empty")
    assert (result.returncode, json.loads(result.stdout)) == (0, [])
    assert "no image or video" in result.stderr


def test_ctrl_c_ends_it_at_once_also_in_the_middle_of_a_call(home: Home, fake: FakeEndpoint) -> None:
    fake.default = fakes.hang()
    program = Program(home, ["try", str(home.inbox)], {})
    until(lambda: fake.in_flight == 2)
    assert program.stop(SIGINT) == 130
    assert "Traceback" not in program.text
