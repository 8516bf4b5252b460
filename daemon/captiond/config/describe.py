"""What a setting may be, in words, read from the models: for errors, for config.example.toml and for the manual."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from captiond.config.models import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

NAME = "NAME"
"""Stands for the name that a user gives an endpoint or a recipe."""

_PATTERNS = {
    r"^0?[0-7]{3}$": 'an octal number like "0644"',
    r"^sqlite:///": 'an address like "sqlite:////var/lib/captiond/captions.db"',
    r"^https?://": "an address that begins with http:// or https://",
    r"^\.[^/\s]+\.json$": 'an ending like ".caption.json": a dot first, .json last, no space and no slash',
}
_SIMPLE: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    Path: "a path",
    list: "a list",
    dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: `table` as in the file (`endpoints.NAME`, `watch`), its type in words, its default, its meaning.

    `default` is None where it is not set, and where it is `required`.
    """

    table: str
    key: str
    allowed: str
    default: Any
    required: bool
    meaning: str


def settings() -> Iterator[Setting]:
    """Every setting there is, in the file's order."""
    for table, model in tables().items():
        for key, field in model.model_fields.items():
            if _model(field.annotation) is not None:
                continue  # a table of its own
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            meaning = " ".join((field.description or "").split())
            yield Setting(table, key, allowed(field), default, field.is_required(), meaning)


def tables() -> dict[str, type[BaseModel]]:
    """Every table of the file with its model; `endpoints.NAME` and `recipes.NAME` are many, `watch` is a list.

    A table within another, such as `endpoints.NAME.price`, comes after it.
    """
    return dict(_tables(Settings, ""))


def _tables(model: type[BaseModel], within: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        inner = _model(field.annotation)
        if inner is not None:
            table = within + (f"{name}.{NAME}" if get_origin(field.annotation) is dict else name)
            yield table, inner
            yield from _tables(inner, f"{table}.")


def field_at(key: tuple[str | int, ...]) -> FieldInfo | None:
    """The field that a key of the file is, or None if it is none or lies inside a value."""
    model: type[BaseModel] | None = Settings
    field: FieldInfo | None = None
    rest = list(key)
    while rest and model is not None:
        field = model.model_fields.get(str(rest.pop(0)))
        if field is None:
            return None
        model = _model(field.annotation)
        if model is not None and get_origin(field.annotation) in (dict, list) and rest:
            rest.pop(0)
            if not rest:
                return None
    return None if rest else field


def keys_at(key: tuple[str | int, ...]) -> list[str]:
    """The keys that are known in the table that `key` names."""
    model: type[BaseModel] | None = Settings
    rest = list(key)
    while rest and model is not None:
        field = model.model_fields.get(str(rest.pop(0)))
        model = _model(field.annotation) if field else None
        if field and get_origin(field.annotation) in (dict, list) and rest:
            rest.pop(0)
    return list(model.model_fields) if model is not None else []


def allowed(field: FieldInfo) -> str:
    """What a field takes, in words: `a whole number from 1 to 512`."""
    kind, limits = _bare(field.annotation), list(field.metadata)
    choices = choices_of(field)
    if choices:
        return "one of " + ", ".join(f'"{choice}"' for choice in choices)
    for limit in limits:
        pattern = getattr(limit, "pattern", None)
        if pattern is not None:
            return _PATTERNS[pattern]
    origin = get_origin(kind) or kind
    if origin is list:
        return "a list of tables" if _model(kind) else "a list of texts"
    return _SIMPLE.get(origin, "a table") + _limits(limits)


def choices_of(field: FieldInfo) -> list[str]:
    """The words that a field takes, if it takes only some."""
    kind = _bare(field.annotation)
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    return [choice.value for choice in kind] if isinstance(kind, type) and issubclass(kind, StrEnum) else []


def toml(value: Any) -> str:
    """A value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not value.is_integer():
        return str(value)
    if isinstance(value, int | float):
        return f"{int(value):_}" if abs(value) >= 10_000 else str(int(value))
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(str(value), ensure_ascii=False)


def _limits(limits: list[Any]) -> str:
    ge, gt, le, lt = (
        next((getattr(limit, name) for limit in limits if hasattr(limit, name)), None)
        for name in ("ge", "gt", "le", "lt")
    )
    if ge is not None and le is not None:
        return f" from {toml(ge)} to {toml(le)}"
    words = [
        f"{word} {toml(limit)}"
        for word, limit in (("at least", ge), ("above", gt), ("at most", le), ("below", lt))
        if limit is not None
    ]
    return (" " + " and ".join(words)) if words else ""


def _bare(annotation: Any) -> Any:
    """The type without `| None` and without `Annotated`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if isinstance(annotation, UnionType) or get_origin(annotation) is Union:
        (kind,) = (arg for arg in get_args(annotation) if arg is not NoneType)
        return _bare(kind)
    return annotation


def _model(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is, or has the values of."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None
