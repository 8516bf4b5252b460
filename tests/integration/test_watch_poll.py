"""Roots that are compared again and again, and roots that have to be because inotify's limits are used up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.store.engine import Database
from waiting import until
from watched import Watched, watching, write


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as opened:
        yield opened


@pytest.fixture
def root(db: Database, tmp_path: Path) -> Iterator[Watched]:
    (tmp_path / "in").mkdir()
    with watching(db, tmp_path / "in", mode="poll", poll_seconds=0.2) as watched:
        yield watched


def test_a_polled_root_finds_what_comes_changes_moves_and_goes(root: Watched) -> None:
    assert root.watcher._observer.folders == 0
    assert root.ask("SELECT mode FROM root") == [("poll",)]
    write(root.root / "a" / "x.jpg")
    write(root.root / "y.jpg")
    until(lambda: root.queued() == {"x.jpg", "y.jpg"})
    root.finish_all()
    (root.root / "a").rename(root.root / "b")
    until(lambda: (f"{root.root}/b", "x.jpg", 1) in root.ask("SELECT folder, name, present FROM file"))
    assert root.queued() == set()
    write(root.root / "y.jpg", b"\xff\xd8\xff other")
    until(lambda: root.queued() == {"y.jpg"})
    (root.root / "y.jpg").unlink()
    until(lambda: root.names() == {"x.jpg"})


def test_polling_waits_longer_than_asked_where_a_scan_costs_much(root: Watched) -> None:
    for i in range(40):
        for j in range(50):
            write(root.root / f"{i}" / f"{j}.txt", b"text")
    until(lambda: root.ask("SELECT count(*) FROM file") == [(2000,)], timeout=20)
    until(lambda: not root.watcher._gate.busy)
    before, began, cpu = root.watcher.scans, time.monotonic(), time.process_time()
    until(lambda: root.watcher.scans >= before + 3, timeout=30)
    share = (time.process_time() - cpu) / (time.monotonic() - began)
    assert share < 0.05, "a scan of 2,000 files costs some 10 ms: so it is made about every two seconds"


def test_a_polled_file_is_not_taken_while_it_is_written(root: Watched) -> None:
    path = root.root / "slow.jpg"
    for _ in range(12):
        with path.open("ab") as file:
            file.write(b"\xff\xd8\xff")
        time.sleep(0.1)
        assert root.jobs() == []
    until(lambda: root.queued() == {"slow.jpg"})
    assert root.ask("SELECT size FROM file") == [(36,)]


_LIMITED = """
import json, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
Path("/proc/sys/user/max_inotify_watches").write_text("10")
from captiond.store.engine import Database
from waiting import until
from watched import watching, write

base = Path(sys.argv[1])
for i in range(30):
    (base / "in" / f"d{i}").mkdir(parents=True)
few = base / "few"
few.mkdir()
with Database.open(f"sqlite:///{base}/limited.db") as db:
    with watching(db, base / "in", poll_seconds=0.3) as root:
        write(root.root / "d29" / "a.jpg")
        until(lambda: root.queued() == {"a.jpg"})
        at_start = root.ask("SELECT mode, state, reason FROM root")
        folders = root.watcher._observer.folders
    root.finish_all()
    with watching(db, few, poll_seconds=0.3) as root:
        mode_first = root.ask("SELECT mode FROM root WHERE path = ?", str(few))
        for i in range(30):
            write(few / f"d{i}" / "b.jpg")
        until(lambda: len(root.jobs()) == 31)
        until(lambda: root.ask("SELECT mode FROM root WHERE path = ?", str(few)) == [("poll",)])
        write(few / "d29" / "c.jpg")
        until(lambda: len(root.jobs()) == 32)
print(json.dumps([at_start, folders, mode_first]))
"""


@pytest.mark.fault("the limit of watches is reached")
def test_a_used_up_watch_limit_makes_the_root_polled_and_says_how_to_raise_it(tmp_path: Path) -> None:
    """The limit is set in a user namespace, so that it is nobody else's."""
    script = tmp_path / "limited.py"
    script.write_text(_LIMITED)
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        sys.executable,
        str(script),
        str(tmp_path),
        str(Path(__file__).parents[1]),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    if "unshare" in done.stderr or "max_inotify_watches" in done.stderr:
        pytest.skip(f"no user namespaces here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    at_start, folders, mode_first = json.loads(done.stdout)
    assert at_start[0][:2] == ["poll", "online"]
    assert "fs.inotify.max_user_watches" in at_start[0][2]
    assert "sysctl -w" in at_start[0][2]
    assert folders == 0, "watches that are not enough are given back"
    assert mode_first == [["inotify"]]
    assert done.stderr.count("root_polled") == 2, "told once for each root"
