"""./dev, run by a POSIX shell in checkouts of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SHELL = shutil.which("dash") or "sh"


def dev(checkout: Path, *arguments: str, path: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """`./dev …` in the checkout, without the surroundings' settings."""
    env = {"HOME": str(checkout), "PATH": path or "/usr/local/bin:/usr/bin:/bin", **environ}
    # Where packages come from is the machine's affair.
    env |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTPS_PROXY"))}
    return subprocess.run(
        [SHELL, str(checkout / "dev"), *arguments],
        cwd=checkout,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what git knows of this checkout, or of all of it where git is not there."""
    copy = tmp_path / "a checkout"
    ignored = shutil.ignore_patterns(
        ".venv*", ".git", ".*_cache", ".hypothesis", "__pycache__", "inbox*", "dist", "build"
    )
    shutil.copytree(TOP, copy, ignore=ignored)
    return copy


@pytest.fixture
def prepared(checkout: Path) -> Path:
    """A checkout that ./dev finds set up, with a captiond that only says how it was called."""
    venv = checkout / ".venv"
    (venv / "bin").mkdir(parents=True)
    for name in ("captiond", "python"):
        (venv / "bin" / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (venv / "bin" / name).chmod(0o755)
    locks = b"".join(
        (checkout / name).read_bytes() for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml")
    )
    (venv / "stamp-run").write_bytes(subprocess.run(["cksum"], input=locks, capture_output=True, check=True).stdout)
    (venv / "stamp-venv").write_text(str(checkout))
    return checkout


def test_help_names_every_command_and_needs_no_set_up(checkout: Path) -> None:
    done = dev(checkout, "help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("run", "captiond", "test", "check", "format", "bench", "setup", "lock"):
        assert f"./dev {command}" in done.stdout
    assert not (checkout / ".venv").exists()


def test_an_unknown_command_is_wrong_usage(checkout: Path) -> None:
    done = dev(checkout, "frobnicate")
    assert done.returncode == 2
    assert 'there is no "frobnicate"' in done.stderr
    assert "./dev run" in done.stderr


def test_run_without_a_folder_makes_an_inbox_with_the_samples(prepared: Path) -> None:
    done = dev(prepared, "run", "--verbose")
    inbox = prepared / "inbox"
    assert (done.returncode, done.stdout.splitlines()) == (0, ["run", str(inbox), "--verbose"])
    assert {path.suffix for path in inbox.iterdir()} == {".jpg", ".png", ".webp", ".mp4"}
    (inbox / "chart.webp").unlink()
    assert dev(prepared, "run").returncode == 0
    assert not (inbox / "chart.webp").exists(), "an inbox that is there is left alone"


def test_run_with_a_folder_takes_it_as_it_is(prepared: Path) -> None:
    done = dev(prepared, "run", "my pictures", "more")
    assert done.stdout.splitlines() == ["run", "my pictures", "more"]
    assert not (prepared / "inbox").exists()


def test_captiond_gets_its_arguments_untouched(prepared: Path) -> None:
    assert dev(prepared, "captiond", "search", "a  b", "*").stdout.splitlines() == ["search", "a  b", "*"]


def machine(folder: Path, python: str) -> str:
    """A PATH with a shell's usual tools, and a python3 that is this script."""
    folder.mkdir()
    for tool in ("sh", "cat", "cksum", "dirname", "rm", "mv", "cp", "mkdir"):
        (folder / tool).symlink_to(shutil.which(tool) or "")
    if python:
        (folder / "python3").write_text(python)
        (folder / "python3").chmod(0o755)
    return str(folder)


@pytest.mark.parametrize("python", ["", "#!/bin/sh\nexit 1\n"], ids=["none", "old"])
def test_without_a_python_that_is_new_enough_it_says_so(checkout: Path, tmp_path: Path, python: str) -> None:
    done = dev(checkout, "run", path=machine(tmp_path / "bin", python))
    assert done.returncode == 2
    assert "Python 3.11 or newer is needed" in done.stderr


def test_without_venv_it_says_how_to_get_it(checkout: Path, tmp_path: Path) -> None:
    no_venv = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; esac\n'
    done = dev(checkout, "run", path=machine(tmp_path / "bin", no_venv))
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_shell_scripts_are_clean() -> None:
    done = subprocess.run(
        ["shellcheck", str(TOP / "dev"), str(TOP / ".ci" / "run")], capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_fresh_checkout_sets_itself_up_once(checkout: Path) -> None:
    first = dev(checkout, "captiond", "--version")
    assert first.returncode == 0, first.stderr
    assert "setting up" in first.stderr
    assert "captiond" in first.stdout
    again = dev(checkout, "captiond", "--version")
    assert (again.returncode, again.stderr, again.stdout) == (0, "", first.stdout)
    # An interrupted set-up leaves no stamp.
    (checkout / ".venv" / "stamp-run").unlink()
    assert dev(checkout, "captiond", "--version").returncode == 0
    assert (checkout / ".venv" / "stamp-run").exists()
    moved = checkout.rename(checkout.with_name("moved"))
    elsewhere = dev(moved, "captiond", "--version")
    assert (elsewhere.returncode, elsewhere.stdout) == (0, first.stdout), elsewhere.stderr
