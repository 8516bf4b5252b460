"""What happens in watched folders: one service with many roots, and everything that people and programs do to files."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drops import drop, drop_many, picture
from fake_endpoint import FakeEndpoint, ok
from processes import inotify_watches, without_override
from program import Home, Program
from waiting import until

SETTLE = 0.6
RECIPE = """
[recipes.{name}]
prompt = "Recipe {name}, file {{filename}}."
endpoint = "fake"
"""
ROOT = """
[[watch]]
path = "{folder}/{name}"
recipe = "{recipe}"
settle_seconds = 0.2
{more}
"""


def read_sidecar(path: Path) -> dict[str, Any]:
    """The sidecar beside a file; empty while there is none."""
    try:
        document: dict[str, Any] = json.loads(path.with_name(f"{path.name}.caption.json").read_text())
    except FileNotFoundError:
        return {}
    return document


class Place:
    """The service, and what is known of it."""

    def __init__(self, home: Home, fake: FakeEndpoint, program: Program) -> None:
        self.home, self.fake, self.program = home, fake, program

    @property
    def folder(self) -> Path:
        """Where the roots are."""
        return self.home.folder

    def new(self, name: str) -> Path:
        """A new folder in the inbox."""
        path = self.home.inbox / name
        path.mkdir()
        return path

    def row(self, path: Path) -> Any:
        """The row of the view for a path, None when there is none."""
        found = self.home.rows("SELECT * FROM captions WHERE path = ?", str(path))
        return found[0] if found else None

    def under(self, folder: Path, *, present: int = 1) -> int:
        """How many files below a folder have captions."""
        sql = "SELECT count(*) AS n FROM captions WHERE path LIKE ? AND present = ?"
        return int(self.home.rows(sql, f"{folder}/%", present)[0]["n"])

    def captioned(self, path: Path, data: bytes | None = None) -> Any:
        """Wait until a path has the caption of these bytes, by default of those on disk."""
        wanted = path.read_bytes() if data is None else data

        def told() -> Any:
            row = self.row(path)
            return row if row is not None and row["present"] and row["caption"] == caption_of(wanted) else None

        return until(told, timeout=60)  # a comparison may be 20 s away: the pause grows with what one costs

    def settled(self) -> None:
        """Wait until the queue is empty."""
        until(lambda: not self.home.rows("SELECT 1 FROM job WHERE state IN ('queued', 'running')"), timeout=60)

    def calls(self, data: bytes) -> int:
        """How many requests had these bytes in them."""
        return sum(1 for one in list(self.fake.requests) for part in one.media if part.data == data)

    def asked(self, folder: Path) -> int:
        """How many requests had a file's bytes in them that is or was in this folder."""
        digests = {
            row["sha256"] for row in self.home.rows("SELECT sha256 FROM captions WHERE path LIKE ?", f"{folder}/%")
        }
        return sum(1 for one in list(self.fake.requests) for part in one.media if part.sha256 in digests)

    def scanned(self, root: Path) -> None:
        """Wait for a scan that begins from now on."""
        sql = "SELECT scanned_at, scan_seconds FROM root WHERE path = ?"
        asked = time.time()
        until(lambda: any(row["scanned_at"] - row["scan_seconds"] >= asked for row in self.home.rows(sql, str(root))))


def caption_of(data: bytes) -> str:
    """What the fake says of a small JPEG, which is sent as it is."""
    return f"Bytes {hash(data) & 0xFFFFFFFF:08x}."


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    def answer(recorded: Any) -> Any:
        return ok(" and ".join(caption_of(part.data) for part in recorded.media))

    with FakeEndpoint(default=answer) as fake:
        home = Home(tmp_path_factory.mktemp("watching"), fake.base_url)
        folder = home.folder
        for name in ("polled", "red", "blue", "outer/inner", "chosen", "doomed"):
            (folder / name).mkdir(parents=True)
        roots = [
            ("polled", "default", 'mode = "poll"\npoll_seconds = 0.3'),
            ("red", "red", ""),
            ("blue", "blue", ""),
            ("outer", "red", "scan_seconds = 1"),
            ("outer/inner", "blue", ""),
            ("outer/later", "blue", ""),
            (
                "chosen",
                "default",
                'include = ["*.jpg", "keep/**"]\nexclude = ["private/**", "*draft*"]\nscan_seconds = 1',
            ),
            ("late", "default", ""),
            ("doomed", "default", ""),
        ]
        more = "".join(RECIPE.format(name=name) for name in ("red", "blue"))
        more += "".join(
            ROOT.format(folder=folder, name=name, recipe=recipe, more=lines) for name, recipe, lines in roots
        )
        home.configure(settle=SETTLE, concurrency=16, watch="scan_seconds = 2", more=more)
        home.prefix = without_override() or []
        growing = home.inbox / "growing.jpg"
        data = picture("growing at the start", size=(640, 480))
        growing.write_bytes(data[:100])
        writer = threading.Thread(target=slowly, args=(growing, data, 0.35, 100))
        writer.start()
        with home.run() as program:
            yield Place(home, fake, program)
        writer.join()
        assert not fake.violations


def slowly(path: Path, data: bytes, pause: float, done: int = 0) -> None:
    """Write in ten pieces, with pauses that are shorter than the settle time; every other time it is closed."""
    step = (len(data) - done) // 10 + 1
    while done < len(data):
        with path.open("ab") as out:
            for _ in range(2):
                out.write(data[done : done + step])
                out.flush()
                done += step
                time.sleep(pause)


@pytest.mark.fault("a slow writer")
def test_a_file_that_grows_while_the_service_starts_is_read_when_it_is_whole(place: Place) -> None:
    data = picture("growing at the start", size=(640, 480))
    place.captioned(place.home.inbox / "growing.jpg", data)
    assert len(place.home.rows("SELECT 1 FROM job JOIN file ON file.id = file_id WHERE name = 'growing.jpg'")) == 1
    assert place.home.jobs()["growing.jpg"]["attempts"] == 1


@pytest.mark.fault("a slow writer")
def test_a_slow_writer_is_never_read_early_and_makes_one_caption(place: Place) -> None:
    path = place.new("slow") / "slow.jpg"
    data = picture("slow", size=(640, 480))
    path.touch()
    slowly(path, data, SETTLE * 0.6)
    place.captioned(path, data)
    assert place.calls(data) == 1
    jobs = place.home.rows("SELECT job.* FROM job JOIN file ON file.id = file_id WHERE name = 'slow.jpg'")
    assert [(job["state"], job["attempts"]) for job in jobs] == [("done", 1)]


@pytest.mark.fault("a slow writer")
def test_a_file_that_is_renamed_into_place_is_captioned_once_and_its_temporary_name_never(place: Place) -> None:
    folder = place.new("temporary")
    data = picture("renamed into place")
    for temporary in (".photo.jpg.Xk3d9Q", "photo.jpg.part", "photo.jpg.tmp", "photo.jpg.crdownload"):
        (folder / temporary).write_bytes(data)
    drop(folder / "signal.jpg")
    place.captioned(folder / "signal.jpg")
    assert place.calls(data) == 0
    (folder / ".photo.jpg.Xk3d9Q").rename(folder / "photo.jpg")
    place.captioned(folder / "photo.jpg")
    assert place.calls(data) == 1
    known = {row["name"] for row in place.home.rows("SELECT name FROM file WHERE folder = ?", str(folder))}
    assert known == {"signal.jpg", "photo.jpg"}


@pytest.mark.fault("other bytes with the same size and time")
def test_other_bytes_with_the_same_size_and_mtime_are_found(place: Place) -> None:
    path = drop(place.new("same-stat") / "it.jpg", "AAAA")
    place.captioned(path)
    before = path.stat()
    other = picture("BBBB")
    assert len(other) == before.st_size
    with path.open("r+b") as out:
        out.write(other)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    place.captioned(path, other)


@pytest.mark.fault("a file that is replaced while it is read")
def test_a_file_that_is_replaced_during_its_call_ends_with_the_caption_of_what_is_there(place: Place) -> None:
    folder = place.new("replaced")
    first, second = picture("first"), picture("second")
    usual = place.fake.default
    place.fake.default = ok(caption_of(first), delay=1.5)
    (folder / "it.jpg").write_bytes(first)
    until(lambda: place.calls(first) == 1)
    place.fake.default = usual
    (folder / "staged.part").write_bytes(second)
    (folder / "staged.part").rename(folder / "it.jpg")
    place.captioned(folder / "it.jpg", second)
    until(lambda: read_sidecar(folder / "it.jpg").get("caption") == caption_of(second))
    place.settled()
    (folder / "it.jpg").write_bytes(first)
    place.captioned(folder / "it.jpg", first)
    assert place.calls(first) == 1


def test_a_folder_that_is_moved_in_is_captioned_with_all_in_it(place: Place) -> None:
    drop_many(place.folder / "staging" / "album" / "deep", 200)
    (place.folder / "staging" / "album").rename(place.home.inbox / "album")
    until(lambda: place.under(place.home.inbox / "album") == 200, timeout=60)


def test_renamed_folders_carry_captions_and_sidecars_along_and_cost_nothing(place: Place) -> None:
    old, new = place.home.inbox / "old", place.home.inbox / "new"
    drop_many(old / "sub", 20)
    until(lambda: place.under(old) == 20)
    until(lambda: len(list(old.rglob("*.caption.json"))) == 20)
    place.settled()
    old.rename(new)
    until(lambda: place.under(new) == 20)
    assert place.under(old) == 0
    assert place.under(old, present=0) == 0
    place.settled()
    assert place.asked(new) == 20
    assert len(list(new.rglob("*.caption.json"))) == 20
    # Their sidecars are still ours.
    changed = new / "sub" / "3.jpg"
    changed.write_bytes(picture("changed after the rename"))
    place.captioned(changed)
    until(lambda: read_sidecar(changed).get("caption") == caption_of(changed.read_bytes()))


def test_a_file_that_moves_on_at_once_takes_its_sidecar_along(place: Place) -> None:
    folder = place.new("moves-on")
    path = drop(folder / "0.jpg", "moves on")
    data = path.read_bytes()
    for number in range(1, 4):
        until((folder / f"{number - 1}.jpg.caption.json").exists)
        path = path.rename(folder / f"{number}.jpg")
    until((folder / "3.jpg.caption.json").exists)
    until(lambda: sorted(one.name for one in folder.iterdir()) == ["3.jpg", "3.jpg.caption.json"])
    assert place.calls(data) == 1


def test_a_folder_that_is_deleted_and_comes_back_costs_nothing(place: Place) -> None:
    folder = place.home.inbox / "comes-back"
    names = drop_many(folder, 15)
    until(lambda: place.under(folder) == 15)
    until(lambda: len(list(folder.glob("*.caption.json"))) == 15)
    place.settled()
    shutil.rmtree(folder)
    until(lambda: place.under(folder, present=0) == 15)
    assert drop_many(folder, 15) == names
    until(lambda: place.under(folder) == 15)
    until(lambda: len(list(folder.glob("*.caption.json"))) == 15)
    assert place.asked(folder) == 15


@pytest.mark.fault("events before the watch stood")
def test_nested_folders_that_are_made_and_filled_at_once_are_all_found(place: Place) -> None:
    top = here = place.home.inbox / "nested"
    for level in range(12):
        here.mkdir()
        (here / f"{level}.jpg").write_bytes(picture(f"nested {level}"))
        here = here / f"level {level}"
    until(lambda: place.under(top) == 12)


def test_names_that_change_places_keep_their_captions_right(place: Place) -> None:
    folder = place.new("swap")
    one, two = drop(folder / "one.jpg", "swap one"), drop(folder / "two.jpg", "swap two")
    first, second = one.read_bytes(), two.read_bytes()
    place.captioned(one)
    place.captioned(two)
    one.rename(folder / "third.jpg")
    two.rename(one)
    (folder / "third.jpg").rename(two)
    place.captioned(one, second)
    place.captioned(two, first)
    two.rename(one)
    place.captioned(one, first)
    until(lambda: not place.row(two)["present"] if place.row(two) else True)
    os.link(one, folder / "hard.jpg")
    place.captioned(folder / "hard.jpg", first)
    assert (place.calls(first), place.calls(second)) == (1, 1)
    until(lambda: read_sidecar(one).get("caption") == caption_of(first))
    until(lambda: not (folder / "two.jpg.caption.json").exists())


@pytest.mark.parametrize("count", [500, pytest.param(4000, marks=pytest.mark.slow)])
@pytest.mark.fault("many files at once")
def test_a_burst_of_files_is_captioned_each_once(place: Place, count: int) -> None:
    folder = place.home.inbox / f"burst-{count}"
    drop_many(folder, count)
    until(lambda: place.under(folder) == count, timeout=100, interval=0.2)
    assert place.asked(folder) == count


def test_a_polled_root_finds_what_comes_changes_moves_and_goes(place: Place) -> None:
    root = place.folder / "polled"
    path = drop(root / "it.jpg", "polled one")
    first = path.read_bytes()
    place.captioned(path)
    drop(path, "polled two")
    place.captioned(path)
    until((root / "it.jpg.caption.json").exists)
    (root / "sub").mkdir()
    path.rename(root / "sub" / "moved.jpg")
    place.captioned(root / "sub" / "moved.jpg")
    assert place.row(path) is None
    until(lambda: not (root / "it.jpg.caption.json").exists())
    (root / "sub" / "moved.jpg").unlink()
    until(lambda: not place.row(root / "sub" / "moved.jpg")["present"])
    assert place.calls(first) == 1
    modes = {row["path"]: row["mode"] for row in place.home.rows("SELECT path, mode FROM root")}
    assert modes[str(root)] == "poll"
    assert modes[str(place.home.inbox)] == "inotify"


def test_excluded_folders_are_neither_watched_nor_looked_into(place: Place) -> None:
    root = place.folder / "chosen"
    before = inotify_watches(place.program.process.pid)
    for folder in ("private/deep/er", "@eaDir/a/b", ".git/objects/aa", "keep/this", "other"):
        (root / folder).mkdir(parents=True)
        drop(root / folder / "in.jpg", f"chosen {folder}")
    (root / "keep" / "this" / "in.png").write_bytes(picture("kept png"))
    (root / "other" / "in.png").write_bytes(picture("png not included"))
    drop(root / "my-draft.jpg")
    for path in ("keep/this/in.jpg", "keep/this/in.png", "other/in.jpg"):
        place.captioned(root / path)
    place.scanned(root)
    known = {f"{row['folder']}/{row['name']}" for row in place.home.rows("SELECT folder, name FROM file")}
    below = {path.removeprefix(f"{root}/") for path in known if path.startswith(f"{root}/")}
    assert below == {"keep/this/in.jpg", "keep/this/in.png", "other/in.jpg"}
    assert inotify_watches(place.program.process.pid) - before == 3


def test_a_file_that_moves_to_a_root_with_another_recipe_is_asked_by_it_once(place: Place) -> None:
    red, blue = place.folder / "red", place.folder / "blue"
    path = drop(red / "it.jpg", "red to blue")
    data = path.read_bytes()
    assert place.captioned(path)["recipe"] == "red"
    path.rename(blue / "it.jpg")
    until(lambda: (place.row(blue / "it.jpg") or {"recipe": None})["recipe"] == "blue")
    assert place.row(blue / "it.jpg")["root"] == str(blue)
    assert place.row(red / "it.jpg") is None
    place.settled()
    asked = [one.text for one in place.fake.requests if any(part.data == data for part in one.media)]
    assert asked == ["Recipe red, file it.jpg.", "Recipe blue, file it.jpg."]
    until(lambda: read_sidecar(blue / "it.jpg").get("recipe") == "blue")
    until(lambda: not (red / "it.jpg.caption.json").exists())
    (blue / "it.jpg").rename(red / "it.jpg")
    until(lambda: (place.row(red / "it.jpg") or {"recipe": None})["recipe"] == "red")
    place.settled()
    assert place.calls(data) == 2


@pytest.mark.parametrize("inner", ["inner", "later"])
def test_a_root_inside_another_has_its_files_to_itself(place: Place, inner: str) -> None:
    outer = place.folder / "outer"
    (outer / inner / "deep").mkdir(parents=True, exist_ok=True)
    mine = drop(outer / inner / "deep" / f"{inner}.jpg")
    theirs = drop(outer / f"beside-{inner}.jpg")
    assert place.captioned(theirs)["recipe"] == "red"
    row = place.captioned(mine)
    assert (row["recipe"], row["root"]) == ("blue", str(outer / inner))
    place.scanned(outer)
    place.settled()
    assert place.calls(mine.read_bytes()) == 1
    assert place.row(mine)["root"] == str(outer / inner)


def test_a_root_that_was_missing_is_watched_when_it_appears(place: Place) -> None:
    late = place.folder / "late"
    states = {row["path"]: row for row in place.home.rows("SELECT path, state, reason FROM root")}
    assert states[str(late)]["state"] == "offline"
    assert "no such folder" in states[str(late)]["reason"]
    late.mkdir()
    drop(late / "first.jpg", "late first")
    place.captioned(late / "first.jpg")
    drop(late / "second.jpg", "late second")
    place.captioned(late / "second.jpg")


@pytest.mark.fault("a root is renamed or made again")
def test_a_root_that_is_renamed_away_deleted_and_made_again_is_watched_again(place: Place) -> None:
    root = place.folder / "doomed"

    def state() -> str:
        return str(place.home.rows("SELECT state FROM root WHERE path = ?", str(root))[0]["state"])

    drop_many(root, 5)
    until(lambda: place.under(root) == 5)
    place.settled()
    root.rename(place.folder / "elsewhere")
    until(lambda: state() == "offline")
    assert place.under(root) == 5, "a root that is away marks nothing absent"
    (place.folder / "elsewhere").rename(root)
    until(lambda: state() == "online")
    drop(root / "back.jpg", "back again")
    place.captioned(root / "back.jpg")
    assert place.asked(root) == 6
    until(lambda: len(list(root.glob("*.caption.json"))) == 6)
    shutil.rmtree(root)
    until(lambda: state() == "offline")
    root.mkdir()
    until(lambda: state() == "online")
    drop(root / "new.jpg", "a new folder of that name")
    place.captioned(root / "new.jpg")
    until(lambda: place.under(root, present=0) == 6)
    assert place.asked(root) == 7


@pytest.mark.fault("a folder that can't be read")
def test_a_folder_that_can_not_be_read_is_told_of_and_read_when_it_can(place: Place) -> None:
    if os.geteuid() == 0 and not place.home.prefix:
        pytest.skip("root, without setpriv to give up its right to read everything")
    locked = place.new("locked")
    drop(locked / "in.jpg", "in locked")
    locked.chmod(0)
    try:
        place.scanned(place.home.inbox)
        drop(place.home.inbox / "beside-locked.jpg")
        place.captioned(place.home.inbox / "beside-locked.jpg")

        def told() -> bool:
            (row,) = place.home.rows("SELECT reason FROM root WHERE path = ?", str(place.home.inbox))
            return "locked" in (row["reason"] or "")

        until(told)
    finally:
        locked.chmod(0o755)
    place.captioned(locked / "in.jpg", picture("in locked"))
    until(lambda: not told())


def test_a_month_of_quiet_says_nothing(place: Place) -> None:
    """Scans and polls that find nothing new leave no line in the log."""
    place.settled()
    before = len(place.program.lines())
    for _ in range(2):
        place.scanned(place.home.inbox)
    assert [line["event"] for line in place.program.lines()[before:]] == []
