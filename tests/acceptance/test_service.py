"""The whole way of a file, through the real program."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from fake_endpoint import FakeEndpoint, cut, error, hang, ok, refusal
from program import Home
from waiting import until


def _at_least(items: Sequence[object], count: int) -> bool:
    return len(items) >= count


def photo(path: Path, colour: str = "red", size: tuple[int, int] = (320, 200)) -> Path:
    """A small picture of one colour; its name and colour make its bytes its own."""
    image = Image.new("RGB", size, colour)
    exif = image.getexif()
    exif[0x010E] = path.name
    staged = path.with_name(path.name + ".part")
    image.save(staged, "JPEG", exif=exif)
    staged.rename(path)
    return path


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def test_a_dropped_photo_is_described_in_the_sidecar_the_database_and_the_search(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.default = ok("A red square on a table.")
    with home.run() as program:
        photo(home.inbox / "dropped.jpg")
        row = home.captioned("dropped.jpg")["dropped.jpg"]
        assert row["caption"] == "A red square on a table."
        sidecar = home.sidecar("dropped.jpg")
        line = program.event("job")
    assert sidecar["caption"] == row["caption"]
    assert row["caption"] not in json.dumps(line)
    assert sidecar["sha256"] == hashlib.sha256((home.inbox / "dropped.jpg").read_bytes()).hexdigest()
    found = json.loads(home.call("search", "--json", "square").stdout)
    assert [hit["path"] for hit in found] == [str(home.inbox / "dropped.jpg")]
    assert not fake.violations


@pytest.mark.fault("events before the watch stood")
def test_files_that_were_there_before_the_start_are_captioned_too(home: Home, fake: FakeEndpoint) -> None:
    for number in range(5):
        photo(home.inbox / f"{number}.jpg")
    (home.inbox / "deep" / "er").mkdir(parents=True)
    photo(home.inbox / "deep" / "er" / "6.jpg")
    with home.run():
        home.captioned(*(f"{number}.jpg" for number in range(5)), "6.jpg")
    assert len(fake.requests) == 6


def test_copies_moves_touches_and_a_restart_cost_no_call(home: Home, fake: FakeEndpoint) -> None:
    with home.run():
        first = photo(home.inbox / "first.jpg")
        caption = home.captioned("first.jpg")["first.jpg"]["caption"]
        home.sidecar("first.jpg")
        shutil.copy(first, home.inbox / "copy.jpg")
        assert home.captioned("copy.jpg")["copy.jpg"]["caption"] == caption
        (home.inbox / "sub").mkdir()
        first.rename(home.inbox / "sub" / "moved.jpg")
        until((home.inbox / "sub" / "moved.jpg.caption.json").exists)
        until(lambda: "first.jpg" not in home.captions())
        until(lambda: not (home.inbox / "first.jpg.caption.json").exists())
        os.utime(home.inbox / "copy.jpg")
    with home.run():
        photo(home.inbox / "second.jpg", "blue")
        home.captioned("second.jpg")
    assert home.captions()["moved.jpg"]["caption"] == caption
    assert len(fake.requests) == 2


def test_a_changed_file_gets_a_new_caption_and_a_deleted_one_is_marked_absent(home: Home) -> None:
    with home.run():
        path = photo(home.inbox / "it.jpg", "red")
        before = home.captioned("it.jpg")["it.jpg"]["sha256"]
        photo(path, "green")
        until(lambda: home.captions()["it.jpg"]["sha256"] != before)
        path.unlink()
        until(lambda: home.captions()["it.jpg"]["present"] == 0)


def test_files_with_the_same_bytes_in_flight_together_make_one_call(home: Home, fake: FakeEndpoint) -> None:
    fake.default = ok("Once.", delay=0.5)
    photo(home.inbox / "a.jpg")
    for name in "bcdefgh":
        shutil.copy(home.inbox / "a.jpg", home.inbox / f"{name}.jpg")
    with home.run():
        home.captioned(*(f"{name}.jpg" for name in "abcdefgh"))
    assert len(fake.requests) == 1


@pytest.mark.fault("an endpoint that misbehaves")
def test_a_refused_key_pauses_the_endpoint_and_gives_the_attempts_back(home: Home, fake: FakeEndpoint) -> None:
    fake.default = error(401)
    for number in range(12):
        photo(home.inbox / f"{number}.jpg")
    with home.run() as program:
        line = program.event("endpoint_paused")
        until(lambda: {job["state"] for job in home.jobs().values()} == {"queued"})
        assert all(job["attempts"] == 0 for job in home.jobs().values())
    assert "key" in line["remedy"]
    assert len(fake.requests) <= 4


@pytest.mark.fault("an endpoint that misbehaves")
def test_retry_after_holds_the_whole_endpoint(home: Home, fake: FakeEndpoint) -> None:
    fake.script(error(429, retry_after=2))
    home.configure(concurrency=1)
    for number in range(3):
        photo(home.inbox / f"{number}.jpg")
    with home.run():
        home.captioned("0.jpg", "1.jpg", "2.jpg")
    arrivals = sorted(request.tick for request in fake.requests)
    assert arrivals[1] - arrivals[0] >= 1.9
    assert len(arrivals) == 4


@pytest.mark.fault("an endpoint that misbehaves")
def test_a_server_error_is_tried_again_and_then_failed_with_its_reason(home: Home, fake: FakeEndpoint) -> None:
    fake.default = error(500, "model crashed")
    home.configure(queue="max_attempts = 3")
    photo(home.inbox / "x.jpg")
    with home.run():
        job = home.failed("x.jpg")
    assert (job["reason"], job["attempts"], len(fake.requests)) == ("server_error", 3, 3)
    assert "model crashed" in job["detail"]


def test_cut_and_refused_answers_are_failures_and_never_captions(home: Home, fake: FakeEndpoint) -> None:
    home.configure(concurrency=1, queue="max_attempts = 1")
    fake.script(cut(), refusal())
    with home.run():
        photo(home.inbox / "a.jpg")
        assert home.failed("a.jpg")["reason"] == "cut_answer"
        photo(home.inbox / "b.jpg")
        assert home.failed("b.jpg")["reason"] == "refused"
    assert home.captions() == {}
    assert not list(home.inbox.glob("*.json"))


def test_what_is_too_large_for_the_endpoint_is_made_smaller_within_the_same_attempt(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.script(error(413))
    photo(home.inbox / "big.jpg", size=(1400, 1000))
    with home.run():
        home.captioned("big.jpg")
    first, second = fake.requests
    assert second.media[0].width < first.media[0].width
    assert home.jobs()["big.jpg"]["attempts"] == 1


@pytest.mark.fault("SIGTERM during a call")
def test_sigterm_during_calls_ends_within_ten_seconds_with_the_jobs_back_in_the_queue(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.default = hang()
    for number in range(8):
        photo(home.inbox / f"{number}.jpg")
    with home.run() as program:
        until(lambda: fake.in_flight == 4)
        until(lambda: sum(job["state"] == "running" for job in home.jobs().values()) > 4)
        started = time.monotonic()
        assert program.stop() == 0
        assert time.monotonic() - started < 10
    jobs = home.jobs().values()
    assert {(job["state"], job["attempts"]) for job in jobs} == {("queued", 0)}
    assert {job["reason"] for job in jobs} <= {"stopped", None}
    fake.default = ok("After all.")
    with home.run():
        home.captioned(*(f"{number}.jpg" for number in range(8)))


@pytest.mark.fault("kill -9 at any system call")
def test_kill_9_in_the_middle_loses_nothing_and_repeats_only_the_calls_in_flight(
    home: Home, fake: FakeEndpoint
) -> None:
    fake.default = ok("Something.", delay=0.05)
    names = [f"{number}.jpg" for number in range(200)]
    for name in names:
        photo(home.inbox / name)
    kills = 0
    for answered in (50, 120):
        with home.run() as program:
            until(partial(_at_least, fake.requests, answered), timeout=60)
            program.stop(signal.SIGKILL)
            kills += 1
    with home.run():
        home.captioned(*names, timeout=60)
        until(lambda: len(list(home.inbox.glob("*.caption.json"))) == 200)
    assert len(fake.requests) <= 200 + kills * 4
    for path in home.inbox.glob("*.caption.json"):
        assert json.loads(path.read_text())["caption"] == "Something."


def test_only_one_service_works_on_a_database(home: Home) -> None:
    with home.run():
        second = home.call("run")
    assert second.returncode == 1
    assert "another captiond" in second.stderr


@pytest.mark.fault("a bad configuration")
def test_sighup_reads_the_configuration_again_and_a_broken_one_leaves_the_old_in_force(
    home: Home, fake: FakeEndpoint
) -> None:
    with home.run() as program:
        home.config.write_text("[endpoints.fake]\nbase_url = 3\n")
        program.signal(signal.SIGHUP)
        program.event("reload_refused")
        photo(home.inbox / "a.jpg")
        home.captioned("a.jpg")
        home.configure(recipe='system = "You are terse."')
        program.signal(signal.SIGHUP)
        program.event("reloaded")
        photo(home.inbox / "b.jpg")
        home.captioned("b.jpg")
    assert "terse" in json.dumps(fake.requests[-1].payload or "")
    assert len(fake.requests) == 2


@pytest.mark.fault("the key")
def test_the_key_is_in_no_log_database_or_sidecar(tmp_path: Path) -> None:
    canary = "sk-canary-4711-do-not-tell"
    with FakeEndpoint(key=canary) as fake:
        home = Home(tmp_path, fake.base_url)
        home.configure(endpoint='api_key_env = "FAKE_KEY"', more='[log]\nlevel = "debug"')
        fake.script(error(500, f"bad key {canary}"))
        with home.run(env={"FAKE_KEY": canary}) as program:
            photo(home.inbox / "a.jpg")
            home.captioned("a.jpg")
            home.sidecar("a.jpg")
            status = home.call("status", env={"FAKE_KEY": canary})
            config = home.call("config", env={"FAKE_KEY": canary})
            text = program.text + status.stdout + status.stderr + config.stdout
    assert canary not in text
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert canary.encode() not in path.read_bytes(), path


def test_with_no_endpoint_the_built_in_describer_says_what_it_measured_and_a_real_model_takes_over(
    home: Home, fake: FakeEndpoint
) -> None:
    with_endpoint = home.config.read_text()
    home.config.write_text(
        f'[database]\nurl = "sqlite:///{home.database}"\n[[watch]]\npath = "{home.inbox}"\nsettle_seconds = 0.2\n'
    )
    photo(home.inbox / "a.jpg", "red")
    with home.run() as program:
        row = home.captioned("a.jpg")["a.jpg"]
        notice = program.event("no_endpoint")
    assert (row["source"], "red" in row["caption"]) == ("builtin", True)
    assert "OXEN_API_KEY" in notice["notice"]
    home.config.write_text(with_endpoint)
    with home.run():
        until(lambda: home.captions()["a.jpg"]["source"] == "model")
        until(lambda: home.sidecar("a.jpg")["source"] == "model")
    assert len(fake.requests) == 1
