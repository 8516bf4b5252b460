"""A root is never left on the way to a folder in it, whatever is swapped for a link meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from captiond import beneath, sidecar
from captiond.beneath import LeavesRoot
from captiond.errors import Failure, LinkOutsideRoot, Vanished
from captiond.media import reader
from drops import picture

BODY = b'{"schema": "captiond/1"}\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a folder in a folder, and a folder outside."""
    (tmp_path / "root" / "one" / "two").mkdir(parents=True)
    (tmp_path / "outside" / "two").mkdir(parents=True)
    return tmp_path / "root"


def reached(root: Path, path: Path) -> os.stat_result:
    """The folder that is reached."""
    fd = beneath.folder(os.fspath(root), os.fspath(path))
    try:
        return os.fstat(fd)
    finally:
        os.close(fd)


def test_folders_of_the_root_are_reached_and_the_root_itself(root: Path) -> None:
    for path in (root, root / "one", root / "one" / "two"):
        assert os.path.samestat(reached(root, path), path.stat())


def test_links_inside_the_root_are_followed_and_so_is_one_to_the_root(root: Path, tmp_path: Path) -> None:
    (root / "relative").symlink_to("one/two")
    (root / "absolute").symlink_to(root / "one")
    (tmp_path / "alias").symlink_to(root)
    assert os.path.samestat(reached(root, root / "relative"), (root / "one" / "two").stat())
    assert os.path.samestat(reached(root, root / "absolute" / "two"), (root / "one" / "two").stat())
    alias = tmp_path / "alias"
    assert os.path.samestat(reached(alias, alias / "one"), (root / "one").stat())


@pytest.mark.fault("a link out of the root")
def test_what_is_not_under_the_root_is_not_reached(root: Path, tmp_path: Path) -> None:
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "up").symlink_to("..")
    for path in (root / "out", root / "out" / "two", root / "up" / "outside", tmp_path, root / ".." / "outside"):
        with pytest.raises(LeavesRoot):
            reached(root, path)


def test_what_is_gone_or_is_no_folder_is_told_from_a_link(root: Path) -> None:
    (root / "file").write_bytes(b"")
    with pytest.raises(FileNotFoundError):
        reached(root, root / "nowhere" / "two")
    with pytest.raises(NotADirectoryError):
        reached(root, root / "file" / "two")


@contextmanager
def swapping(root: Path, outside: Path) -> Iterator[None]:
    """The folder `one` of the root is all the time swapped for a link to a folder outside, and back."""
    folder, link, aside = root / "one", root / ".link", root / ".aside"
    link.symlink_to(outside)
    stopping = threading.Event()

    def swap() -> None:
        while not stopping.is_set():
            folder.rename(aside)
            link.rename(folder)
            folder.rename(link)
            aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


@pytest.mark.fault("a link out of the root")
def test_a_folder_that_is_swapped_for_a_link_gets_its_sidecar_or_nothing_does(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    target = root / "one" / "two" / "a.jpg.caption.json"
    states = set()
    with swapping(root, outside):
        for _ in range(3_000):
            outcome = sidecar.write(os.fspath(target), BODY, owned=(), root=os.fspath(root))
            states.add(outcome.state)
            ours = {outcome.digest or ""}
            sidecar.remove(os.fspath(target), beside="moved.jpg", owned=ours, root=os.fspath(root))
    assert [str(path.relative_to(outside)) for path in outside.rglob("*")] == ["two"]
    assert "written" in states
    assert len(states) > 1, "the folder was never swapped in time"


@pytest.mark.fault("a link out of the root")
def test_a_file_in_a_folder_that_is_swapped_is_read_from_the_root_or_not_at_all(root: Path, tmp_path: Path) -> None:
    path = root / "one" / "two" / "a.jpg"
    path.write_bytes(picture("inside"))
    (tmp_path / "outside" / "two" / "a.jpg").write_bytes(picture("outside, and longer"))
    inside = len(picture("inside"))
    read, refused = 0, 0
    with swapping(root, tmp_path / "outside"):
        for _ in range(3_000):
            try:
                assert reader.read(os.fspath(path), os.fspath(root)).bytes == inside
                read += 1
            except (LinkOutsideRoot, Vanished):
                refused += 1
            except Failure as failure:
                pytest.fail(str(failure))
    assert read
    assert refused


def test_a_folder_outside_is_refused_with_the_reason(root: Path, tmp_path: Path) -> None:
    (root / "out").symlink_to(tmp_path / "outside")
    outcome = sidecar.write(os.fspath(root / "out" / "a.jpg.caption.json"), BODY, owned=(), root=os.fspath(root))
    assert outcome.state == "refused"
    assert "leads out of the root" in (outcome.reason or "")


@pytest.mark.parametrize(
    ("mode", "umask", "expected"), [(None, 0o027, 0o640), (0o664, 0o077, 0o664), (0o600, 0o022, 0o600)]
)
def test_a_sidecar_has_the_rights_that_are_set_or_the_umasks(
    root: Path, mode: int | None, umask: int, expected: int
) -> None:
    target = root / "a.jpg.caption.json"
    before = os.umask(umask)
    try:
        assert (
            sidecar.write(os.fspath(target), BODY, owned=(), root=os.fspath(root), rights=sidecar.Rights(mode)).state
            == "written"
        )
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root, to give a folder to another group")
def test_in_a_setgid_folder_a_sidecar_has_the_folders_group(root: Path) -> None:
    os.chown(root, -1, 12345)
    root.chmod(0o2775)
    target = root / "a.jpg.caption.json"
    sidecar.write(os.fspath(target), BODY, owned=(), root=os.fspath(root), rights=sidecar.Rights(0o664))
    assert target.stat().st_gid == 12345
