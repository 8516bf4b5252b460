"""On a terminal there are colours and progress bars; nowhere else."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.endpoints.weights import MODEL, PROJECTOR
from fake_hub import FakeHub
from library import Library
from program import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    with Library(home.inbox, home.database) as library:
        library.captioned("évil\x1b]0;title\x07.jpg", "A red\x1b[31m disc.", tags=("red",))
    return home


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    files = {MODEL: b"GGUF" + os.urandom(3_000_000), PROJECTOR: b"GGUF" + os.urandom(1_000_000)}
    with FakeHub(files) as running:
        yield running


def on_terminal(home: Home, *args: str, **environ: str) -> str:
    """Run a command whose stdout and stderr are a terminal; what it wrote."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "captiond", "--config", str(home.config), *args],
        env=home.environment() | {"TERM": "xterm-256color"} | environ,
        cwd=home.folder,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    try:
        while piece := _read(ours):
            written += piece
    finally:
        os.close(ours)
    assert process.wait(60) == 0, written
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the last writer has closed it
        return b""


def test_what_was_searched_for_is_set_off_in_colour(home: Home) -> None:
    shown = on_terminal(home, "search", "disc")
    assert "\x1b[33m\x1b[1mdisc\x1b[0m" in shown


def test_only_our_own_colours_reach_the_terminal(home: Home) -> None:
    for command in (["search", "disc"], ["show", "1"], ["status"]):
        shown = on_terminal(home, *command)
        assert "\x1b[" in shown
        assert "\x1b]" not in shown
        assert "\x07" not in shown
        assert "\x1b[31m disc" not in shown


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_a_terminal_that_wants_no_colour_gets_none(home: Home, name: str, value: str) -> None:
    assert "\x1b" not in on_terminal(home, "search", "disc", **{name: value})


def test_json_is_never_coloured(home: Home) -> None:
    shown = on_terminal(home, "search", "disc", "--json")
    assert "\x1b" not in shown
    assert json.loads(shown)[0]["caption"] == "A red\x1b[31m disc."


def test_json_is_utf8_whatever_the_locale(home: Home) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "captiond", "--config", str(home.config), "search", "--json"],
        env=home.environment() | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"},
        cwd=home.folder,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert "évil" in json.loads(result.stdout.decode())[0]["path"]


def test_text_in_a_locale_without_the_letters_is_written_out(home: Home) -> None:
    result = home.call("search", env={"PYTHONIOENCODING": "iso8859-5"})
    assert (result.returncode, result.stderr) == (0, "")
    assert "\\xe9vil" in result.stdout


def test_a_full_disk_behind_stdout_is_one_message(home: Home) -> None:
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "captiond", "--config", str(home.config), "status"],
            env=home.environment(),
            cwd=home.folder,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (result.returncode, result.stderr) == (1, "Error: No space left on device\n")


def test_weights_are_pulled_with_a_bar_on_a_terminal(home: Home, hub: FakeHub) -> None:
    shown = on_terminal(home, "model", "pull", HF_ENDPOINT=hub.url, XDG_STATE_HOME=str(home.folder / "models-here"))
    assert "100%" in shown or "━" in shown
    assert (home.folder / "models-here" / "captiond" / "models" / MODEL).stat().st_size == 3_000_004


def test_weights_are_pulled_with_a_few_lines_elsewhere(home: Home, hub: FakeHub) -> None:
    environ = {"HF_ENDPOINT": hub.url, "XDG_STATE_HOME": str(home.folder / "models-here")}
    result = home.call("model", "pull", "--json", env=environ)
    assert result.returncode == 0, result.stderr
    files = json.loads(result.stdout)["files"]
    assert [Path(file["path"]).name for file in files] == [MODEL, PROJECTOR]
    assert [file["bytes"] for file in files] == [3_000_004, 1_000_004]
    lines = result.stderr.splitlines()
    assert 2 <= len(lines) <= 22
    assert lines[-1] == f"{PROJECTOR}: 1.0 MB of 1.0 MB"
    again = home.call("model", "pull", env=environ)
    assert again.returncode == 0
    assert not [asked for asked in hub.asked[len(lines) :] if asked[0] == "GET" and asked[2]]
