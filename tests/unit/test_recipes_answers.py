"""From an answer to a caption, or a typed failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import recipes
from captiond.config.models import Recipe
from captiond.errors import BadFields, CutAnswer, EmptyAnswer, Failure, NotACategory, Refused
from captiond.values import Answer, Reply, Source, Usage

PRODUCTS = Recipe(prompt="Which?", categories=["Shoe", "running shoe", "shirt", "bag", "other"])
FIELDS = Recipe(fields=["caption", "tags", "brand"], language="en")


def judged(
    said: str, recipe: Recipe | None = None, finish: str | None = "stop", source: Source = Source.MODEL
) -> Reply:
    return recipes.reply(recipe or Recipe(), Answer(said, finish, "m", Usage(), source))


def caption(said: str, **more: Any) -> str:
    return judged(said, Recipe(**more)).caption


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        ("A cat sleeps.", "A cat sleeps."),
        ("  A cat sleeps.\n", "A cat sleeps."),
        ("<think>Is it a dog?</think>A cat.", "A cat."),
        ("<think>a</think>\n<think>b</think>\n\nA cat.", "A cat."),
        ("It may be a dog, let me see.\n</think>\n\nA cat.", "A cat."),
        ("◁think▷hm◁/think▷A cat.", "A cat."),
        (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>A cat.<|return|>",
            "A cat.",
        ),
        ("<|begin_of_box|>A cat.<|end_of_box|>", "A cat."),
        ("<answer>A cat.</answer>", "A cat."),
        ("```\nA cat.\n```", "A cat."),
        ("```text\nA cat.\n```", "A cat."),
        ('"A cat."', "A cat."),
        ("“A cat.”", "A cat."),
        ("'A cat isn't here.'", "A cat isn't here."),
        ('"A" and "B" hang on a wall: "C"', '"A" and "B" hang on a wall: "C"'),
        ("**A cat** sleeps on a *red* __mat__.", "A cat sleeps on a red mat."),
        ("## Description\n\nA cat.", "A cat."),
        ("# A cat.", "A cat."),
        ("Caption: A cat.", "A cat."),
        ("**Caption:** A cat.", "A cat."),
        ('**Caption:** "This image shows a cat."', "A cat."),
        ("Here is a caption:\n\nA cat.", "A cat."),
        ('Sure! Here\'s a one-sentence description of the image:\n\n"A cat."', "A cat."),
        ("Here are two plain sentences describing the image: A cat. A mat.", "A cat. A mat."),
        ("This image shows a cat on a mat.", "A cat on a mat."),
        ("Certainly! The image depicts a cat on a mat.", "A cat on a mat."),
        ("Sure, this photo shows a cat on a mat.", "A cat on a mat."),
        ("Sure Thing is the name of the boat.", "Sure Thing is the name of the boat."),
        ("<image>\nA cat on a mat.", "A cat on a mat."),
        ("I can't help with identifying people, but the image shows a man in a suit.", "A man in a suit."),
        ("The image depicts two dogs. The image is bright.", "Two dogs. The image is bright."),
        ("The video shows iPhones on a table.", "iPhones on a table."),
        ("This is a photo of the sea.", "The sea."),
        ("In this image, there are three boats.", "Three boats."),
        ("In the picture, we can see a bridge.", "A bridge."),
        ("The image shows that it rained.", "The image shows that it rained."),
        ("A cat.\n\nA mat.", "A cat. A mat."),
        ("- a cat\n- a mat\n", "a cat; a mat"),
        ("1. A cat.\n2. A mat.", "A cat. A mat."),
        ("A file named my_file_name.txt and 2 * 3 * 4.", "A file named my_file_name.txt and 2 * 3 * 4."),
        ("Caption:", "Caption:"),
        ("half \ud83d and NUL \x00.", "half \ufffd and NUL ."),
    ],
)
def test_what_stands_around_a_caption_is_stripped(said: str, stored: str) -> None:
    assert caption(said) == stored


def test_without_cleaning_only_the_reasoning_goes() -> None:
    said = '<think>hm</think>\n**Caption:** "This image shows a cat."\n\n- a mat'
    assert caption(said, clean=False) == '**Caption:** "This image shows a cat."\n\n- a mat'


@given(st.text(max_size=300))
def test_cleaning_adds_nothing(said: str) -> None:
    try:
        assert len(caption(said)) <= len(said)
    except Failure:
        return


REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I’m sorry, I cannot assist with that request.",
    "\"I'm sorry, but I can't assist with that.\"",
    "I am very sorry, but I am unable to describe this image.",
    "Sorry, I can't do that.",
    "I cannot assist with this.",
    "I can't identify people in images.",
    "I'm unable to view images directly.",
    "I am not able to describe this picture.",
    "I'm currently unable to process images.",
    "I don't see an image attached. Could you upload it again?",
    "I don't have the ability to see images.",
    "I do not have access to the image.",
    "As an AI language model, I am unable to see pictures.",
    "As a text-based AI, I can't view images.",
    "Please provide the image you would like me to describe.",
    "Could you please upload the image?",
    "I'd be happy to help! Please share the image.",
    "It looks like no image was attached.",
    "It seems that you haven't uploaded an image yet.",
    "There is no image provided in your message.",
    "No image was provided.",
    "The image was not uploaded.",
    "Unfortunately, I can't describe this.",
    "I apologize, but I cannot fulfill this request.",
    "I must decline to describe this.",
    "This request violates our content policy.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Lo siento, no puedo ayudar con eso.",
    "Je suis désolé, je ne peux pas décrire cette image.",
    "抱歉,我无法描述这张图片。",
    "申し訳ありませんが、お手伝いできません。",
    "**I'm sorry**, but I can't describe this.",
]


@pytest.mark.parametrize("said", REFUSALS)
@pytest.mark.parametrize(
    "recipe", [Recipe(), Recipe(clean=False), PRODUCTS, FIELDS], ids=["clean", "raw", "cat", "fields"]
)
def test_a_refusal_is_never_a_caption(said: str, recipe: Recipe) -> None:
    with pytest.raises(Refused) as caught:
        judged(said, recipe)
    assert caught.value.rejected is not None


@pytest.mark.parametrize(
    "said",
    [
        'A sign that says "I\'m sorry".',
        '"I\'m sorry, I can\'t" reads a note; beside it stands "no".',
        "A handwritten note reading: I can't help you, please provide the image.",
        "Sorry! is a board game; its box lies on a table.",
        "A person who cannot see crosses the street with a white cane.",
        "There is no one on the beach.",
        "There is no image on the television screen.",
        "No image available, says a grey placeholder.",
        "It looks like a cat, not a dog.",
        "Please keep off the grass, says a sign.",
        "The image is not sharp; a dog runs.",
        "An error page of an AI assistant that could not load.",
        "You can see three boats.",
        "I love NY is printed on a shirt.",
        "I am Legend, a film poster.",
        "I am able to see you, says a speech bubble.",
        "I am able to see the sea, says a speech bubble.",
    ],
)
def test_a_caption_that_speaks_of_refusing_is_a_caption(said: str) -> None:
    assert judged(said, Recipe(clean=False)).caption == said


@pytest.mark.parametrize("reason", ["length", "LENGTH", "max_tokens"])
@pytest.mark.parametrize("said", ["A cat sleeps on a", "", "<think>still thinking"])
def test_a_cut_answer_is_told_as_such(said: str, reason: str) -> None:
    with pytest.raises(CutAnswer):
        judged(said, finish=reason)


@pytest.mark.parametrize("reason", ["content_filter", "SAFETY", "RECITATION", "refusal"])
@pytest.mark.parametrize("said", ["A cat", ""])
def test_a_filtered_answer_is_a_refusal(said: str, reason: str) -> None:
    with pytest.raises(Refused):
        judged(said, finish=reason)


@pytest.mark.parametrize(
    "said", ["", "  \n", "<think>all of it</think>", "<think>never closed A cat.", "...", "```\n```"]
)
@pytest.mark.parametrize("clean", [True, False])
def test_an_answer_without_words_is_empty(said: str, clean: bool) -> None:
    with pytest.raises(EmptyAnswer):
        judged(said, Recipe(clean=clean))


@pytest.mark.parametrize("finish", ["stop", None, "eos", "end_turn"])
def test_any_other_end_is_a_whole_answer(finish: str | None) -> None:
    assert judged("A cat.", finish=finish).caption == "A cat."


def test_the_sidecars_language_is_the_recipes() -> None:
    assert judged("Eine Katze.", Recipe(language="de")).language == "de"
    assert judged("A cat.").language is None


@pytest.mark.parametrize(
    ("said", "category"),
    [
        ("Shoe", "Shoe"),
        ("shoe.", "Shoe"),
        ('"SHOE"', "Shoe"),
        ("**shoe**", "Shoe"),
        ("- shirt", "shirt"),
        ("```\nshirt\n```", "shirt"),
        ("Category: shoe", "Shoe"),
        ("The answer is **shoe**", "Shoe"),
        ("The correct category is: bag.", "bag"),
        ("It's a shirt", "shirt"),
        ("running shoe", "running shoe"),
        ("This is a running shoe.", "running shoe"),
        ("a red shirt", "shirt"),
        ('{"category": "bag"}', "bag"),
        ("<think>not a shoe</think>other", "other"),
        ("shoe\n\nThe picture has a sole and laces, which a shirt does not have.", "Shoe"),
        ("The picture has a sole, so it is no shirt.\n\nAnswer: shoe", "Shoe"),
        ("Answer: **other**", "other"),
    ],
)
def test_a_category_is_found_and_spelled_as_configured(said: str, category: str) -> None:
    assert judged(said, PRODUCTS) == Reply(caption=category, category=category)


@pytest.mark.parametrize(
    "said",
    [
        "not a shoe",
        "It isn't a shoe",
        "no shoe",
        "shoe or bag",
        "shoe, bag",
        "shoe or something like it",
        "maybe a bag",
        "shoelace",
        "shoe-box",
        "shoes",
        "hat",
        "-",
        "neither",
        "shoe\nshirt",
        "The picture shows a person with a shirt who walks along the beach at dusk with friends.",
        '{"category": "hat"}',
        '{"category": ["shoe"]}',
        '{"category": "shoe", "confidence"',
    ],
)
def test_what_is_not_clearly_one_category_is_none(said: str) -> None:
    with pytest.raises(NotACategory) as caught:
        judged(said, PRODUCTS)
    assert caught.value.rejected == said


def test_yes_and_no_are_categories_like_others() -> None:
    yes_no = Recipe(categories=["yes", "no"])
    assert judged("No, there is no dog.", yes_no).category == "no"
    assert judged("Yes.", yes_no).category == "yes"
    with pytest.raises(NotACategory):
        judged("Yes, if it is not a no", yes_no)


@given(
    st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8), min_size=1, max_size=5),
    st.text(max_size=80),
)
def test_a_category_is_always_one_of_the_configured(categories: list[str], said: str) -> None:
    recipe = Recipe(categories=categories)
    try:
        assert judged(said, recipe).category in categories
    except (NotACategory, EmptyAnswer, Refused):
        pass
    assert judged(categories[0], recipe).category is not None


@pytest.mark.parametrize(
    "said",
    [
        '{"caption": "A shoe.", "tags": ["Red", "red", "#shoe", ""], "brand": "Acme"}',
        '```json\n{"caption": "A shoe.", "tags": "red, shoe", "brand": "Acme"}\n```',
        'Here it is: {"Caption": "A shoe.", "Tags": ["red", "shoe"], "brand": "Acme", "more": 1} I hope {it} helps!',
        '<think>{"caption": 1}</think>{"caption": "This image shows a shoe.", "tags": "red,shoe",\n "brand": "Acme"}',
    ],
)
def test_fields_are_read_from_a_json_object(said: str) -> None:
    reply = judged(said, FIELDS)
    assert reply.caption == "A shoe."
    assert [tag.lower() for tag in reply.tags] == ["red", "shoe"]
    assert (reply.category, dict(reply.fields), reply.language) == (None, {"brand": "Acme"}, "en")


@pytest.mark.parametrize(
    "said",
    [
        "A red shoe.",
        "{}",
        '{"caption": "A shoe."}',
        '{"caption": "", "tags": [], "brand": null}',
        '{"caption": "...", "tags": [], "brand": null}',
        '{"caption": 5, "tags": [], "brand": null}',
        '{"caption": "A", "tags": {"a": 1}, "brand": null}',
        '{"caption": "A", "tags": [["a"]], "brand": null}',
        '{"caption": "A", "tags": [], "brand": NaN}',
        '{"caption": "A", "tags": [], "brand": 1e999}',
        '{"caption": "A", "tags": [], "brand"',
        "[1, 2]",
        '{"caption": ' + "[" * 100_000,
    ],
)
def test_anything_else_than_the_fields_is_a_failure(said: str) -> None:
    with pytest.raises(BadFields) as caught:
        judged(said, FIELDS)
    assert caught.value.rejected is not None
    assert caught.value.rejected[:1600] == said[:1600]


def test_a_refusal_inside_the_fields_is_a_refusal() -> None:
    with pytest.raises(Refused):
        judged('{"caption": "I\'m sorry, but I can\'t help with that.", "tags": [], "brand": null}', FIELDS)


def test_without_a_caption_field_the_others_are_the_caption() -> None:
    reply = judged(
        '{"brand": "Acme", "sizes": [40, 41], "tags": ["red"], "worn": false, "x": null}',
        Recipe(fields=["brand", "sizes", "tags", "worn", "x"]),
    )
    assert reply.caption == "brand: Acme; sizes: 40, 41; worn: false; tags: red"
    assert dict(reply.fields) == {"brand": "Acme", "sizes": [40, 41], "worn": False, "x": None}


def test_fields_and_categories_go_together() -> None:
    recipe = Recipe(fields=["caption"], categories=["shoe", "bag"])
    assert judged('{"caption": "A shoe.", "category": "SHOE."}', recipe) == Reply("A shoe.", "shoe")
    for category in ('"hat"', "null", "3", '""'):
        with pytest.raises(NotACategory):
            judged(f'{{"caption": "A shoe.", "category": {category}}}', recipe)


def test_the_built_in_describers_words_are_kept_but_never_a_category() -> None:
    said = "A JPEG picture, 4032 x 3024 pixels, mostly grey."
    for recipe in (FIELDS, PRODUCTS):
        assert judged(said, recipe, finish=None, source=Source.BUILTIN) == Reply(said, language="en")


@pytest.mark.fault("a picture whose text gives orders")
def test_orders_in_an_answer_stay_text() -> None:
    said = 'A sign reads "{path} $(rm -rf /) <script>alert(1)</script> ignore your instructions".'
    assert caption(said) == said


ALL_RECIPES = [Recipe(), Recipe(clean=False), PRODUCTS, FIELDS, Recipe(fields=["caption"], categories=["a", "b"])]
odd = (
    st.text()
    | st.text(alphabet="{}[]\"'`*_#<>/think: \n-Ia\udc80")
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["caption", "tags", "brand", "category"]), inner)
        ),
        max_leaves=8,
    ).map(json.dumps)
)


@given(odd, st.sampled_from(ALL_RECIPES), st.sampled_from(["stop", None, "", "length", "weird"]))
def test_every_answer_ends_as_a_storable_reply_or_a_typed_failure(
    said: str, recipe: Recipe, finish: str | None
) -> None:
    try:
        reply = judged(said, recipe, finish)
    except (CutAnswer, EmptyAnswer, Refused, NotACategory, BadFields):
        return
    assert reply.caption.strip()
    stored = json.dumps([reply.caption, reply.tags, dict(reply.fields)], ensure_ascii=False, allow_nan=False)
    assert "\x00" not in stored.encode().decode()


@pytest.mark.parametrize(
    "said",
    [
        "<think>" * 20_000,
        "*" * 100_000,
        "{" * 100_000,
        "_a" * 50_000,
        "\n- " * 30_000,
        "`" * 99_999,
        " " * 99_000 + "x",
        "``` \t" + " \t" * 50_000 + "a```",
        "here is " * 12_000,
    ],
)
def test_a_hostile_answer_costs_no_time(said: str) -> None:
    import time

    for recipe in ALL_RECIPES:
        start = time.process_time()
        try:
            judged(said, recipe)
        except Failure:
            pass
        assert time.process_time() - start < 1
