"""What a recipe says reaches the endpoint, and what the endpoint answers is judged by it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import media_samples as made
from drops import drop
from fake_endpoint import Behaviour, FakeEndpoint, Recorded, ok
from program import Home
from waiting import until

CONFIG = """
[database]
url = "sqlite:///@FOLDER@/state/captions.db"
[endpoints.fake]
base_url = "@BASE_URL@"
model = "fake-vision-1"
[queue]
backoff_seconds = 0.1
[recipes.classes]
prompt = "Which product is this? ({filename})"
categories = ["shoe", "shirt", "bag", "other"]
[recipes.asked]
prompt = "{{kind}} {kind}|{filename}|{folder}|{path}|{root}|{date}|{camera}|{gps}|{width}x{height}|{duration}|{language}"
system = "You are terse. Speak {language}."
language = "Deutsch"
model = "fake-vision-2"
max_tokens = 77
temperature = 0.25
extra_body = { top_k = 5, provider = { order = ["a", "b"] } }
[recipes.fields]
prompt = "Describe {filename}."
fields = ["caption", "tags", "mood", "count"]
"""
ROOT = """
[[watch]]
path = "@FOLDER@/inbox/@RECIPE@"
recipe = "@RECIPE@"
settle_seconds = 0.2
"""
ROOTS = ("classes", "asked", "fields")


def _answer(recorded: Recorded) -> Behaviour:
    if "Which product" in recorded.text:
        if "shoe.jpg" in recorded.text:
            return ok("shoe")
        if "shouted.jpg" in recorded.text:
            return ok('**"Bag".**')
        return ok("A lovely umbrella")
    if "Describe fields-good" in recorded.text:
        return ok('```json\n{"caption": "Two cats.", "tags": ["cat", "sofa"], "mood": "calm", "count": 2}\n```')
    if "Describe fields-bad" in recorded.text:
        return ok("Two cats on a sofa.")
    return ok("Ein Bild.")


@dataclass(frozen=True)
class Seen:
    """The service when all is decided."""

    home: Home
    fake: FakeEndpoint

    def requests(self, name: str) -> list[Recorded]:
        """The requests whose text names a file."""
        return [one for one in self.fake.requests if name in one.text]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    with FakeEndpoint(default=_answer) as fake:
        home = Home(tmp_path_factory.mktemp("recipes"), fake.base_url)
        config = CONFIG + "".join(ROOT.replace("@RECIPE@", recipe) for recipe in ROOTS)
        home.config.write_text(config.replace("@FOLDER@", str(home.folder)).replace("@BASE_URL@", fake.base_url))
        for recipe in ROOTS:
            (home.inbox / recipe).mkdir()
        for name in ("shoe.jpg", "shouted.jpg", "umbrella.jpg"):
            drop(home.inbox / "classes" / name)
        told = made.exif(gps=(48.85837, 2.29448), camera=True, date="2024:05:06 07:08:09")
        made.jpeg(home.inbox / "asked" / "told.jpg", exif=told)
        made.png(home.inbox / "asked" / "untold {path}.png")
        made.video(home.inbox / "asked" / "clip.mp4", seconds=3)
        for name in ("fields-good.jpg", "fields-bad.jpg"):
            drop(home.inbox / "fields" / name)
        with home.run():
            home.captioned("shoe.jpg", "shouted.jpg", "told.jpg", "untold {path}.png", "clip.mp4", "fields-good.jpg")
            home.failed("umbrella.jpg")
            home.failed("fields-bad.jpg")
            until(lambda: len(list(home.inbox.rglob("*.caption.json"))) == 6)
            assert not fake.violations
            yield Seen(home, fake)


def _sidecar(seen: Seen, root: str, name: str) -> dict[str, object]:
    document: dict[str, object] = json.loads((seen.home.inbox / root / f"{name}.caption.json").read_text())
    return document


@pytest.mark.parametrize(("name", "category"), [("shoe.jpg", "shoe"), ("shouted.jpg", "bag")])
def test_the_answer_becomes_the_category(seen: Seen, name: str, category: str) -> None:
    assert seen.home.captions()[name]["category"] == category
    assert _sidecar(seen, "classes", name)["category"] == category
    found = json.loads(seen.home.call("search", "--category", category, "--json").stdout)
    assert [hit["path"].rpartition("/")[2] for hit in found] == [name]


def test_an_answer_that_is_no_category_is_asked_again_and_then_failed(seen: Seen) -> None:
    job = seen.home.jobs()["umbrella.jpg"]
    assert (job["reason"], job["attempts"]) == ("not_a_category", 3)
    assert len(seen.requests("umbrella.jpg")) == 3
    assert "umbrella" in job["detail"]
    assert "umbrella.jpg" not in seen.home.captions()


def test_the_categories_are_told_to_the_model(seen: Seen) -> None:
    text = seen.requests("shoe.jpg")[0].text
    assert all(f"- {category}" in text for category in ("shoe", "shirt", "bag", "other"))


def test_system_model_limits_and_extra_body_are_in_the_request(seen: Seen) -> None:
    (request,) = seen.requests("|told.jpg|")
    assert request.system == "You are terse. Speak Deutsch."
    assert request.model == "fake-vision-2"
    assert request.payload["max_tokens"] == 77
    assert request.payload["temperature"] == 0.25
    assert request.payload["top_k"] == 5
    assert request.payload["provider"] == {"order": ["a", "b"]}


def test_what_is_not_set_is_not_sent(seen: Seen) -> None:
    request = seen.requests("shoe.jpg")[0]
    assert request.system is None
    assert set(request.payload) <= {"model", "messages", "max_tokens", "max_completion_tokens"}


def test_every_prompt_variable_is_filled(seen: Seen) -> None:
    (request,) = seen.requests("|told.jpg|")
    root = str(seen.home.inbox / "asked")
    wanted = f"{{kind}} image|told.jpg|asked|{root}/told.jpg|{root}|2024-05-06 07:08:09|NIKON D750|48.85837, 2.29448"
    assert request.text.startswith(f"{wanted}|320x240|unknown|Deutsch")


def test_a_name_that_looks_like_a_variable_stays_a_name(seen: Seen) -> None:
    (request,) = seen.requests("untold")
    assert "|untold {path}.png|asked|" in request.text
    assert "|unknown|unknown|unknown|320x240|unknown|" in request.text


def test_a_video_tells_its_length(seen: Seen) -> None:
    (request,) = seen.requests("clip.mp4")
    assert request.text.startswith("{kind} video|clip.mp4|")
    assert "|320x240|3.0 s|" in request.text


def test_fields_fill_caption_tags_and_fields(seen: Seen) -> None:
    row = seen.home.captions()["fields-good.jpg"]
    assert (row["caption"], json.loads(row["tags"])) == ("Two cats.", ["cat", "sofa"])
    assert json.loads(row["fields"]) == {"mood": "calm", "count": 2}
    sidecar = _sidecar(seen, "fields", "fields-good.jpg")
    assert (sidecar["tags"], sidecar["fields"]) == (["cat", "sofa"], {"mood": "calm", "count": 2})
    assert seen.home.jobs()["fields-bad.jpg"]["reason"] == "bad_fields"


def test_the_view_names_recipe_and_model(seen: Seen) -> None:
    row = seen.home.captions()["told.jpg"]
    assert (row["recipe"], row["model"], row["language"]) == ("asked", "fake-vision-2", "Deutsch")
