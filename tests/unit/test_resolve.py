"""Who describes what."""

from __future__ import annotations

from captiond.config.models import OXEN_BASE_URL, Endpoint, Recipe, Settings
from captiond.config.resolve import resolve

GPU = Endpoint(base_url="http://gpu/v1", model="m")


def test_with_oxens_key_and_no_endpoint_oxen_is_asked() -> None:
    resolved = resolve(Settings(), oxen_key=True, weights_present=True)
    assert resolved.asked == {"default": ("oxen",)}
    oxen = resolved.endpoints["oxen"]
    assert (oxen.base_url, oxen.model, oxen.api_key_env) == (OXEN_BASE_URL, "gemini-3-flash-preview", "OXEN_API_KEY")
    assert resolved.notice is None


def test_without_a_key_the_local_model_is_asked_if_its_weights_are_there() -> None:
    resolved = resolve(Settings(), oxen_key=False, weights_present=True)
    assert (resolved.asked, resolved.endpoints, resolved.notice) == ({"default": ("local",)}, {}, None)


def test_without_anything_the_built_in_describer_works_and_one_line_says_how_to_do_better() -> None:
    resolved = resolve(Settings(), oxen_key=False, weights_present=False)
    assert (resolved.asked, resolved.endpoints) == ({"default": ("builtin",)}, {})
    assert resolved.notice is not None
    assert "\n" not in resolved.notice
    for way in ("OXEN_API_KEY", "captiond model pull", "config.example.toml"):
        assert way in resolved.notice


def test_a_configured_endpoint_goes_before_the_key_and_the_weights() -> None:
    resolved = resolve(Settings(endpoints={"gpu": GPU}), oxen_key=True, weights_present=True)
    assert (resolved.asked, dict(resolved.endpoints), resolved.notice) == ({"default": ("gpu",)}, {"gpu": GPU}, None)


def test_a_recipe_asks_the_endpoint_it_names_and_else_the_first() -> None:
    settings = Settings(
        endpoints={"gpu": GPU, "b": GPU},
        recipes={
            "x": Recipe(endpoint=["b"]),
            "y": Recipe(endpoint=["builtin"]),
            "z": Recipe(),
            "o": Recipe(endpoint=["oxen"]),
        },
    )
    resolved = resolve(settings, oxen_key=False, weights_present=False)
    assert resolved.asked == {"x": ("b",), "y": ("builtin",), "z": ("gpu",), "o": ("oxen",), "default": ("gpu",)}
    assert set(resolved.endpoints) == {"gpu", "b", "oxen"}


def test_who_asked_for_the_built_in_describer_gets_no_advice() -> None:
    settings = Settings(recipes={"default": Recipe(endpoint=["builtin"])})
    assert resolve(settings, oxen_key=False, weights_present=False).notice is None


def test_a_recipe_may_ask_several_and_all_of_them_are_in_use() -> None:
    settings = Settings(endpoints={"gpu": GPU, "b": GPU}, recipes={"x": Recipe(endpoint=["b", "oxen"])})
    resolved = resolve(settings, oxen_key=False, weights_present=False)
    assert resolved.asked == {"x": ("b", "oxen"), "default": ("gpu",)}
    assert resolved.in_use == ["b", "gpu", "oxen"]
