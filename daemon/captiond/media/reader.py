"""A path becomes an `Opened`: opened safely, identified by content, hashed while it is read once.

Nothing outside the root is read, nothing that is no regular file is opened, and a file that changes while it is read
is `Changed`. The same checks open it again for the decoder.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat as stat_module
from collections.abc import Callable

from captiond import beneath
from captiond.errors import (
    Changed,
    EmptyFile,
    Failure,
    LinkOutsideRoot,
    NoResources,
    NotMedia,
    RootOffline,
    Unreadable,
    Unsupported,
    Vanished,
)
from captiond.media import identify
from captiond.mounts import AWAY
from captiond.paths import is_under
from captiond.values import Kind, Opened, Stat

PIECE_BYTES = 768 * 1024
"""How much is read at a time."""

# O_NONBLOCK: a file that became a FIFO does not hang us. O_NOCTTY: nor does a terminal take us over.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def read(path: str, root: str | None, on_piece: Callable[[], None] = lambda: None) -> Opened:
    """Open, identify and hash a file.

    Args:
        path: absolute, as the OS names it.
        root: the watched folder that it must lie in after following links; None allows any place.
        on_piece: called with each piece that was read: a large file may take long, and does not hang.

    Raises:
        EmptyFile, NotMedia, Unsupported: by its size and first bytes; it is not read further.
        LinkOutsideRoot: a link leads out of the root.
        Unreadable, Vanished, RootOffline: it can't be opened or read.
        Changed: it changed while it was read.
    """
    try:
        fd = _open(path, root)
        try:
            return _read(fd, path, on_piece)
        finally:
            os.close(fd)
    except OSError as error:
        raise failure_of(error, root) from error


def look(path: str, root: str | None) -> tuple[Kind, Stat]:
    """What kind of file it is, by its size and first bytes alone. Raises as `read` does."""
    try:
        fd = _open(path, root)
        try:
            status = os.fstat(fd)
            if status.st_size == 0:
                raise EmptyFile
            return _identified(os.pread(fd, identify.HEAD_BYTES, 0), fd, path).kind, Stat.of(status)
        finally:
            os.close(fd)
    except OSError as error:
        raise failure_of(error, root) from error


def is_candidate(path: str) -> bool:
    """Whether a file is worth a try: named like media, or media by its first bytes. Never raises, never hangs on a FIFO."""
    try:
        if not stat_module.S_ISREG(os.stat(path).st_mode):
            return False
        if identify.named_like_media(path):
            return True
        fd = os.open(path, _FLAGS)
    except OSError:
        return identify.named_like_media(path) and not os.path.isdir(path)
    try:
        return identify.sniff(os.pread(fd, identify.HEAD_BYTES, 0)) is not None
    except OSError:
        return False
    finally:
        os.close(fd)


def open_same(opened: Opened) -> int:
    """Open the file again, as long as it is the same; the caller closes the descriptor.

    Raises:
        Changed: it is another file, or was written to, since it was hashed.
        Unreadable, Vanished, RootOffline: it can't be opened.
    """
    try:
        fd = os.open(opened.path, _FLAGS)
    except OSError as error:
        raise failure_of(error, None) from error
    try:
        check_same(fd, opened)
    except BaseException:
        os.close(fd)
        raise
    return fd


def check_same(fd: int, opened: Opened) -> None:
    """See that an open file still has the stat under which it was hashed.

    Raises:
        Changed: it has not.
        Unreadable, RootOffline: it can't be told.
    """
    try:
        now = Stat.of(os.fstat(fd))
    except OSError as error:
        raise failure_of(error, None) from error
    if now != opened.stat:
        raise Changed


def failure_of(error: OSError, root: str | None) -> Failure:
    """The typed failure of an error of the operating system on a file.

    One bad file is told from a root that is away by asking the root itself, where that is known.
    """
    number = error.errno or 0
    detail = os.strerror(number) if number else str(error)
    if number in (errno.ENOENT, errno.ENOTDIR):
        return Vanished() if root is None or os.path.isdir(root) else RootOffline(detail)
    if number == errno.ESTALE:  # a server's word for a file that was replaced, if the root itself is well
        return Changed(detail) if _answers(root) else RootOffline(detail)
    if number in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return NoResources(detail)
    if number == errno.EIO and _answers(root):
        return Unreadable(detail)
    return RootOffline(detail) if number in AWAY else Unreadable(detail)


def _answers(root: str | None) -> bool:
    if root is None:
        return True
    try:
        with os.scandir(root) as entries:
            next(entries, None)
    except OSError:
        return False
    return True


def _open(path: str, root: str | None) -> int:
    if root is not None and is_under(path, root):
        # A link may well stay inside.
        with contextlib.suppress(beneath.LeavesRoot, _Link):
            return _opened_in(root, path)
    real = beneath.resolved(path)
    if root is not None and not is_under(real, beneath.resolved(root)):
        raise LinkOutsideRoot(_target(path))
    try:
        return _opened_in(root, real)
    except beneath.LeavesRoot:
        raise LinkOutsideRoot("a folder of its path became a link") from None
    except _Link:
        raise Unreadable("a link that leads to itself") from None


class _Link(Exception):
    """The path's last part is one."""


def _opened_in(root: str | None, path: str) -> int:
    folder, name = os.path.split(path)
    if root is None:
        parent = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    else:
        parent = beneath.folder(root, folder, listed=False)
    try:
        mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        if stat_module.S_ISLNK(mode):
            raise _Link
        if not stat_module.S_ISREG(mode):
            raise NotMedia("not a regular file")
        return os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=parent)
    finally:
        os.close(parent)


def _target(path: str) -> str:
    return "it is a link" if os.path.islink(path) else "a folder of its path is a link"


def _read(fd: int, path: str, on_piece: Callable[[], None]) -> Opened:
    before = os.fstat(fd)
    if not stat_module.S_ISREG(before.st_mode):
        raise NotMedia("not a regular file")
    if before.st_size == 0:
        raise EmptyFile
    buffer = bytearray(PIECE_BYTES)
    view = memoryview(buffer)
    got = os.readv(fd, [view])
    sniffed = _identified(bytes(view[: min(got, identify.HEAD_BYTES)]), fd, path)
    digest, total = hashlib.sha256(), 0
    while got:
        digest.update(view[:got])
        total += got
        on_piece()
        got = os.readv(fd, [view])
    stat = Stat.of(before)
    if Stat.of(os.fstat(fd)) != stat or total != stat.size:
        raise Changed
    return Opened(path, stat, digest.hexdigest(), sniffed.kind, sniffed.mime, total)


def _identified(head: bytes, fd: int, path: str) -> identify.Sniffed:
    sniffed = identify.sniff(head, fd)
    if sniffed is None:
        name = identify.unreadable_format(head)
        if name is not None:
            raise Unsupported(name)
        raise NotMedia(_looks_like(head))
    if sniffed.format == "tiff" and identify.is_raw_name(path):
        raise Unsupported(f"a camera's raw photo (.{identify.extension(path)})")
    return sniffed


def _looks_like(head: bytes) -> str:
    if not head.strip(b"\0"):
        return "its first bytes are zeros"
    if head[:5] == b"%PDF-":
        return "it is a PDF"
    if head[:4] == b"PK\x03\x04":
        return "it is a ZIP archive"
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return "" if error.start < len(head) - 4 else "it is text"
    return "" if b"\0" in head else "it is text"
