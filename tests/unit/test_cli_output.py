"""What the command line prints is text that no terminal obeys, and moments are read as people mean them."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond.cli.moments import parse
from captiond.cli.output import flat, plain, safe, safe_lines, size
from captiond.cli.search import remarks
from captiond.search import Hit, Hits

any_text = st.text(alphabet=st.characters())


@given(any_text)
def test_no_control_character_or_change_of_direction_reaches_a_terminal(text: str) -> None:
    shown = safe(text)
    assert not [char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
    assert not [char for char in shown if unicodedata.bidirectional(char) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI")]
    assert shown.encode("utf-8").decode() == shown


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S"))))
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_a_url_is_shown_without_the_token_that_signs_it() -> None:
    assert (
        safe("https://h/a.jpg?w=2&X-Amz-Signature=abc123&e=1") == "https://h/a.jpg?w=2&X-Amz-Signature=**********&e=1"
    )
    assert safe("what?key=this.jpg") == "what?key=this.jpg"


def test_a_name_that_would_clear_the_screen_is_written_out() -> None:
    assert safe("a\x1b[2Jb\nc\u202egpj.exe") == "a\\e[2Jb\\nc\\u202egpj.exe"


@given(any_text)
def test_a_caption_is_one_line(text: str) -> None:
    assert len(flat(text).splitlines()) <= 1


def test_lines_stay_lines_where_there_may_be_several() -> None:
    assert safe_lines("one\ntwo\x07") == "one\ntwo\\x07"


@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.tuples(inner))
)
def test_every_value_becomes_strict_json(value: object) -> None:
    json.loads(json.dumps(plain(value), allow_nan=False))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (2_483_112, "2.5 MB"),
        (123_000_000, "123 MB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_sizes_are_shown_in_decimal_units(count: int, text: str) -> None:
    assert size(count) == text


def test_it_is_said_on_stderr_when_only_the_newest_hits_were_ranked(capsys: pytest.CaptureFixture[str]) -> None:
    remarks(Hits([Hit(1, {}, "A red disc.")], ranked_newest=50_000), "red", filtered=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert "only the newest 50,000 were ranked" in said.err


NOW = datetime(2026, 11, 22, 10, 35, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T10:35:00Z", "2026-11-22T10:35:00Z"),
        ("2026-11-22 10:35+02:00", "2026-11-22T08:35:00Z"),
        ("7d", "2026-11-15T10:35:30Z"),
        ("24 h", "2026-11-21T10:35:30Z"),
        ("90m", "2026-11-22T09:05:30Z"),
        ("2W", "2026-11-08T10:35:30Z"),
    ],
)
def test_a_moment_is_read_to_utc(text: str, moment: str) -> None:
    assert parse(text, NOW, end=False) == moment
    assert parse(text, NOW, end=True) == moment


@pytest.fixture
def berlin() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_a_day_is_the_local_one_and_counts_whole_as_an_end() -> None:
    assert parse("2026-11-22", NOW, end=False) == "2026-11-21T23:00:00Z"
    assert parse("2026-11-22", NOW, end=True) == "2026-11-22T22:59:59Z"
    assert parse("today", NOW, end=True) == "2026-11-22T22:59:59Z"
    assert parse("yesterday", NOW, end=False) == "2026-11-20T23:00:00Z"


@pytest.mark.usefixtures("berlin")
def test_the_day_on_which_the_clocks_change_is_not_24_hours_long() -> None:
    assert parse("2026-10-25", NOW, end=False) == "2026-10-24T22:00:00Z"
    assert parse("2026-10-25", NOW, end=True) == "2026-10-25T22:59:59Z"


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "7", "d7", "999999w"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        parse(text, NOW, end=False)
