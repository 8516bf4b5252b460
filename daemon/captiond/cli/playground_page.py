"""The comparison of `captiond try` as one page that needs nothing else: pictures are in it, and no script is."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from captiond import __version__
from captiond.cli.output import flat, iso, number, usd
from captiond.cli.playground_text import extras, remedy, said, told
from captiond.errors import UsageError
from captiond.paths import is_url

if TYPE_CHECKING:
    from captiond.playground.questions import Question
    from captiond.playground.run import Outcome, Tried
    from captiond.values import ImagePart

MARK = b"<!doctype html><!-- captiond try -->"
"""How every such page begins: only such a file is replaced."""


def check_target(target: Path) -> None:
    """Raises UsageError before anything is paid, when the page can't be written there or would replace another file."""
    if target.is_dir():
        raise UsageError(f"{target} is a folder; name a file for the page")
    if not os.access(target.parent, os.W_OK):
        raise UsageError(f"{target.parent} is no folder that can be written: name another place for the page")
    if os.path.lexists(target):
        with target.open("rb") as file:
            if file.read(len(MARK)) != MARK:
                raise UsageError(f"{target} is there, and no page of captiond's: it is left alone; name another file")


def write(target: Path, tried: Sequence[Tried]) -> None:
    """Write the page, whole or not at all. Raises OSError."""
    with NamedTemporaryFile("w", dir=target.parent, prefix=".captiond-", encoding="utf-8", delete=False) as file:
        try:
            file.writelines(page(tried))
            file.flush()
            os.fchmod(file.fileno(), 0o644 & ~_umask())
            os.replace(file.name, target)
        except BaseException:
            os.unlink(file.name)
            raise


def page(tried: Sequence[Tried]) -> Iterable[str]:
    """The page in pieces. Whatever comes from a file, a model or a person is escaped."""
    import time

    style = (files("captiond.cli") / "playground.css").read_text(encoding="utf-8")
    outcomes = [outcome for one in tried for outcome in one.outcomes]
    title = f"{number(len(tried), 'file')}, {number(len(tried[0].outcomes), 'question')} each"
    yield MARK.decode()
    yield '\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    yield "style-src 'unsafe-inline'\">"
    yield f"<title>captiond try: {escape(title)}</title><style>{style}</style></head><body>\n"
    yield f"<header><h1>{escape(title)}</h1><p>{escape(iso(time.time()) or '')} · captiond {escape(__version__)}</p></header>\n"
    yield from _summary(outcomes, [outcome.question for outcome in tried[0].outcomes])
    for one in tried:
        yield from _file(one)
    yield "</body></html>\n"


def _summary(outcomes: Sequence[Outcome], questions: Sequence[Question]) -> Iterable[str]:
    """A row a question, over all files."""
    yield '<div class="summary"><table><thead><tr><th>Model</th><th>Prompt</th><th>Recipe</th><th class="n">Answers</th>'
    yield '<th class="n">Tokens in</th><th class="n">Tokens out</th><th class="n">Cost</th><th class="n">Seconds each</th>'
    yield "</tr></thead><tbody>\n"
    for question in questions:
        of_it = [outcome for outcome in outcomes if outcome.question is question]
        good = sum(1 for outcome in of_it if outcome.failure is None)
        costs = [outcome.usd for outcome in of_it if outcome.usd is not None]
        seconds = [outcome.seconds for outcome in of_it if outcome.seconds is not None]
        cells = [
            _total([outcome.usage.prompt_tokens for outcome in of_it]),
            _total([outcome.usage.completion_tokens for outcome in of_it]),
            usd(sum(costs)) if costs else "–",
            f"{sum(seconds) / len(seconds):.1f}" if seconds else "–",
        ]
        mark = "n" if good == len(of_it) else "n bad"
        yield f"<tr><td>{_text(question.model)}</td><td>{_text(question.prompt)}</td><td>{_text(question.name)}</td>"
        yield f'<td class="{mark}">{good} of {len(of_it)}</td>'
        yield "".join(f'<td class="n">{escape(cell)}</td>' for cell in cells) + "</tr>\n"
    yield "</tbody></table></div>\n"


def _total(counts: Iterable[int | None]) -> str:
    known = [count for count in counts if count is not None]
    return f"{sum(known):,}" if known else "–"


def _file(tried: Tried) -> Iterable[str]:
    folder, name = ("", tried.path) if is_url(tried.path) else os.path.split(tried.path)
    yield f"<section><h2>{_text(name)}</h2>"
    if folder:
        yield f'<p class="where">{_text(folder)}</p>'
    yield f'<div class="file"><div class="pictures{" frames" if len(tried.previews) > 1 else ""}">'
    for part in tried.previews:
        yield _picture(part)
    if not tried.previews:
        yield '<p class="none">no picture of it</p>'
    models = len({outcome.question.model for outcome in tried.outcomes})
    yield f'</div><div class="answers{" by-model" if 1 < models <= 5 else ""}" style="--models: {models}">'
    for outcome in tried.outcomes:
        yield from _answer(outcome, recipe=len({one.question.name for one in tried.outcomes}) > 1)
    yield "</div></div></section>\n"


def _picture(part: ImagePart) -> str:
    data = base64.b64encode(part.data).decode()
    at = "" if part.at_seconds is None else f"<figcaption>{part.at_seconds:.1f} s</figcaption>"
    source = f"data:{escape(part.mime)};base64,{data}"
    return f'<figure><img src="{source}" width="{part.width}" height="{part.height}" alt="">{at}</figure>'


def _answer(outcome: Outcome, *, recipe: bool) -> Iterable[str]:
    """A card. `recipe`: several are compared, so it says its own."""
    question, failure = outcome.question, outcome.failure
    yield f"<article{' class=failed' if failure else ''}><h3>{_text(question.model)}</h3>"
    asked = f"{question.name}: {question.prompt}" if recipe else question.prompt
    yield f'<p class="prompt">{_text(asked)}</p>'
    if outcome.reply is not None:
        yield f'<p class="caption" dir="auto">{_text(outcome.reply.caption)}</p>'
    pairs = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in extras(outcome))
    if pairs:
        yield f"<dl>{pairs}</dl>"
    if failure is not None:
        yield f'<p class="why"><b>{_text(failure.code)}</b> {_text(failure.message)}</p>'
        if words := said(failure):
            yield f'<p class="said" dir="auto">{escape(words)}</p>'
        if failure.remedy:
            yield f'<p class="remedy">{_text(remedy(failure))}</p>'
    line = told(outcome)
    yield f'<p class="told">{_text(line)}</p></article>' if line else "</article>"


def _text(value: str) -> str:
    """Text as HTML: one line, escaped, and no character that changes the direction of what stands after it."""
    return escape(flat(value))


def _umask() -> int:
    old = os.umask(0)
    os.umask(old)
    return old
