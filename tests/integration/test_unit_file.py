"""systemd/captiond.service, judged by systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "systemd" / "captiond.service"

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that exists here, whatever is installed on this machine."""
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE))
    return copy


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_unit(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    # It exits with 0 on an unknown key, and only says so.
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
def test_the_sandbox_is_as_tight_as_it_can_be(unit: Path) -> None:
    # In tenths: 13 allows 1.3, of which the network takes 1.1.
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=13", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_exits_that_a_restart_cannot_mend_are_not_restarted() -> None:
    assert set(settings()["RestartPreventExitStatus"][0].split()) == {"2", "78"}


@pytest.mark.parametrize("call", ["prlimit64", "setrlimit", "seccomp", "landlock_restrict_self"])
def test_the_decoders_may_limit_and_confine_themselves(call: str) -> None:
    # @resources holds the calls that set limits, too: they have to come back after it is taken out.
    filters = settings()["SystemCallFilter"]
    taken, given = filters.index("~@privileged @resources"), next(i for i, f in enumerate(filters) if call in f.split())
    assert taken < given
