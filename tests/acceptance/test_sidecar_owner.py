"""Sidecars get the owner and the group that are configured; where they can't be given, that is said once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from drops import drop
from fake_endpoint import FakeEndpoint
from program import Home
from waiting import until

OWNER, GROUP, ANOTHER = 54321, 54322, 54323

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="takes root, to be in groups and to leave them"
)


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    made = Home(tmp_path / "here", fake.base_url)
    made.configure(more=f'[sidecar]\nmode = "0640"\nowner = {OWNER}\ngroup = {GROUP}')
    return made


def written(home: Home, *names: str) -> set[tuple[int, int, int]]:
    """Wait until these files have their sidecars; their rights."""
    home.captioned(*names)
    until(lambda: {row["state"] for row in home.rows("SELECT state FROM sidecar")} == {"written"})
    found = [(home.inbox / f"{name}.caption.json").stat() for name in names]
    return {(status.st_mode & 0o777, status.st_uid, status.st_gid) for status in found}


def checked(home: Home) -> dict[str, str]:
    """What `captiond check` says of them."""
    said = json.loads(home.call("check", "--json").stdout)
    given = [one for one in said if one["check"] == "sidecars" and "given to" in one["message"]]
    return {one["message"]: one["remedy"] or one["level"] for one in given}


def test_root_gives_them_as_configured(home: Home) -> None:
    assert checked(home) == {
        f"sidecars are given to the user {OWNER}": "ok",
        f"sidecars are given to the group {GROUP}": "ok",
    }
    with home.run() as program:
        drop(home.inbox / "a.jpg")
        assert written(home, "a.jpg") == {(0o640, OWNER, GROUP)}
        assert not program.lines("sidecar_not_given")


def test_a_member_of_the_group_gives_them_to_it(home: Home) -> None:
    home.prefix = ["setpriv", "--bounding-set=-chown", f"--groups={GROUP}"]
    home.configure(more=f"[sidecar]\ngroup = {GROUP}")
    assert checked(home) == {f"sidecars are given to the group {GROUP}": "ok"}
    with home.run() as program:
        drop(home.inbox / "a.jpg")
        ((_, owner, group),) = written(home, "a.jpg")
        assert (owner, group) == (0, GROUP)
        assert not program.lines("sidecar_not_given")


def test_what_may_not_be_given_is_warned_of_before_and_said_once_and_costs_no_sidecar(home: Home) -> None:
    home.prefix = ["setpriv", "--bounding-set=-chown", f"--groups={ANOTHER}"]
    warned = checked(home)
    assert list(warned) == [
        f"sidecars can't be given to the user {OWNER} by this user: they are written all the same",
        f"sidecars can't be given to the group {GROUP} by this user: they are written all the same",
    ]
    with home.run() as program:
        for name in ("a", "b", "c"):
            drop(home.inbox / f"{name}.jpg")
        assert written(home, "a.jpg", "b.jpg", "c.jpg") == {(0o640, 0, 0)}
    told = [(line.get("owner"), line.get("group"), line["remedy"]) for line in program.lines("sidecar_not_given")]
    owner, group = warned.values()
    assert sorted(told, key=str) == sorted([(None, str(GROUP), group), (str(OWNER), None, owner)], key=str)
    assert "usermod -aG" in group


def test_a_group_that_there_is_not_ends_it_with_78_and_its_key(home: Home) -> None:
    home.configure(more='[sidecar]\ngroup = "no-such-group"')
    done = home.call("run")
    assert done.returncode == 78
    assert 'sidecar.group = "no-such-group"' in done.stderr
