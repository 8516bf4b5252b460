"""Search: what people type, what they filter by, and what they get to see."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from captiond import search
from captiond.errors import UsageError
from captiond.search import Filters
from captiond.store import tables as t
from captiond.store.engine import Database
from captiond.values import Kind
from stored import add_file, add_root, save, show

NOON = 1_795_348_800.0  # 2026-11-22T12:00:00Z
DAY = 86400.0


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A small collection that no test changes."""
    with Database.open(f"sqlite:///{tmp_path_factory.mktemp('search') / 'x.db'}") as made:
        with made.write() as conn:
            root_id = add_root(conn, "/photos")
            other = add_root(conn, "/shop")

            def put(path: str, root: int, text: str, *, days: float = 0, **more: Any) -> None:
                file_id = add_file(conn, path, root)
                show(conn, file_id, path.encode(), save(conn, path.encode(), text, now=NOON + days * DAY, **more))

            put("/photos/courtyard.jpg", root_id, "Two people jump between walls in a courtyard.", tags=("Sport",))
            put("/photos/2025/dog.jpg", root_id, "A dog jumps over a red fence.", days=-1, tags=("animal", "sport"))
            put("/photos/2025/deep/cat_1234.jpg", root_id, "Eine Katze schläft im Café.", days=-2, model="other-model")
            put("/photos/2025%/_.jpg", root_id, "Walls, walls and nothing but walls.", days=-3)
            put("/shop/shoe.jpg", other, "A red shoe.", days=-4, category="shoe")
            put("/shop/boot.mp4", other, "A person walks in red boots.", days=-5, category="Boot", kind=Kind.VIDEO)
            put("/photos/gone.jpg", root_id, "A red dog that is gone.", days=-6)
            conn.execute(update(t.file).where(t.file.c.name == "gone.jpg").values(present=0))
        yield made


@pytest.fixture
def conn(db: Database) -> Iterator[Connection]:
    """A connection for reading."""
    with db.read() as connection:
        yield connection


def names(conn: Connection, query: str | None, limit: int = 20, **filters: Any) -> list[str]:
    """The names of the files found, in their order."""
    hits = search.search(conn, query, Filters(**filters), limit)
    return [str(hit.columns["path"]).rpartition("/")[2] for hit in hits.hits]


# --- the query language


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("courtyard", {"courtyard.jpg"}),
        ("jumping", {"courtyard.jpg", "dog.jpg"}),
        ("red dog", {"dog.jpg"}),
        ("RED", {"dog.jpg", "shoe.jpg", "boot.mp4"}),
        ("cafe schlaft", {"cat_1234.jpg"}),
        ('"two people"', {"courtyard.jpg"}),
        ('"people two"', set()),
        ('"two people', {"courtyard.jpg"}),
        ("red -dog", {"shoe.jpg", "boot.mp4"}),
        ('red -"walks in"', {"dog.jpg", "shoe.jpg"}),
        ("red shoe OR boots", {"shoe.jpg", "boot.mp4"}),
        ("OR dog OR", {"dog.jpg"}),
        ("court*", {"courtyard.jpg"}),
        ('"red sh"*', {"shoe.jpg"}),
        ("sport", {"courtyard.jpg", "dog.jpg"}),
        ("boot", {"boot.mp4"}),
        ("1234", {"cat_1234.jpg"}),
        ("cat_1234.jpg", {"cat_1234.jpg"}),
        ("red - & ... fence", {"dog.jpg"}),
        ("caption:dog", set()),
        ("dog AND fence", set()),
        ("NEAR(dog fence)", set()),
        ("de'g", set()),
    ],
)
def test_a_query_finds_what_its_words_say(conn: Connection, query: str, expected: set[str]) -> None:
    assert set(names(conn, query)) == expected


@pytest.mark.parametrize("query", ["-dog", '-"red dog" -shoe', "...", '"', "*", "OR", "- -", "-*", "😀"])
def test_a_query_without_a_word_that_must_be_there_is_wrong_usage(conn: Connection, query: str) -> None:
    with pytest.raises(UsageError, match="nothing to search for"):
        names(conn, query)


def test_a_query_of_very_many_words_is_wrong_usage(conn: Connection) -> None:
    assert names(conn, "dog " * search.MOST_WORDS) == ["dog.jpg"]
    with pytest.raises(UsageError, match="more than 64 words"):
        names(conn, "dog " * (search.MOST_WORDS + 1))


typed = st.text(st.sampled_from("ab \"'*-+()^{}:,.|&\\\x00OR") | st.characters(), max_size=40)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(typed)
@example('"a" * * "b"')
@example('a NOT "')
@example("a\x00b")
@example("\ud83d dog")
@example("\u0301 \u1abe x\u0301")
def test_nothing_that_can_be_typed_is_an_error_of_the_database(conn: Connection, query: str) -> None:
    with contextlib.suppress(UsageError):
        names(conn, query)


# --- order, filters, limits


def test_the_best_match_comes_first(conn: Connection) -> None:
    assert names(conn, "walls") == ["_.jpg", "courtyard.jpg"]
    scores = [hit.score for hit in search.search(conn, "walls", Filters(), 20).hits]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]  # with a query, every hit has a score


def test_a_word_in_the_caption_counts_more_than_one_in_the_name(tmp_path: Path) -> None:
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db, db.write() as conn:
        for name, text in (("boat.jpg", "A lake at noon."), ("lake.jpg", "A boat at noon."), ("x.jpg", "A hill.")):
            show(conn, add_file(conn, f"/p/{name}"), name.encode(), save(conn, name.encode(), text))
        assert names(conn, "boat") == ["lake.jpg", "boat.jpg"]


def test_without_a_query_the_newest_come_first(conn: Connection) -> None:
    everything = ["courtyard.jpg", "dog.jpg", "cat_1234.jpg", "_.jpg", "shoe.jpg", "boot.mp4"]
    assert names(conn, None) == names(conn, "  ") == everything
    assert names(conn, None, 2) == everything[:2]
    assert names(conn, "red", 1) == names(conn, "red")[:1]


@pytest.mark.parametrize("query", [None, "a* OR eine OR walls"])
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"kind": "video"}, {"boot.mp4"}),
        ({"category": "shoe"}, {"shoe.jpg"}),
        ({"category": "boot"}, {"boot.mp4"}),
        ({"tag": "SPORT"}, {"courtyard.jpg", "dog.jpg"}),
        ({"tag": "spor"}, set()),
        ({"root": "/shop"}, {"shoe.jpg", "boot.mp4"}),
        ({"root": "/sho"}, set()),
        ({"under": "/photos/2025"}, {"dog.jpg", "cat_1234.jpg"}),
        ({"under": "/photos/2025%/"}, {"_.jpg"}),
        ({"under": "/photos"}, {"courtyard.jpg", "dog.jpg", "cat_1234.jpg", "_.jpg"}),
        ({"under": "/"}, {"courtyard.jpg", "dog.jpg", "cat_1234.jpg", "_.jpg", "shoe.jpg", "boot.mp4"}),
        ({"model": "other-model"}, {"cat_1234.jpg"}),
        ({"since": "2026-11-21"}, {"courtyard.jpg", "dog.jpg"}),
        ({"since": "2026-11-21T12:00:01Z"}, {"courtyard.jpg"}),
        ({"until": "2026-11-18"}, {"shoe.jpg", "boot.mp4"}),
        ({"until": "2026-11-18T11:59:59Z"}, {"boot.mp4"}),
        ({"under": "/photos", "include_absent": True, "until": "2026-11-16"}, {"gone.jpg"}),
        ({"root": "/photos", "tag": "sport", "since": "2026-11-22"}, {"courtyard.jpg"}),
        ({"tag": "half a pair \ud83d"}, set()),
    ],
)
def test_filters_hold_with_and_without_a_query(
    conn: Connection, query: str | None, filters: dict[str, Any], expected: set[str]
) -> None:
    assert set(names(conn, query, **filters)) == expected


def test_files_that_are_gone_are_shown_only_when_asked_for(conn: Connection) -> None:
    assert "gone.jpg" not in names(conn, "red")
    assert "gone.jpg" in names(conn, "red", include_absent=True)
    assert "gone.jpg" in names(conn, None, include_absent=True)


# --- what is shown


def test_a_hit_has_the_columns_of_the_public_view(conn: Connection, db: Database) -> None:
    (hit,) = search.search(conn, "shoe", Filters(), 20).hits
    with sqlite3.connect(db.path) as plain:
        view = plain.execute("SELECT * FROM captions WHERE path = '/shop/shoe.jpg'")
        columns = [name for name, *_ in view.description]
        row = dict(zip(columns, view.fetchone(), strict=True))
    assert list(hit.columns) == list(search.COLUMNS) == columns
    assert hit.columns == {**row, "tags": [], "fields": {}}


def test_a_snippet_shows_where_the_words_are(conn: Connection) -> None:
    hits = search.search(conn, 'jump OR "red fence"', Filters(), 20).hits
    marked = {hit.columns["path"]: [hit.snippet[start:end] for start, end in hit.marks] for hit in hits}
    assert marked == {"/photos/courtyard.jpg": ["jump"], "/photos/2025/dog.jpg": ["jumps", "red fence"]}
    (hit,) = search.search(conn, "courtyard jump*", Filters(), 20).hits
    assert [hit.snippet[start:end] for start, end in hit.marks] == ["jump", "courtyard"]


def test_a_long_caption_is_shown_from_where_the_word_is_in_one_line(tmp_path: Path) -> None:
    text = "Once\nupon a\ttime. " + "word " * 300 + "needle in the hay. " + "word " * 300
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db, db.write() as conn:
        show(conn, add_file(conn, "/p/a.jpg"), b"a", save(conn, b"a", text))
        (hit,) = search.search(conn, "needle", Filters(), 1).hits
        assert hit.snippet.startswith("…")
        assert [hit.snippet[start:end] for start, end in hit.marks] == ["needle"]
        assert len(hit.snippet) < 300
        (hit,) = search.search(conn, None, Filters(), 1).hits
        assert hit.snippet.startswith("Once upon a time. word")
        assert len(hit.snippet) == search.SNIPPET_CHARACTERS
        assert (hit.marks, hit.score) == ((), None)


def test_of_very_many_matches_only_the_newest_are_ranked_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RANK_AT_MOST", 10)
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as db, db.write() as conn:
        for number in range(30):
            text = "red red red" if number == 0 else f"a red thing, number {number}"
            data = str(number).encode()
            show(conn, add_file(conn, f"/p/{number}.jpg"), data, save(conn, data, text, tags=(f"t{number % 2}",)))
        hits = search.search(conn, "red", Filters(), 5)
        assert hits.ranked_newest == 10
        assert all(hit.file_id > 20 for hit in hits.hits)
        assert search.search(conn, "red number 5", Filters(), 5).ranked_newest == 0
        few = search.search(conn, "red", Filters(until="2000"), 5)
        assert (few.ranked_newest, few.hits) == (0, [])
        odd = search.search(conn, "red", Filters(tag="t1"), 50)
        assert odd.ranked_newest == 10
        assert [hit.file_id % 2 for hit in odd.hits] == [0] * 10
