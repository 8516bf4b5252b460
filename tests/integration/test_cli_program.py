"""The program's frame: its help, its imports, its exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from captiond import __version__
from captiond.cli.db import COMMANDS as DB_COMMANDS
from captiond.cli.main import COMMANDS
from captiond.cli.model import COMMANDS as MODEL_COMMANDS
from waiting import until

LEAVES = [
    *([name] for name in COMMANDS if name not in ("db", "model")),
    *(["db", name] for name in DB_COMMANDS),
    *(["model", name] for name in MODEL_COMMANDS),
]


def captiond(*args: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    keep = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "captiond", *args],
        env=keep | {"HOME": str(cwd)} | environ,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_help_lists_exactly_the_registered_commands(tmp_path: Path) -> None:
    result = captiond("--help", cwd=tmp_path)
    listed = result.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed if line.startswith("  ") and line[2] != " "] == list(COMMANDS)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_help_of_every_command_ends_with_an_example(path: list[str], tmp_path: Path) -> None:
    result = captiond(*path, "-h", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout == captiond(*path, "--help", cwd=tmp_path).stdout
    last = result.stdout.rstrip().rpartition("Example")[2]
    assert f"captiond {' '.join(path)}" in last.replace("captiond --config /etc/captiond/config.toml", "captiond")
    assert "Options:" not in last


def test_the_command_line_imports_no_heavy_library(tmp_path: Path) -> None:
    heavy = ("openai", "sqlalchemy", "alembic", "PIL", "av", "pydantic", "watchdog", "rich", "structlog", "asyncio")
    code = (
        "import sys, importlib, captiond.cli.main as m\n"
        "names = [lazy.target.partition(':')[0] for lazy in m.COMMANDS.values()]\n"
        "[importlib.import_module(name) for name in names]\n"
        "print(sorted(set(sys.argv[1:]) & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, cwd=tmp_path, timeout=60
    )
    assert result.stdout == "[]\n"


def test_version(tmp_path: Path) -> None:
    assert captiond("--version", cwd=tmp_path).stdout == f"captiond {__version__}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["serch"], "Did you mean 'search'?"),
        (["search", "--kind", "audio"], "'audio' is not one of"),
        (["search", "--limit", "0"], "0 is not in the range"),
        (["search", "--since", "soon"], "'soon' is no moment"),
        (["retry"], "--all"),
        (["retry", "--all", "photo.jpg"], "not both"),
        (["show"], "Missing argument"),
        (["db", "backup"], "Missing argument"),
        (["status", "--nope"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(args: list[str], said: str, tmp_path: Path) -> None:
    result = captiond(*args, cwd=tmp_path)
    assert result.returncode == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_without_a_command_the_help_is_shown_as_wrong_usage(tmp_path: Path) -> None:
    result = captiond(cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Commands:" in result.stderr


@pytest.mark.parametrize(
    "command", [["status"], ["search"], ["config"], ["check"], ["scan"], ["db", "upgrade"]], ids=" ".join
)
def test_a_wrong_configuration_ends_with_78_and_names_the_key(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "captiond.toml").write_text("[queue]\nmax_attemps = 3\n")
    result = captiond(*command, cwd=tmp_path)
    assert result.returncode == 78
    assert "max_attemps" in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


def test_a_reader_that_goes_away_ends_the_program_quietly(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "captiond", "config"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        result = subprocess.run(
            command,
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=os.environ | {"HOME": str(tmp_path)},
            check=False,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert result.returncode == 141
    assert result.stderr == b""


@pytest.mark.parametrize(("closed", "said"), [("2>&-", True), (">&-", False), ("<&- >&- 2>&-", False)])
def test_it_runs_without_one_of_its_streams(closed: str, *, said: bool, tmp_path: Path) -> None:
    ended = subprocess.run(
        ["sh", "-c", f'exec "$0" -m captiond config {closed}', sys.executable],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]}, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr
    assert ("database.url" in ended.stdout) is said


def test_ctrl_c_ends_the_program_quietly_with_130(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    blocked = tmp_path / "captiond.toml"
    # A configuration that is a pipe nobody writes to: the program is certainly waiting when the signal comes.
    os.mkfifo(blocked)
    process = subprocess.Popen(
        [sys.executable, "-m", "captiond", "--config", str(blocked), "status"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    until(lambda: _opens(process.pid), timeout=20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, b"", b"")


def _opens(pid: int) -> bool:
    """Whether the process sleeps in open(2), where a FIFO without a writer holds it."""
    wchan = Path(f"/proc/{pid}/syscall").read_text().split()
    return wchan[0] in ("257", "56", "2")
