"""Sidecars that are not as captiond left them, looked at one root at a time."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from captiond import sidecar
from captiond.intake import Root
from captiond.policy.sidecars import Asked
from captiond.store import sidecars, totals
from captiond.store.engine import Database
from captiond.watch.edits import Edits
from captiond.watch.reconcile import Hooks, reconcile
from stored import add_file, add_root, show
from waiting import until

SUFFIX = ".caption.json"
WORDS: dict[str, Any] = {
    "schema": "captiond/1",
    "file": "photo.jpg",
    "kind": "image",
    "category": None,
    "tags": [],
    "fields": {},
    "language": "en",
    "source": "human",
    "recipe": "default",
    "recipe_digest": "1" * 64,
    "model": "human",
    "created_at": "2026-11-22T10:35:00Z",
    "media": {"mime": "image/jpeg", "bytes": 9, "width": 64, "height": 48, "duration_seconds": None},
    "usage": {"prompt_tokens": None, "completion_tokens": None, "cost_usd": None},
}
"""A person's sidecar, but for what it says and of which bytes."""


class Shop:
    """A root of pictures without captions, whose bytes are known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "photos"
        self.folder.mkdir()
        self.db = Database.open(f"sqlite:///{folder / 'x.db'}")
        with self.db.write() as conn:
            root_id = add_root(conn, str(self.folder))
        self.root = Root(root_id, str(self.folder), os.path.realpath(self.folder), "default", False, 0.0)
        self.edits = Edits(self.db, SUFFIX, 0.0, Asked("default", "1" * 64, frozenset(), by_model=True))
        self.ids: dict[str, int] = {}

    def picture(self, name: str) -> Path:
        """A new one; where its sidecar belongs."""
        path, data = self.folder / name, b"\xff\xd8\xff" + name.encode()
        path.write_bytes(data)
        with self.db.write() as conn:
            self.ids[name] = add_file(conn, str(path), self.root.id)
            show(conn, self.ids[name], data, None)
        return self.folder / f"{name}{SUFFIX}"

    def by_hand(self, name: str, **changes: Any) -> Path:
        """A new picture beside which a person has put a sidecar."""
        beside = self.picture(name)
        sha256 = hashlib.sha256(b"\xff\xd8\xff" + name.encode()).hexdigest()
        beside.write_bytes(sidecar.encode({**WORDS, "sha256": sha256, "caption": f"words of {name}", **changes}))
        return beside

    def told_by_a_scan(self) -> list[str]:
        """The sidecars that a scan finds changed."""
        told: list[str] = []
        hooks = Hooks(
            lambda _: True,
            lambda _: True,
            lambda _: True,
            lambda: True,
            suffix=SUFFIX,
            edited=told.extend,
        )
        reconcile(self.db, self.root, hooks)
        return sorted(os.path.basename(path) for path in told)

    def taken_in(self) -> None:
        """All that is told of by now has been looked at."""

        def done() -> bool:
            self.edits.look(self.root)
            return not self.edits.busy

        until(done)

    def captions(self) -> dict[str, str]:
        with self.db.read() as conn:
            rows = conn.exec_driver_sql("SELECT f.name, c.text FROM file f JOIN caption c ON c.id = f.caption_id").all()
        return {row[0]: row[1] for row in rows}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr("captiond.watch.edits.FIRST_LOOK_SECONDS", 0.0)
    made = Shop(tmp_path)
    yield made
    made.db.close()


def test_one_with_a_date_or_an_mtime_beyond_all_keeps_none_of_the_others_from_being_taken_in(shop: Shop) -> None:
    shop.by_hand("odd-date.jpg", created_at="0001-01-01T00:00:00+14:00")
    late, early = shop.by_hand("late.jpg"), shop.by_hand("early.jpg")
    shop.by_hand("usual.jpg")
    os.utime(late, (9.5e9, 9.5e9))
    os.utime(early, (-2.0e9, -2.0e9))
    if late.stat().st_mtime != 9.5e9:
        pytest.skip("this file system keeps no such times")
    shop.edits.noted(str(path) for path in shop.folder.glob(f"*{SUFFIX}"))
    shop.taken_in()
    assert shop.captions() == {name: f"words of {name}" for name in ("late.jpg", "early.jpg", "usual.jpg")}
    assert shop.told_by_a_scan() == []


def test_what_stands_beside_a_file_without_a_caption_is_looked_at_once_and_waits_for_nobody(shop: Shop) -> None:
    of_others, large = shop.picture("a.jpg"), shop.picture("b.jpg")
    of_others.write_text("another program's")
    large.write_bytes(b" " * (9 << 20))
    assert shop.told_by_a_scan() == [of_others.name, large.name]
    shop.edits.noted([str(of_others), str(large)])
    shop.taken_in()
    assert shop.told_by_a_scan() == []
    with shop.db.read() as conn:
        assert sidecars.due(conn, time.time() + 3600, 10) == []
        assert totals.sidecars(conn) == {}
    of_others.write_text("another program's, and changed")
    assert shop.told_by_a_scan() == [of_others.name]


def test_to_wait_for_the_database_is_not_to_wait_for_the_share(shop: Shop) -> None:
    names = [f"{number}.jpg" for number in range(50)]
    shop.edits.noted([str(shop.by_hand(name)) for name in names])
    shop.edits.look(shop.root)  # seen a first time
    longest = 0.0
    other = sqlite3.connect(shop.db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as pool:
        looking = pool.submit(shop.edits.look, shop.root)
        held_until = time.monotonic() + 2
        while time.monotonic() < held_until:
            since = shop.edits.disk.since
            longest = max(longest, time.monotonic() - since if since is not None else 0.0)
            time.sleep(0.01)
        assert not looking.done()
        other.close()
        assert looking.result()
    assert longest < 1
    assert shop.captions().keys() == set(names)
