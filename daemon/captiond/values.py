"""The frozen values that one stage hands to the next. No logic, no I/O.

A file's way: path -> (settle) -> Quiet -> (intake) -> Job -> (read) -> Opened -> (encode) -> Encoded
-> (recipes) -> Request -> (endpoint) -> Answer -> (recipes) -> Reply -> (record) -> caption row -> sidecar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import os


class Kind(StrEnum):
    """What a file is, by its content."""

    IMAGE = "image"
    VIDEO = "video"


class Source(StrEnum):
    """Who wrote a caption."""

    MODEL = "model"
    BUILTIN = "builtin"
    HUMAN = "human"


class JobState(StrEnum):
    """The states of a job; every transition is one function in `jobs`."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"


class Priority(IntEnum):
    """Order of the queue: the higher goes first."""

    HELD = -10
    """Not claimed: a root's first backlog, until a person agrees to it."""
    BACKLOG = 0
    NEW = 10
    PERSON = 100


@dataclass(frozen=True, slots=True)
class Stat:
    """What tells that a file is still the same. Times are nanoseconds since 1970."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """What the system tells of a file."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


@dataclass(frozen=True, slots=True)
class Quiet:
    """A file that has been unchanged for the settle time."""

    path: str
    stat: Stat
    priority: Priority = Priority.NEW


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed job: enough to do the work without the database.

    `attempts` counts this one; `reason` is the code of the last one's failure. `inline`: whoever asked wants the bytes
    sent, not a URL. `download` names the file that its URL was fetched into when it was asked for. `after_caption`: it was
    asked for again, and only a caption with a higher id is an answer.
    """

    id: int
    file_id: int
    path: str
    root_id: int | None
    root: str | None
    recipe: str
    priority: int
    attempts: int
    run_id: str
    created_at: float
    due_at: float
    known_sha256: str | None = None
    request: str | None = None
    reason: str | None = None
    inline: bool = False
    download: str | None = None
    after_caption: int = 0


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """What was read in a file's header and metadata. Pixels after turning; `taken_at` is ISO 8601 local time.

    `pages` is how many a document of several has; the picture is its first. Of a damaged video only what could be read is
    shown: `readable_seconds` of it, where its end is missing.
    """

    kind: Kind
    mime: str
    format: str
    width: int
    height: int
    duration_seconds: float | None = None
    taken_at: str | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    video_codec: str | None = None
    animated: bool = False
    pages: int | None = None
    damaged: bool = False
    readable_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Measures:
    """What the built-in describer may say, measured on the encoded picture.

    `colours` are (name, share 0..1), largest first; brightness 0..1; sharpness is the mean absolute
    Laplacian of the grey picture in 0..255 steps.
    """

    colours: tuple[tuple[str, float], ...]
    brightness: float
    sharpness: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was opened, identified and hashed: from here on its bytes are known."""

    path: str
    stat: Stat
    sha256: str
    kind: Kind
    mime: str
    bytes: int


@dataclass(frozen=True, slots=True)
class ImagePart:
    """One picture as it is sent. `data` is the encoded file; `at_seconds` is its time in a video."""

    mime: str
    data: bytes
    width: int
    height: int
    at_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file that is sent as it is, read while it is sent. `stat` must still hold before and after."""

    mime: str
    path: str
    stat: Stat


@dataclass(frozen=True, slots=True)
class VideoPart:
    """A small video that was made of a larger one. `data` is the MP4 file.

    `seconds` is its own length; `speed` is how many times as fast as what it shows it runs: 1 unless it was cut short.
    """

    mime: str
    data: bytes
    width: int
    height: int
    seconds: float
    speed: float = 1.0


Part = ImagePart | FilePart | VideoPart
"""One piece of media of a request."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The media as an endpoint gets them: pictures, or one video.

    With a `url` that is sent in the place of the parts; without parts they have yet to be made, should it not do.
    """

    facts: MediaFacts
    parts: tuple[Part, ...]
    measures: Measures | None = None
    seconds: float = 0.0
    url: str | None = None


@dataclass(frozen=True, slots=True)
class FileContext:
    """What a prompt may say of the file beside its media facts. `path` and `root` are printable text."""

    path: str
    root: str


@dataclass(frozen=True, slots=True)
class Request:
    """One call, ready to be sent. `text` follows the system text; parts come after it in their order."""

    model: str
    system: str | None
    text: str
    encoded: Encoded
    max_tokens: int
    temperature: float | None
    extra_body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one call, where the endpoint told them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an endpoint answered, before it is judged. `seconds` is the whole call.

    `reasoning` is what a server told apart from the text: no part of the answer. `refusal` is what it told in place of one.
    """

    text: str
    finish_reason: str | None
    model: str
    usage: Usage
    source: Source = Source.MODEL
    seconds: float = 0.0
    bytes_sent: int = 0
    reasoning: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A judged answer: what is stored as a caption."""

    caption: str
    category: str | None = None
    tags: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    language: str | None = None


SIDECAR_SCHEMA: Final = "captiond/1"
"""The version of the sidecar's format."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a sidecar says. `strange` are the keys in it that are none of the format: another program's, or a person's."""

    sha256: str
    kind: Kind
    mime: str
    bytes: int
    width: int | None
    height: int | None
    duration_seconds: float | None
    reply: Reply
    source: Source
    recipe: str
    recipe_digest: str
    model: str
    created_at: str
    usage: Usage = Usage()
    strange: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """A caption in the database, current or history, as far as it tells whether a sidecar is of it."""

    id: int
    reply: Reply
    source: Source
    recipe: str
    recipe_digest: str
    model: str
    created_at: str
    is_current: bool


ANSWERED: Final = "answered"
"""The outcome of a call that brought a usable answer; every other outcome is a failure's code."""


@dataclass(frozen=True, slots=True)
class Call:
    """The record of one request to an endpoint, answered or not. `started_at` is seconds since 1970, UTC."""

    endpoint: str
    model: str
    started_at: float
    seconds: float
    outcome: str
    usage: Usage = Usage()
    http_status: int | None = None
    bytes_sent: int = 0
    finish_reason: str | None = None
    rejected: str | None = None
