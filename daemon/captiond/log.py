"""The log: one event is one line, readable on a terminal and JSON elsewhere, with no secret in it.

    log = log.get(__name__)
    log.info("caption written", path=path, seconds=1.2)

`get` is cheap: structlog (0.25 s to import, because of what it imports in turn) is loaded by `configure`, or by the
first warning before that. What other libraries log through `logging` comes out of the same pipe, from warnings on.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TextIO

from captiond.paths import to_text
from captiond.redact import HIDDEN, redact, register_secret

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = [
    "HIDDEN",
    "Format",
    "Level",
    "Logger",
    "configure",
    "get",
    "log_uncaught",
    "redact",
    "register_secret",
]

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "console", "json"]

_LEVELS: Final[Mapping[str, int]] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_TEXT_LIMIT = 4_000  # characters of one value: an endpoint that answers with a megabyte must not fill the log
_TRACEBACK_LIMIT = 20_000
_DEPTH = 6
_UNPRINTABLE = re.compile(
    # C0, DEL and C1 (they drive the terminal), line separators, and the marks that turn the direction of text
    "[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


# --- loggers --------------------------------------------------------------------------------------------------------


class Logger:
    """Writes events under a name, with fields that each of them carries. Immutable; safe in every thread."""

    __slots__ = ("_fields", "_name")

    def __init__(self, name: str, fields: Mapping[str, object]) -> None:
        self._name = name
        self._fields = fields

    def bind(self, **fields: object) -> Self:
        """A logger that adds these fields to each event."""
        return type(self)(self._name, {**self._fields, **fields})

    def debug(self, event: str, /, **fields: object) -> None:
        _write("debug", self._name, event, {**self._fields, **fields})

    def info(self, event: str, /, **fields: object) -> None:
        _write("info", self._name, event, {**self._fields, **fields})

    def warning(self, event: str, /, **fields: object) -> None:
        _write("warning", self._name, event, {**self._fields, **fields})

    def error(self, event: str, /, **fields: object) -> None:
        _write("error", self._name, event, {**self._fields, **fields})

    def exception(self, event: str, /, **fields: object) -> None:
        """An error with the traceback of the exception that is being handled."""
        _write("error", self._name, event, {"exc_info": True, **self._fields, **fields})


def get(name: str) -> Logger:
    """The logger of a module; `captiond.` in front of its name is left out."""
    return Logger(name.removeprefix("captiond."), {})


_lock = threading.Lock()
_threshold = _LEVELS["warning"]
_pipe: FilteringBoundLogger | None = None


def _write(level: str, name: str, event: str, fields: dict[str, object]) -> None:
    if _LEVELS[level] < _threshold:
        return
    if _pipe is None:
        configure("warning")
    assert _pipe is not None
    getattr(_pipe.new(), level)(event, **_renamed(fields), logger=name)


def _renamed(fields: dict[str, object]) -> dict[str, object]:
    # These keys are the line's own.
    return {f"{key}_" if key in ("event", "level", "logger", "timestamp") else key: fields[key] for key in fields}


# --- set-up ---------------------------------------------------------------------------------------------------------


def configure(level: Level = "info", format: Format = "auto", stream: TextIO | None = None) -> None:
    """Sets what is logged, how and where; may be called again, as after a reload.

    Args:
        level: events below it are dropped. Other libraries are heard from warnings on, whatever it is.
        format: `console` for people, `json` for one object a line, `auto` for console on a terminal and JSON elsewhere.
        stream: where lines go; stderr if not given.
    """
    import structlog

    global _pipe, _threshold  # noqa: PLW0603 - one process has one log
    out = sys.stderr if stream is None else stream
    terminal = _is_terminal(out)
    if format == "console" or (format == "auto" and terminal):
        rendering: list[Any] = [
            _escape_unprintable,
            structlog.dev.ConsoleRenderer(
                colors=terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb",
                exception_formatter=structlog.dev.plain_traceback,
                sort_keys=False,
                pad_event_to=0,
                pad_level=True,
            ),
        ]
        stamp = structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False)
    else:
        rendering = [_ordered, structlog.processors.JSONRenderer(ensure_ascii=False, default=str), _json_on_one_line]
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    with _lock:
        _threshold = _LEVELS[level]
        _pipe = structlog.wrap_logger(
            _Writer(out, prefixed=_is_journal(out)),
            processors=[
                structlog.processors.add_log_level,
                stamp,
                structlog.processors.format_exc_info,
                _cleaned,
                *rendering,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(level),
            cache_logger_on_first_use=False,
        )
        _take_over_logging()


def log_uncaught() -> None:
    """Exceptions that nobody caught, in the main thread and in others, become one event each instead of a print."""

    def of_main(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        else:
            _write("error", "captiond", "uncaught exception", {"exc_info": (kind, error, trace)})

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
            name = args.thread.name if args.thread else "unknown"
            info = (args.exc_type, args.exc_value, args.exc_traceback)
            _write("error", "captiond", "uncaught exception in a thread", {"thread": name, "exc_info": info})

    sys.excepthook = of_main
    threading.excepthook = of_thread


class _FromLogging(logging.Handler):
    """Brings the records of `logging` into the pipe."""

    def emit(self, record: logging.LogRecord) -> None:
        level = max(
            (name for name in _LEVELS if _LEVELS[name] <= record.levelno), key=_LEVELS.__getitem__, default="debug"
        )
        try:
            event = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit the message must not cost the event
            event = str(record.msg)
        fields: dict[str, object] = {"exc_info": record.exc_info} if record.exc_info else {}
        _write(level, record.name, event, fields)


def _take_over_logging() -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _FromLogging)]:
        root.removeHandler(handler)
    root.addHandler(_FromLogging())
    root.setLevel(logging.WARNING)
    # The openai client logs whole requests, pictures and all, at debug: $OPENAI_LOG must not be able to ask for that.
    for name in ("openai", "httpx2", "httpcore2", "watchdog", "alembic", "PIL", "libav"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


# --- the pipe's own parts -------------------------------------------------------------------------------------------


class _Writer:
    """The pipe's end: whole lines, one at a time, and never an error: a log that is full must not stop the work."""

    def __init__(self, stream: TextIO, *, prefixed: bool) -> None:
        self._stream = stream
        self._prefixed = prefixed
        self._lock = threading.Lock()

    def _line(self, priority: int, line: str) -> None:
        text = f"<{priority}>{line}\n" if self._prefixed else f"{line}\n"
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            with self._lock:
                self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
                self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            pass

    # The numbers are syslog's, which journald reads off the line's start: `journalctl -p warning` then works.
    def debug(self, line: str) -> None:
        self._line(7, line)

    def info(self, line: str) -> None:
        self._line(6, line)

    def warning(self, line: str) -> None:
        self._line(4, line)

    def error(self, line: str) -> None:
        self._line(3, line)

    def critical(self, line: str) -> None:
        self._line(2, line)


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _is_journal(stream: TextIO) -> bool:
    """Whether the stream is the one that `$JOURNAL_STREAM` names, as device:inode (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def _cleaned(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    return {
        _text(str(key)): _traceback(value) if key == "exception" and isinstance(value, str) else _value(value)
        for key, value in event.items()
    }


def _value(value: object, depth: int = _DEPTH) -> object:
    """The value as what JSON knows, without secrets."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bytes):
        return _text(os.fsdecode(value[: 10 * _TEXT_LIMIT]))
    if depth and isinstance(value, Mapping):
        return {_text(str(key)): _value(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_value(item, depth - 1) for item in value]
    try:
        return _text(str(value))
    except Exception:  # noqa: BLE001 - a value that can't say what it is must not cost the event
        return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    # Cut roughly before the search for secrets, which takes time, and exactly after it, which may split none.
    whole = len(text)
    text = redact(text[: 10 * _TEXT_LIMIT])
    if len(text) > _TEXT_LIMIT:
        text = f"{text[:_TEXT_LIMIT]}… ({whole:,} characters)"
    return _encodable(text)


def _traceback(text: str) -> str:
    text = redact(text[-10 * _TRACEBACK_LIMIT :])
    return _encodable(text if len(text) <= _TRACEBACK_LIMIT else f"…{text[-_TRACEBACK_LIMIT:]}")  # its end says most


def _encodable(text: str) -> str:
    if _SURROGATE.search(text):  # a file's name that is not UTF-8: written as in the database
        text = to_text(text).encode("utf-8", "backslashreplace").decode()
    return text


def _ordered(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    first = {key: event.pop(key) for key in ("timestamp", "level", "event", "logger") if key in event}
    return {**first, **event}


def _json_on_one_line(_logger: object, _method: str, line: str) -> str:
    """What json leaves as it is and some readers take for the end of a line; it can only be inside a string here."""
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", line)


def _escape_unprintable(_logger: object, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """On a terminal a file's name could move the cursor, or pretend to be another line. Empty fields are left out."""
    return {
        key: "\n".join(map(_printable, value.split("\n"))) if key == "exception" else _printable(value)
        for key, value in event.items()
        if value is not None
    }


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNPRINTABLE.sub(lambda match: match[0].encode("unicode_escape").decode(), value)
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
