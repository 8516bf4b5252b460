"""`captiond caption`: with a running service and without one."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drops import drop, drop_many, picture
from fake_endpoint import FakeEndpoint, echo, error, hang, ok
from program import Home
from waiting import until

SIDECAR_KEYS = [
    "schema", "file", "sha256", "kind", "caption", "category", "tags", "fields", "language", "source", "recipe",
    "recipe_digest", "model", "created_at", "media", "usage",
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


@pytest.fixture
def album(home: Home) -> Path:
    """A folder under no root."""
    folder = home.folder / "album"
    folder.mkdir()
    return folder


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a server with a picture, a page and nothing else."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "cat.jpg").write_bytes(picture("from the web"))
    (site / "page.jpg").write_text("<!doctype html><p>No picture.")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(site))  # type: ignore[arg-type]  # what the server hands over

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def start(home: Home, *args: str) -> subprocess.Popen[str]:
    """`captiond caption …` going on by itself."""
    return home.start("caption", *args)


def test_a_file_under_no_root_is_captioned_and_the_second_time_costs_nothing(
    home: Home, fake: FakeEndpoint, album: Path
) -> None:
    fake.default = ok("A red square.")
    path = drop(album / "one.jpg")
    first = home.call("caption", str(path))
    assert (first.returncode, first.stdout) == (0, f"{path}: A red square.\n")
    assert "1 captioned" in first.stderr
    sidecar = json.loads((album / "one.jpg.caption.json").read_text())
    assert list(sidecar) == SIDECAR_KEYS
    assert sidecar["caption"] == "A red square."
    again = home.call("caption", "--json", str(path))
    assert again.returncode == 0
    (told,) = json.loads(again.stdout)
    assert (told["path"], told["state"]) == (str(path), "done")
    assert [key for key in told if key not in {"path", "state"}] == SIDECAR_KEYS
    assert {key: told[key] for key in SIDECAR_KEYS} == sidecar
    assert len(fake.requests) == 1
    row = home.captions()["one.jpg"]
    assert (row["path"], row["root"], row["present"]) == (str(path), None, 1)


def test_a_folder_is_captioned_with_all_in_it_but_no_junk(home: Home, fake: FakeEndpoint, album: Path) -> None:
    drop(album / "top.jpg")
    drop_many(album / "deep" / "er", 3)
    drop_many(album / "@eaDir", 3, "junk")
    (album / "notes.txt").write_text("Nothing to see.")
    (album / "odd").write_bytes(picture("no extension"))
    os.mkfifo(album / "pipe.jpg")
    ended = home.call("caption", "album")
    assert ended.returncode == 0
    assert {Path(line.partition(": ")[0]).name for line in ended.stdout.splitlines()} == {
        "top.jpg", "0.jpg", "1.jpg", "2.jpg", "odd",
    }  # fmt: skip
    assert len(fake.requests) == 5


def test_a_folder_without_media_says_so(home: Home, fake: FakeEndpoint, album: Path) -> None:
    (album / "notes.txt").write_text("Nothing to see.")
    ended = home.call("caption", str(album))
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "no image or video" in ended.stderr
    as_json = home.call("caption", "--json", str(album))
    assert json.loads(as_json.stdout) == []


def test_a_url_is_fetched_captioned_and_shown_and_leaves_no_file(home: Home, fake: FakeEndpoint, web: str) -> None:
    url = f"{web}/cat.jpg"
    ended = home.call("caption", "--json", url)
    assert ended.returncode == 0, ended.stderr
    (told,) = json.loads(ended.stdout)
    assert (told["path"], told["state"], told["file"]) == (url, "done", "cat.jpg")
    assert fake.requests[0].media[0].data == picture("from the web")
    assert home.call("caption", url).returncode == 0
    assert len(fake.requests) == 1
    assert not list(home.folder.rglob("*.caption.json"))
    assert not [path for path in (home.folder / "state").rglob("*") if path.is_file() and ".db" not in path.name]
    shown = json.loads(home.call("show", "--json", url).stdout)
    assert shown["captions"][0]["caption"] == told["caption"]


def test_each_that_fails_is_named_with_its_reason_and_the_good_ones_are_done(
    home: Home, fake: FakeEndpoint, album: Path, web: str
) -> None:
    good = drop(album / "good.jpg")
    (album / "empty.jpg").write_bytes(b"")
    paths = ["album/missing.jpg", f"{web}/no.jpg", f"{web}/page.jpg", str(album), "http://127.0.0.1:9/x.jpg"]
    ended = home.call("caption", *paths)
    assert ended.returncode == 1
    assert [line.partition(": ")[0] for line in ended.stdout.splitlines()] == [str(good)]
    assert "missing.jpg: no such file" in ended.stderr
    assert re.search(r"no\.jpg.*404", ended.stderr)
    assert re.search(r"page\.jpg.*neither", ended.stderr)
    assert re.search(r"empty\.jpg: .*no bytes", ended.stderr)
    assert "1 captioned, 5 failed" in ended.stderr
    told = {one["path"].rpartition("/")[2]: one for one in json.loads(home.call("caption", "--json", *paths).stdout)}
    assert {name: (one["state"], one.get("reason")) for name, one in told.items()} == {
        "missing.jpg": ("failed", "missing"),
        "no.jpg": ("failed", "download_failed"),
        "page.jpg": ("failed", "not_media"),
        "x.jpg": ("failed", "download_failed"),
        "empty.jpg": ("failed", "empty"),
        "good.jpg": ("done", None),
    }
    assert len(fake.requests) == 1


def test_a_named_file_is_taken_whatever_its_name(home: Home, fake: FakeEndpoint, album: Path) -> None:
    """Asking for it is reason enough: no pattern stands between a person and a file."""
    (album / ".hidden.jpg").write_bytes(picture("hidden"))
    (album / "half.jpg.part").write_bytes(picture("part"))
    (album / "notes.txt").write_text("No picture.")
    ended = home.call("caption", str(album / ".hidden.jpg"), str(album / "half.jpg.part"), str(album / "notes.txt"))
    assert ended.returncode == 1
    assert len(ended.stdout.splitlines()) == 2
    assert re.search(r"notes\.txt: .*text", ended.stderr)


def test_wrong_usage_ends_with_two(home: Home) -> None:
    assert home.call("caption").returncode == 2
    assert home.call("caption", "--nonsense", "x").returncode == 2


def test_a_refused_key_ends_with_its_reason_and_does_not_hang(home: Home, fake: FakeEndpoint, album: Path) -> None:
    fake.default = error(401, "bad key")
    home.configure(queue="", concurrency=2)
    home.config.write_text(home.config.read_text().replace("pause_seconds = 0.2", "pause_seconds = 60"))
    drop_many(album, 5)
    began = time.monotonic()
    ended = home.call("caption", "album", timeout=40)
    assert time.monotonic() - began < 30
    assert ended.returncode == 1
    assert "API key (401)" in ended.stderr
    assert "5 files not captioned" in ended.stderr
    assert len(fake.requests) <= 2


def test_an_endpoint_that_can_not_be_reached_ends_with_its_reason(tmp_path: Path) -> None:
    home = Home(tmp_path, "http://127.0.0.1:9/v1")
    home.config.write_text(home.config.read_text().replace("pause_seconds = 0.2", "pause_seconds = 60"))
    drop(tmp_path / "a.jpg")
    ended = home.call("caption", "a.jpg", timeout=40)
    assert ended.returncode == 1
    assert "can't be reached" in ended.stderr


def test_a_terminal_shows_progress_rate_time_left_and_spend(home: Home, fake: FakeEndpoint, album: Path) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020, "cost": 0.0125}
    fake.default = ok("A square.", delay=0.4, usage=usage)
    home.configure(concurrency=1)
    drop_many(album, 6)
    pid, terminal = pty.fork()
    if pid == 0:
        environ = home.environment() | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        args = [sys.executable, "-m", "captiond", "--config", str(home.config), "caption", str(album)]
        os.execve(sys.executable, args, environ)
    written = b""
    with contextlib.suppress(OSError):  # EIO: it has ended
        while piece := os.read(terminal, 65536):
            written += piece
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode())
    assert os.waitstatus_to_exitcode(status) == 0
    assert re.search(r"[1-5]/6", text)
    assert re.search(r"\d\.\d/s", text)
    assert re.search(r"0:00:0\d", text)
    assert "0.0125 USD" in text
    assert "6 captioned, 0 failed, 0.0750 USD" in text


def test_ctrl_c_ends_at_once_and_leaves_nothing_broken(home: Home, fake: FakeEndpoint, album: Path) -> None:
    fake.default = ok("A square.", delay=0.3)
    home.configure(concurrency=2)
    drop_many(album, 20)
    process = start(home, str(album))
    until(lambda: len(home.captions()) >= 3)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert not [job for job in home.jobs().values() if job["state"] == "running"]
    done = len(home.captions())
    asked = len(fake.requests)
    assert done < 20
    fake.default = ok("A square.")
    assert home.call("caption", str(album)).returncode == 0
    assert len(home.captions()) == 20
    assert len(fake.requests) <= 20 + 2
    assert asked <= done + 2


def test_beside_a_service_it_goes_before_the_backlog_in_one_call(home: Home, fake: FakeEndpoint, album: Path) -> None:
    fake.default = echo(delay=0.2)
    home.configure(concurrency=1)
    drop_many(home.inbox, 50)
    drop(album / "urgent.jpg", colour="blue")
    with home.run():
        until(lambda: len(fake.requests) >= 3)
        ended = home.call("caption", str(album / "urgent.jpg"), str(home.inbox / "49.jpg"))
        assert ended.returncode == 0
        assert len(ended.stdout.splitlines()) == 2
        (urgent,) = [one for one in fake.requests if one.media and one.media[0].colour == "blue"]
        asked_at = home.jobs()["urgent.jpg"]["created_at"]
        # Before it go the one in flight, and what is started while it is read and encoded.
        assert len([one for one in fake.requests if asked_at < one.arrived < urgent.arrived]) <= 3
        job = home.jobs()["49.jpg"]
        assert (job["state"], job["priority"]) == ("done", 100)
    assert (album / "urgent.jpg.caption.json").exists()


def test_two_commands_and_a_service_share_one_call(home: Home, fake: FakeEndpoint) -> None:
    fake.default = ok("Once.", delay=1.5)
    with home.run():
        path = drop(home.inbox / "shared.jpg")
        until(lambda: len(fake.requests) == 1)
        commands = [start(home, str(path)) for _ in range(2)]
        for command in commands:
            stdout, _ = command.communicate(timeout=30)
            assert (command.returncode, stdout) == (0, f"{path}: Once.\n")
    assert len(fake.requests) == 1


def test_when_the_service_dies_the_command_does_the_rest_itself(home: Home, fake: FakeEndpoint, album: Path) -> None:
    fake.default = hang()
    drop_many(album, 4)
    with home.run() as program:
        command = start(home, str(album))
        until(lambda: fake.in_flight == 4)
        fake.default = ok("After all.")
        program.stop(signal.SIGKILL)
        stdout, stderr = command.communicate(timeout=30)
    assert command.returncode == 0, stderr
    assert len(stdout.splitlines()) == 4


def test_a_file_under_a_root_is_asked_as_the_root_says(home: Home, fake: FakeEndpoint) -> None:
    home.configure(
        watch='recipe = "named"',
        more='[recipes.named]\nprompt = "Name {filename}."\nendpoint = "fake"\nlanguage = "fr"',
    )
    path = drop(home.inbox / "a.jpg")
    assert home.call("caption", str(path)).returncode == 0
    assert fake.requests[0].text.startswith("Name a.jpg.")
    assert (home.captions()["a.jpg"]["root"], home.captions()["a.jpg"]["recipe"]) == (str(home.inbox), "named")
    with home.run():
        drop(home.inbox / "b.jpg")
        home.captioned("b.jpg")
    assert len(fake.requests) == 2


def test_a_changed_recipe_asks_again_only_where_a_person_wants_it(home: Home, fake: FakeEndpoint) -> None:
    drop(home.inbox / "a.jpg")
    drop(home.inbox / "b.jpg")
    with home.run():
        home.captioned("a.jpg", "b.jpg")
    home.configure(recipe='system = "Be terse."')
    with home.run():
        until(lambda: home.rows("SELECT 1 FROM root WHERE scanned_at IS NOT NULL"))
        assert home.call("caption", str(home.inbox / "a.jpg")).returncode == 0
    assert [request.system for request in fake.requests] == [None, None, "Be terse."]
    shown = json.loads(home.call("show", "--json", "--history", str(home.inbox / "a.jpg")).stdout)
    assert [caption["superseded"] for caption in shown["captions"]] == [False, True]


def test_the_same_bytes_named_twice_cost_one_call(home: Home, fake: FakeEndpoint, album: Path) -> None:
    path = drop(album / "a.jpg", "same")
    drop(album / "b.jpg", "same")
    ended = home.call("caption", str(path), str(path), str(album))
    assert ended.returncode == 0
    assert len(fake.requests) == 1
    assert "2 captioned" in ended.stderr
