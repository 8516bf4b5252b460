"""A URL that a person asked to caption: looked at by its first bytes, or fetched into the state folder."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from captiond.errors import DownloadFailed
from captiond.redact import redact, register_login

if TYPE_CHECKING:
    import httpx2

MAX_BYTES = 2_000_000_000
"""Of one download."""
SECONDS = 600.0
"""The longest download."""
LEFT_SECONDS = 3600.0
"""A download that nobody has written to for so long is not on its way any more."""
PEEK_BYTES = 64 * 1024
"""A picture's format, size and orientation stand within the first of its bytes."""
PEEK_SECONDS = 30.0
"""The longest look at the first bytes."""
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Peeked:
    """The first bytes of a URL. `size` is the whole's, None where it was not told; `hops` are all addresses on the way."""

    head: bytes
    size: int | None
    hops: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether the first bytes are all there are."""
        return self.size == len(self.head)


def split_login(url: str) -> tuple[str, str | None]:
    """A URL without its user name and password, and these as they stood in it ("user:password"), None where there are none.

    From here on they are hidden in whatever is logged.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # it fails as a download, in clear words
        return url.rpartition("@")[2] if "@" in url else url, None
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    register_login(login)
    return parts._replace(netloc=host).geturl(), login


def printable(url: str) -> str:
    """The URL without a user name and password."""
    return split_login(url)[0]


def peek(url: str) -> Peeked | None:
    """The first bytes of what is at `url`; None if the server does not give a part.

    Raises:
        DownloadFailed: with the cause.
    """
    deadline = time.monotonic() + PEEK_SECONDS
    with _answer(url, None, {"Range": f"bytes=0-{PEEK_BYTES - 1}"}) as response:
        if response.status_code == 416:
            return None
        _must_be_well(url, response, (200, 206))
        head = bytearray()
        for piece in response.iter_bytes(PEEK_BYTES):
            head += piece
            if len(head) >= PEEK_BYTES or time.monotonic() > deadline:
                break
        hops = (*(str(hop.url) for hop in response.history), str(response.url))
        return Peeked(bytes(head[:PEEK_BYTES]), _size(response), hops)


def left_behind(folder: Path) -> list[Path]:
    """Old files in the folder of downloads: runs that were cut off have left them, or a job is for them still."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return []
    # What is young may be on its way: a command fetches before it queues.
    oldest = time.time() - LEFT_SECONDS
    return [Path(entry.path) for entry in entries if entry.stat(follow_symlinks=False).st_mtime < oldest]


def fetch(url: str, target: Path, login: str | None = None) -> Path:
    """Fetch `url` into the file `target` and return it; its folder is made. What can't be fetched whole leaves no file.

    Args:
        url: without a user name and password.
        target: a file, made anew.
        login: "user:password", as `split_login` found it.

    Raises:
        DownloadFailed: with the cause.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, target, login)
    except BaseException:
        discard(target)
        raise
    return target


def discard(target: Path) -> None:
    """Take a download away; it is no error when there is none, and one that can't be is left behind."""
    with suppress(OSError):
        os.unlink(target)


def _fetch(url: str, target: Path, login: str | None) -> None:
    deadline = time.monotonic() + SECONDS
    with _answer(url, login, {}) as response, target.open("wb") as out:
        _must_be_well(url, response, (200,))
        size = 0
        for piece in response.iter_bytes(_PIECE):
            size += len(piece)
            if size > MAX_BYTES:
                raise DownloadFailed(f"{printable(url)} is larger than {MAX_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise DownloadFailed(f"{printable(url)} took longer than {SECONDS:.0f} s")
            out.write(piece)


@contextmanager
def _answer(url: str, login: str | None, headers: dict[str, str]) -> Iterator[httpx2.Response]:
    import httpx2

    user, _, password = (login or "").partition(":")
    auth = (unquote(user), unquote(password)) if login else None
    try:
        with (
            httpx2.Client(follow_redirects=True, max_redirects=5, timeout=30, auth=auth) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity", **headers}) as response,
        ):
            yield response
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise DownloadFailed(f"{printable(url)}: {redact(str(error)) or type(error).__name__}") from error


def _must_be_well(url: str, response: httpx2.Response, well: tuple[int, ...]) -> None:
    if response.status_code not in well:
        raise DownloadFailed(f"{printable(url)} answered {response.status_code}")


def _size(response: httpx2.Response) -> int | None:
    if response.status_code == 206:
        told = re.fullmatch(r"bytes \d+-\d+/(\d+)", response.headers.get("content-range", "").strip())
        return int(told[1]) if told else None
    length = response.headers.get("content-length", "")
    return int(length) if length.isdigit() else None
