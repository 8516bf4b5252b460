"""Whatever is done to a tree, in the end the database knows what is there: by events alone, and by scans alone."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from captiond.store.engine import Database
from waiting import until
from watched import JPEG, Watched, watching, write


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as opened:
        yield opened


class Vandal:
    """Does things to a tree, and to a folder outside it on the same disk."""

    def __init__(self, root: Path, outside: Path, seed: int) -> None:
        self.root, self.outside = root, outside
        self.dice = random.Random(seed)
        self.count = 0

    def act(self) -> None:
        deeds: list[Callable[[], None]] = [
            *[self.make] * 5,
            *[self.change] * 3,
            *[self.folder] * 3,
            *[self.rename] * 4,
            *[self.rename_folder] * 4,
            *[self.delete, self.delete_folder, self.move_out, self.move_in, self.move_in, self.link, self.hide],
        ]
        self.dice.choice(deeds)()

    def folders(self, top: Path) -> list[Path]:
        return [Path(here) for here, _, _ in os.walk(top)]

    def files(self) -> list[Path]:
        return [Path(here) / name for here, _, names in os.walk(self.root) for name in names]

    def name(self, end: str) -> str:
        self.count += 1
        return f"{self.dice.choice('abc')}{self.dice.randint(0, 3)}{end}"

    def make(self) -> None:
        place = self.dice.choice(self.folders(self.root)) / self.name(
            self.dice.choice((".jpg", ".jpg", ".txt", ".part"))
        )
        if not place.is_dir() and not (place.exists() and place.stat().st_nlink > 1):
            place.write_bytes(JPEG + str(self.count).encode())

    def change(self) -> None:
        # A write through one of several hard links is told of that name alone; the others are found by the next scan.
        if files := [path for path in self.files() if path.stat().st_nlink == 1]:
            with self.dice.choice(files).open("ab") as file:
                file.write(b"more")

    def folder(self) -> None:
        place = self.dice.choice(self.folders(self.root)) / self.name("")
        if not place.exists():
            place.mkdir()
            if self.dice.random() < 0.5:
                write(place / self.name("") / self.name(".jpg"))

    def rename(self) -> None:
        if files := self.files():
            target = self.dice.choice(self.folders(self.root)) / self.name(".jpg")
            if not target.is_dir():
                self.dice.choice(files).replace(target)

    def rename_folder(self) -> None:
        folders = self.folders(self.root)[1:]
        if folders:
            source, target = self.dice.choice(folders), self.dice.choice(self.folders(self.root)) / self.name("")
            if not target.exists() and not target.is_relative_to(source):
                source.rename(target)

    def delete(self) -> None:
        if files := self.files():
            self.dice.choice(files).unlink()

    def delete_folder(self) -> None:
        if folders := self.folders(self.root)[1:]:
            shutil.rmtree(self.dice.choice(folders))

    def move_out(self) -> None:
        if folders := self.folders(self.root)[1:]:
            self.dice.choice(folders).rename(self.outside / str(self.count))
            self.count += 1

    def move_in(self) -> None:
        if waiting := list(self.outside.iterdir()):
            target = self.dice.choice(self.folders(self.root)) / self.name("")
            if not target.exists():
                self.dice.choice(waiting).rename(target)

    def link(self) -> None:
        if files := self.files():
            target = self.dice.choice(self.folders(self.root)) / self.name(".jpg")
            if not target.exists():
                os.link(self.dice.choice(files), target)

    def hide(self) -> None:
        if folders := self.folders(self.root)[1:]:
            target = self.root / f".hidden{self.count}"
            self.count += 1
            self.dice.choice(folders).rename(target)


def there(root: Watched) -> set[tuple[str, int]]:
    """What should be known: the path and inode of every file that belongs to the root."""
    found = set()
    for here, folders, names in os.walk(root.root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if not name.endswith(".part"):
                path = os.path.join(here, name)
                found.add((path, os.lstat(path).st_size))
    return found


def known(root: Watched) -> set[tuple[str, int]]:
    return set(root.ask("SELECT folder || '/' || name, size FROM file WHERE present = 1"))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mode", ["inotify", "poll"])
def test_the_database_agrees_with_the_tree_after_any_deeds(db: Database, tmp_path: Path, mode: str, seed: int) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "outside").mkdir()
    vandal = Vandal(tmp_path / "in", tmp_path / "outside", seed)
    with watching(db, tmp_path / "in", mode=mode, settle_seconds=0.1, poll_seconds=0.2) as root:
        until(lambda: root.watcher.scans >= 1)
        for _ in range(4):
            for _ in range(40):
                vandal.act()
            until(lambda: known(root) == there(root), timeout=8)
        if mode == "inotify":
            assert root.watcher.scans == 1, "by events alone"
        jobs = root.ask(
            "SELECT file.id, count(*) FROM file JOIN job ON file_id = file.id GROUP BY 1 HAVING count(*) > 1"
        )
        assert jobs == [], "never two open jobs for one file"
