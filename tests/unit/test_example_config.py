"""config.example.toml and docs/configuration.md name every setting, with its default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from captiond.config import describe, reference
from captiond.config.describe import Setting
from captiond.config.load import load
from captiond.config.models import Settings
from captiond.config.variables import PROMPT_VARIABLES

TOP = Path(__file__).parents[2]
EXAMPLE = TOP / reference.EXAMPLE
MANUAL = TOP / reference.MANUAL
SETTINGS = list(describe.settings())
ids = [f"{setting.table}.{setting.key}" for setting in SETTINGS]


def test_the_example_as_it_stands_changes_nothing(tmp_path: Path) -> None:
    loaded = load(EXAMPLE, {}, tmp_path)
    assert loaded.settings == Settings()


def test_both_files_are_what_the_models_make_of_them() -> None:
    remedy = "run `python -m captiond.config.reference` in the checkout's top folder"
    assert EXAMPLE.read_text() == reference.example(), remedy
    assert MANUAL.read_text() == reference.manual(MANUAL.read_text()), remedy


def given_in_the_example() -> dict[str, dict[str, Any]]:
    """Every commented setting by its table, read as TOML."""
    found: dict[str, dict[str, Any]] = {}
    table = ""
    for line in EXAMPLE.read_text().splitlines():
        if header := re.fullmatch(r"#?\[+([a-z.]+)\]+", line):
            table = header[1].replace("endpoints.oxen", "endpoints.NAME").replace("recipes.default", "recipes.NAME")
        elif re.match(r"#[a-z_]+ = ", line):
            found.setdefault(table, {}).update(tomllib.loads(line[1:]))
    return found


@pytest.mark.parametrize("setting", SETTINGS, ids=ids)
def test_every_setting_is_in_the_example_with_its_default_and_why(setting: Setting) -> None:
    value = given_in_the_example()[setting.table][setting.key]
    if setting.default is not None:
        assert value == setting.default
    assert len(setting.meaning) >= 15, "a setting needs a docstring: its line in the example"


@pytest.mark.parametrize("setting", SETTINGS, ids=ids)
def test_every_example_is_a_value_that_the_setting_takes(setting: Setting, tmp_path: Path) -> None:
    given = given_in_the_example()[setting.table]
    keys = [one.key for one in SETTINGS if one.table == setting.table and (one.required or one == setting)]
    if setting.table == "endpoints.NAME":
        keys = [setting.key]  # what else is required of it, Oxen.ai's has by itself
    table = setting.table.replace("endpoints.NAME", "endpoints.oxen").replace("recipes.NAME", "recipes.default")
    lines = [f"[[{table}]]" if table == "watch" else f"[{table}]"]
    if table.startswith("watch."):
        lines = ["[[watch]]", 'path = "/srv"', *lines]
    lines += [f"{key} = {describe.toml(given[key])}" for key in keys]
    file = tmp_path / "one.toml"
    file.write_text("\n".join(lines))
    load(file, {}, tmp_path)


@pytest.mark.parametrize("setting", SETTINGS, ids=ids)
def test_every_setting_is_in_the_manual(setting: Setting) -> None:
    manual = MANUAL.read_text()
    title = "[[watch]]" if setting.table == "watch" else f"[{setting.table}]"
    section = manual.split(f"## `{title}`", 1)[1].split("\n## ", 1)[0]
    (row,) = [line for line in section.splitlines() if line.startswith(f"| `{setting.key}` |")]
    assert setting.meaning.replace("|", "\\|") in row
    assert setting.allowed in row


def test_every_table_and_every_variable_of_a_prompt_is_in_the_manual() -> None:
    manual = MANUAL.read_text()
    assert set(describe.tables()) == {setting.table for setting in SETTINGS}
    assert {name.partition(".")[0] for name in describe.tables()} == set(Settings.model_fields)
    for name, meaning in PROMPT_VARIABLES.items():
        assert f"| `{{{name}}}` | {meaning} |" in manual


def test_the_manuals_own_example_loads(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    file = tmp_path / "captiond.toml"
    file.write_text(block)
    loaded = load(file, {}, tmp_path).settings
    assert set(loaded.endpoints) == {"oxen", "gpu"}


def test_the_manuals_variables_load(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    variables = dict(line.split("=", 1) for line in block.splitlines())
    environ = {name: value.strip("'") for name, value in variables.items()}
    environ["CAPTIOND_ENDPOINTS__GPU__BASE_URL"] = "http://gpu/v1"
    environ["CAPTIOND_ENDPOINTS__GPU__MODEL"] = "m"
    file = tmp_path / "empty.toml"
    file.write_text("")
    assert load(file, environ, tmp_path).settings.queue.max_attempts == 3
