"""A URL that a person asked to caption, fetched into the state folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

from captiond.errors import DownloadFailed

MAX_BYTES = 2_000_000_000
"""Of one download."""
SECONDS = 600.0
"""The longest download."""
_PIECE = 256 * 1024


def printable(url: str) -> str:
    """The URL without a user name and password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def fetch(url: str, target: Path) -> Path:
    """Fetch `url` into the file `target` and return it; its folder is made.

    Raises:
        DownloadFailed: with the cause.
    """
    import httpx2

    target.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + SECONDS
    try:
        with (
            httpx2.Client(follow_redirects=True, max_redirects=5, timeout=30) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise DownloadFailed(f"{printable(url)} answered {response.status_code}")
            size = 0
            with target.open("wb") as out:
                for piece in response.iter_bytes(_PIECE):
                    size += len(piece)
                    if size > MAX_BYTES:
                        raise DownloadFailed(f"{printable(url)} is larger than {MAX_BYTES:,} bytes")
                    if time.monotonic() > deadline:
                        raise DownloadFailed(f"{printable(url)} took longer than {SECONDS:.0f} s")
                    out.write(piece)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise DownloadFailed(f"{printable(url)}: {str(error) or type(error).__name__}") from error
    return target


def discard(target: Path) -> None:
    """Take a download away; it is no error when there is none."""
    try:
        os.unlink(target)
    except FileNotFoundError:
        pass
