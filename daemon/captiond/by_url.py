"""What may be sent as a URL instead of bytes: which URL, to whom, and who has said that it can't fetch it.

A URL is handed to an endpoint only if that endpoint could reach it and may know of it: never one with a user name and
password, and never one of this machine or this network to a server that is elsewhere.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from captiond import log
from captiond.config.models import RELPATH
from captiond.media import asfile, header, identify, plain, reader
from captiond.paths import is_under, is_url
from captiond.values import Encoded, FilePart, Job, Kind, MediaFacts, Opened, Stat

if TYPE_CHECKING:
    from captiond.config.models import Watch
    from captiond.errors import Failure
    from captiond.fetch import Peeked
    from captiond.media.spec import EncodeSpec

MAX_EDGE = 8000
"""Pixels: Anthropic refuses larger ones. What an endpoint takes is else bounded by its `max_bytes`, as for bytes."""
REFUSED_SECONDS = 1800.0
"""So long an endpoint that could not fetch one URL of a place gets bytes of it, and is then tried once more."""
_RESOLVED_SECONDS = 300.0
_LOCAL_NAMES = (".local", ".internal", ".intranet", ".lan", ".home", ".home.arpa", ".localhost")


class Reach(IntEnum):
    """From where an address can be reached."""

    MACHINE = 0
    NETWORK = 1
    WORLD = 2


# --- the URL ---------------------------------------------------------------------------------------------------------


def of_file(template: str, root: str, path: str) -> str:
    """The URL of a file below a root, by the root's `public_url`.

    The relative path is percent-encoded byte by byte: a name that is not UTF-8, or has `#`, `?`, `%` or spaces in it,
    is what a web server that serves the folder finds.
    """
    relative = os.path.relpath(path, root) if is_under(path, root) else os.path.basename(path)
    return template.replace(RELPATH, quote(os.fsencode(relative), safe="/"))


def why_not(url: str, base_url: str) -> str | None:
    """Why the endpoint at `base_url` is not to be told this URL; None if it may be. May ask the name service."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "it is no valid address"
    if "@" in parts.netloc:
        return "it holds a user name or password"
    reach = _reach(host or "")
    if reach is Reach.WORLD:
        return None
    endpoint = _reach(urlsplit(base_url).hostname or "")
    if endpoint is Reach.MACHINE or (endpoint is Reach.NETWORK and reach is Reach.NETWORK):
        return None
    where = "this machine" if reach is Reach.MACHINE else "a private network"
    return f"its address is of {where}, and the endpoint is elsewhere"


def _reach(host: str) -> Reach:
    return _resolved(host.lower(), int(time.monotonic() / _RESOLVED_SECONDS))


@lru_cache(maxsize=1024)
def _resolved(host: str, _period: int) -> Reach:
    """The nearest of the host's addresses. A name that can't be resolved here is judged by its form."""
    try:
        found = {str(info[4][0]).partition("%")[0] for info in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return Reach.NETWORK if "." not in host or host.endswith(_LOCAL_NAMES) else Reach.WORLD
    return min((_of_address(ipaddress.ip_address(address)) for address in found), default=Reach.NETWORK)


def _of_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Reach:
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_loopback or address.is_link_local or address.is_unspecified:
        return Reach.MACHINE
    return Reach.WORLD if address.is_global else Reach.NETWORK


# --- the media -------------------------------------------------------------------------------------------------------


def peeked(
    url: str, found: Peeked, base_url: str, spec_for: Callable[[Kind], EncodeSpec]
) -> tuple[Opened, Encoded] | None:
    """What is sent as the URL `url`, by its first bytes; None if it has to be fetched.

    Its content is known by the SHA-256 of its bytes where these are all there, else by that of the URL, its size and
    its first bytes: a picture that is replaced is another content, one that stays is paid for once.
    """
    sniffed = identify.sniff(found.head[: identify.HEAD_BYTES])
    if sniffed is None or any(why_not(hop, base_url) for hop in found.hops):
        return None
    size = header.picture_size(sniffed.format, io.BytesIO(found.head)) if sniffed.kind is Kind.IMAGE else None
    if not _taken(sniffed, found.head, found.size, size or (0, 0), spec_for(sniffed.kind)):
        return None
    digest = hashlib.sha256(found.head if found.whole else f"{url}\n{found.size}\n".encode() + found.head)
    facts = MediaFacts(sniffed.kind, sniffed.mime, sniffed.format, *(size or (0, 0)))
    length = found.size or 0
    opened = Opened(url, Stat(length, 0, 0, 0), digest.hexdigest(), sniffed.kind, sniffed.mime, length)
    return opened, Encoded(facts, (), url=url)


def may_go(opened: Opened, encoded: Encoded, spec: EncodeSpec) -> bool:
    """Whether a file on disk may be sent as its URL: an endpoint then sees the same as in `encoded`, or a larger one.

    Raises:
        Changed, Unreadable, Vanished, RootOffline: it is not the file any more that was hashed.
    """
    if len(encoded.parts) != 1 or encoded.facts.animated:
        return False
    (part,) = encoded.parts
    if opened.kind is Kind.VIDEO and not (isinstance(part, FilePart) and part.path == opened.path):
        return False
    try:
        with open(reader.open_same(opened), "rb") as file:
            head = file.read(plain.HEAD_BYTES)
    except OSError:
        return False
    sniffed = identify.sniff(head[: identify.HEAD_BYTES])
    size = (encoded.facts.width, encoded.facts.height)
    return sniffed is not None and _taken(sniffed, head, opened.bytes, size, spec)


def _taken(sniffed: identify.Sniffed, head: bytes, length: int | None, size: tuple[int, int], spec: EncodeSpec) -> bool:
    if sniffed.kind is Kind.VIDEO:
        return length is not None and asfile.goes(asfile.File(sniffed.format, None, length), spec)
    fits = (length or 0) <= spec.max_bytes and max(size) <= MAX_EDGE and size[0] * size[1] <= spec.max_pixels
    return fits and sniffed.format in plain.FORMATS and plain.is_plain(sniffed.format, head)


# --- who gets URLs ---------------------------------------------------------------------------------------------------


class Urls:
    """The URL that each job's media may be sent as, and what the endpoints said of earlier ones. For all threads."""

    def __init__(self, watch: Iterable[Watch]) -> None:
        self._templates = {str(root.path): root.public_url for root in watch if root.public_url is not None}
        self._lock = threading.Lock()
        self._refused: dict[tuple[str, str], float] = {}
        self._told: set[tuple[str, str, str]] = set()
        self._log = log.get("by_url")

    def of_job(self, job: Job, endpoint: str, base_url: str | None) -> str | None:
        """The URL to send; None: send bytes. An attempt after the first one sends bytes: whatever went wrong, they work.

        Args:
            job: the job.
            endpoint: the endpoint's name.
            base_url: its address; None for what runs in this process and needs bytes.
        """
        if base_url is None or job.inline or job.download is not None or job.attempts > 1:
            return None
        if is_url(job.path):
            url = job.path
        elif job.root is not None and (template := self._templates.get(job.root)) is not None:
            url = of_file(template, job.root, job.path)
        else:
            return None
        place = _place(job)
        with self._lock:
            if self._refused.get((endpoint, place), 0.0) > time.monotonic():
                return None
        reason = why_not(url, base_url)
        if reason is None:
            return url
        if self._is_new("url_not_sent", endpoint, place):
            self._log.warning("url_not_sent", endpoint=endpoint, place=place, reason=reason, instead="bytes")
        return None

    def refused(self, job: Job, endpoint: str, failure: Failure) -> None:
        """The endpoint could not fetch the job's URL: for a while it gets bytes of that place. Said once."""
        place = _place(job)
        with self._lock:
            self._refused[endpoint, place] = time.monotonic() + REFUSED_SECONDS
        if self._is_new("url_refused", endpoint, place):
            self._log.warning(
                "url_refused",
                endpoint=endpoint,
                place=place,
                reason=failure.message,
                instead="bytes",
                remedy="see that the endpoint reaches that address; bytes are sent meanwhile",
            )

    def _is_new(self, event: str, endpoint: str, place: str) -> bool:
        with self._lock:
            new = (event, endpoint, place) not in self._told
            self._told.add((event, endpoint, place))
        return new


def _place(job: Job) -> str:
    """What is likely reached alike: a root, or a host."""
    if not is_url(job.path):
        return job.root or ""
    return job.path.partition("://")[2].partition("/")[0]
