"""From an answer to a reply: it is judged, and becomes a `Reply` or a typed failure.

Nothing of an answer is ever executed, expanded or asked again: instructions in a picture stay text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from captiond.errors import BadFields, CutAnswer, EmptyAnswer, LoopedAnswer, NotACategory, Refused, WrongLanguage
from captiond.recipes.cleaning import cleaned, unfenced, unquoted
from captiond.recipes.languages import other_language
from captiond.recipes.loops import loop
from captiond.recipes.reasoning import visible
from captiond.recipes.refusals import is_refusal, without_disclaimer
from captiond.recipes.text import valid
from captiond.values import Answer, Reply, Source

if TYPE_CHECKING:
    from captiond.config.models import Recipe

_CUT = {"length", "max_tokens", "max_output_tokens"}
_BLOCKED = {
    "content_filter",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "refusal",
    "image_safety",
}
"""OpenAI's word for a filtered answer, Gemini's and Anthropic's as some gateways pass them on."""

SHORT_ANSWER = 60
"""Characters. In an answer so short, the only category named is the answer; a longer one is a text about it."""

_SAYS_WHICH = re.compile(
    r"^(?:the |my )?(?:final |best |correct |most likely )?"
    r"(?:category|answer|classification|class|label|type|result|choice|product)(?: is|:|=| ->)+\s*"
    r"|^(?:it|this|that)(?: is|'s)\s+",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^[-*#>•]+ ")
_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
_UNSURE = re.compile(
    r"\b(?:not|no|nor|neither|never|none|without|except|unlike|or|maybe|perhaps|possibly|could|might|unsure|unclear|"
    r"nicht|kein\w*|oder|pas|ni|ou|sin|sem)\b|n't\b",
    re.IGNORECASE,
)
_CATEGORY_KEYS = ("category", "answer", "label", "class")
_DECODER = json.JSONDecoder()
_BRACES_TRIED = 20


def reply(recipe: Recipe, answer: Answer) -> Reply:
    """Judges an answer under its recipe.

    Raises:
        CutAnswer: it ended at `max_tokens`, so it is not whole.
        LoopedAnswer: it repeats itself to its end, cut or not.
        Refused: the server filtered it, or it says that the model won't.
        EmptyAnswer: no text, or reasoning alone.
        WrongLanguage: the recipe has a language, and its caption is clearly in another.
        NotACategory: the recipe has categories, and it names none, or more than one.
        BadFields: the recipe has fields, and it is not an object with them.
    """
    reason = (answer.finish_reason or "").strip().lower()
    text = visible(answer.text)
    if answer.refusal:
        raise Refused(_shortened(answer.refusal), rejected=answer.refusal)
    if reason in _BLOCKED:
        raise Refused(f"finish_reason is {reason}", rejected=answer.text)
    if reason in _CUT or (not reason and _stops_short(recipe, answer, text)):
        _check_loop(answer.text or answer.reasoning)
        raise CutAnswer(
            f"finish_reason is {reason or 'not told'}, max_tokens is {recipe.max_tokens}",
            rejected=answer.text or answer.reasoning,
        )
    if not text or not (recipe.categories or recipe.fields or _says_something(text)):
        reasoned = answer.text.strip() or answer.reasoning
        raise EmptyAnswer("reasoning, but no answer" if reasoned and not text else "", rejected=reasoned)
    if answer.source is Source.BUILTIN:
        # True by construction; it can't tell a shoe from a shirt, so the category is left to the model that takes over.
        return Reply(caption=text, language="en")
    if recipe.fields:
        return _object(recipe, text)
    if recipe.categories:
        category = _category(recipe.categories, text)
        return Reply(caption=category, category=category, language=recipe.language)
    return Reply(caption=_caption(recipe, text), language=recipe.language)


def _caption(recipe: Recipe, text: str) -> str:
    caption = cleaned(without_disclaimer(text)) if recipe.clean else text
    if is_refusal(unquoted(caption)):
        raise Refused(_shortened(caption), rejected=text)
    if not _says_something(caption):
        raise EmptyAnswer(rejected=text)
    _check_loop(text)
    other = other_language(caption, recipe.language) if recipe.language else None
    if other:
        raise WrongLanguage(f"{other} instead of {recipe.language}: {_shortened(caption)}", rejected=text)
    return caption


def _check_loop(text: str) -> None:
    """Raises LoopedAnswer."""
    repeated = loop(text)
    if repeated:
        raise LoopedAnswer(_shortened(repeated), rejected=text)


def _stops_short(recipe: Recipe, answer: Answer, text: str) -> bool:
    """Whether a server that tells no reason stopped at `max_tokens`, in the middle of a sentence."""
    used = answer.usage.completion_tokens
    if used is None or used < recipe.max_tokens or recipe.categories:
        return False
    return not text.endswith((".", "!", "?", "…", '"', "”", "»", ")", "。", "！", "？", "」", "}"))


def _says_something(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _category(categories: Iterable[str], text: str) -> str:
    """The category that an answer names, spelled as configured."""
    by_key = {_key(category): category for category in categories}
    whole = _exact(by_key, text)
    if whole is not None:
        return whole
    if is_refusal(unquoted(text)):
        raise Refused(_shortened(text), rejected=text)
    lines = [line for line in text.splitlines() if line.strip()]
    # A model that explains itself puts the answer first or last.
    said = {found for line in (lines[0], lines[-1]) if (found := _exact(by_key, line)) is not None}
    if len(said) == 1:
        return said.pop()
    named = None if said or _is_object(text) else _only_named(by_key, text)
    if named is None:
        raise NotACategory(f"the answer is {_shortened(text)}", rejected=text)
    return named


def _exact(by_key: Mapping[str, str], text: str) -> str | None:
    """The category that the whole text is, or says in so many words ("The answer is **shoe**.")."""
    key = _key(text)
    for candidate in (key, _key(_SAYS_WHICH.sub("", key, count=1))):
        for form in (candidate, _ARTICLE.sub("", candidate, count=1)):
            if form in by_key:
                return by_key[form]
    told = _first_object(text, _CATEGORY_KEYS) if _is_object(text) else None
    values = [told[key] for key in _CATEGORY_KEYS if key in told] if told else []
    return by_key.get(_key(values[0])) if values and isinstance(values[0], str) else None


def _is_object(text: str) -> bool:
    return unfenced(text).startswith("{")


def _only_named(by_key: Mapping[str, str], text: str) -> str | None:
    """The one category that a short answer names as a whole word, if it neither denies nor doubts it."""
    key = _key(text)
    if len(key) > SHORT_ANSWER:
        return None
    rest, named = key, set()
    # Longest first: "running shoe" is not also "shoe".
    for form in sorted(by_key, key=len, reverse=True):
        rest, count = re.subn(rf"(?<![\w-]){re.escape(form)}(?![\w-])", "\x00", rest)
        if count:
            named.add(form)
    if len(named) != 1 or _UNSURE.search(rest):
        return None
    return by_key[named.pop()]


def _key(text: str) -> str:
    """A category's name as it is compared: no case, Markdown, quotes around it or full stop."""
    text = " ".join(unfenced(text).replace("**", "").replace("`", "").replace("’", "'").split()).casefold()
    return _BULLET.sub("", text, count=1).strip("*_\"'“”‘«».!,;: ") or text


def _object(recipe: Recipe, text: str) -> Reply:
    """The answer as the JSON object that the recipe's fields ask for."""
    wanted = list(dict.fromkeys([*recipe.fields, *(["category"] if recipe.categories else [])]))
    found = _first_object(text, wanted)
    if found is None:
        if is_refusal(unquoted(text)):
            raise Refused(_shortened(text), rejected=text)
        raise BadFields(f"no JSON object in {_shortened(text)}", rejected=text)
    by_key = {key.casefold(): value for key, value in found.items()}
    missing = [key for key in wanted if key.casefold() not in by_key]
    if missing:
        raise BadFields(f"without {', '.join(missing)}", rejected=text)
    values = {key: by_key[key.casefold()] for key in wanted}

    category = None
    if recipe.categories:
        named = values.pop("category")
        category = _category(
            recipe.categories,
            named if isinstance(named, str) and named.strip() else "-",
        )
    tags = _tags(values.pop("tags"), text) if "tags" in values else ()
    if "caption" in values:
        told = values.pop("caption")
        if not isinstance(told, str) or not _says_something(visible(told)):
            raise BadFields("caption is no text", rejected=text)
        caption = _caption(recipe, visible(told))
    else:
        caption = _rendered(values, tags, category)
        if not caption:
            raise BadFields("all values are empty", rejected=text)
    return Reply(
        caption=caption,
        category=category,
        tags=tags,
        fields=values,
        language=recipe.language,
    )


def _first_object(text: str, wanted: Iterable[str]) -> dict[str, Any] | None:
    """The first JSON object in a text that has one of the keys, with values that JSON can hold again."""
    keys = {key.casefold() for key in wanted}
    position = -1
    for _ in range(_BRACES_TRIED):
        position = text.find("{", position + 1)
        if position < 0:
            return None
        try:
            value, _end = _DECODER.raw_decode(text, position)
            # Python reads NaN and 1e999; the sidecar must not have them. Half characters would not reach UTF-8.
            value = json.loads(json.dumps(_valid(value), allow_nan=False))
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and keys & {key.casefold() for key in value}:
            return value
    return None


def _valid(value: Any) -> Any:
    """The value with every text in it valid Unicode."""
    if isinstance(value, str):
        return valid(value)
    if isinstance(value, list):
        return [_valid(item) for item in value]
    if isinstance(value, dict):
        return {valid(key): _valid(item) for key, item in value.items()}
    return value


def _tags(value: Any, text: str) -> tuple[str, ...]:
    """Tags from a list or from text with commas; each once, whatever its case."""
    items = value.split(",") if isinstance(value, str) else [] if value is None else value
    if not isinstance(items, list) or not all(isinstance(item, str | int | float) for item in items):
        raise BadFields("tags is no list of texts", rejected=text)
    tags: dict[str, str] = {}
    for item in items:
        tag = " ".join(unquoted(str(item).strip()).lstrip("#").split())
        if tag:
            tags.setdefault(tag.casefold(), tag)
    return tuple(tags.values())


def _rendered(values: Mapping[str, Any], tags: tuple[str, ...], category: str | None) -> str:
    """Fields as one line to read and search: "brand: Acme; colour: red"."""
    pairs = [("category", category), *values.items(), ("tags", ", ".join(tags))]
    told = [(key, _text(value)) for key, value in pairs if value not in (None, "", [], {})]
    return "; ".join(f"{key}: {value}" for key, value in told if value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())


def _shortened(text: str) -> str:
    """The start of an answer, for a message."""
    line = " ".join(text.split())
    return f'"{line if len(line) <= 100 else line[:99] + "…"}"'
