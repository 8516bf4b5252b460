"""The manual to the letter: names, order and types of what scripts rely on."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import media_samples as made
from drops import drop, drop_many
from fake_endpoint import FakeEndpoint, echo, error, ok
from program import Home, Program
from waiting import until

SIDECAR: dict[str, type | tuple[type, ...]] = {
    "schema": str, "file": str, "sha256": str, "kind": str, "caption": str, "category": type(None), "tags": list,
    "fields": dict, "language": (str, type(None)), "source": str, "recipe": str, "recipe_digest": str, "model": str,
    "created_at": str, "media": dict, "usage": dict,
}  # fmt: skip
MEDIA = ["mime", "bytes", "width", "height", "duration_seconds"]
USAGE = ["prompt_tokens", "completion_tokens", "cost_usd"]
VIEW = [
    "path", "root", "sha256", "kind", "mime", "bytes", "width", "height", "duration_seconds", "caption", "category",
    "tags", "fields", "language", "source", "recipe", "recipe_digest", "model", "created_at", "prompt_tokens",
    "completion_tokens", "cost_usd", "present",
]  # fmt: skip
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
COMMANDS = [
    ["search", "--json"], ["search", "--json", "picture"], ["status", "--json"], ["config", "--json"], ["scan", "--json"],
    ["check", "--json"], ["retry", "--all", "--json"], ["show", "inbox/photo.jpg", "--json"],
    ["show", "inbox/photo.jpg", "--history", "--json"], ["db", "upgrade", "--json"], ["db", "backup", "b.db", "--json"],
    ["caption", "inbox/photo.jpg", "--json"],
]  # fmt: skip


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeEndpoint]:
    with FakeEndpoint(default=echo()) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, fake: FakeEndpoint) -> Home:
    return Home(tmp_path_factory.mktemp("contract"), fake.base_url)


@pytest.fixture(scope="module")
def service(home: Home, fake: FakeEndpoint) -> Iterator[Program]:
    """A running service that has captioned a photo and a video, and failed on a text."""
    usage = {"prompt_tokens": 1130, "completion_tokens": 41, "total_tokens": 1171}
    fake.default = ok("A picture of something.", usage=usage)
    with home.run() as program:
        made.jpeg(home.inbox / "photo.jpg")
        made.video(home.inbox / "clip.mp4", seconds=2)
        made.text(home.inbox / "text.jpg")
        home.captioned("photo.jpg", "clip.mp4")
        home.failed("text.jpg")
        home.sidecar("photo.jpg")
        home.sidecar("clip.mp4")
        fake.default = echo()
        yield program


@pytest.mark.parametrize("name", ["photo.jpg", "clip.mp4"])
def test_the_sidecar_has_the_manuals_keys_in_their_order_with_their_types(
    home: Home, service: Program, name: str
) -> None:
    path = home.inbox / f"{name}.caption.json"
    text = path.read_text(encoding="utf-8")
    document = json.loads(text)
    assert list(document) == list(SIDECAR)
    for key, kind in SIDECAR.items():
        assert isinstance(document[key], kind), key
    assert list(document["media"]) == MEDIA
    assert list(document["usage"]) == USAGE
    assert (document["schema"], document["file"], document["source"]) == ("captiond/1", name, "model")
    assert re.fullmatch("[0-9a-f]{64}", document["sha256"])
    assert re.fullmatch("[0-9a-f]{64}", document["recipe_digest"])
    assert UTC_TIME.fullmatch(document["created_at"])
    assert document["media"]["bytes"] == (home.inbox / name).stat().st_size
    assert document["usage"] == {"prompt_tokens": 1130, "completion_tokens": 41, "cost_usd": 0.001294}
    assert text == json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    length = document["media"]["duration_seconds"]
    assert length is None if name == "photo.jpg" else abs(length - 2) < 0.2


def test_the_view_has_the_manuals_columns_in_their_order(home: Home, service: Program) -> None:
    with contextlib.closing(sqlite3.connect(f"file:{home.database}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        row = connection.execute("SELECT * FROM captions WHERE path LIKE '%/photo.jpg'").fetchone()
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert row.keys() == VIEW
    sidecar = home.sidecar("photo.jpg")
    for key in ("sha256", "kind", "caption", "category", "language", "source", "recipe", "recipe_digest", "model"):
        assert row[key] == sidecar[key], key
    assert row["created_at"] == sidecar["created_at"]
    assert {key: row[key] for key in MEDIA} == sidecar["media"]
    assert (json.loads(row["tags"]), json.loads(row["fields"])) == ([], {})
    assert {key: row[key] for key in USAGE} == sidecar["usage"]
    assert (row["path"], row["root"], row["present"]) == (str(home.inbox / "photo.jpg"), str(home.inbox), 1)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_json_is_all_that_stdout_carries(home: Home, service: Program, command: list[str]) -> None:
    ended = home.call(*command)
    assert ended.returncode == 0, ended.stderr
    json.loads(ended.stdout)
    assert "Traceback" not in ended.stderr


def test_search_as_json_has_the_views_columns(home: Home, service: Program) -> None:
    (hit,) = json.loads(home.call("search", "--json", "--kind", "video").stdout)
    assert list(hit) == VIEW
    assert (hit["tags"], hit["fields"]) == ([], {})


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--kind", "image"], {"photo.jpg"}),
        (["--model", "fake-vision-1"], {"photo.jpg", "clip.mp4"}),
        (["--model", "another"], set()),
        (["--category", "shoe"], set()),
        (["--tag", "cat"], set()),
        (["--root", "inbox"], {"photo.jpg", "clip.mp4"}),
        (["--root", "elsewhere"], set()),
        (["--under", "."], {"photo.jpg", "clip.mp4"}),
        (["--under", "inb"], set()),
        (["--since", "today"], {"photo.jpg", "clip.mp4"}),
        (["--since", "2999-01-01"], set()),
        (["--until", "2020-01-01"], set()),
        (["--limit", "1"], {"clip.mp4", "photo.jpg"}),
        (["picture", "--kind", "video"], {"clip.mp4"}),
        (["clip"], {"clip.mp4"}),
    ],
)  # fmt: skip
def test_search_filters(home: Home, service: Program, filters: list[str], found: set[str]) -> None:
    hits = {hit["path"].rpartition("/")[2] for hit in json.loads(home.call("search", "--json", *filters).stdout)}
    if "--limit" in filters:
        assert len(hits) == 1
        assert hits <= found
    else:
        assert hits == found


def test_status_tells_queue_roots_endpoints_spend_and_errors(home: Home, service: Program) -> None:
    status = json.loads(home.call("status", "--json").stdout)
    assert (status["service"]["running"], status["service"]["pid"]) == (True, service.process.pid)
    assert status["queue"]["done"] >= 2
    assert status["queue"]["failed"] == 1
    (root,) = status["roots"]
    assert (root["path"], root["mode"], root["health"], root["files"]) == (str(home.inbox), "inotify", "online", 3)
    assert UTC_TIME.fullmatch(root["last_scan"])
    (endpoint,) = status["endpoints"]
    assert (endpoint["name"], endpoint["health"], endpoint["in_flight"]) == ("fake", "healthy", 0)
    assert status["spend_today"]["calls"] >= 2
    assert [item["reason"] for item in status["errors"]] == ["not_media"]


def test_the_database_opens_in_other_programs_and_is_backed_up_while_the_service_writes(
    home: Home, service: Program, fake: FakeEndpoint
) -> None:
    names = drop_many(home.inbox / "many", 60)
    until(lambda: len(fake.requests) > 10)
    ended = home.call("db", "backup", "while.db")
    assert ended.returncode == 0
    with contextlib.closing(sqlite3.connect(home.folder / "while.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("SELECT count(*) FROM captions").fetchone()[0] >= 2
    home.captioned(*names)


def test_retry_queues_a_failed_file_again_and_the_service_does_it(
    home: Home, service: Program, fake: FakeEndpoint
) -> None:
    fake.default = error(400, "no such part")
    path = drop(home.inbox / "again.jpg")
    home.failed("again.jpg")
    fake.default = ok("Now it works.")
    assert json.loads(home.call("retry", "--json", str(path)).stdout) == {"queued": 1}
    assert home.captioned("again.jpg")["again.jpg"]["caption"] == "Now it works."
    until(lambda: home.jobs()["again.jpg"]["state"] == "done")


def test_a_sidecar_never_replaces_what_is_not_ours(home: Home, service: Program) -> None:
    outside = home.folder / "outside.json"
    outside.write_text("untouched")
    foreign = home.inbox / "foreign.jpg.caption.json"
    foreign.write_text('{"mine": true}')
    (home.inbox / "folder.jpg.caption.json").mkdir()
    (home.inbox / "link.jpg.caption.json").symlink_to(outside)
    for name in ("foreign.jpg", "folder.jpg", "link.jpg"):
        drop(home.inbox / name)
    home.captioned("foreign.jpg", "folder.jpg", "link.jpg")
    until(lambda: json.loads(home.call("status", "--json").stdout)["sidecars"]["refused"] == 3, interval=0.2)
    assert foreign.read_text() == '{"mine": true}'
    assert outside.read_text() == "untouched"
    assert (home.inbox / "link.jpg.caption.json").is_symlink()
    troubles = json.loads(home.call("status", "--json").stdout)["sidecars"]["troubles"]
    assert {Path(trouble["path"]).name for trouble in troubles} >= {"foreign.jpg", "folder.jpg", "link.jpg"} or {
        Path(trouble["path"]).name for trouble in troubles
    } >= {f"{name}.jpg.caption.json" for name in ("foreign", "folder", "link")}
    assert all(trouble["reason"] for trouble in troubles)


def test_a_sidecar_that_a_person_changed_is_theirs(home: Home, service: Program) -> None:
    path = drop(home.inbox / "edited.jpg", "first")
    home.captioned("edited.jpg")
    sidecar = home.inbox / "edited.jpg.caption.json"
    until(sidecar.exists)
    before = home.captions()["edited.jpg"]["sha256"]
    sidecar.write_text('{"caption": "Better words."}')
    drop(path, "second")
    until(lambda: home.captions()["edited.jpg"]["sha256"] != before)
    shown = until(lambda: json.loads(home.call("show", "--json", str(path)).stdout)["sidecar"], interval=0.2)
    until(
        lambda: json.loads(home.call("show", "--json", str(path)).stdout)["sidecar"]["state"] == "refused", interval=0.2
    )
    assert shown
    assert sidecar.read_text() == '{"caption": "Better words."}'


def test_a_broken_configuration_lists_every_error_and_ends_with_78(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text(
        '[endpoints.a]\nbase_url = "ftp://x"\nmodel = "m"\nconcurrency = 0\nspeed = 3\n'
        '[recipes.default]\nprompt = "What is {this}?"\nendpoint = "b"\n'
        '[[watch]]\npath = "/tmp"\nrecipe = "none"\nmode = "magic"\n[sidecars]\nenabled = true\n'
    )
    for command in (["run"], ["status"], ["caption", "x.jpg"], ["check"]):
        ended = home.call(*command)
        assert (command, ended.returncode) == (command, 78)
        assert ended.stdout == ""
        for told in ("base_url", "concurrency", "speed", "{this}", '"b"', '"none"', "magic", "sidecars"):
            assert told in ended.stderr, (command, told)


def test_run_without_any_root_says_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.config.write_text("")
    ended = home.call("run")
    assert ended.returncode == 78
    assert "captiond run DIR" in ended.stderr
    ended = home.call("run", "no-such-folder")
    assert ended.returncode == 2


def test_run_watches_the_folders_of_the_command_line_too(tmp_path: Path, fake: FakeEndpoint) -> None:
    home = Home(tmp_path, fake.base_url)
    (tmp_path / "more").mkdir()
    with home.run("more") as program:
        drop(tmp_path / "more" / "here.jpg", "more here")
        drop(home.inbox / "there.jpg", "more there")
        # Five seconds is the settle time of a root that the configuration does not name.
        home.captioned("here.jpg", "there.jpg")
        program.signal(signal.SIGHUP)
        program.event("reloaded")
        assert program.event("started")["roots"] == [str(home.inbox), str(tmp_path / "more")]
        assert program.stop(signal.SIGINT) == 0


def test_secrets_are_shown_as_stars(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.configure(endpoint='api_key_env = "FAKE_KEY"', recipe='extra_body = { api_token = "tok-4711", user = "x" }')
    ended = home.call("config", env={"FAKE_KEY": "key-4711"})
    assert ended.returncode == 0
    assert "4711" not in ended.stdout + ended.stderr
    assert "**********" in ended.stdout
    settings = {item["key"]: item for item in json.loads(home.call("config", "--json").stdout)}
    assert settings["watch[0].settle_seconds"]["origin"].startswith("file")
    assert settings["queue.max_attempts"]["origin"] == "default"
    ended = home.call("config", "--json", env={"CAPTIOND_QUEUE__MAX_ATTEMPTS": "7"})
    settings = {item["key"]: item for item in json.loads(ended.stdout)}
    assert settings["queue.max_attempts"]["value"] == 7
    assert "CAPTIOND_QUEUE__MAX_ATTEMPTS" in settings["queue.max_attempts"]["origin"]
    home.config.write_text(home.config.read_text().replace("http://127", "http://joe:pw4711@127"))
    ended = home.call("config")
    assert ended.returncode == 78
    assert "must not hold a user or password" in ended.stderr
    assert "4711" not in ended.stdout + ended.stderr


def test_without_sidecars_none_is_written(tmp_path: Path, fake: FakeEndpoint) -> None:
    home = Home(tmp_path, fake.base_url)
    home.configure(more="[sidecar]\nenabled = false")
    drop(home.inbox / "a.jpg", "no sidecar")
    with home.run():
        home.captioned("a.jpg")
    assert [path.name for path in home.inbox.iterdir()] == ["a.jpg"]


def test_sidecars_that_are_turned_on_again_are_written_beside_all_that_came_meanwhile(
    tmp_path: Path, fake: FakeEndpoint
) -> None:
    home, before = Home(tmp_path, fake.base_url), len(fake.requests)
    home.configure(more="[sidecar]\nenabled = false")
    drop(home.inbox / "a.jpg", "one")
    (home.inbox / "album").mkdir()
    drop(home.inbox / "album" / "b.jpg", "two")
    with home.run() as program:
        home.captioned("a.jpg", "b.jpg")
        home.configure()
        program.signal(signal.SIGHUP)
        expected = {"a.jpg.caption.json", "b.jpg.caption.json"}
        until(lambda: {path.name for path in home.inbox.rglob("*.json")} == expected)
    assert len(fake.requests) - before == 2
