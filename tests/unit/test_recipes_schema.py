"""The JSON that a recipe asks for by the protocol."""

from __future__ import annotations

from captiond.config.models import Recipe
from captiond.recipes import response_format


def test_a_recipe_of_prose_asks_for_no_json() -> None:
    assert response_format(Recipe(), "json_schema") == {}
    assert response_format(Recipe(), "json_object") == {}


def test_fields_and_categories_become_a_strict_schema() -> None:
    recipe = Recipe(fields=["caption", "tags", "count"], categories=["a", "b", "a"])
    asked = response_format(recipe, "json_schema")["response_format"]
    schema = asked["json_schema"]["schema"]
    assert asked["type"] == "json_schema"
    assert asked["json_schema"]["strict"] is True
    assert schema["required"] == ["caption", "tags", "count", "category"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["caption"] == {"type": "string"}
    assert schema["properties"]["tags"]["type"] == "array"
    assert schema["properties"]["category"]["enum"] == ["a", "b"]


def test_a_field_called_category_is_held_to_the_categories() -> None:
    schema = response_format(Recipe(fields=["category"], categories=["x"]), "json_schema")["response_format"]
    assert schema["json_schema"]["schema"]["properties"] == {"category": {"type": "string", "enum": ["x"]}}


def test_an_object_is_asked_for_where_the_prompt_asks_for_one_too() -> None:
    assert response_format(Recipe(fields=["caption"]), "json_object") == {"response_format": {"type": "json_object"}}
    assert response_format(Recipe(categories=["a"]), "json_object") == {}


def test_an_endpoint_that_is_not_known_to_take_a_format_gets_none() -> None:
    for form in (None, "off", "xml"):
        assert response_format(Recipe(fields=["caption"], categories=["a"]), form) == {}
