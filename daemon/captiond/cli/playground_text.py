"""The comparison of `captiond try` in a terminal: a table a file, or one answer below the other where it is narrow."""

from __future__ import annotations

import io
import re
import shutil
import sys
from typing import TYPE_CHECKING

from captiond.cli.output import coloured, flat, safe, say, style, usd

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from captiond.errors import Failure
    from captiond.playground.run import Outcome, Tried

NARROWEST = 32
"""Columns of a terminal that an answer needs to be read beside another."""


def say_tried(tried: Tried) -> None:
    """All outcomes of one file on stdout, wrapped to the terminal."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    say(style(safe(tried.path), bold=True))
    shown = coloured(sys.stdout)
    width = shutil.get_terminal_size((100, 24)).columns
    console = Console(
        file=io.StringIO(),
        force_terminal=shown,
        color_system="standard" if shown else None,
        width=max(width - 1, 20),
        highlight=False,
        markup=False,
        emoji=False,
    )
    named = list(zip(labels(tried), tried.outcomes, strict=True))
    rows, columns = _axes([label for label, _ in named])
    with console.capture() as captured:
        if 1 < len(columns) <= (width - 1) // NARROWEST:
            placed = dict(named)
            for row in rows:
                if len(rows) > 1:
                    console.print(Padding(Text(safe(row), "italic"), (0, 0, 0, 2)))
                answers = [placed.get((row, column), placed.get((column, row))) for column in columns]
                console.print(_side_by_side(columns, answers))
        else:
            for (asked, model), outcome in named:
                console.print(
                    Padding(Text.assemble((safe(model), "bold"), "  ", (safe(asked), "italic")), (0, 0, 0, 2))
                )
                console.print(Padding(cell(outcome), (0, 0, 0, 6)))
    for line in captured.get().splitlines():
        if line.strip():
            say(line.rstrip())
    say()


def labels(tried: Tried) -> list[tuple[str, str]]:
    """(what is asked, model) of each outcome; the recipe is named where there are several."""
    questions = [outcome.question for outcome in tried.outcomes]
    several = len({question.name for question in questions}) > 1
    return [
        ((f"{question.name}: " if several else "") + flat(question.prompt), question.model) for question in questions
    ]


def told(outcome: Outcome) -> str:
    """Tokens, cost and time in one line; what is not known is left out."""
    usage, parts = outcome.usage, []
    if usage.prompt_tokens is not None or usage.completion_tokens is not None:
        parts.append(f"{usage.prompt_tokens or 0:,} + {usage.completion_tokens or 0:,} tokens")
    if outcome.usd is not None:
        parts.append(usd(outcome.usd))
    if outcome.seconds is not None:
        parts.append(f"{outcome.seconds:.1f} s")
    return " · ".join(parts)


def extras(outcome: Outcome) -> list[tuple[str, str]]:
    """Category, tags and fields of a reply, by name."""
    reply = outcome.reply
    if reply is None:
        return []
    found = [("category", reply.category)] if reply.category and reply.category != reply.caption else []
    found += [("tags", ", ".join(reply.tags))] if reply.tags else []
    found += [(name, value if isinstance(value, str) else repr(value)) for name, value in reply.fields.items()]
    return [(name, value or "") for name, value in found]


def cell(outcome: Outcome) -> Text:
    """One answer, or why there is none."""
    from rich.text import Text

    text = Text()
    if outcome.reply is not None:
        text.append(flat(outcome.reply.caption))
        for name, value in extras(outcome):
            text.append(f"\n{flat(name)}: {flat(value)}", "cyan")
    failure = outcome.failure
    if failure is not None:
        text.append(f"{failure.code}: ", "bold red").append(safe(failure.message), "red")
        if words := said(failure):
            text.append(f"\nit said: {words}")
        if failure.remedy:
            text.append(f"\nremedy: {safe(remedy(failure))}", "yellow")
    line = told(outcome)
    if line:
        text.append(f"\n{line}", "dim")
    return text


def remedy(failure: Failure) -> str:
    """What a person can do, without what helps only a job in the queue."""
    return re.sub(r"[,;] (then `captiond retry[^`]*`|the queue waits.*)$", "", failure.remedy)


def said(failure: Failure) -> str | None:
    """The answer that can't be used, unless its failure's message has all of it."""
    words = flat(failure.rejected or "")
    return words if words and words not in flat(failure.message) else None


def _axes(names: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """What stands at the left and at the top: models at the top, unless there is one and several things are asked."""
    asked = list(dict.fromkeys(name for name, _ in names))
    models = list(dict.fromkeys(model for _, model in names))
    return (models, asked) if len(models) == 1 else (asked, models)


def _side_by_side(columns: list[str], answers: list[Outcome | None]) -> Table:
    from rich import box
    from rich.table import Table

    utf8 = "utf" in (sys.stdout.encoding or "").lower()
    table = Table(box=box.SIMPLE_HEAD if utf8 else box.ASCII, padding=(0, 1))
    for column in columns:
        table.add_column(safe(column), header_style="bold", ratio=1, overflow="fold", vertical="top")
    table.add_row(*("-" if answer is None else cell(answer) for answer in answers))
    return table
