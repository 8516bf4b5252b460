"""`captiond try`: the playground. Nothing is stored."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from captiond.cli.app import App, as_json, example
from captiond.cli.output import note, number, say_json, usd

if TYPE_CHECKING:
    from captiond.playground.run import Outcome, Tried


@click.command(
    "try",
    epilog=example(
        "captiond try photo.jpg",
        'captiond try photos/ -p "What is this?" -p "Name the {kind}\'s mood." -m gemini-3-flash-preview -m gpt-5-mini',
        "captiond try shoe.jpg clip.mp4 -r default -r products --html comparison.html",
    ),
)
@click.argument("paths", nargs=-1, required=True, metavar="PATH|URL...")
@click.option("-p", "--prompt", "prompts", metavar="TEXT", multiple=True, help="In place of the recipe's. Repeatable.")
@click.option("-m", "--model", "models", metavar="NAME", multiple=True, help="Another model. Repeatable.")
@click.option("-r", "--recipe", "recipes", metavar="NAME", multiple=True, help="Default: default. Repeatable.")
@click.option("--endpoint", metavar="NAME", help="Ask this one, whatever the recipe says.")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="Also write a page with the pictures.")
@as_json
@click.pass_obj
def try_(
    app: App,
    /,
    *,
    paths: tuple[str, ...],
    prompts: tuple[str, ...],
    models: tuple[str, ...],
    recipes: tuple[str, ...],
    endpoint: str | None,
    html: Path | None,
    as_json: bool,
) -> int:
    """Try prompts, models and recipes on some files, side by side, with tokens, cost and time.

    Every prompt is asked of every model on every file: each is a call that is paid for. Nothing is stored and no sidecar
    is written; it works beside the service, and without a database. Ends with 1 if any call failed.

    With --json: an array of objects with path, recipe, prompt, model, caption, category, tags, fields, prompt_tokens,
    completion_tokens, cost_usd, seconds, reason, message.
    """
    from captiond import log
    from captiond.cli.playground_page import check_target, write
    from captiond.cli.playground_text import say_tried
    from captiond.paths import is_url
    from captiond.playground.questions import questions
    from captiond.playground.run import Playground
    from captiond.targets import targets

    settings = app.loaded.settings
    log.configure("debug" if settings.log.level == "debug" else "error", settings.log.format)
    missing = [path for path in paths if not is_url(path) and not os.path.lexists(path)]
    if missing:
        raise click.UsageError(f"no such file or folder: {', '.join(missing)}")
    if html is not None:
        check_target(html)
    asked, endpoints, notice = questions(settings, prompts=prompts, models=models, names=recipes, endpoint=endpoint)
    if notice:
        note(notice)
    found = [target.path for target in targets(settings, paths)]
    if len(found) * len(asked) > 1:
        # Before a cent is spent: a folder may hold more than a person thinks.
        note(
            f"{number(len(found), 'file')} × {number(len(asked), 'question')}: {number(len(found) * len(asked), 'call')}"
        )
    tried: list[Tried] = []
    with Playground(settings, asked, endpoints, previews=html is not None) as playground:
        for one in playground.run(found):
            tried.append(one)
            if not as_json:
                say_tried(one)
                sys.stdout.flush()
    if as_json:
        say_json([_entry(one, outcome) for one in tried for outcome in one.outcomes])
    if not tried:
        note("there is no image or video in it")
    if html is not None and tried:
        write(html, tried)
        note(f"the comparison is in {html}")
    outcomes = [outcome for one in tried for outcome in one.outcomes]
    _sum_up(outcomes)
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _entry(tried: Tried, outcome: Outcome) -> dict[str, Any]:
    reply, failure, usage = outcome.reply, outcome.failure, outcome.usage
    return {
        "path": tried.path,
        "recipe": outcome.question.name,
        "prompt": outcome.question.prompt,
        "model": outcome.question.model,
        "caption": reply.caption if reply else None,
        "category": reply.category if reply else None,
        "tags": reply.tags if reply else [],
        "fields": reply.fields if reply else {},
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cost_usd": outcome.usd,
        "seconds": None if outcome.seconds is None else round(outcome.seconds, 3),
        "reason": failure.code if failure else None,
        "message": failure.message if failure else None,
    }


def _sum_up(outcomes: list[Outcome]) -> None:
    if not outcomes:
        return
    failed = sum(1 for outcome in outcomes if outcome.failure)
    costs = [outcome.usd for outcome in outcomes if outcome.usd is not None]
    paid = f", {usd(sum(costs))}" if costs else ""
    note(f"{number(len(outcomes) - failed, 'answer')}, {failed:,} failed{paid}; nothing was stored")
