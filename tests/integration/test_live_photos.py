"""Live photos in the database: which clip belongs to which still, whichever of the two comes, changes or goes first."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond import intake, live_photos
from captiond.media.live import clip_names, is_short, still_names
from captiond.store import totals
from captiond.store.engine import Database
from captiond.watch.gone import mark_paths
from watched import Compared, quiet, write

NOW = 1000.0


def mov(path: Path, seconds: float = 2.9, *, version: int = 0) -> Path:
    """A QuickTime file of its header alone, which tells how long the film is."""
    times = struct.pack(">IIII", 0, 0, 600, round(seconds * 600))
    if version == 1:
        times = struct.pack(">QQIQ", 0, 0, 600, round(seconds * 600))
    header = bytes([version, 0, 0, 0]) + times + bytes(80)
    movie = struct.pack(">I4s", 16 + len(header), b"moov") + struct.pack(">I4s", 8 + len(header), b"mvhd") + header
    media = struct.pack(">I4s", 1016, b"mdat") + bytes(1008)
    return write(path, b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + media + movie)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Compared]:
    (tmp_path / "in").mkdir()
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        yield Compared(db, tmp_path / "in")


def take(root: Compared, *paths: Path) -> None:
    intake.take(root.db, root.as_root, [quiet(path) for path in paths], now=NOW)


def gone(root: Compared, *paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    mark_paths(root.db, root.as_root, [str(path) for path in paths], lambda: True)


def pairs(root: Compared) -> set[tuple[str, str]]:
    """The names of still and clip of each live photo."""
    return set(
        root.ask(
            "SELECT still.name, clip.name FROM live_photo JOIN file AS still ON still.id = still_id "
            "JOIN file AS clip ON clip.id = clip_id"
        )
    )


def test_the_names_of_a_pair_differ_in_their_endings_alone() -> None:
    assert "IMG_1.HEIC" in still_names("IMG_1.MOV")
    assert "IMG_1.jpg" in still_names("IMG_1.mov")
    assert "IMG_1.MOV" in clip_names("IMG_1.Jpeg")
    for name in ("IMG_1.MP4", "IMG_1.HEIC", ".mov", "mov"):
        assert still_names(name) == ()
    assert clip_names("IMG_1.png") == ()


@pytest.mark.parametrize("version", [0, 1])
def test_a_clip_is_short_by_its_header_and_below_four_seconds(tmp_path: Path, version: int) -> None:
    assert is_short(str(mov(tmp_path / "a.mov", 3.99, version=version)))
    assert not is_short(str(mov(tmp_path / "b.mov", 4.0, version=version)))
    assert not is_short(str(mov(tmp_path / "c.mov", 0)))
    assert not is_short(str(write(tmp_path / "d.mov", b"\0\0\0\x14ftypqt  ")))
    assert not is_short(str(write(tmp_path / "e.mov", b"\0\0\0\x08free" * 100_000)))
    assert not is_short(str(tmp_path / "none.mov"))
    (tmp_path / "folder.mov").mkdir()
    assert not is_short(str(tmp_path / "folder.mov"))
    (tmp_path / "link.mov").symlink_to(tmp_path / "a.mov")
    assert not is_short(str(tmp_path / "link.mov"))


@pytest.mark.parametrize("still_name", ["IMG_1.HEIC", "IMG_1.jpg", "IMG_1.JPEG"])
@pytest.mark.parametrize("order", ["still first", "clip first", "together"])
def test_still_and_clip_are_one_job_whichever_comes_first(root: Compared, still_name: str, order: str) -> None:
    still, clip = root.root / still_name, root.root / "IMG_1.MOV"
    if order == "still first":
        take(root, write(still))
        take(root, mov(clip))
    elif order == "clip first":
        take(root, mov(clip))
        take(root, write(still))
    else:
        take(root, mov(clip), write(still))
    assert pairs(root) == {(still_name, "IMG_1.MOV")}
    assert root.jobs() == [(still_name, "queued", 10)]


def test_a_clip_without_its_still_waits_for_it_and_longer_if_it_is_on_its_way(root: Compared) -> None:
    take(root, mov(root.root / "alone.mov"))
    write(root.root / "coming.jpg")
    take(root, mov(root.root / "coming.mov"))
    take(root, mov(root.root / "film.mov", 60))
    due = dict(root.ask("SELECT name, due_at FROM job JOIN file ON file.id = file_id"))
    assert due["film.mov"] == NOW
    assert due["alone.mov"] == NOW + root.as_root.settle_seconds
    assert due["coming.mov"] >= NOW + 30


def test_a_clip_of_four_seconds_or_of_another_name_or_kind_is_a_video_of_its_own(root: Compared) -> None:
    write(root.root / "a.jpg"), write(root.root / "b.jpg"), write(root.root / "c.png")
    mov(root.root / "a.mov", 4.0), mov(root.root / "b2.mov"), mov(root.root / "c.mov"), mov(root.root / "b.mp4")
    (root.root / "below").mkdir()
    mov(root.root / "below" / "b.mov")
    take(root, *(path for path in root.root.rglob("*") if path.is_file()))
    assert pairs(root) == set()
    assert len(root.queued()) == 8


def test_a_clip_that_was_captioned_before_its_still_came_stays_a_video(root: Compared) -> None:
    take(root, mov(root.root / "a.mov"))
    root.finish_all()
    take(root, write(root.root / "a.jpg"))
    assert pairs(root) == set()
    assert root.jobs() == [("a.mov", "done", 10), ("a.jpg", "queued", 10)]


def test_a_clip_that_is_being_captioned_when_its_still_comes_stays_a_video(root: Compared) -> None:
    take(root, mov(root.root / "a.mov"))
    root.do("UPDATE job SET state = 'running', run_id = 'x'")
    take(root, write(root.root / "a.jpg"))
    assert pairs(root) == set()
    assert ("a.mov", "running", 10) in root.jobs()


def test_a_clip_that_failed_as_a_video_and_waits_again_keeps_its_job(root: Compared) -> None:
    clip = mov(root.root / "a.mov")
    take(root, clip)
    root.do("UPDATE job SET state = 'failed', reason = 'truncated'")
    take(root, mov(clip, 3))
    take(root, write(root.root / "a.jpg"))
    assert pairs(root) == set()
    assert root.queued() == {"a.mov", "a.jpg"}


@pytest.mark.parametrize("found_by", ["event", "scan"])
def test_a_still_that_goes_alone_leaves_a_video_of_its_own(root: Compared, found_by: str) -> None:
    still = write(root.root / "a.heic")
    take(root, still, mov(root.root / "a.mov"))
    root.finish_all()
    if found_by == "event":
        gone(root, still)
    else:
        still.unlink()
        root.scan()
    assert pairs(root) == set()
    assert root.queued() == {"a.mov"}


def test_a_live_photo_that_goes_as_a_whole_leaves_no_job_and_comes_back_as_one(root: Compared) -> None:
    still, clip = write(root.root / "a.heic"), mov(root.root / "a.mov")
    take(root, still, clip)
    root.finish_all()
    away = root.root.parent / "away"
    away.mkdir()
    for path in (still, clip):
        path.rename(away / path.name)
    root.scan()
    assert root.names(present=False) == {"a.heic", "a.mov"}
    for path in (still, clip):
        (away / path.name).rename(path)
    root.scan()
    assert root.queued() == set()
    assert pairs(root) == {("a.heic", "a.mov")}


def test_a_clip_that_comes_back_without_its_still_is_a_video(root: Compared) -> None:
    still, clip = write(root.root / "a.heic"), mov(root.root / "a.mov")
    take(root, still, clip)
    root.finish_all()
    clip.rename(root.root.parent / "a.mov")
    still.unlink()
    root.scan()
    (root.root.parent / "a.mov").rename(clip)
    root.scan()
    take(root, *map(Path, root.sighted))
    assert root.queued() == {"a.mov"}


@pytest.mark.parametrize("order", ["still first", "clip first", "together"])
def test_a_pair_that_is_renamed_stays_a_pair(root: Compared, order: str) -> None:
    still, clip = write(root.root / "a.heic"), mov(root.root / "a.mov")
    take(root, still, clip)
    root.finish_all()
    new_still, new_clip = still.rename(root.root / "b.heic"), clip.rename(root.root / "b.mov")
    batches = {"still first": [[new_still], [new_clip]], "clip first": [[new_clip], [new_still]]}
    for batch in batches.get(order, [[new_clip, new_still]]):
        take(root, *batch)
    assert pairs(root) == {("b.heic", "b.mov")}
    assert root.queued() == set()


def test_a_still_that_is_renamed_alone_leaves_a_video_and_so_does_a_clip(root: Compared) -> None:
    for name in ("a", "b"):
        take(root, write(root.root / f"{name}.heic", b"\xff\xd8\xff" + name.encode()), mov(root.root / f"{name}.mov"))
    root.finish_all()
    take(root, (root.root / "a.heic").rename(root.root / "other.heic"))
    take(root, (root.root / "b.mov").rename(root.root / "another.mov"))
    assert pairs(root) == set()
    assert root.queued() == {"a.mov", "another.mov"}


def test_a_clip_that_changes_stays_one_while_it_is_short(root: Compared) -> None:
    still, clip = write(root.root / "a.heic"), mov(root.root / "a.mov")
    take(root, still, clip)
    root.finish_all()
    take(root, mov(clip, 1.5))
    assert pairs(root) == {("a.heic", "a.mov")}
    assert root.queued() == set()
    take(root, mov(clip, 12))
    assert pairs(root) == set()
    assert root.queued() == {"a.mov"}


def test_of_two_stills_the_heic_has_the_clip_and_the_other_takes_it_over(root: Compared) -> None:
    heic = write(root.root / "a.heic", b"\xff\xd8\xff one")
    take(root, mov(root.root / "a.mov"), heic)
    take(root, write(root.root / "a.jpg"))
    assert pairs(root) == {("a.heic", "a.mov")}
    gone(root, heic)
    assert pairs(root) == {("a.jpg", "a.mov")}
    assert "a.mov" not in root.queued()


def test_with_the_option_off_both_are_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with Database.open(f"sqlite:///{tmp_path}/captions.db") as db:
        root = Compared(db, tmp_path / "in")
        take(root, write(root.root / "a.jpg"), mov(root.root / "a.mov"))
        assert root.queued() == {"a.jpg"}
        live_photos.release_all(db, root.as_root.id)
        assert root.queued() == {"a.jpg", "a.mov"}
        off = Compared(db, tmp_path / "in", live_photos=False)
        shutil.copy(root.root / "a.mov", root.root / "b.mov")
        take(off, write(root.root / "b.jpg"), root.root / "b.mov")
        assert root.queued() == {"a.jpg", "a.mov", "b.jpg", "b.mov"}
        assert pairs(root) == set()


def test_a_live_photo_is_counted_once(root: Compared) -> None:
    take(root, write(root.root / "a.jpg"), mov(root.root / "a.mov"))
    root.finish_all()
    with root.db.read() as conn:
        found = totals.files(conn)
        assert (found.media, found.captioned) == (1, 1)
        assert totals.files_by_root(conn) == {root.as_root.id: 1}
