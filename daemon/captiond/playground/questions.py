"""What is asked in the playground: every prompt × model × recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from captiond.config.models import BUILTIN, LOCAL
from captiond.config.variables import PROMPT_VARIABLES, unknown_variables
from captiond.dispatch import routes
from captiond.endpoints.build import build
from captiond.errors import UsageError
from captiond.wiring import choose

if TYPE_CHECKING:
    from captiond.config.models import Recipe, Settings
    from captiond.dispatch.routes import Route
    from captiond.endpoints.base import Endpoint


@dataclass(frozen=True, slots=True)
class Question:
    """One column of the comparison: a recipe with a prompt and a model, and the endpoint that is asked."""

    name: str
    prompt: str
    model: str
    route: Route


def questions(
    settings: Settings,
    *,
    prompts: Sequence[str] = (),
    models: Sequence[str] = (),
    names: Sequence[str] = (),
    endpoint: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> tuple[list[Question], dict[str, Endpoint], str | None]:
    """Every prompt × model × recipe, the endpoints that are asked, and the line that says what better one there could be.

    A prompt goes in place of the recipe's; its categories and fields stay. Raises UsageError for what there is not.
    """
    for prompt in prompts:
        _check(prompt)
    chosen = list(dict.fromkeys(names)) or ["default"]
    for name in chosen:
        if name not in settings.recipes:
            raise UsageError(f"there is no recipe {name!r}; there are {', '.join(settings.recipes)}")
    resolved = choose(settings, environ)
    known = dict.fromkeys([*resolved.endpoints, LOCAL, BUILTIN])
    if endpoint is not None and endpoint not in known:
        raise UsageError(f"there is no endpoint {endpoint!r}; there are {', '.join(known)}")
    full = settings.model_copy(update={"endpoints": dict(resolved.endpoints)})
    asked = {name: endpoint or resolved.asked[name][0] for name in chosen}
    if models:
        for name in set(asked.values()) - set(resolved.endpoints):
            raise UsageError(
                f"the endpoint {name!r} has its own model: -m needs another; see [endpoints] or --endpoint"
            )
    endpoints = {name: build(name, full, environ) for name in sorted(set(asked.values()))}
    found: list[Question] = []
    for name in chosen:
        recipe, own = settings.recipes[name], asked[name] in resolved.asked[name]
        for prompt in dict.fromkeys(prompts) or [recipe.prompt]:
            for model in dict.fromkeys(models) or [recipe.model if own else None]:
                changed = recipe.model_copy(update={"prompt": prompt, "model": model})
                found.append(_question(full, name, changed, asked[name], endpoints))
    notice = resolved.notice if BUILTIN in endpoints and endpoint is None else None
    return found, endpoints, notice


def _check(prompt: str) -> None:
    if not prompt.strip():
        raise UsageError("a prompt is empty; say what to ask")
    wrong = unknown_variables(prompt)
    if wrong:
        there = ", ".join(f"{{{variable}}}" for variable in PROMPT_VARIABLES)
        raise UsageError(
            f"{', '.join(wrong)} is no variable of a prompt; there are {there}; write {{{{ and }}}} for braces"
        )


def _question(settings: Settings, name: str, recipe: Recipe, asked: str, endpoints: Mapping[str, Endpoint]) -> Question:
    one = settings.model_copy(update={"recipes": {name: recipe}})
    route = routes.build(one, {name: (asked,)}, endpoints)[name].first
    return Question(name, recipe.prompt, route.model, route)
