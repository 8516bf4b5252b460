"""Opening files: what is read, what is refused and why."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import tempfile
import threading
from pathlib import Path

import pytest

import media_samples as samples
from captiond.errors import (
    Changed,
    EmptyFile,
    Failure,
    LinkOutsideRoot,
    NotMedia,
    RootOffline,
    Unreadable,
    Unsupported,
    Vanished,
)
from captiond.media import reader
from captiond.media.reader import read
from captiond.values import Kind, Stat


def failure(path: Path, root: Path | None = None) -> Failure:
    with pytest.raises(Failure) as caught:
        read(str(path), str(root) if root else None)
    return caught.value


def test_a_file_is_identified_and_hashed(tmp_path: Path) -> None:
    path = samples.png(tmp_path / "a.jpg")
    opened = read(str(path), str(tmp_path))
    told = os.stat(path)
    assert opened.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (opened.kind, opened.mime) == (Kind.IMAGE, "image/png")
    assert opened.bytes == told.st_size
    assert opened.stat == Stat(told.st_size, told.st_mtime_ns, told.st_ctime_ns, told.st_ino)
    assert opened.path == str(path)


def test_a_file_of_many_pieces_is_hashed_whole(tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg")
    with open(path, "ab") as file:
        file.write(os.urandom(reader.PIECE_BYTES * 2 + 12345))
    assert read(str(path), None).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_name_that_is_not_utf8_is_read(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\n<b>.jpg")
    samples.jpeg(tmp_path / "plain.jpg").rename(path)
    assert read(path, str(tmp_path)).path == path


def test_each_file_that_is_no_media_has_its_own_reason(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    assert isinstance(failure(empty), EmptyFile)
    words = failure(samples.text(tmp_path / "text.jpg"))
    assert isinstance(words, NotMedia)
    assert "text" in words.detail
    zeros = tmp_path / "zeros.jpg"
    zeros.write_bytes(bytes(1 << 20))
    assert "zeros" in failure(zeros).detail
    noise = tmp_path / "noise.jpg"
    noise.write_bytes(b"\x01\x93" * 3000)
    assert type(failure(noise)) is NotMedia
    for name, head in {
        "a.psb": b"8BPS\0\x02",
        "a.jp2": b"\0\0\0\x0cjP  ",
        "a.x3f": b"FOVb\0\0\0\0",
    }.items():
        known = tmp_path / name
        known.write_bytes(head + bytes(100))
        assert isinstance(failure(known), Unsupported), name


def test_a_raw_photo_that_is_a_tiff_inside_is_unsupported(tmp_path: Path) -> None:
    assert isinstance(failure(samples.tiff(tmp_path / "DSC_0001.NEF")), Unsupported)
    assert read(str(samples.tiff(tmp_path / "scan.tif")), None).mime == "image/tiff"


def test_a_folder_a_fifo_and_a_socket_are_refused_without_waiting(tmp_path: Path) -> None:
    folder, fifo, bound = tmp_path / "x.jpg", tmp_path / "fifo.jpg", tmp_path / "socket.jpg"
    folder.mkdir()
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(bound))
        for path in (folder, fifo, bound):
            assert isinstance(failure(path, tmp_path), NotMedia)


@pytest.mark.fault("a link out of the root")
def test_a_link_within_the_root_is_read_and_one_that_leaves_it_is_not(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "sub").mkdir(parents=True)
    outside.mkdir()
    inner, outer = samples.jpeg(root / "sub/a.jpg"), samples.jpeg(outside / "a.jpg")
    (root / "in.jpg").symlink_to(inner)
    (root / "out.jpg").symlink_to(outer)
    (root / "dangling.jpg").symlink_to(outside / "none.jpg")
    (root / "folder").symlink_to(outside)
    (root / "loop.jpg").symlink_to(root / "loop.jpg")
    assert read(str(root / "in.jpg"), str(root)).sha256 == read(str(inner), None).sha256
    assert isinstance(failure(root / "out.jpg", root), LinkOutsideRoot)
    assert isinstance(failure(root / "dangling.jpg", root), LinkOutsideRoot)
    assert isinstance(failure(root / "folder/a.jpg", root), LinkOutsideRoot)
    assert isinstance(failure(root / "loop.jpg", root), Unreadable)
    assert read(str(root / "out.jpg"), None).bytes == outer.stat().st_size


def test_a_neighbour_whose_name_begins_like_the_root_is_outside(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root2").mkdir()
    samples.jpeg(tmp_path / "root2/a.jpg")
    (tmp_path / "root/a.jpg").symlink_to(tmp_path / "root2/a.jpg")
    assert isinstance(failure(tmp_path / "root/a.jpg", tmp_path / "root"), LinkOutsideRoot)


def test_a_root_that_is_a_link_itself_is_a_root(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    samples.jpeg(tmp_path / "real/a.jpg")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert read(str(tmp_path / "root/a.jpg"), str(tmp_path / "root")).kind is Kind.IMAGE


def test_a_missing_file_has_vanished_and_a_missing_root_is_offline(tmp_path: Path) -> None:
    assert isinstance(failure(tmp_path / "none.jpg", tmp_path), Vanished)
    assert isinstance(failure(tmp_path / "away/none.jpg", tmp_path / "away"), RootOffline)


def test_a_file_without_rights_is_unreadable() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = samples.jpeg(Path(folder) / "a.jpg")
        path.chmod(0)
        before = os.geteuid()
        if before == 0:  # root may read everything
            os.seteuid(65534)
        try:
            caught = failure(path, Path(folder))
        finally:
            os.seteuid(before)
        assert isinstance(caught, Unreadable)
        assert "ermission" in caught.detail


@pytest.mark.fault("a file that is replaced while it is read")
def test_a_file_that_grows_while_it_is_read_is_changed(tmp_path: Path) -> None:
    path = samples.jpeg(tmp_path / "a.jpg")
    stop = threading.Event()
    with open(path, "ab", buffering=0) as file:
        file.write(bytes(40_000_000))

        def grow() -> None:
            while not stop.is_set():
                file.write(b"more")

        thread = threading.Thread(target=grow)
        thread.start()
        try:
            assert isinstance(failure(path), Changed)
        finally:
            stop.set()
            thread.join()


@pytest.mark.parametrize(
    ("number", "with_root", "without_root"),
    [
        (errno.EIO, Unreadable, Unreadable),
        (errno.ESTALE, Changed, Changed),
        (errno.ENOTCONN, RootOffline, RootOffline),
        (errno.EHOSTDOWN, RootOffline, RootOffline),
        (errno.EACCES, Unreadable, Unreadable),
        (errno.ENOENT, Vanished, Vanished),
    ],
)
def test_an_error_of_the_system_is_the_files_where_its_root_answers(
    tmp_path: Path, number: int, with_root: type[Failure], without_root: type[Failure]
) -> None:
    error = OSError(number, os.strerror(number))
    assert type(reader.failure_of(error, str(tmp_path))) is with_root
    assert type(reader.failure_of(error, None)) is without_root


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOENT])
@pytest.mark.fault("a file system that fails or hangs")
def test_an_error_of_the_system_is_the_roots_where_that_does_not_answer(tmp_path: Path, number: int) -> None:
    assert type(reader.failure_of(OSError(number, ""), str(tmp_path / "away"))) is RootOffline
