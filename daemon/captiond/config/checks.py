"""What one setting says of another, and what no type can say. Pure, and patient: the data may be wrong in other ways too.

Everything here works on the merged data before it becomes `Settings`, so that all errors are told at once.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pathspec import GitIgnoreSpec

from captiond.config.lines import Key
from captiond.config.models import BUILTIN, LOCAL, OXEN, RELPATH
from captiond.config.variables import PROMPT_VARIABLES, unknown_variables

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_OWN_KEYS = {
    "model": "is the recipe's `model`",
    "messages": "is made of the recipe's `prompt` and `system`",
    "max_tokens": "is the recipe's `max_tokens`",
    "temperature": "is the recipe's `temperature`",
    "stream": "is not supported: answers are read whole",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the key, what is wrong with it and what is allowed. `value` is shown if it is given."""

    key: Key
    text: str
    value: Any = None


def problems(data: Mapping[str, Any]) -> Iterator[Problem]:
    """All that is wrong between the tables of a configuration."""
    endpoints, recipes = _table(data, "endpoints"), _table(data, "recipes")
    yield from _database(_table(data, "database"))
    for table, names in (("endpoints", endpoints), ("recipes", recipes)):
        for name in names:
            if not _NAME.fullmatch(name):
                yield Problem((table, name), "a name is letters, digits, _ and -, at most 64, a letter or digit first")
    for name, endpoint in endpoints.items():
        if name in (BUILTIN, LOCAL):
            yield Problem(("endpoints", name), f'"{name}" is always there and is not configured; choose another name')
        if isinstance(endpoint, Mapping):
            yield from _endpoint(("endpoints", name), endpoint)
    known = [*endpoints, *(name for name in (OXEN, BUILTIN, LOCAL) if name not in endpoints)]
    for name, recipe in recipes.items():
        if isinstance(recipe, Mapping):
            yield from _recipe(("recipes", name), recipe, known)
    watch = data.get("watch")
    if isinstance(watch, list):
        yield from _watch([root if isinstance(root, Mapping) else {} for root in watch], {"default", *recipes})


def _database(database: Mapping[str, Any]) -> Iterator[Problem]:
    url = database.get("url")
    if not isinstance(url, str) or not url.startswith("sqlite:///"):
        return
    path = url.removeprefix("sqlite:///").partition("?")[0]
    if not path or path.endswith("/") or ":memory:" in path:
        yield Problem(("database", "url"), "names no file; captions are kept in a file on a local disk", url)


def _endpoint(key: Key, endpoint: Mapping[str, Any]) -> Iterator[Problem]:
    url = endpoint.get("base_url")
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        yield from _base_url((*key, "base_url"), url)
    variable = endpoint.get("api_key_env")
    if isinstance(variable, str):
        if not _VARIABLE.fullmatch(variable) or like_a_key(variable):
            text = "must be the name of an environment variable, not the key itself"
            yield Problem((*key, "api_key_env"), text, variable)
        if endpoint.get("api_key_file") is not None:
            yield Problem((*key, "api_key_file"), "api_key_env is set as well; only one of the two can hold")
    if endpoint.get("model") == "":
        yield Problem((*key, "model"), "is empty; it must be a model as the server names it")


def _base_url(key: Key, url: str) -> Iterator[Problem]:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        yield Problem(key, "is no valid address", url)
        return
    if "@" in parts.netloc:
        yield Problem(key, "must not hold a user or password; give the key by api_key_env or api_key_file", url)
    if not host:
        yield Problem(key, "has no host", url)
    if parts.query or parts.fragment:
        yield Problem(key, "must not hold a ? or # part; give a key by api_key_env or api_key_file", url)
    if parts.path.rstrip("/").endswith("/chat/completions"):
        yield Problem(key, "ends before /chat/completions: leave that out", url)
    if parts.fragment or any(char.isspace() for char in url):
        yield Problem(key, "must not hold a # part or white space", url)


def like_a_key(text: str) -> bool:
    """Long, with small letters and digits: no one names a variable so."""
    return len(text) >= 20 and any(c.islower() for c in text) and any(c.isdigit() for c in text)


def _recipe(key: Key, recipe: Mapping[str, Any], known: list[str]) -> Iterator[Problem]:
    yield from _endpoints((*key, "endpoint"), recipe.get("endpoint"), known)
    for name in ("prompt", "system"):
        text = recipe.get(name)
        if isinstance(text, str):
            wrong = unknown_variables(text)
            if wrong:
                there = ", ".join(f"{{{variable}}}" for variable in PROMPT_VARIABLES)
                told = f"{', '.join(wrong)} is no variable; there are {there}; write {{{{ and }}}} for braces"
                yield Problem((*key, name), told, text)
    if isinstance(recipe.get("prompt"), str) and not recipe["prompt"].strip():
        yield Problem((*key, "prompt"), "is empty; say what to ask")
    for name in ("categories", "fields"):
        yield from _words((*key, name), recipe.get(name))
    extra = recipe.get("extra_body")
    if isinstance(extra, Mapping):
        for name in extra:
            if name in _OWN_KEYS:
                yield Problem((*key, "extra_body", name), _OWN_KEYS[name])


def _endpoints(key: Key, asked: Any, known: list[str]) -> Iterator[Problem]:
    """Whom a recipe asks: one name, or a list of them."""
    names = [asked] if isinstance(asked, str) else asked if isinstance(asked, list) else []
    names = [name for name in names if isinstance(name, str)]
    for name in names:
        if name not in known:
            yield Problem(key, f"there is no such endpoint; there are {_listed(known)}", name)
    if BUILTIN in names and len(names) > 1:
        yield Problem(key, f'"{BUILTIN}" says only what it measured, and can\'t stand in for a model: take it out')
    if len(set(names)) < len(names):
        yield Problem(key, "names an endpoint twice")


def _words(key: Key, words: Any) -> Iterator[Problem]:
    """Categories and fields: none empty, none twice."""
    seen: dict[str, str] = {}
    for index, word in enumerate(words if isinstance(words, list) else []):
        if not isinstance(word, str):
            continue
        plain = " ".join(word.split()).casefold()
        if not plain:
            yield Problem((*key, index), "is empty")
        elif plain in seen:
            yield Problem((*key, index), f'is there twice: "{seen[plain]}" is the same but for case and spaces', word)
        seen.setdefault(plain, word)


def _watch(watch: list[Mapping[str, Any]], recipes: set[str]) -> Iterator[Problem]:
    paths: list[tuple[int, str]] = []
    for index, root in enumerate(watch):
        recipe = root.get("recipe")
        if isinstance(recipe, str) and recipe not in recipes:
            text = f"there is no such recipe; there are {_listed(sorted(recipes))}"
            yield Problem(("watch", index, "recipe"), text, recipe)
        for name in ("include", "exclude"):
            yield from _patterns(("watch", index, name), root.get(name))
        url = root.get("public_url")
        if isinstance(url, str) and (wrong := _public_url(url)):
            yield Problem(("watch", index, "public_url"), wrong, url)
        path = root.get("path")
        if isinstance(path, str) and path:
            paths.append((index, path))
            problem = overlap(path, [earlier for _, earlier in paths[:-1]])
            if problem:
                yield Problem(("watch", index, "path"), problem, path)
    for index, root in enumerate(watch):
        if root.get("path") == "":
            yield Problem(("watch", index, "path"), "is empty; it must be a folder's path")


def _public_url(url: str) -> str | None:
    """What is wrong with a root's `public_url`, and what it has to be."""
    like = f'; it must be like "https://cdn.example/{RELPATH}"'
    if not url.startswith(("http://", "https://")):
        return "does not begin with http:// or https://" + like
    if (times := url.count(RELPATH)) != 1:
        return f"has {RELPATH} in it {times} times, and must have it once" + like
    rest = url.replace(RELPATH, "x")
    if "{" in rest or "}" in rest:
        return f"has braces in it that are not {RELPATH}'s" + like
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is no valid address" + like
    if not parts.hostname or RELPATH in parts.netloc:
        return "has no host before its path" + like
    if "@" in parts.netloc:
        return "must not hold a user or password: it is sent to the endpoint" + like
    if "#" in url or any(char.isspace() for char in url):
        return "must not hold a # part or white space" + like
    return None


def _patterns(key: Key, patterns: Any) -> Iterator[Problem]:
    """What .gitignore could not read either, such as a backslash at the end."""
    for index, pattern in enumerate(patterns if isinstance(patterns, list) else []):
        if isinstance(pattern, str):
            try:
                GitIgnoreSpec.from_lines([pattern.removeprefix("#")], backend="simple")
            except ValueError:
                yield Problem((*key, index), "is no pattern as .gitignore has them", pattern)


def overlap(path: str, others: list[str]) -> str | None:
    """Why a folder can't be a root beside these. By the paths' text alone, without I/O.

    A root inside another one is fine: its files are the inner one's.
    """
    one = os.path.normpath(os.path.expanduser(path))
    for other in others:
        if one == os.path.normpath(os.path.expanduser(other)):
            return f'is watched twice; remove one of the two entries for "{other}"'
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    return value if isinstance(value, Mapping) else {}
