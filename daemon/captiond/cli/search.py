"""`captiond search`: find files by what their captions say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.moments import Moment
from captiond.cli.output import local_time, note, safe, say, say_json, style

if TYPE_CHECKING:
    from captiond.search import Hit, Hits


@click.command(
    epilog=example(
        "captiond search red shoes",
        "captiond search '\"two people\" -dog' --kind image --since 7d",
        "captiond search --root /srv/media/incoming --json",
        "captiond search -- -dog courtyard",
    ),
)
@click.argument("query", nargs=-1)
@click.option("--kind", type=click.Choice(["image", "video"]), help="Only images, or only videos.")
@click.option("--category", metavar="NAME", help="Only files of this category.")
@click.option("--tag", metavar="TAG", help="Only files with this tag.")
@click.option("--root", metavar="DIR", type=click.Path(readable=False), help="Only files of this watched folder.")
@click.option("--under", metavar="DIR", type=click.Path(readable=False), help="Only files in this folder or below it.")
@click.option("--model", metavar="NAME", help="Only captions of this model.")
@click.option("--since", metavar="WHEN", type=Moment(), help="Captioned then or later: 2026-11-22, today, 7d.")
@click.option("--until", metavar="WHEN", type=Moment(end=True), help="Captioned then or earlier; a day counts whole.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True, help="The most files.")
@click.option("--gone", "include_absent", is_flag=True, help="Also files that are gone.")
@as_json
@click.pass_obj
def search(
    app: App, /, query: tuple[str, ...], limit: int, as_json: bool, root: str | None, under: str | None, **filters: Any
) -> None:
    """Find files by the words in their captions, tags, categories and names.

    All words must be there; "two words" are a phrase, -word must not be there, OR is one or the other, word* begins with
    it. Best match first; without QUERY the newest first. A query with a word that begins with - goes after --.

    With --json: an array of objects with the keys of the view `captions`: path, root, sha256, kind, mime, bytes, width,
    height, duration_seconds, caption, category, tags, fields, language, source, recipe, recipe_digest, model,
    created_at, prompt_tokens, completion_tokens, cost_usd, present.
    """
    from captiond.search import Filters
    from captiond.search import search as find

    text = " ".join(query).strip() or None
    chosen = Filters(root=_folder(root), under=_folder(under), **filters)
    if not app.exists():
        if as_json:
            say_json([])
        note(app.missing())
        return
    with app.database().read() as conn:
        hits = find(conn, text, chosen, limit)
    if as_json:
        _as_json(hits)
    else:
        _as_text(hits)
    remarks(hits, text, filtered=chosen != Filters())


def _folder(path: str | None) -> str | None:
    from captiond.paths import to_text

    return None if path is None else to_text(os.path.abspath(path))


def _as_json(hits: Hits) -> None:
    say_json([hit.columns for hit in hits.hits])


def _as_text(hits: Hits) -> None:
    for hit in hits.hits:
        row = hit.columns
        gone = "" if row["present"] else style("  gone", fg="yellow")
        say(style(safe(row["path"]), bold=True) + gone + style(f"  {local_time(row['created_at'])}", dim=True))
        labels = [safe(label) for label in [row["category"], *row["tags"]] if label]
        say("    " + _marked(hit) + (style(f"  [{', '.join(labels)}]", fg="cyan") if labels else ""))


def _marked(hit: Hit) -> str:
    """The snippet, with the words that were searched for set off."""
    parts, at = [], 0
    for start, end in hit.marks:
        parts += [safe(hit.snippet[at:start]), style(safe(hit.snippet[start:end]), fg="yellow", bold=True)]
        at = end
    return "".join([*parts, safe(hit.snippet[at:])])


def remarks(hits: Hits, text: str | None, *, filtered: bool) -> None:
    """What is worth knowing of the result, on stderr."""
    if hits.ranked_newest:
        note(f"many hits: only the newest {hits.ranked_newest:,} were ranked; more words or a filter find older ones")
    if not hits.hits:
        note("nothing found" if text or filtered else "nothing is captioned yet")
