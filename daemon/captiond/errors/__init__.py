"""Every way in which work can fail: a closed set, each with its cause and its remedy.

A class's docstring is its message; `remedy` says what a person can do. `code` is the reason that the database, `status`,
`show` and the log use. `fault` says whose fault it is, and so what `policy` does: see `Fault`.
docs/operations.md has a section for each code, and a test that none is missing.

    commands      what a command ends with
    failure       what all failures of jobs have
    of_file       the file's fault
    of_answer     the answer's
    of_endpoint   the endpoint's, or the file's as well
    of_root       the root's, the machine's, or time's
"""

from __future__ import annotations

from captiond.errors.commands import (
    CaptiondError,
    ConfigError,
    DatabaseError,
    DatabaseUnavailable,
    InstallError,
    InstanceError,
    UsageError,
)
from captiond.errors.failure import REJECTED_CHARACTERS, Failure, Fault
from captiond.errors.of_answer import (
    BadFields,
    CutAnswer,
    EmptyAnswer,
    LoopedAnswer,
    NotACategory,
    Refused,
    WrongLanguage,
)
from captiond.errors.of_endpoint import (
    Asleep,
    BadResponse,
    CallTimeout,
    Forbidden,
    NoImages,
    NoKey,
    NotFound,
    PaymentRequired,
    QuotaUsedUp,
    RateLimited,
    Redirected,
    ServerError,
    Unauthorized,
    Unavailable,
)
from captiond.errors.of_file import (
    BadRequest,
    CannotFetch,
    Corrupt,
    DecoderCrashed,
    DecoderMemory,
    DecoderTimeout,
    DownloadFailed,
    EmptyFile,
    Internal,
    LinkOutsideRoot,
    NoKeyFrame,
    NoPixels,
    NotMedia,
    NoVideoStream,
    TooLarge,
    TooManyPixels,
    Truncated,
    Unreadable,
    Unsupported,
    VideoOff,
)
from captiond.errors.of_root import Changed, NoDecoder, NoResources, RootOffline, Stopped, Vanished, Waiting

__all__ = [
    "FAILURES",
    "REJECTED_CHARACTERS",
    "Asleep",
    "BadFields",
    "BadRequest",
    "BadResponse",
    "CallTimeout",
    "CannotFetch",
    "CaptiondError",
    "Changed",
    "ConfigError",
    "Corrupt",
    "CutAnswer",
    "DatabaseError",
    "DatabaseUnavailable",
    "DecoderCrashed",
    "DecoderMemory",
    "DecoderTimeout",
    "DownloadFailed",
    "EmptyAnswer",
    "EmptyFile",
    "Failure",
    "Fault",
    "Forbidden",
    "InstallError",
    "InstanceError",
    "Internal",
    "LinkOutsideRoot",
    "LoopedAnswer",
    "NoDecoder",
    "NoImages",
    "NoKey",
    "NoKeyFrame",
    "NoPixels",
    "NoResources",
    "NoVideoStream",
    "NotACategory",
    "NotFound",
    "NotMedia",
    "PaymentRequired",
    "QuotaUsedUp",
    "RateLimited",
    "Redirected",
    "Refused",
    "RootOffline",
    "ServerError",
    "Stopped",
    "TooLarge",
    "TooManyPixels",
    "Truncated",
    "Unauthorized",
    "Unavailable",
    "Unreadable",
    "Unsupported",
    "UsageError",
    "Vanished",
    "VideoOff",
    "Waiting",
    "WrongLanguage",
]


def _leaves(cls: type[Failure]) -> list[type[Failure]]:
    return [leaf for sub in cls.__subclasses__() for leaf in [sub, *_leaves(sub)]]


FAILURES: dict[str, type[Failure]] = {cls.code: cls for cls in _leaves(Failure)}
"""Every failure by its code: the closed set."""
