"""The documents name all there is, their links lead somewhere, and what they quote is what the program says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

from captiond import search
from captiond.cli.main import COMMANDS, cli
from captiond.config import describe
from captiond.config.load import load
from captiond.endpoints.builtin import MODEL
from captiond.store import migrate
from captiond.values import SIDECAR_SCHEMA
from document import OPERATIONS, TOP, cells, headings, prose, section

README = TOP / "README.md"
FORMATS = TOP / "docs" / "formats.md"
ENDPOINTS = TOP / "docs" / "endpoints.md"
CONFIGURATION = TOP / "docs" / "configuration.md"

UNTOLD = {"__pycache__", "node_modules"}
"""Folders that no version control has."""
LEVELS = {"debug", "info", "warning", "error", "exception"}


@cache
def kept() -> list[Path]:
    """The checkout's own files: what a source distribution is made of, and CI. Without git, which may not be there."""
    sdist = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    found: list[Path] = []
    for pattern in [*sdist, ".ci", ".gitignore", "pyproject.toml"]:
        for path in TOP.glob(pattern):
            inside = [path] if path.is_file() else path.rglob("*")
            found += [one for one in inside if one.is_file() and not UNTOLD & set(one.parts)]
    return found


def documents() -> list[Path]:
    return sorted(path for path in kept() if path.suffix == ".md")


def name(path: Path) -> str:
    return str(path.relative_to(TOP))


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in headings(path):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(anchor)
    return found


# --- nothing is missing ---------------------------------------------------------------------------------------------


def commands(group: click.Group, path: str = "") -> Iterator[str]:
    context = click.Context(group)
    for called in group.list_commands(context):
        command = group.get_command(context, called)
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{called} ")
        else:
            yield path + called


@pytest.mark.parametrize("command", list(commands(cli)))
def test_every_command_is_used_in_a_document_and_named_in_the_changelog(command: str) -> None:
    assert f"`{command}`" in (TOP / "CHANGELOG.md").read_text()
    told = "\n".join(path.read_text() for path in (README, *sorted((TOP / "docs").glob("*.md"))))
    assert re.search(rf"captiond {command}\b", " ".join(told.split()))


def test_no_document_names_a_command_that_there_is_not() -> None:
    for path in documents():
        named = re.findall(r"`captiond ([a-z]+)", " ".join(prose(path).split()))
        assert set(named) <= set(COMMANDS), name(path)


@pytest.mark.parametrize("table", list(describe.tables()))
def test_every_table_of_the_configuration_has_its_section(table: str) -> None:
    title = f"`[[{table}]]`" if table == "watch" else f"`[{table}]`"
    assert title in headings(CONFIGURATION)


def test_every_column_of_the_view_is_explained() -> None:
    assert cells(section(FORMATS, "The view `captions`")) == set(search.COLUMNS)


def sidecar_keys(document: dict[str, object], prefix: str = "") -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict) and value:
            yield from sidecar_keys(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def readmes_sidecar() -> dict[str, object]:
    (block,) = re.findall(r"^```json\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    document: dict[str, object] = json.loads(block)
    return document


def test_every_key_of_a_sidecar_is_explained() -> None:
    assert cells(section(FORMATS, "The sidecar")) == set(sidecar_keys(readmes_sidecar()))


def test_every_exit_code_is_explained() -> None:
    from captiond import errors
    from captiond.cli import main

    text = section(FORMATS, "Exit codes")
    codes = {cls.exit_code for cls in vars(errors).values() if isinstance(cls, type) and hasattr(cls, "exit_code")}
    assert codes >= {1, 2, 78}
    for code in {0, main.INTERRUPTED, main.PIPE_CLOSED} | codes:
        assert f"\n| {code} |" in text


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = TOP / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([a-z0-9-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}
    assert len(listed) >= 10
    for page in sorted(listed):
        assert {"Situation", "Decision", "What follows"} <= set(headings(folder / page)), page


# --- what they quote is so ------------------------------------------------------------------------------------------


def test_the_readme_quotes_the_help() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "captiond", "--help"],
        env={**os.environ, "COLUMNS": "100", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f"```text\n{done.stdout}```" in README.read_text()


def test_the_readmes_sidecar_is_one() -> None:
    document = readmes_sidecar()
    assert document["schema"] == SIDECAR_SCHEMA
    assert document["model"] == MODEL
    source = (TOP / "daemon" / "captiond" / "captions" / "document.py").read_text()
    written = re.findall(r'^        "(\w+)": ', source.split("def document(", 1)[1], re.MULTILINE)
    assert list(document) == written


def test_the_log_line_in_the_formats_has_only_keys_that_are_explained() -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```$", FORMATS.read_text(), re.MULTILINE | re.DOTALL)
    line = json.loads(block)
    assert list(line)[:4] == ["timestamp", "level", "event", "logger"]
    assert set(line) - {"timestamp", "level", "event", "logger"} <= cells(section(FORMATS, "The log line"))


@pytest.mark.parametrize("path", [README, OPERATIONS], ids=name)
def test_the_configurations_in_the_documents_load(path: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.toml"
        file.write_text(block)
        load(file, {}, tmp_path)


def test_the_readme_says_how_to_test() -> None:
    assert "\n./dev test " in README.read_text()
    assert "./dev test" in (TOP / ".ci" / "run").read_text()


def test_the_newest_schema_has_its_migration() -> None:
    assert list((TOP / "migrations" / "versions").glob(f"{migrate.HEAD}_*.py"))


# --- links and words ------------------------------------------------------------------------------------------------


def links(path: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "", prose(path))
    return re.findall(r"\]\(([^)\s]+)\)", text)


def test_there_are_documents_to_look_at() -> None:
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/journey.md", "samples/README.md"} <= set(
        map(name, documents())
    )


@pytest.mark.parametrize("path", documents(), ids=name)
def test_every_relative_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    broken = []
    for link in links(path):
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        leads = target.exists() and target.is_relative_to(TOP)
        if leads and parts.fragment and target.suffix == ".md":
            leads = parts.fragment in anchors(target)
        if not leads:
            broken.append(link)
    assert not broken


def test_the_journey_goes_through_every_room_of_the_program() -> None:
    journey = (TOP / "docs" / "journey.md").read_text()
    package = TOP / "daemon" / "captiond"
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").exists()}
    assert all(f"daemon/captiond/{room}/" in journey for room in rooms)


WORKPLACE = re.compile(r"(?<![\w.$}])/(?:tmp/\w+|(?:work|workspace|builds|root)/)")
PACKAGE_SERVER = re.compile(
    r"https?://[\w.-]*(?:artifactory|nexus|devpi|pypi|pythonhosted|registry)[\w.-]*"
    r"|--(?:extra-)?index-url[ =]\S+|--trusted-host[ =]\S+",
    re.IGNORECASE,
)


def test_no_file_names_a_workplace_or_a_package_server() -> None:
    found: dict[str, list[str]] = {}
    for path in kept():
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError:
            continue  # a sample
        words = [match[0] for pattern in (WORKPLACE, PACKAGE_SERVER) for match in pattern.finditer(text)]
        if words and path != Path(__file__):
            found[name(path)] = words
    assert not found


def test_a_workplace_and_a_package_server_would_be_found() -> None:
    assert WORKPLACE.search("see /" + "tmp/x7/notes, or " + "/work/notes")
    assert not WORKPLACE.search("$STATE/work/x and docs/work/x")
    assert PACKAGE_SERVER.search("--index-url https://example.org/simple")
    assert PACKAGE_SERVER.search("from https://files.pythonhosted.org/x.whl")


@pytest.mark.parametrize("block", re.findall(r"```toml\n(.*?)```", ENDPOINTS.read_text(), re.DOTALL))
def test_every_configuration_of_the_endpoints_page_is_a_valid_one(block: str, tmp_path: Path) -> None:
    path = tmp_path / "captiond.toml"
    path.write_text(block)
    settings = load(path, {}, tmp_path).settings
    assert len(settings.endpoints) == 1
    assert {name for recipe in settings.recipes.values() for name in recipe.endpoint or ()} <= {*settings.endpoints}
