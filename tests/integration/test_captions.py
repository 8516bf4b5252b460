"""Captions: what is known costs no call, what is superseded stays, and what a sidecar says."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from captiond import captions, jobs, sidecar
from captiond.store import calls, looks, sidecars
from captiond.store import tables as t
from captiond.store.clean import cleaned, cleaned_json
from captiond.store.engine import Database
from captiond.values import Kind, MediaFacts, Source, Usage
from stored import add_file, add_root, facts, opened, save, show

DATA = b"the bytes of a photo"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An open database."""
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as made:
        yield made


@pytest.fixture
def conn(db: Database) -> Iterator[Connection]:
    """One transaction for writing."""
    with db.write() as connection:
        yield connection


def known(conn: Connection, digest: str, *, recipe: str = "default", exact: bool = False) -> int | None:
    """What is known of DATA."""
    return captions.known(conn, sha256=opened(DATA).sha256, recipe=recipe, digest=digest, exact=exact)


def shown(conn: Connection, file_id: int) -> int | None:
    """The caption that the file shows."""
    found: int | None = conn.execute(select(t.file.c.caption_id).where(t.file.c.id == file_id)).scalar_one()
    return found


def history(conn: Connection) -> list[Any]:
    """All captions, current or not, the newest first."""
    return list(conn.execute(select(t.caption).order_by(t.caption.c.id.desc())))


def found(conn: Connection, word: str) -> list[int]:
    """The files that the full-text index has under this word."""
    query = "SELECT rowid FROM caption_search WHERE caption_search MATCH ? ORDER BY rowid"
    return [row[0] for row in conn.exec_driver_sql(query, (word,))]


# --- contents


def test_a_content_is_known_once_and_learns_its_dimensions_later(conn: Connection) -> None:
    first = captions.content_id(conn, opened(DATA), None)
    more = MediaFacts(
        Kind.IMAGE, "image/heic", "HEIF", 4032, 3024, taken_at="2026-11-22T10:35:00", camera="Pixel", latitude=48.1
    )
    assert captions.content_id(conn, opened(DATA), more) == first
    assert captions.content_id(conn, opened(DATA), None) == first
    row = conn.execute(select(t.content)).one()
    assert (row.mime, row.width, row.height, row.bytes) == ("image/heic", 4032, 3024, len(DATA))
    assert row.facts == {"format": "HEIF", "taken_at": "2026-11-22T10:35:00", "camera": "Pixel", "latitude": 48.1}


# --- what is known


def test_an_answer_is_known_by_its_digest_and_a_models_by_its_recipe_too(conn: Connection) -> None:
    assert known(conn, "d1") is None
    caption_id = save(conn, DATA, "one", digest="d1")
    assert known(conn, "d1") == known(conn, "d1", exact=True) == caption_id
    assert known(conn, "d2") == caption_id, "a changed recipe asks nothing again by itself"
    assert known(conn, "d2", exact=True) is None
    assert known(conn, "d2", recipe="products") is None
    assert known(conn, "d1", recipe="products") == caption_id


def test_the_built_in_describers_caption_counts_only_by_its_digest(conn: Connection) -> None:
    caption_id = save(conn, DATA, "a picture", digest="builtin", source=Source.BUILTIN)
    assert known(conn, "model") is None
    assert known(conn, "builtin") == caption_id


def test_going_back_to_an_older_recipe_costs_no_call(conn: Connection) -> None:
    file_id = add_file(conn, "/photos/a.jpg")
    first = save(conn, DATA, "first words", digest="d1")
    show(conn, file_id, DATA, first)
    second = save(conn, DATA, "second words", digest="d2")
    assert shown(conn, file_id) == second
    assert known(conn, "d1", exact=True) == first
    assert known(conn, "d1") == second, "the service on its own keeps what it has"
    show(conn, file_id, DATA, first)
    assert known(conn, "d1", exact=True) == known(conn, "d9") == first
    assert [(row.id, row.superseded_by) for row in history(conn)] == [(second, first), (first, None)]
    assert found(conn, "first") == [file_id]
    assert found(conn, "second") == []


# --- superseding


def test_a_new_answer_supersedes_and_every_copy_shows_it(conn: Connection) -> None:
    copies = [add_file(conn, f"/photos/{name}") for name in ("a.jpg", "b.jpg")]
    old = save(conn, DATA, "old words", digest="d1")
    for file_id in copies:
        show(conn, file_id, DATA, old)
        sidecars.planned(conn, file_id, "x" * 64)
        sidecars.recorded(conn, file_id, "/s", sidecar.Outcome("written", "x" * 64, None), retry_at=0.0)
    new = save(conn, DATA, "new words", digest="d2", now=1_795_343_800.0)
    show(conn, copies[0], DATA, new)
    assert [shown(conn, file_id) for file_id in copies] == [new, new]
    assert found(conn, "new") == copies
    assert found(conn, "old") == []
    assert {due.file_id for due in sidecars.due(conn, 1_795_343_800.0, 10)} == set(copies)
    assert [(row.text, row.superseded_by) for row in history(conn) if row.id == old] == [("old words", new)]


def test_as_many_files_as_may_be_show_a_new_answer(conn: Connection) -> None:
    driver = conn.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 50)
    first = save(conn, b"x", "first")
    for number in range(60):
        file_id = add_file(conn, f"/photos/{number}.jpg")
        show(conn, file_id, b"x", first)
        looks.left_alone(conn, file_id, f"/photos/{number}.jpg.caption.json", (1, 1), "not ours")
    second = save(conn, b"x", "second", digest="d2")
    assert set(conn.execute(select(t.file.c.caption_id)).scalars()) == {second}
    assert len(sidecars.due(conn, time.time(), limit=100)) == 60


def test_other_recipes_keep_their_captions(conn: Connection) -> None:
    plain = save(conn, DATA, "plain", recipe="default", digest="d1")
    save(conn, DATA, "shoe", recipe="products", digest="p1", category="shoe")
    assert known(conn, "d1", exact=True) == plain
    assert [row.superseded_by for row in history(conn)] == [None, None]


def test_the_same_digest_answered_again_leaves_one_current_answer(conn: Connection) -> None:
    first = save(conn, DATA, "once", digest="d1")
    second = save(conn, DATA, "twice", digest="d1")
    third = save(conn, DATA, "thrice", digest="d1")
    chain = {row.id: row.superseded_by for row in history(conn)}
    assert chain == {first: second, second: third, third: None}
    assert known(conn, "d1", exact=True) == third


def test_what_was_asked_for_again_takes_the_place_of_a_persons_words_but_not_of_those_that_came_after(
    conn: Connection,
) -> None:
    file_id = add_file(conn, "/photos/a.jpg")
    human = save(conn, DATA, "by hand", digest="d1", source=Source.HUMAN)
    show(conn, file_id, DATA, human)
    mark = captions.newest(conn)
    assert mark == human
    sha256 = opened(DATA).sha256
    assert captions.known(conn, sha256=sha256, recipe="default", digest="d1", exact=True, after=mark) is None
    assert save(conn, DATA, "unasked", digest="d1") == human
    new = save(conn, DATA, "asked again", digest="d1", after=mark)
    assert shown(conn, file_id) == new
    assert captions.known(conn, sha256=sha256, recipe="default", digest="d1", exact=True, after=mark) == new
    assert known(conn, "d1") == known(conn, "d2") == new, "the person's words do not come back by themselves"
    later = save(conn, DATA, "by hand again", digest="d1", source=Source.HUMAN)
    assert save(conn, DATA, "asked before that", digest="d1", after=mark) == later
    assert shown(conn, file_id) == later
    assert [row.text for row in history(conn)] == [
        "asked before that", "by hand again", "asked again", "unasked", "by hand",
    ]  # fmt: skip


def test_a_file_without_a_caption_leaves_the_index(conn: Connection) -> None:
    file_id = add_file(conn, "/photos/courtyard.jpg")
    show(conn, file_id, DATA, save(conn, DATA, "two people", tags=("Übermut", "jump"), category="sport"))
    for word in ("people", "ubermut", "jumping", "sport", "courtyard"):
        assert found(conn, word) == [file_id], word
    show(conn, file_id, b"other bytes", None)
    assert found(conn, "people") == []
    assert captions.document(conn, file_id) is None


def test_built_in_captions_are_listed_for_taking_over_until_a_model_has_failed(conn: Connection) -> None:
    root_id = add_root(conn)
    file_ids = [add_file(conn, f"/photos/{number}.jpg", root_id) for number in range(5)]
    for number, file_id in enumerate(file_ids):
        data = f"{number}".encode()
        source = Source.MODEL if number == 4 else Source.BUILTIN
        show(conn, file_id, data, save(conn, data, "a picture", digest=f"b{source}", source=source))
    ask: dict[str, Any] = {"root_id": root_id, "recipe": "default", "priority": 0, "now": 1.0}
    for file_id in file_ids[:3]:
        jobs.enqueue(conn, file_id=file_id, **ask)
    done, failed = jobs.claim(conn, limit=2, recipes=["default"], offline_roots=[], run_id="r", now=2.0)
    jobs.finish(conn, done, now=3.0)
    jobs.fail(conn, failed, reason="refused", detail="", now=3.0)
    assert captions.builtin_files(conn, root_id) == [done.file_id, file_ids[3]]


# --- the sidecar's content


def test_a_document_has_the_keys_of_the_format_in_their_order(conn: Connection) -> None:
    file_id = add_file(conn, "/photos/photo.jpg")
    usage = Usage(1130, 41, None)
    show(conn, file_id, DATA, save(conn, DATA, "Two people jump.", digest="1b4f", usage=usage))
    document = captions.document(conn, file_id)
    assert json.dumps(document) == json.dumps(
        {
            "schema": "captiond/1",
            "file": "photo.jpg",
            "sha256": opened(DATA).sha256,
            "kind": "image",
            "caption": "Two people jump.",
            "category": None,
            "tags": [],
            "fields": {},
            "language": "en",
            "source": "model",
            "recipe": "default",
            "recipe_digest": "1b4f",
            "model": "tiny-vision",
            "created_at": "2026-11-22T10:35:00Z",
            "media": {"mime": "image/jpeg", "bytes": 20, "width": 40, "height": 30, "duration_seconds": None},
            "usage": {"prompt_tokens": 1130, "completion_tokens": 41, "cost_usd": None},
        }
    )


def test_a_length_is_told_in_thousandths_of_a_second(conn: Connection) -> None:
    file_id = add_file(conn, "/photos/clip.mp4")
    content_id = captions.content_id(conn, opened(b"v", Kind.VIDEO), facts(Kind.VIDEO, duration_seconds=2.00133))
    caption_id = save(conn, b"v", "a clip", kind=Kind.VIDEO, usage=Usage(1, 2, 0.00125))
    captions.attach(conn, file_id=file_id, content_id=content_id, caption_id=caption_id)
    document = captions.document(conn, file_id)
    assert document is not None
    assert document["media"]["duration_seconds"] == 2.001
    assert document["usage"]["cost_usd"] == 0.00125


def test_the_public_view_says_what_the_document_says(db: Database) -> None:
    with db.write() as conn:
        root_id = add_root(conn)
        file_id = add_file(conn, "/photos/sub/ä.jpg", root_id)
        caption_id = save(conn, DATA, "Größe", tags=("grün",), fields={"colour": "rot"}, category="Mode")
        show(conn, file_id, DATA, caption_id)
        document = captions.document(conn, file_id)
    assert document is not None
    with sqlite3.connect(db.path) as plain:
        plain.row_factory = sqlite3.Row
        row = dict(plain.execute("SELECT * FROM captions").fetchone())
    assert (row["path"], row["root"], row["present"]) == ("/photos/sub/ä.jpg", "/photos", 1)
    assert (row["tags"], row["fields"]) == ('["grün"]', '{"colour": "rot"}')
    for name in ("sha256", "kind", "caption", "category", "language", "source", "recipe", "model", "created_at"):
        assert row[name] == document[name]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    text=st.text(st.characters()),
    tags=st.lists(st.text(st.characters()), max_size=3),
    fields=st.dictionaries(st.text(st.characters()), anything, max_size=3),
)
def test_whatever_a_model_answers_can_be_kept_and_written(
    db: Database, text: str, tags: list[str], fields: dict[str, Any]
) -> None:
    with db.write() as conn:
        file_id = add_file(conn, "/photos/any.jpg")
        caption_id = save(conn, DATA, text, tags=tuple(tags), fields=fields, category=text, model=text)
        show(conn, file_id, DATA, caption_id)
        document = captions.document(conn, file_id)
        assert document is not None
        again = json.loads(sidecar.encode(document))
        conn.rollback()
    assert again["caption"] == cleaned(text)
    assert again["tags"] == [cleaned(tag) for tag in tags]
    assert again["fields"] == cleaned_json(fields)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_text_that_can_be_kept_is_kept_as_it_is(text: str) -> None:
    assert cleaned(text) == text


def test_a_character_written_as_two_escapes_is_that_character() -> None:
    assert cleaned("\ud83d\ude00 \ud83d.") == "\U0001f600 \ufffd."
    assert cleaned(None) is None


# --- endpoints


def test_an_endpoints_state_is_what_was_told_last(conn: Connection) -> None:
    calls.set_endpoint(conn, "oxen", "healthy", None, None, 8, 8, now=1.0)
    calls.set_endpoint(conn, "oxen", "paused", "unauthorized", 60.0, 0, 4, now=2.0)
    assert calls.endpoints(conn) == [calls.EndpointRow("oxen", "paused", "unauthorized", 60.0, 0, 2.0, 4)]
