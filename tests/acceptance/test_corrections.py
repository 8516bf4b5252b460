"""Sidecars that a person edits, and those of another captiond, are taken in: with the real program, and without a call."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from drops import drop
from fake_endpoint import FakeEndpoint, error, ok
from program import Home
from waiting import until

SUFFIX = ".caption.json"


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    fake.default = ok("A red square.")
    return Home(tmp_path / "here", fake.base_url)


def edit(path: Path, **changes: Any) -> None:
    """Change a sidecar as an editor does: the same file, written anew."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}, indent=4))


def settled(home: Home, name: str) -> dict[str, Any]:
    """The sidecar of a file, when it says what the database says."""

    def agreed() -> dict[str, Any] | None:
        row, path = home.captions().get(name), home.inbox / f"{name}{SUFFIX}"
        try:
            document: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError):
            return None
        same = row is not None and all(document[key] == row[key] for key in ("caption", "source", "model"))
        states = home.rows("SELECT state FROM sidecar JOIN file ON file.id = file_id WHERE name = ?", name)
        return document if same and [row["state"] for row in states] == ["written"] else None

    found = until(agreed)
    assert found is not None
    return found


def reason(home: Home, name: str) -> str | None:
    """Why the sidecar of a file is refused."""
    sql = "SELECT reason FROM sidecar JOIN file ON file.id = file_id WHERE name = ? AND sidecar.state = 'refused'"
    rows = home.rows(sql, name)
    return str(rows[0]["reason"]) if rows else None


@pytest.mark.parametrize("mode", ["inotify", "poll"])
def test_an_edited_sidecar_is_a_persons_caption_from_then_on(home: Home, fake: FakeEndpoint, mode: str) -> None:
    home.configure(watch=f'mode = "{mode}"\npoll_seconds = 0.3')
    with home.run():
        drop(home.inbox / "one.jpg", label="same")
        drop(home.inbox / "copy.jpg", label="same")
        home.captioned("one.jpg", "copy.jpg")
        settled(home, "one.jpg"), settled(home, "copy.jpg")
        edit(home.inbox / f"one.jpg{SUFFIX}", caption="Our lighthouse.", tags=["Ærø"])
        until(lambda: home.captions()["one.jpg"]["source"] == "human")
        for name in ("one.jpg", "copy.jpg"):
            document = settled(home, name)
            assert (document["caption"], document["tags"]) == ("Our lighthouse.", ["Ærø"])
            assert (document["source"], document["model"]) == ("human", "human")
            assert document["usage"] == {"prompt_tokens": None, "completion_tokens": None, "cost_usd": None}
    assert "lighthouse" in home.call("search", "lighthouse").stdout
    shown = json.loads(home.call("show", "--history", "--json", str(home.inbox / "one.jpg")).stdout)
    assert [one["source"] for one in shown["captions"]] == ["human", "model"]
    assert len(fake.requests) == 1


def test_a_scan_alone_takes_an_edit_in_and_the_next_run_writes_the_sidecars_of_its_copies(
    home: Home, fake: FakeEndpoint
) -> None:
    def dry_run(*command: str) -> tuple[int, int, int]:
        told = json.loads(home.call(*command, "--dry-run", "--json").stdout)
        return told["calls"], told["known"], told["sidecars"]

    with home.run():
        drop(home.inbox / "one.jpg", label="same")
        drop(home.inbox / "copy.jpg", label="same")
        drop(home.inbox / "other.jpg")
        home.captioned("one.jpg", "copy.jpg", "other.jpg")
        settled(home, "one.jpg"), settled(home, "copy.jpg"), settled(home, "other.jpg")
    assert dry_run("scan") == (0, 3, 0)
    edit(home.inbox / f"one.jpg{SUFFIX}", caption="Our lighthouse.")
    (home.inbox / f"other.jpg{SUFFIX}").touch()
    assert dry_run("scan") == (0, 3, 1)
    assert dry_run("caption", "inbox") == (0, 3, 1)
    assert home.captions()["one.jpg"]["source"] == "model", "a dry run takes nothing in"
    scan = home.call("scan")
    assert "1 sidecar taken in" in scan.stdout
    assert "written anew when `captiond run` starts" in scan.stderr
    for name in ("one.jpg", "copy.jpg"):
        assert home.captions()[name]["caption"] == "Our lighthouse."
    assert home.captions()["other.jpg"]["source"] == "model"
    (again,) = json.loads(home.call("scan", "--json").stdout)
    assert (again["sidecars"], again["settled"]) == (0, True)
    assert dry_run("scan") == (0, 3, 0)
    with home.run():
        assert settled(home, "one.jpg")["source"] == settled(home, "copy.jpg")["source"] == "human"
    assert len(fake.requests) == 2


def test_a_scan_alone_says_which_edit_it_leaves_alone_and_with_sidecars_off_looks_at_none(home: Home) -> None:
    with home.run():
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
        settled(home, "one.jpg")
    path = home.inbox / f"one.jpg{SUFFIX}"
    whole = path.read_text()
    path.write_text(whole[:-9])
    home.configure(more="[sidecar]\nenabled = false")
    assert json.loads(home.call("scan", "--json").stdout)[0]["sidecars"] == 0
    assert reason(home, "one.jpg") is None
    home.configure()
    scan = home.call("scan", "--json")
    assert json.loads(scan.stdout)[0]["sidecars"] == 0
    assert "sidecar_refused" in scan.stderr
    assert "no valid" in str(reason(home, "one.jpg"))
    path.write_text(whole.replace("red", "blue"))
    assert json.loads(home.call("scan", "--json").stdout)[0]["sidecars"] == 1
    assert home.captions()["one.jpg"]["caption"] == "A blue square."


def test_a_persons_caption_stays_when_the_recipe_changes_and_when_it_is_asked_for(
    home: Home, fake: FakeEndpoint
) -> None:
    with home.run():
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
        settled(home, "one.jpg")
    # While no service runs; a further copy comes, too.
    edit(home.inbox / f"one.jpg{SUFFIX}", caption="By hand.")
    home.configure(recipe='system = "Another question."')
    with home.run():
        until(lambda: home.captions()["one.jpg"]["source"] == "human")
        settled(home, "one.jpg")
        shutil.copy(home.inbox / "one.jpg", home.inbox / "two.jpg")
        assert home.captioned("two.jpg")["two.jpg"]["caption"] == "By hand."
        asked = home.call("caption", "--json", str(home.inbox / "one.jpg"))
        assert json.loads(asked.stdout)[0]["caption"] == "By hand."
    assert len(fake.requests) == 1


@pytest.mark.parametrize("service", [True, False])
def test_who_asks_again_gets_a_models_answer_for_a_persons_and_that_is_history(
    home: Home, fake: FakeEndpoint, service: bool
) -> None:
    names = ("one.jpg", "copy.jpg")
    with home.run():
        for name in names:
            drop(home.inbox / name, label="same")
        home.captioned(*names)
        settled(home, "one.jpg"), settled(home, "copy.jpg")
        edit(home.inbox / f"one.jpg{SUFFIX}", caption="By hand.")
        until(lambda: home.captions()["one.jpg"]["source"] == "human")
        settled(home, "one.jpg"), settled(home, "copy.jpg")
    fake.default = ok("A new look.")
    told = json.loads(home.call("caption", "--again", "--dry-run", "--json", "inbox").stdout)
    assert (told["calls"], told["copies"], told["known"]) == (1, 1, 0)
    with home.run() if service else contextlib.nullcontext():
        asked = home.call("caption", "--again", str(home.inbox / "one.jpg"), str(home.inbox / "copy.jpg"))
        assert asked.returncode == 0
        assert "2 files are asked for again" in asked.stderr
        for name in names:
            document = settled(home, name)
            assert (document["caption"], document["source"]) == ("A new look.", "model")
    assert len(fake.requests) == 2, "the same bytes are asked for once"
    shown = json.loads(home.call("show", "--history", "--json", str(home.inbox / "one.jpg")).stdout)
    assert [one["caption"] for one in shown["captions"]] == ["A new look.", "By hand.", "A red square."]
    # From here on all is as ever: nothing asks by itself, and a person may correct it once more.
    assert "A new look." in home.call("caption", str(home.inbox / "one.jpg")).stdout
    assert home.call("scan").returncode == 0
    edit(home.inbox / f"copy.jpg{SUFFIX}", caption="Once more by hand.")
    home.call("scan")
    assert home.captions()["one.jpg"]["caption"] == "Once more by hand."
    assert len(fake.requests) == 2


def test_an_edit_that_nobody_had_noticed_is_history_too_when_it_is_asked_for_again(
    home: Home, fake: FakeEndpoint
) -> None:
    with home.run():
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
        settled(home, "one.jpg")
    edit(home.inbox / f"one.jpg{SUFFIX}", caption="By hand.")
    fake.default = ok("A new look.")
    assert "A new look." in home.call("caption", "--again", str(home.inbox / "one.jpg")).stdout
    assert settled(home, "one.jpg")["caption"] == "A new look."
    shown = json.loads(home.call("show", "--history", "--json", str(home.inbox / "one.jpg")).stdout)
    assert [one["caption"] for one in shown["captions"]] == ["A new look.", "By hand.", "A red square."]
    assert len(fake.requests) == 2


def test_words_that_a_person_writes_while_the_model_is_asked_again_are_the_newer_ones(
    home: Home, fake: FakeEndpoint
) -> None:
    with home.run():
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
        settled(home, "one.jpg")
        fake.default = ok("A new look.", delay=3)
        command = home.start("caption", "--again", str(home.inbox / "one.jpg"))
        until(lambda: fake.in_flight == 1)
        edit(home.inbox / f"one.jpg{SUFFIX}", caption="By hand.")
        until(lambda: home.captions()["one.jpg"]["source"] == "human")
        assert fake.in_flight == 1
        assert "By hand." in command.communicate(timeout=30)[0]
        assert settled(home, "one.jpg")["caption"] == "By hand."
    assert len(fake.requests) == 2


def test_asking_again_that_is_given_up_asks_nothing_later(home: Home, fake: FakeEndpoint) -> None:
    names = [f"{number}.jpg" for number in range(12)]
    home.configure(concurrency=2)
    with home.run():
        for name in names:
            drop(home.inbox / name)
        home.captioned(*names)
    fake.default = ok("A new look.", delay=0.5)
    command = home.start("caption", "--again", str(home.inbox))
    until(lambda: len(fake.requests) >= 14)
    command.send_signal(signal.SIGINT)
    command.communicate(timeout=20)
    asked = len(fake.requests)
    assert asked < 24
    with home.run():
        until(lambda: {job["state"] for job in home.jobs().values()} == {"done"})
    assert len(fake.requests) == asked


def test_a_broken_edit_is_left_alone_and_taken_in_when_it_is_mended(home: Home, fake: FakeEndpoint) -> None:
    with home.run() as program:
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
        settled(home, "one.jpg")
        path = home.inbox / f"one.jpg{SUFFIX}"
        whole = path.read_text()
        path.write_text(whole.replace("red", 'red "and" blue'))
        assert "no valid JSON" in str(until(lambda: reason(home, "one.jpg")))
        assert program.event("sidecar_refused")["path"] == str(path)
        assert home.captions()["one.jpg"]["source"] == "model"
        path.write_text(whole.replace("red", "blue"))
        until(lambda: home.captions()["one.jpg"]["caption"] == "A blue square.")
        assert settled(home, "one.jpg")["source"] == "human"
        assert len(program.lines("sidecar_refused")) == 1
    assert len(fake.requests) == 1


def test_keys_of_others_are_kept_by_leaving_the_file_alone(home: Home, fake: FakeEndpoint) -> None:
    with home.run():
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
        settled(home, "one.jpg")
        path = home.inbox / f"one.jpg{SUFFIX}"
        edit(path, caption="By hand.", rating=5)
        until(lambda: home.captions()["one.jpg"]["caption"] == "By hand.")
        assert "rating" in str(until(lambda: reason(home, "one.jpg")))
    assert json.loads(path.read_text())["rating"] == 5


@pytest.mark.parametrize("recipe", ["", 'system = "Another question."'])
def test_an_archive_that_moves_to_a_new_server_costs_no_call(
    home: Home, fake: FakeEndpoint, tmp_path: Path, recipe: str
) -> None:
    with home.run():
        for name in ("one.jpg", "two.jpg"):
            drop(home.inbox / name)
        home.captioned("one.jpg", "two.jpg")
        settled(home, "one.jpg"), settled(home, "two.jpg")
        edit(home.inbox / f"two.jpg{SUFFIX}", caption="By hand.")
        until(lambda: home.captions()["two.jpg"]["source"] == "human")
        settled(home, "two.jpg")
    there = Home(tmp_path / "there", fake.base_url)
    there.configure(recipe=recipe)
    shutil.copytree(home.inbox, there.inbox, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in there.inbox.iterdir()}
    with there.run() as program:
        there.captioned("one.jpg", "two.jpg")
        settled(there, "one.jpg"), settled(there, "two.jpg")
        assert {line["via"] for line in program.lines("job")} == {"sidecar"}
    assert {path.name: path.read_bytes() for path in there.inbox.iterdir()} == before
    public = "caption, source, model, created_at, recipe_digest, width, prompt_tokens, cost_usd"
    sql = f"SELECT {public} FROM captions ORDER BY path"
    assert [tuple(row) for row in there.rows(sql)] == [tuple(row) for row in home.rows(sql)]
    assert len(fake.requests) == 2


def test_a_sidecar_of_other_bytes_is_no_answer_and_is_left_alone(home: Home, fake: FakeEndpoint) -> None:
    with home.run():
        drop(home.inbox / "one.jpg")
        home.captioned("one.jpg")
        settled(home, "one.jpg")
    shutil.copy(home.inbox / f"one.jpg{SUFFIX}", home.inbox / f"other.jpg{SUFFIX}")
    before = (home.inbox / f"other.jpg{SUFFIX}").read_bytes()
    fake.default = ok("Another.")
    with home.run():
        drop(home.inbox / "other.jpg")
        assert home.captioned("other.jpg")["other.jpg"]["caption"] == "Another."
        until(lambda: reason(home, "other.jpg"))
        assert home.call("scan").returncode == 0
        until(lambda: "of other bytes" in (reason(home, "other.jpg") or ""))
        said = reason(home, "other.jpg")
    with home.run():  # it is tried again, and what was found when it was read is still said
        until(lambda: reason(home, "other.jpg"))
        assert reason(home, "other.jpg") == said
    assert (home.inbox / f"other.jpg{SUFFIX}").read_bytes() == before
    assert len(fake.requests) == 2


def test_a_person_can_write_the_caption_of_a_file_that_failed(home: Home, fake: FakeEndpoint) -> None:
    home.configure(queue="max_attempts = 1")
    with home.run():
        drop(home.inbox / "good.jpg")
        home.captioned("good.jpg")
        document = settled(home, "good.jpg")
        fake.default = error(400, "I can't see this")
        bad = drop(home.inbox / "bad.jpg", colour="blue")
        home.failed("bad.jpg")
        sha256 = home.rows("SELECT sha256 FROM content JOIN file ON content.id = content_id WHERE name = 'bad.jpg'")
        words = {"file": "bad.jpg", "sha256": sha256[0][0], "caption": "By hand.", "source": "human", "model": "human"}
        Path(f"{bad}{SUFFIX}").write_text(json.dumps({**document, **words}))
        assert home.captioned("bad.jpg")["bad.jpg"]["caption"] == "By hand."
        until(lambda: home.jobs()["bad.jpg"]["state"] == "done")
