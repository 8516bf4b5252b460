"""A first backlog of more than `confirm_above` calls waits for a person's word; new files do not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fake_endpoint import FakeEndpoint
from program import Home, Program
from waiting import until

FEW = "confirm_above = 5"


@pytest.fixture
def fake() -> Iterator[FakeEndpoint]:
    with FakeEndpoint() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    home = Home(tmp_path, fake.base_url)
    home.configure(queue=FEW)
    return home


def pictures(folder: Path, *numbers: int) -> list[str]:
    names = [f"{number:02}.png" for number in numbers]
    for name, number in zip(names, numbers, strict=True):
        Image.new("RGB", (64, 48), (number * 5, 80, 90)).save(folder / name)
    return names


def root_of(home: Home) -> dict[str, Any]:
    [root] = json.loads(home.call("status", "--json").stdout)["roots"]
    found: dict[str, Any] = root
    return found


def held(service: Program, files: int) -> None:
    told = service.event("backlog_held")
    assert (told["files"], told["confirm_above"]) == (files, 5)
    assert "captiond scan --go" in told["remedy"]


def test_many_wait_for_a_word_and_new_files_go_on_meanwhile(home: Home, fake: FakeEndpoint) -> None:
    old = pictures(home.inbox, *range(8))
    with home.run() as service:
        held(service, 8)
        assert fake.requests == []
        new = pictures(home.inbox, 20, 21)
        home.captioned(*new)
        assert len(fake.requests) == 2
        root = root_of(home)
        assert (root["held"], root["queued"]) == (8, 8)
        assert root["held_usd"] == pytest.approx(8 * 0.001294, abs=0.0001)
        text = home.call("status").stdout
        assert (
            f"8 files of its first backlog, about 0.0104 USD wait for your word: captiond scan --go {home.inbox}"
            in text
        )
        result = home.call("scan", "--go")
        assert result.returncode == 0
        assert "8 files that waited for your word may go" in result.stderr
        home.captioned(*old)
        assert root_of(home)["held"] == 0
        assert len(service.lines("backlog_held")) == 1
    assert len(fake.requests) == 10


def test_few_go_by_themselves_and_are_the_last_that_are_counted(home: Home, fake: FakeEndpoint) -> None:
    first = pictures(home.inbox, *range(5))
    with home.run() as service:
        home.captioned(*first)
        service.stop()
    later = pictures(home.inbox, *range(10, 25))
    with home.run() as service:
        home.captioned(*later)
        assert service.lines("backlog_held") == []


def test_a_restart_forgets_neither_that_they_wait_nor_the_word(home: Home, fake: FakeEndpoint) -> None:
    old = pictures(home.inbox, *range(8))
    with home.run() as service:
        held(service, 8)
    with home.run() as service:
        held(service, 8)
        assert fake.requests == []
    assert home.call("scan", "--go", "inbox").returncode == 0
    with home.run() as service:
        home.captioned(*old)
        assert service.lines("backlog_held") == []
        service.stop()
    later = pictures(home.inbox, *range(10, 25))
    with home.run() as service:
        home.captioned(*later)
        assert service.lines("backlog_held") == []


@pytest.mark.parametrize("setting", ["confirm_above = 0", "confirm_above = 8", ""])
def test_nothing_waits_below_the_setting_or_without_it(home: Home, setting: str) -> None:
    home.configure(queue=setting)
    names = pictures(home.inbox, *range(8))
    with home.run() as service:
        home.captioned(*names)
        assert service.lines("backlog_held") == []


def test_a_setting_that_is_raised_lets_them_go(home: Home) -> None:
    names = pictures(home.inbox, *range(8))
    with home.run() as service:
        held(service, 8)
    home.configure(queue="confirm_above = 10")
    with home.run():
        home.captioned(*names)


def test_what_a_person_asks_for_does_not_wait(home: Home, fake: FakeEndpoint) -> None:
    pictures(home.inbox, *range(8))
    with home.run() as service:
        held(service, 8)
        assert home.call("caption", "inbox/03.png").returncode == 0
        assert set(home.captions()) == {"03.png"}
        assert root_of(home)["held"] == 7
    assert home.call("caption", "inbox/04.png").returncode == 0
    assert len(fake.requests) == 2


def test_a_scan_without_a_service_says_that_they_wait(home: Home, fake: FakeEndpoint) -> None:
    names = pictures(home.inbox, *range(8))
    result = home.call("scan", "--json")
    assert json.loads(result.stdout)[0]["held"] == 8
    assert "8 files of its first backlog wait for your word" in home.call("scan").stderr
    with home.run() as service:
        held(service, 8)
    assert "8 files that waited" in home.call("scan", "--go").stderr
    assert home.call("scan", "--go", "--dry-run").returncode == 2
    with home.run():
        home.captioned(*names)


def test_the_word_may_be_given_before_the_first_comparison(home: Home) -> None:
    names = pictures(home.inbox, *range(8))
    assert home.call("scan", "--go").returncode == 0
    with home.run() as service:
        home.captioned(*names)
        assert service.lines("backlog_held") == []


def test_a_polled_root_tells_new_files_from_its_backlog(home: Home, fake: FakeEndpoint) -> None:
    home.configure(queue=FEW, watch='mode = "poll"\npoll_seconds = 0.3')
    pictures(home.inbox, *range(8))
    with home.run() as service:
        held(service, 8)
        home.captioned(*pictures(home.inbox, 20))
    assert len(fake.requests) == 1


def test_the_built_in_describer_asks_nobody_and_a_real_endpoint_after_it_does(home: Home, fake: FakeEndpoint) -> None:
    text = home.config.read_text()
    home.config.write_text(text.replace('endpoint = "fake"', 'endpoint = "builtin"'))
    names = pictures(home.inbox, *range(8))
    with home.run():
        home.captioned(*names)
    home.config.write_text(text)
    with home.run() as service:
        held(service, 8)
        assert fake.requests == []
        home.captioned(*pictures(home.inbox, 20))
    assert home.call("scan", "--go").returncode == 0
    with home.run():
        until(lambda: {row["source"] for row in home.captions().values()} == {"model"})


def test_copies_may_count_but_are_not_asked_twice(home: Home, fake: FakeEndpoint) -> None:
    [first] = pictures(home.inbox, 1)
    copies = [f"copy-{number}.png" for number in range(6)]
    for name in copies:
        shutil.copy(home.inbox / first, home.inbox / name)
    with home.run() as service:
        held(service, 7)
        home.call("scan", "--go")
        home.captioned(first, *copies)
    assert len(fake.requests) == 1


def test_files_whose_sidecars_tell_their_answers_wait_for_no_word_and_cost_nothing(
    home: Home, fake: FakeEndpoint, tmp_path: Path
) -> None:
    names = pictures(home.inbox, *range(8))
    home.configure(queue="confirm_above = 0")
    with home.run():
        home.captioned(*names)
        for name in names:
            home.sidecar(name)
    asked = len(fake.requests)
    there = Home(tmp_path / "there", fake.base_url)
    there.configure(queue=FEW)
    shutil.copytree(home.inbox, there.inbox, dirs_exist_ok=True)
    pictures(there.inbox, *range(10, 17))
    [told] = json.loads(there.call("scan", "--dry-run", "--json").stdout)["parts"]
    assert told["calls"] == 7
    with there.run() as service:
        held(service, 7)
        there.captioned(*names)
        assert len(fake.requests) == asked
