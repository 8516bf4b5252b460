"""A sidecar is given to the owner and the group that are configured, and is written all the same where it can't be."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from captiond import sidecar

OWNER, GROUP, ANOTHER = 54321, 54322, 54323
"""Numbers without a name here, as those of a share may be."""
RIGHTS = sidecar.Rights(0o640, OWNER, GROUP)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to give files away")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "a.jpg.caption.json"


def rights_of(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mode & 0o777, status.st_uid, status.st_gid


@as_root
def test_root_gives_it_to_anyone_also_when_it_is_replaced(target: Path) -> None:
    first = sidecar.write(os.fspath(target), b"1", owned=(), rights=RIGHTS)
    assert (first.state, first.withheld, rights_of(target)) == ("written", (), (0o640, OWNER, GROUP))
    assert first.digest is not None
    second = sidecar.write(os.fspath(target), b"2", owned={first.digest}, rights=RIGHTS)
    assert (second.state, second.withheld, rights_of(target)) == ("written", (), (0o640, OWNER, GROUP))
    assert target.read_bytes() == b"2"


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv, to give up a right")
@pytest.mark.parametrize(("group", "withheld"), [(GROUP, ("owner",)), (ANOTHER, ("group", "owner"))])
def test_without_the_right_it_gets_a_group_of_captionds_user_and_is_written_in_any_case(
    target: Path, group: int, withheld: tuple[str, ...]
) -> None:
    code = (
        "import sys; from captiond import sidecar\n"
        f"rights = sidecar.Rights(0o640, {OWNER}, {group})\n"
        "done = sidecar.write(sys.argv[1], b'{}', owned=(), rights=rights)\n"
        "print(done.state, done.withheld, sidecar.withheld(rights))"
    )
    member = ["setpriv", "--bounding-set=-chown", f"--groups={GROUP}"]
    done = subprocess.run(
        [*member, sys.executable, "-c", code, str(target)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"written {withheld} {withheld}"
    assert rights_of(target) == (0o640, 0, GROUP if group == GROUP else 0)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


@as_root
@pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare, to make a name space")
def test_a_number_that_the_user_name_space_does_not_know_costs_no_sidecar(target: Path) -> None:
    code = (
        "import sys; from captiond import sidecar\n"
        f"print(sidecar.write(sys.argv[1], b'{{}}', owned=(), rights=sidecar.Rights(group={GROUP})).withheld)"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", code, str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip("user name spaces are not allowed here")
    assert done.stdout.strip() == "('group',)", done
    assert target.read_bytes() == b"{}"


def test_what_it_has_already_is_not_given_once_more(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fchown")
    rights = sidecar.Rights(owner=os.geteuid(), group=os.getegid())
    assert sidecar.write(os.fspath(target), b"{}", owned=(), rights=rights).withheld == ()
    assert sidecar.withheld(rights) == ()


def test_a_quota_that_is_used_up_keeps_it_waiting(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fchown", fail)
    outcome = sidecar.write(os.fspath(target), b"{}", owned=(), rights=sidecar.Rights(group=GROUP))
    assert (outcome.state, list(target.parent.iterdir())) == ("pending", [])
