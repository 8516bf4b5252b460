"""`captiond install` on a folder that stands for another system, with systemd's own tools."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("systemd-sysusers") is None, reason="only root makes users, with systemd-sysusers"
)
PROGRAM = "/opt/captiond/bin/captiond"
ROOTS = """
[[watch]]
path = "/srv/media"

[[watch]]
path = "/home/ada/My Pictures"
"""


def captiond(*words: str | Path, home: Path = Path("/nonexistent")) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "captiond", *map(str, words)],
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def install(root: Path, *words: str) -> str:
    done = captiond("install", "--root", root, "--program", PROGRAM, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """The root folder of another system, with as little in it as may be."""
    (tmp_path / "etc").mkdir()
    return tmp_path


def everything(root: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below a folder with its mode and bytes; of a link where it leads."""
    return {
        str(path.relative_to(root)): (
            stat.S_IMODE(path.lstat().st_mode),
            os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes(),
        )
        for path in root.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_a_dry_run_says_each_step_and_does_none(tmp_path: Path) -> None:
    said = install(tmp_path, "--dry-run")
    assert re.search(r"^run +systemd-sysusers --root=\S+ -  <<< 'u captiond ", said, re.MULTILINE)
    assert re.search(r"^write +\S+/etc/systemd/system/captiond.service$", said, re.MULTILINE)
    assert list(tmp_path.iterdir()) == []


def test_a_persons_dry_run_needs_no_rights(tmp_path: Path) -> None:
    done = captiond("install", "--user", "--dry-run", "--json", home=tmp_path)
    steps = json.loads(done.stdout)["steps"]
    assert {"step": "run", "what": "systemctl --user enable captiond.service"} in steps
    assert str(tmp_path / ".config/systemd/user/captiond.service") in {step["what"] for step in steps}
    assert list(tmp_path.iterdir()) == []


@needs_root
def test_it_makes_user_folders_unit_and_configuration(system: Path) -> None:
    install(system)
    user = next(line for line in (system / "etc/passwd").read_text().splitlines() if line.startswith("captiond:"))
    name, _, uid, gid, _, home, shell = user.split(":")
    assert (name, home) == ("captiond", "/var/lib/captiond")
    assert shell.endswith("/nologin")
    state = (system / "var/lib/captiond").stat()
    assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (int(uid), int(gid), 0o750)
    assert stat.S_IMODE((system / "etc/credstore").stat().st_mode) == 0o700
    assert (system / "etc/systemd/system/multi-user.target.wants/captiond.service").is_symlink()


@needs_root
def test_it_opens_the_configured_roots_and_is_the_same_when_done_again(system: Path) -> None:
    install(system, "--instance", "photos")
    with (system / "etc/captiond/photos.toml").open("a") as config:
        config.write(ROOTS)
    install(system, "--instance", "photos")
    before = everything(system)
    drop_in = before["etc/systemd/system/captiond@photos.service.d/10-captiond-roots.conf"][1].decode()
    assert "ReadWritePaths=-/srv/media\n" in drop_in
    assert "BindPaths=-/home/ada/My\\ Pictures\n" in drop_in
    install(system, "--instance", "photos")
    assert everything(system) == before


@needs_root
def test_uninstalling_leaves_what_was_captioned_and_what_a_person_wrote(system: Path) -> None:
    archive = system / "srv/media"
    archive.mkdir(parents=True)
    (archive / "a.jpg").write_bytes(b"a picture")
    (archive / "a.jpg.caption.json").write_text("{}")
    install(system)
    with (system / "etc/captiond/config.toml").open("a") as config:
        config.write(ROOTS)
    (system / "var/lib/captiond/captions.db").write_bytes(b"captions")
    mine = system / "etc/systemd/system/captiond.service.d/override.conf"
    mine.write_text("[Service]\nNice=10\n")
    before = everything(system)
    done = captiond("uninstall", "--root", system)
    assert done.returncode == 0, done.stderr
    gone = set(before) - set(everything(system))
    units = "etc/systemd/system"
    assert gone == {
        f"{units}/captiond.service",
        f"{units}/captiond.service.d/10-captiond-roots.conf",
        f"{units}/multi-user.target.wants/captiond.service",
    }
    assert mine.exists()
    done = captiond("uninstall", "--root", system, "--purge-state")
    assert done.returncode == 0, done.stderr
    assert not (system / "var/lib/captiond").exists()
    assert not (system / "etc/captiond").exists()
    assert {path.name for path in archive.iterdir()} == {"a.jpg", "a.jpg.caption.json"}


@needs_root
def test_purging_takes_nothing_away_that_is_not_captionds_though_no_configuration_tells_of_it(system: Path) -> None:
    install(system)
    state = system / "var/lib/captiond"
    own = [
        "captions.db",
        "captions.db-wal",
        "captions.db.lock",
        "captions.db.before-0007",
        "backups/captions-2026-11-22.db",
    ]
    for name in [*own, "photos/a.jpg"]:
        (state / name).parent.mkdir(exist_ok=True)
        (state / name).write_bytes(b"something")
    (system / "etc/captiond/config.toml").unlink()
    done = captiond("uninstall", "--root", system, "--purge-state")
    assert done.returncode == 0, done.stderr
    assert [str(path.relative_to(state)) for path in sorted(state.rglob("*"))] == ["photos", "photos/a.jpg"]


@needs_root
def test_a_broken_configuration_stops_it_before_anything_is_done(system: Path) -> None:
    config = system / "etc/captiond/config.toml"
    config.parent.mkdir()
    config.write_text("nonsense = 1\n")
    done = captiond("install", "--root", system, "--program", PROGRAM)
    assert done.returncode == 78
    assert "nonsense" in done.stderr
    assert set(everything(system)) == {"etc/captiond/config.toml"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--config", "x.toml", "install"], 2, "leave --config out"),
        (["install", "--user", "--instance", "x"], 2, "without --instance"),
        (["install", "--program", "captiond", "--dry-run"], 2, "whole path"),
        (["install", "--program", "/home/ada/bin/captiond", "--dry-run"], 1, "/opt/captiond"),
        (["install", "--user", "--now", "--dry-run"], 78, "[[watch]]"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], code: int, said: str) -> None:
    done = captiond(*words)
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
