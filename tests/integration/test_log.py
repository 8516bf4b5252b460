"""The log as its readers get it: lines on a real stream, a real terminal, a real journal socket."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captiond import log

CANARY = "sk-canary/0123+456789"


@pytest.fixture
def out(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """A stream for the log; all that configuring changes in this process is put back."""
    for name in ("_pipe", "_threshold"):
        monkeypatch.setattr(log, name, getattr(log, name))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The code in a Python of its own."""
    env = {**os.environ, **environ}
    return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=60)


def test_json_has_one_object_a_line_with_time_level_and_event_first(out: io.StringIO) -> None:
    log.configure("info", "json", out)
    log.get("captiond.dispatch").bind(job=7).info("caption written", path="/a b.jpg", seconds=1.23456789, cost=None)
    (line,) = lines(out)
    assert list(line) == ["timestamp", "level", "event", "logger", "job", "path", "seconds", "cost"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("timestamp"))
    assert line == {
        "level": "info",
        "event": "caption written",
        "logger": "dispatch",
        "job": 7,
        "path": "/a b.jpg",
        "seconds": 1.234568,
        "cost": None,
    }


def test_console_is_one_readable_line_without_colours_on_a_pipe(out: io.StringIO) -> None:
    log.configure("info", "console", out)
    log.get("captiond.dispatch").info("caption written", path="/a b.jpg", cost=None)
    stamp, rest = out.getvalue()[:19], out.getvalue()[19:]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", stamp)
    assert rest.split() == ["[info", "]", "caption", "written", "[dispatch]", "path='/a", "b.jpg'"]
    assert out.getvalue().count("\n") == 1


def test_events_below_the_level_are_dropped(out: io.StringIO) -> None:
    logger = log.get("captiond.x")
    log.configure("warning", "json", out)
    logger.debug("no")
    logger.info("no")
    logger.warning("yes")
    log.configure("debug", "json", out)
    logger.debug("yes, too")
    assert [line["event"] for line in lines(out)] == ["yes", "yes, too"]


def test_a_field_named_like_a_part_of_the_line_keeps_its_own_place(out: io.StringIO) -> None:
    log.configure("info", "json", out)
    log.get("x").info("event", level=3, event="e", logger="l", timestamp=0)
    (line,) = lines(out)
    assert (line["level"], line["event"], line["logger"]) == ("info", "event", "x")
    assert (line["level_"], line["event_"], line["logger_"], line["timestamp_"]) == (3, "e", "l", 0)


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_secret_is_hidden_wherever_it_is(out: io.StringIO, form: log.Format) -> None:
    log.register_secret(f" {CANARY}\n")
    log.configure("debug", form, out)
    logger = log.get("x").bind(bound=CANARY)

    class Thing:
        def __str__(self) -> str:
            return f"Thing({CANARY})"

    event = f"event {CANARY}"
    logger.info(event, text=f"a{CANARY}b", nested={"k": [{CANARY: (CANARY,)}]}, raw=CANARY.encode())
    logger.info("objects", error=ValueError(CANARY), path=Path(CANARY), thing=Thing(), unordered={CANARY})
    logger.info("quoted", url="http://h/?key=sk-canary%2F0123%2B456789", half="sk-canary/0123%2B456789")
    logger.info("cut", long="x" * 3_995 + CANARY)
    logging.getLogger("openai").warning("sent %s", CANARY)
    try:
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise RuntimeError(f"after {CANARY}") from error
    except RuntimeError:
        logger.exception("failed")
    text = out.getvalue()
    assert "canary" not in text
    assert "456789" not in text
    assert text.count(log.HIDDEN) == 19
    assert "RuntimeError: after " + log.HIDDEN in text


def test_passwords_in_addresses_and_bearer_tokens_are_hidden_unregistered(out: io.StringIO) -> None:
    log.configure("info", "json", out)
    log.get("x").info(
        "https://me:hunter2@host/v1", header="authorization: bearer abc.def-123", plain="https://host:80/@"
    )
    (line,) = lines(out)
    assert line["event"] == f"https://{log.HIDDEN}@host/v1"
    assert line["header"] == f"authorization: bearer {log.HIDDEN}"
    assert line["plain"] == "https://host:80/@"


def test_a_secret_too_short_to_be_one_does_not_blank_the_log(out: io.StringIO) -> None:
    for value in ("", "  ", "a", "key"):
        log.register_secret(value)
    assert log.redact("a key in a log") == "a key in a log"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(text=st.text(st.characters(exclude_categories=()), max_size=60), form=st.sampled_from(["json", "console"]))
def test_any_text_is_one_line_and_can_be_encoded(out: io.StringIO, text: str, form: log.Format) -> None:
    out.seek(0)
    out.truncate()
    log.configure("info", form, out)
    log.get("x").info("found", path=text, nested=[{text: text}])
    written = out.getvalue()
    written.encode()
    assert len(written.splitlines()) == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", written)
    if form == "json" and not re.search("[\ud800-\udfff]", text):
        assert json.loads(written)["path"] == text


def test_a_name_that_is_not_utf8_is_written_as_in_the_database(out: io.StringIO) -> None:
    log.configure("info", "json", out)
    log.get("x").info("found", path=os.fsdecode(b"/a/\xff.jpg"))
    assert lines(out)[0]["path"] == "/a/\ufffdFF.jpg"


def test_a_value_of_a_megabyte_is_cut_and_says_so(out: io.StringIO) -> None:
    log.configure("info", "json", out)
    log.get("x").info("answer", body="y" * 1_000_000)
    (line,) = lines(out)
    assert len(line["body"]) < 5_000
    assert line["body"].endswith("(1,000,000 characters)")


def test_a_long_traceback_keeps_its_end(out: io.StringIO) -> None:
    log.configure("info", "json", out)
    try:
        raise ValueError("x" * 100_000 + " the cause")
    except ValueError:
        log.get("x").exception("failed")
    (line,) = lines(out)
    assert line["exception"].endswith(" the cause")
    assert len(line["exception"]) < 25_000


def test_an_object_that_cannot_say_what_it_is_does_not_cost_the_event(out: io.StringIO) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    log.configure("info", "json", out)
    log.get("x").info("found", thing=Broken())
    assert lines(out)[0]["thing"] == "<Broken>"


def test_other_libraries_are_heard_from_warnings_on(out: io.StringIO) -> None:
    log.configure("debug", "json", out)
    for name in ("openai", "watchdog.observers.api", "alembic.runtime.migration", "httpx2"):
        logging.getLogger(name).debug("no")
        logging.getLogger(name).info("no")
        logging.getLogger(name).warning("%s from %d", "news", 1)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old\nnews", DeprecationWarning, stacklevel=1)
    *news, warned = lines(out)
    assert [line["logger"] for line in news] == [
        "openai",
        "watchdog.observers.api",
        "alembic.runtime.migration",
        "httpx2",
    ]
    assert {(line["level"], line["event"]) for line in news} == {("warning", "news from 1")}
    assert warned["logger"] == "py.warnings"
    assert "old\nnews" in warned["event"]


def test_a_message_that_does_not_fit_its_arguments_is_logged_as_it_is() -> None:
    code = (
        "import logging\nfrom captiond import log\nlog.configure()\nlogging.getLogger('openai').error('%d sent', 'x')"
    )
    (line,) = run(code).stderr.splitlines()
    assert json.loads(line)["event"] == "%d sent"


def test_configuring_again_does_not_say_everything_twice(out: io.StringIO) -> None:
    for _ in range(3):
        log.configure("info", "json", out)
    logging.getLogger("openai").warning("once")
    log.get("x").info("once, too")
    assert [line["event"] for line in lines(out)] == ["once", "once, too"]


def test_lines_of_many_threads_do_not_mix(out: io.StringIO) -> None:
    log.configure("info", "json", out)
    logger = log.get("x")

    def work(number: int) -> None:
        for count in range(50):
            logger.info("step", number=number, count=count)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((line["number"], line["count"]) for line in lines(out)) == [
        (n, c) for n in range(8) for c in range(50)
    ]


def test_a_log_that_cannot_be_written_stops_nothing(out: io.StringIO) -> None:
    full = open("/dev/full", "w")  # noqa: SIM115 - closing it fails, too
    log.configure("info", "json", full)
    log.get("x").info("lost")
    with contextlib.suppress(OSError):
        full.close()
    log.get("x").info("written to a closed stream")
    reader, writer = os.pipe()
    os.close(reader)
    nobody = open(writer, "w")  # noqa: SIM115 - closing it fails, too
    log.configure("info", "json", nobody)
    log.get("x").info("written to nobody")
    with contextlib.suppress(OSError):
        nobody.close()
    log.configure("info", "json", out)
    log.get("x").info("the last one")
    assert [line["event"] for line in lines(out)] == ["the last one"]


def test_uncaught_exceptions_are_events() -> None:
    code = (
        "import threading\nfrom captiond import log\nlog.configure('info', 'json')\nlog.log_uncaught()\n"
        f"log.register_secret({CANARY!r})\n"
        "def work(): raise ValueError('in a thread')\n"
        "thread = threading.Thread(target=work, name='scan-1')\nthread.start()\nthread.join()\n"
        f"raise ValueError({CANARY!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    first, second = [json.loads(line) for line in done.stderr.splitlines()]
    assert (first["event"], first["thread"]) == ("uncaught exception in a thread", "scan-1")
    assert first["exception"].endswith("ValueError: in a thread")
    assert second["exception"].endswith(f"ValueError: {log.HIDDEN}")
    assert done.returncode == 1


def test_warnings_before_configuring_are_not_lost() -> None:
    done = run("from captiond import log\nlog.get('captiond.a').info('no')\nlog.get('captiond.a').warning('early')")
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["event"] == "early"


def test_a_logger_costs_no_import_of_structlog() -> None:
    code = "import sys\nfrom captiond import log\nlog.get('captiond.a').info('no')\nprint('structlog' in sys.modules)"
    assert run(code).stdout == "False\n"


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_auto_is_console_on_a_terminal_with_colours_unless_unwanted(environ: dict[str, str], coloured: bool) -> None:
    code = "from captiond import log\nlog.configure()\nlog.get('captiond.a').warning('hello', path='/b')"
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    main, terminal = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=terminal, env={**clean, **environ}, check=True, timeout=60)
    os.close(terminal)
    text = b""
    while chunk := _read(main):
        text += chunk
    os.close(main)
    assert (b"\x1b[" in text) is coloured
    plain = re.sub(rb"\x1b\[\d+m", b"", text)
    assert plain.rstrip().endswith(b"hello [a] path=/b")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other end is closed, and all is read
        return b""


def test_under_journald_each_line_begins_with_its_priority(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom captiond import log\n"
        "found = os.fstat(2)\nos.environ['JOURNAL_STREAM'] = f'{found.st_dev}:{found.st_ino}'\n"
        "log.configure()\nlog.get('a').info('fine')\nlog.get('a').error('broken')"
    )
    first, second = run(code).stderr.splitlines()
    assert (first[:4], second[:4]) == ("<6>{", "<3>{")
    assert json.loads(second[3:])["event"] == "broken"
    assert (
        run("from captiond import log\nlog.configure()\nlog.get('a').info('x')", JOURNAL_STREAM="1:2").stderr[0] == "{"
    )
