"""The `response_format` that goes with a recipe, for endpoints that are known to take one. Pure.

The prompt asks for the same in words, and `answers` reads both: an endpoint that takes no format gets none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captiond.config.models import Recipe

SCHEMA, OBJECT = "json_schema", "json_object"

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_ANYTHING = {"anyOf": [_TEXT, {"type": "number"}, {"type": "boolean"}, _TEXTS, {"type": "null"}]}
_KNOWN = {"caption": _TEXT, "tags": _TEXTS}


def response_format(recipe: Recipe, form: str | None) -> Mapping[str, Any]:
    """What to add to the request: {"response_format": …}, or nothing.

    As OpenAI's strict schemas want it: every key required, no others. A schema also holds a classification to its
    categories; `json_object` alone would not, and models answer it worse than the plain question.

    Args:
        form: "json_schema", "json_object", or anything else for none.
    """
    if form == OBJECT and recipe.fields:
        return {"response_format": {"type": OBJECT}}
    if form != SCHEMA or not (recipe.fields or recipe.categories):
        return {}
    properties: dict[str, Any] = {key: _KNOWN.get(key, _ANYTHING) for key in recipe.fields}
    if recipe.categories:
        properties["category"] = {"type": "string", "enum": list(dict.fromkeys(recipe.categories))}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {"response_format": {"type": SCHEMA, "json_schema": {"name": "caption", "strict": True, "schema": schema}}}
