"""Full-text search over captions, tags, categories and file names, with filters.

The best match comes first (BM25, a word in the caption counts most), without a query the newest. Ranking costs time for
every row that matches, so the matches are counted first, which is cheap; of very many only the newest are ranked, and
the result says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Integer,
    Row,
    Text,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
)

from captiond.errors import UsageError
from captiond.store import tables as t
from captiond.store.clean import cleaned

RANK_AT_MOST = 50_000
"""Of more matches only so many, the newest, are ranked: 15 ms instead of a second and more in a million captions."""
MOST_WORDS = 64
SNIPPET_CHARACTERS = 200

_WEIGHTS = "4.0, 3.0, 3.0, 2.0"
"""Of the index's columns: caption, tags, category, name."""
_SNIPPET_WORDS = 32
# Noncharacters of Unicode: no text should have them.
_BEGIN, _END = "\ufdd0", "\ufdd1"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a found file must be; None: anything.

    `root` and `under` are folders as text (see `paths.to_text`); `under` is the folder itself and all below it. `since`
    and `until` are UTC in ISO 8601, a whole moment or the beginning of one: `until="2026-11-22"` has all of that day.
    """

    kind: str | None = None
    category: str | None = None
    tag: str | None = None
    root: str | None = None
    under: str | None = None
    model: str | None = None
    since: str | None = None
    until: str | None = None
    include_absent: bool = False
    """Also files that are gone."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A found file.

    `columns` are those of the view `captions`, tags and fields as values. `snippet` is the caption, or the part of it
    with the query's words, in one line; `marks` are the places of these words in it, as (start, end). `score` is higher
    for a better match; None without a query.
    """

    file_id: int
    columns: Mapping[str, Any]
    snippet: str
    marks: tuple[tuple[int, int], ...] = ()
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found. `ranked_newest` is how many of the matches were ranked when there were more; 0: all were."""

    hits: Sequence[Hit]
    ranked_newest: int = 0


_COLUMNS: tuple[ColumnElement[Any], ...] = (
    (t.file.c.folder + "/" + t.file.c.name).label("path"),
    t.root.c.path.label("root"),
    *(t.content.c[name] for name in ("sha256", "kind", "mime", "bytes", "width", "height", "duration_seconds")),
    t.caption.c.text.label("caption"),
    *(t.caption.c[name] for name in ("category", "tags", "fields", "language", "source", "recipe", "recipe_digest")),
    *(t.caption.c[name] for name in ("model", "created_at", "prompt_tokens", "completion_tokens", "cost_usd")),
    t.file.c.present,
)
COLUMNS = tuple(str(item.key) for item in _COLUMNS)
"""The columns of the view `captions`, in its order; a test holds the two together."""

_IS_ITS_CAPTION = t.caption.c.id == t.file.c.caption_id
_IS_ITS_CONTENT = t.content.c.id == t.caption.c.content_id
_IS_ITS_ROOT = t.root.c.id == t.file.c.root_id
_VIEW = t.file.join(t.caption, _IS_ITS_CAPTION).join(t.content, _IS_ITS_CONTENT).outerjoin(t.root, _IS_ITS_ROOT)
# A plus before a column keeps SQLite from looking rows up by it. Here: captions in order of time, then their files.
_VIEW_BY_TIME = (
    t.caption.join(t.file, t.file.c.caption_id == literal_column("+caption.id"))
    .join(t.content, _IS_ITS_CONTENT)
    .outerjoin(t.root, _IS_ITS_ROOT)
)
_index = table("caption_search", column("rowid", Integer), column("caption_search", Text))
_MATCHES = _index.c.caption_search.op("MATCH")(bindparam("the_words"))
# Here: the index is asked once, and not once for each file.
_IS_ITS_FILE = t.file.c.id == literal_column("+caption_search.rowid")
_SCORE = literal_column(f"-bm25(caption_search, {_WEIGHTS})", Float).label("score")


def search(conn: Connection, query: str | None, filters: Filters, limit: int) -> Hits:
    """Find files; at most `limit`.

    Args:
        conn: for reading.
        query: words that must all be there; "words in quotes" in this order; -word or -"words" must not be there; one
            OR other; word* begins with it. Words of one stem are the same, as are letters with and without accents.
            None or blank: everything.
        filters: what else must hold.
        limit: the most hits.

    Raises:
        UsageError: the query has nothing to look for.
    """
    conditions = _conditions(filters)
    if query is None or not query.strip():
        return Hits(_newest(conn, filters, limit))
    words = expression(query)
    oldest = _oldest_ranked(conn, words, filters)
    if oldest is not None:
        conditions = [*conditions, _index.c.rowid >= oldest]
    best = (
        select(_index.c.rowid, _SCORE)
        .select_from(_found(filters))
        .where(_MATCHES, *conditions)
        .order_by(_SCORE.desc(), _index.c.rowid.desc())
        .limit(limit)
    )
    scores = {row.rowid: row.score for row in conn.execute(best, {"the_words": words})}
    return Hits(_shown(conn, words, scores), 0 if oldest is None else RANK_AT_MOST)


# --- the query language ---------------------------------------------------------------------------------------------

_PREFIX = " *"
_TOKEN = re.compile(r'(?P<no>-?)"(?P<phrase>[^"]*)"?(?P<start>\*?)|(?P<word>[^\s"]+)')


def expression(query: str) -> str:
    """The query in FTS5's own language, everything that a person typed in quotes, so that no query is an error of it.

    Raises:
        UsageError: it has no word that must be there, or too many.
    """
    groups: list[list[str]] = []
    without: list[str] = []
    joined = False
    for token in _TOKEN.finditer(cleaned(query)):
        word = token["word"]
        if word == "OR":
            joined = True
            continue
        minus = bool(token["no"]) if word is None else len(word) > 1 and word.startswith("-")
        body = (token["phrase"] or "") if word is None else word.removeprefix("-")
        term = _term(body, prefix=bool(token["start"]) if word is None else body.endswith("*"))
        if term is None:
            continue
        if minus:
            without.append(term)
        elif joined and groups:
            groups[-1].append(term)
        else:
            groups.append([term])
        joined = False
    if not groups:
        what = "a word that must be there beside those that must not" if without else "at least one word"
        raise UsageError(f"nothing to search for in {query!r}: it needs {what}")
    if sum(map(len, groups)) + len(without) > MOST_WORDS:
        raise UsageError(f"the query has more than {MOST_WORDS} words: use fewer")
    must = " AND ".join(f"({' OR '.join(group)})" for group in groups)
    return f"({must}) NOT ({' OR '.join(without)})" if without else must


def _term(body: str, *, prefix: bool) -> str | None:
    """One word or phrase, quoted; None if it has no letter or digit, which is all that the index has."""
    body = " ".join(body.replace("*", " ").split())
    if not any(unicodedata.category(character)[0] in "LN" for character in body):
        return None
    quoted = '"' + body.replace('"', '""') + '"'
    return quoted + _PREFIX if prefix else quoted


# --- the filters ----------------------------------------------------------------------------------------------------


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [] if filters.include_absent else [t.file.c.present == 1]
    if filters.kind is not None:
        found.append(t.content.c.kind == filters.kind)
    if filters.category is not None:
        found.append(func.lower(t.caption.c.category) == func.lower(cleaned(filters.category)))
    if filters.tag is not None:
        tags = func.json_each(t.caption.c.tags).table_valued("value")
        has = select(tags.c.value).where(func.lower(tags.c.value) == func.lower(cleaned(filters.tag)))
        found.append(has.correlate(t.caption).exists())
    if filters.root is not None:
        its_id = select(t.root.c.id).where(t.root.c.path == cleaned(filters.root))
        found.append(t.file.c.root_id == its_id.scalar_subquery())
    if filters.under is not None:
        folder = cleaned(filters.under).rstrip("/")
        # All that begins with "folder/": "0" is the character after "/". No pattern, so no name is one.
        below = (t.file.c.folder >= folder + "/") & (t.file.c.folder < folder + "0")
        found.append(or_(t.file.c.folder == folder, below))
    if filters.model is not None:
        found.append(t.caption.c.model == cleaned(filters.model))
    if filters.since is not None:
        found.append(t.caption.c.created_at >= cleaned(filters.since))
    if filters.until is not None:
        # The tilde comes after every character of a moment: a day has all of its moments.
        found.append(t.caption.c.created_at <= cleaned(filters.until) + "~")
    return found


# --- the questions to the database ----------------------------------------------------------------------------------


def _newest(conn: Connection, filters: Filters, limit: int) -> list[Hit]:
    # Only a folder is better found first and sorted then.
    source = _VIEW_BY_TIME if filters.under is None else _VIEW
    query = select(t.file.c.id.label("file_id"), *_COLUMNS).select_from(source).where(*_conditions(filters))
    query = query.order_by(t.caption.c.created_at.desc(), t.caption.c.id.desc()).limit(limit)
    return [Hit(row.file_id, _mapped(row), _opening(row.caption)) for row in conn.execute(query)]


def _found(filters: Filters) -> FromClause:
    """The index, and of the tables beside it only those that the filters ask: each costs a look-up for every match."""
    source = _index.join(t.file, _IS_ITS_FILE)
    if any((filters.kind, filters.category, filters.tag, filters.model, filters.since, filters.until)):
        source = source.join(t.caption, _IS_ITS_CAPTION)
    return source.join(t.content, _IS_ITS_CONTENT) if filters.kind else source


_COUNT = select(func.count()).select_from(_index).where(_MATCHES)


def _oldest_ranked(conn: Connection, words: str, filters: Filters) -> int | None:
    """The row from which on matches are ranked; None if there are few enough to rank all. A newer file's row is higher."""
    which = {"the_words": words}
    if conn.execute(_COUNT, which).scalar_one() <= RANK_AT_MOST:
        return None
    nth = select(_index.c.rowid).where(_MATCHES).order_by(_index.c.rowid.desc()).limit(1).offset(RANK_AT_MOST)
    if filters != Filters(include_absent=filters.include_absent):
        nth = nth.select_from(_found(filters)).where(*_conditions(filters))
    found: int | None = conn.execute(nth, which).scalar_one_or_none()
    return None if found is None else found + 1


_snippet = func.snippet(literal_column("caption_search"), 0, _BEGIN, _END, "…", _SNIPPET_WORDS, type_=Text)
_SNIPPETS = select(_index.c.rowid, _snippet.label("text")).where(_MATCHES)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_SNIPPETS_BY_ROW = _SNIPPETS.where(_index.c.rowid.in_(_IDS))
# For the beginning of a word the index looks through its words anew for each row: ask once, and pick the rows.
_SNIPPETS_BY_SCAN = _SNIPPETS.where(literal_column("+caption_search.rowid").in_(_IDS))
_ROWS = (
    select(t.file.c.id.label("file_id"), *_COLUMNS)
    .select_from(_VIEW)
    .where(t.file.c.id.in_(bindparam("ids", expanding=True)))
)


def _shown(conn: Connection, words: str, scores: Mapping[int, float]) -> list[Hit]:
    """The hits of these files, in the order of `scores`. Snippets are costly, so they are made for these alone."""
    ids = list(scores)
    query = _SNIPPETS_BY_SCAN if _PREFIX in words else _SNIPPETS_BY_ROW
    snippets = {row.rowid: row.text for row in conn.execute(query, {"the_words": words, "ids": ids})}
    rows = {row.file_id: row for row in conn.execute(_ROWS, {"ids": ids})}
    hits = []
    for file_id in ids:
        snippet, marks = _marked(snippets[file_id])
        hits.append(Hit(file_id, _mapped(rows[file_id]), snippet, marks, scores[file_id]))
    return hits


def _mapped(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in COLUMNS}


def _marked(snippet: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The snippet in one line without its marks, and where they were."""
    plain, marks = "", []
    for part in re.split(f"({_BEGIN}[^{_END}]*{_END})", " ".join(snippet.split())):
        inner = part.strip(_BEGIN + _END)
        if part != inner:
            marks.append((len(plain), len(plain) + len(inner)))
        plain += inner
    return plain, tuple(marks)


def _opening(caption: str) -> str:
    flat = " ".join(caption.split())
    return flat if len(flat) <= SNIPPET_CHARACTERS else flat[: SNIPPET_CHARACTERS - 1].rstrip() + "…"
