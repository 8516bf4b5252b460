"""The units in systemd/, judged by systemd's own tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).parents[2] / "systemd"
SERVICE, TEMPLATE, PERSONS = (
    SYSTEMD / "captiond.service",
    SYSTEMD / "captiond@.service",
    SYSTEMD / "user" / "captiond.service",
)
UNITS = {"service": SERVICE, "template": TEMPLATE, "user": PERSONS}

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
every_unit = pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)


def analyze(unit: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """systemd-analyze on the unit with a program that exists here, whatever is installed on this machine."""
    copy = folder / unit.name
    copy.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    whose = ["--user"] if unit == PERSONS else []
    return subprocess.run(
        ["systemd-analyze", *whose, *command, str(copy)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def settings(unit: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@needs_systemd
@every_unit
def test_systemd_finds_nothing_wrong_with_a_unit(unit: Path, tmp_path: Path) -> None:
    done = analyze(unit, tmp_path, "verify", "--man=no")
    # It exits with 0 on an unknown key, and only says so.
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("unit", [SERVICE, TEMPLATE], ids=["service", "template"])
def test_the_sandbox_is_as_tight_as_it_can_be(unit: Path, tmp_path: Path) -> None:
    # In tenths: 13 allows 1.3, of which the network takes 1.1.
    done = analyze(unit, tmp_path, "security", "--offline=true", "--threshold=13")
    assert done.returncode == 0, done.stdout + done.stderr


@every_unit
def test_each_line_of_a_service_stands_under_a_comment_that_explains_it(unit: Path) -> None:
    explained = False
    for line in unit.read_text().partition("\n[Service]\n")[2].partition("\n[Install]")[0].splitlines():
        explained = line.startswith("#") or (explained and bool(line))
        assert explained or not line, line


@every_unit
def test_exits_that_a_restart_cannot_mend_are_not_restarted(unit: Path) -> None:
    assert set(settings(unit)["RestartPreventExitStatus"][0].split()) == {"2", "78"}


@every_unit
@pytest.mark.parametrize("call", ["prlimit64", "setrlimit", "seccomp", "landlock_restrict_self"])
def test_the_decoders_may_limit_and_confine_themselves(unit: Path, call: str) -> None:
    # @resources holds the calls that set limits, too: they have to come back after it is taken out.
    filters = settings(unit)["SystemCallFilter"]
    taken, given = filters.index("~@privileged @resources"), next(i for i, f in enumerate(filters) if call in f.split())
    assert taken < given


def test_the_template_differs_from_the_service_only_where_it_names_its_instance() -> None:
    service, template = settings(SERVICE), settings(TEMPLATE)
    different = {key for key in service | template if service.get(key) != template.get(key)}
    assert different == {"Description", "ExecStart", "StateDirectory", "LoadCredential"}
    assert all("%i" in template[key][0] for key in different)


def test_the_user_service_has_nothing_that_the_service_has_not_but_its_paths_and_its_environment() -> None:
    service, persons = settings(SERVICE), settings(PERSONS)
    # The service's own drop-in has it, where the configuration names a group; a person's service has none.
    persons["SystemCallFilter"].remove("fchown fchown32")
    assert {key for key in persons if persons[key] != service.get(key)} == {"ExecStart", "EnvironmentFile", "WantedBy"}
    # What takes a mount or user name space is refused to persons' services on many systems, and they then do not start.
    spaces = re.compile("Private|Protect|Bind|ReadWrite|RootDirectory|TemporaryFileSystem|DynamicUser")
    assert not [key for key in persons if spaces.match(key)]
