"""What models really answer becomes a caption, or fails with its own code: the table is data/answers.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from captiond import recipes
from captiond.config.models import Recipe
from captiond.errors import Failure
from captiond.values import Answer, Usage

TABLE: list[dict[str, Any]] = tomllib.loads((Path(__file__).parents[1] / "data" / "answers.toml").read_text("utf-8"))[
    "answer"
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.get('failure', 'caption')}: {row['said'][:40]}")
def test_an_answer_becomes_what_it_should(row: dict[str, Any]) -> None:
    recipe = Recipe(language=row.get("language"), clean=row.get("clean", True))
    answer = Answer(row["said"], row.get("finish", "stop"), "m", Usage())
    try:
        became = {"caption": recipes.reply(recipe, answer).caption}
    except Failure as failure:
        became = {"failure": failure.code}
    assert became == {key: row[key] for key in ("caption", "failure") if key in row}
