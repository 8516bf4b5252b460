"""The configuration as it is read: the file, the environment, every error at once, every origin."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captiond.config import describe
from captiond.config.load import Loaded, database_url, effective, find, load, state_dir
from captiond.config.models import OXEN_BASE_URL, Recipe, Settings
from captiond.config.report import masked
from captiond.errors import ConfigError

SECRET = "sekret-canary-7c1"
NUMBER = "8160443927"
"""A secret that is written without quotes."""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def read(here: Path, toml: str = "", **environ: str) -> Loaded:
    file = here / "captiond.toml"
    file.write_text(toml, encoding="utf-8")
    return load(file, environ, here)


def errors(here: Path, toml: str = "", **environ: str) -> list[str]:
    """Every line of the message, without the file's folder."""
    with pytest.raises(ConfigError) as caught:
        read(here, toml, **environ)
    assert caught.value.exit_code == 78
    return [line.strip().replace(f"{here}/", "") for line in str(caught.value).splitlines()[1:]]


def the_error(here: Path, toml: str = "", **environ: str) -> str:
    (line,) = errors(here, toml, **environ)
    return line


# --- which file ------------------------------------------------------------------------------------------------------


def test_the_first_file_of_the_manuals_list_is_read(tmp_path: Path, here: Path) -> None:
    xdg, named, explicit = tmp_path / "xdg", tmp_path / "named.toml", tmp_path / "explicit.toml"
    environ = {"XDG_CONFIG_HOME": str(xdg), "HOME": str(tmp_path / "home")}
    home_file = tmp_path / "home" / ".config" / "captiond" / "config.toml"
    order = [
        (home_file, {"HOME": environ["HOME"]}),
        (xdg / "captiond" / "config.toml", environ),
        (here / "captiond.toml", environ),
    ]
    for file, env in order:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        assert load(None, env, here).path == file
    named.write_text("")
    environ["CAPTIOND_CONFIG"] = "../named.toml"
    assert load(None, environ, here).path == named
    explicit.write_text("")
    assert load(explicit, environ, here).path == explicit


def test_without_a_file_the_defaults_hold(here: Path, tmp_path: Path) -> None:
    if os.path.exists("/etc/captiond/config.toml"):
        pytest.skip("this machine has a configuration of its own")
    loaded = load(None, {"HOME": str(tmp_path)}, here)
    assert loaded.path is None
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_a_named_file_that_is_not_there_is_an_error_that_says_who_named_it(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no configuration file .*/no\.toml \(--config names it\)"):
        load(Path("no.toml"), {}, here)
    with pytest.raises(ConfigError, match=r"CAPTIOND_CONFIG names it"):
        find(None, {"CAPTIOND_CONFIG": "no.toml"}, here)


def test_a_file_that_cannot_be_read_is_an_error(here: Path) -> None:
    (here / "captiond.toml").mkdir()
    with pytest.raises(ConfigError, match=r"captiond\.toml can't be read: Is a directory"):
        load(None, {}, here)
    file = here / "latin.toml"
    file.write_bytes(b"# \xe9\n")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(file, {}, here)


@pytest.mark.parametrize(
    ("toml", "message"),
    [("a = \n", ":1: this is no valid TOML"), ("[a]\n[a]\n", ":2: this is no valid TOML"), ('a = "x', "no valid TOML"),
     ("a = " + "[" * 100_000, "nested too deep")],
)  # fmt: skip
def test_broken_toml_is_told_with_its_line(here: Path, toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(here, toml)
    assert message in str(caught.value)


def test_windows_line_ends_and_a_byte_order_mark_are_read(here: Path) -> None:
    file = here / "captiond.toml"
    file.write_bytes(b'\xef\xbb\xbf[log]\r\nlevel = "debug"\r\n')
    loaded = load(file, {}, here)
    assert loaded.settings.log.level == "debug"
    assert loaded.origins["log.level"] == f"file {file}:2"


# --- what it says ----------------------------------------------------------------------------------------------------


def test_relative_paths_are_of_the_files_folder_and_a_tilde_is_the_home_folder(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    loaded = read(
        here,
        """
        database.url = "sqlite:///data/c.db"
        [[watch]]
        path = "media/../photos"
        [[watch]]
        path = "~/media"
        [local]
        model_path = "m.gguf"
        [endpoints.e]
        base_url = "http://h/v1"
        model = "m"
        api_key_file = "key"
        """,
    ).settings
    assert [str(root.path) for root in loaded.watch] == [f"{here}/photos", "/home/me/media"]
    assert loaded.local.model_path == here / "m.gguf"
    assert loaded.endpoints["e"].api_key_file == here / "key"
    assert loaded.database.url == f"sqlite:///{here}/data/c.db"


def test_the_endpoint_called_oxen_needs_no_key_of_its_own(here: Path) -> None:
    oxen = read(here, "[endpoints.oxen]\nconcurrency = 3").settings.endpoints["oxen"]
    assert (oxen.base_url, oxen.model) == (OXEN_BASE_URL, "gemini-3-flash-preview")
    assert (oxen.api_key_env, oxen.concurrency) == ("OXEN_API_KEY", 3)
    by_file = read(here, '[endpoints.oxen]\napi_key_file = "/k"').settings.endpoints["oxen"]
    assert by_file.api_key_env is None


def test_another_server_called_oxen_gets_neither_oxens_model_nor_its_key(here: Path) -> None:
    assert "endpoints.oxen.model" in the_error(here, '[endpoints.oxen]\nbase_url = "http://other/v1"')
    toml = '[endpoints.oxen]\nbase_url = "http://other/v1"\nmodel = "m"'
    assert read(here, toml).settings.endpoints["oxen"].api_key_env is None


def test_there_is_always_a_default_recipe(here: Path) -> None:
    assert read(here, '[recipes.a]\nprompt = "P"').settings.recipes == {"a": Recipe(prompt="P"), "default": Recipe()}


# --- the environment -------------------------------------------------------------------------------------------------


def test_a_variable_goes_before_the_file(here: Path) -> None:
    loaded = read(
        here,
        '[queue]\nmax_attempts = 2\npause_seconds = 9\n[[watch]]\npath = "/a"',
        CAPTIOND_QUEUE__MAX_ATTEMPTS="7",
        captiond_log__level="debug",
        CAPTIOND_WATCH='[{"path": "b"}]',
        CAPTIOND_SIDECAR='{"enabled": false}',
        CAPTIOND_RECIPES__DEFAULT__CATEGORIES='["x", "y"]',
        CAPTIOND_RECIPES__DEFAULT__TEMPERATURE="0.5",
        CAPTIOND_RECIPES__DEFAULT__EXTRA_BODY='{"top_p": 0.5}',
        CAPTIOND_ENDPOINTS__GPU__BASE_URL="http://gpu/v1",
        CAPTIOND_ENDPOINTS__GPU__MODEL="m",
        CAPTIOND_CONFIG="ignored",
        UNRELATED="x",
    )
    have = loaded.settings
    assert (have.queue.max_attempts, have.queue.pause_seconds, have.log.level) == (7, 9, "debug")
    assert [root.path for root in have.watch] == [here / "b"]
    assert have.sidecar.enabled is False
    recipe = have.recipes["default"]
    assert (recipe.categories, recipe.temperature, recipe.extra_body) == (["x", "y"], 0.5, {"top_p": 0.5})
    assert have.endpoints["gpu"].base_url == "http://gpu/v1"
    origins = loaded.origins
    assert origins["queue.max_attempts"] == "environment CAPTIOND_QUEUE__MAX_ATTEMPTS"
    assert origins["queue.pause_seconds"] == f"file {here}/captiond.toml:3"
    assert origins["queue.backoff_seconds"] == "default"
    assert origins["log.level"] == "environment captiond_log__level"
    assert origins["watch[0].path"] == "environment CAPTIOND_WATCH"
    assert origins["watch[0].mode"] == "default"
    assert origins["sidecar.enabled"] == "environment CAPTIOND_SIDECAR"
    assert origins["sidecar.suffix"] == "default"


def test_a_variable_finds_the_name_as_the_file_spells_it(here: Path) -> None:
    toml = '[endpoints.My-GPU]\nbase_url = "http://h/v1"\nmodel = "m"'
    loaded = read(here, toml, CAPTIOND_ENDPOINTS__MY_GPU__CONCURRENCY="3")
    assert list(loaded.settings.endpoints) == ["My-GPU"]
    assert loaded.settings.endpoints["My-GPU"].concurrency == 3
    assert loaded.origins["endpoints.My-GPU.concurrency"] == "environment CAPTIOND_ENDPOINTS__MY_GPU__CONCURRENCY"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("CAPTIOND_QEUE", "1", 'CAPTIOND_QEUE is no setting; did you mean "queue"?'),
        ("CAPTIOND_QUEUE__MAX_ATTEMPS", "1", 'unknown key; did you mean "max_attempts"?; known here: max_attempts'),
        ("CAPTIOND_QUEUE__MAX_ATTEMPTS", "many", '= "many" (CAPTIOND_QUEUE__MAX_ATTEMPTS): must be a whole number from 1'),
        ("CAPTIOND_QUEUE", "{broken", 'queue = "{broken" (CAPTIOND_QUEUE): must be a table'),
        ("CAPTIOND_WATCH", "/srv/media", 'watch = "/srv/media" (CAPTIOND_WATCH): must be a list of tables'),
        ("CAPTIOND_WATCH__0__PATH", "/srv", "must be a list of tables"),
        ("CAPTIOND_", "x", "CAPTIOND_ is no setting"),
        ("CAPTIOND_ENDPOINTS__X__MODEL", "m", "endpoints.x.base_url (CAPTIOND_ENDPOINTS__X__MODEL): is missing"),
    ],
)  # fmt: skip
def test_a_variable_that_is_wrong_is_named(here: Path, name: str, value: str, told: str) -> None:
    assert told in the_error(here, **{name: value})


@given(
    st.dictionaries(
        st.builds(
            lambda parts: "CAPTIOND_" + "__".join(parts),
            st.lists(
                st.sampled_from([*Settings.model_fields, "oxen", "default", "0", "url", "x", "", "extra_body"]),
                min_size=1,
                max_size=4,
            ),
        ),
        st.sampled_from(["", "1", "{}", "[]", '{"a": {"b": 1}}', '[{"path": 1}]', "null", "text", "\udc80"]),
        max_size=4,
    )
)  # fmt: skip
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_variable_makes_anything_else_than_settings_or_a_list_of_errors(environ: dict[str, str]) -> None:
    message = ""
    try:
        load(None, {**environ, "HOME": "/nonexistent"}, Path("/nonexistent"))
    except ConfigError as error:
        message = str(error)
    assert not message or message.startswith("the configuration has ")


# --- errors ----------------------------------------------------------------------------------------------------------


def test_all_errors_are_told_at_once_in_the_files_order(here: Path) -> None:
    told = errors(
        here,
        """colour = 1
[endpoints.gpu]
concurency = 3
concurrency = "8"
video = "frame"
[recipes.a]
prompt = "What {colour}?"
endpoint = "gpx"
[[watch]]
mode = "inotfy"
settle_seconds = nan
recipe = "b"
""",
        CAPTIOND_LOG__LEVEL="loud",
    )
    assert [line.partition(": ")[0] for line in told] == [
        "colour = 1 (captiond.toml:1)",
        "endpoints.gpu.base_url (captiond.toml:2)",
        "endpoints.gpu.model (captiond.toml:2)",
        "endpoints.gpu.concurency = 3 (captiond.toml:3)",
        'endpoints.gpu.concurrency = "8" (captiond.toml:4)',
        'endpoints.gpu.video = "frame" (captiond.toml:5)',
        'recipes.a.prompt = "What {colour}?" (captiond.toml:7)',
        'recipes.a.endpoint = "gpx" (captiond.toml:8)',
        "watch[0].path (captiond.toml:9)",
        'watch[0].mode = "inotfy" (captiond.toml:10)',
        "watch[0].settle_seconds = nan (captiond.toml:11)",
        'watch[0].recipe = "b" (captiond.toml:12)',
        'log.level = "loud" (CAPTIOND_LOG__LEVEL)',
    ]


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ("[queue]\nmax_atempts = 3", 'unknown key; did you mean "max_attempts"?; known here: max_attempts, backoff_seconds'),
        ("[qeue]\n", 'qeue = a table (captiond.toml:1): unknown key; did you mean "queue"?'),
        ("[queue]\nmax_attempts = 0", "must be a whole number from 1 to 100"),
        ("[queue]\nmax_attempts = 2.5", "must be a whole number from 1 to 100"),
        ("[queue]\nmax_attempts = true", "must be a whole number from 1 to 100"),
        ("[queue]\nbackoff_seconds = 0", "must be a number above 0"),
        ("[queue]\nbackoff_seconds = inf", "must be a number above 0"),
        ("[queue]\nbackoff_seconds = 1979-05-27", "must be a number above 0"),
        ("[sidecar]\nenabled = 1", "must be true or false"),
        ('[sidecar]\nsuffix = "caption.json"', 'must be an ending like ".caption.json"'),
        ('[sidecar]\nsuffix = ".caption.yaml"', "must be an ending"),
        ('[sidecar]\nowner = "no-such-user"', 'sidecar.owner = "no-such-user" (captiond.toml:2): there is no such user on this'),
        ('[sidecar]\ngroup = "no-such-group"', 'sidecar.group = "no-such-group" (captiond.toml:2): there is no such group'),
        ('[sidecar]\ngroup = ""', "there is no such group on this machine; it must be a group's name or number"),
        ('[sidecar]\ngroup = "a\\u0000b"', "there is no such group"),
        ("[sidecar]\nowner = -1", "there is no such user"),
        ("[sidecar]\nowner = 4294967295", "no user has such a number; it must be from 0 to 4294967294"),
        ("[sidecar]\ngroup = true", "sidecar.group = true (captiond.toml:2): must be"),
        ('[log]\nlevel = "warn"', 'must be one of "debug", "info", "warning", "error"; did you mean "warning"?'),
        ("queue = 3", "queue = 3 (captiond.toml:1): must be a table"),
        ("watch = 3", "must be a list of tables"),
        ("watch = [3]", "watch[0] = 3 (captiond.toml:1): must be a table"),
        ("[recipes]\ndefault = 3", "recipes.default = 3 (captiond.toml:2): must be a table"),
        ('[[watch]]\npath = "/a"\ninclude = "*.jpg"', "must be a list of texts"),
        ('[[watch]]\npath = "/a"\ninclude = [3]', "watch[0].include[0] = 3 (captiond.toml:3): must be text"),
        ('[[watch]]\npath = ""', "watch[0].path (captiond.toml:2): is empty"),
        ('[[watch]]\npath = "/a\\u0000b"', "a path holds no NUL character"),
        ('[[watch]]\npath = "~nobody-of-that-name/a"', "there is no such user"),
        ('[database]\nurl = "postgresql://h/db"', 'must be an address like "sqlite:////var/lib'),
        ('[database]\nurl = "sqlite:///:memory:"', "names no file"),
        ('[database]\nurl = "sqlite:///"', "names no file"),
        ('[endpoints.builtin]\nbase_url = "http://h"\nmodel = "m"', '"builtin" is always there'),
        ('[endpoints."a b"]\nbase_url = "http://h"\nmodel = "m"', "a name is letters, digits"),
        ('[endpoints.a]\nbase_url = "h:80"\nmodel = "m"', "must be an address that begins with http:// or https://"),
        ('[endpoints.a]\nbase_url = "http://"\nmodel = "m"', "has no host"),
        ('[endpoints.a]\nbase_url = "http://h/v1?api-version=2"\nmodel = "m"', "must not hold a ? or # part"),
        ('[endpoints.a]\nbase_url = "http://h:port/v1"\nmodel = "m"', "is no valid address"),
        ('[endpoints.a]\nbase_url = "http://h/v1/chat/completions"\nmodel = "m"', "leave that out"),
        ('[endpoints.a]\nbase_url = "http://h"\nmodel = ""', "is empty"),
        ('[endpoints.a]\nbase_url = "http://h"\nmodel = "m"\napi_key_env = "A"\napi_key_file = "/f"', "only one of the two"),
        ('[recipes.a]\nprompt = " "', "is empty; say what to ask"),
        ('[recipes.a]\nsystem = "{"', "{ is no variable"),
        ('[recipes.a]\nendpoint = "gpu"', 'there is no such endpoint; there are "oxen", "builtin", "local"'),
        ('[recipes.a]\ncategories = ["x", "X "]', 'is there twice: "x" is the same'),
        ('[recipes.a]\ncategories = ["x", " "]', "recipes.a.categories[1] (captiond.toml:2): is empty"),
        ('[recipes.a]\nfields = ["caption", "caption"]', "is there twice"),
        ('[recipes.a]\nextra_body = { model = "x" }', "recipes.a.extra_body.model (captiond.toml:2): is the recipe's `model`"),
        ('[[watch]]\npath = "/a"\nrecipe = "x"', 'there is no such recipe; there are "default"'),
        ('[[watch]]\npath = "/a"\nexclude = ["#x/**", "!"]', 'watch[0].exclude[1] = "!" (captiond.toml:3): is no pattern'),
        ('[[watch]]\npath = "/a"\n[[watch]]\npath = "/a/"', 'is watched twice; remove one of the two entries for "/a"'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_what_is_allowed(here: Path, toml: str, told: str) -> None:
    assert told in the_error(here, toml)


@pytest.mark.parametrize(
    ("toml", "environ", "ids"),
    [
        ("", {}, (None, None)),
        ('owner = "root"\ngroup = "root"', {}, (0, 0)),
        ("owner = 0\ngroup = 54321", {}, (0, 54321)),
        ('group = "54321"', {}, (None, 54321)),
        ("", {"CAPTIOND_SIDECAR__GROUP": "54321"}, (None, 54321)),
    ],
)
def test_an_owner_and_a_group_are_named_or_numbered(
    here: Path, toml: str, environ: dict[str, str], ids: tuple[int | None, int | None]
) -> None:
    sidecar = read(here, f"[sidecar]\n{toml}", **environ).settings.sidecar
    assert (sidecar.owner_id, sidecar.group_id) == ids


def test_neighbours_with_a_common_beginning_are_two_roots(here: Path) -> None:
    toml = '[[watch]]\npath = "/srv/a"\n[[watch]]\npath = "/srv/ab"'
    assert len(read(here, toml).settings.watch) == 2


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "toml",
    [
        f'[endpoints.a]\nbase_url = "http://me:{SECRET}@h/v1"\nmodel = "m"',
        f'[endpoints.a]\nbase_url = "ftp://{SECRET}@h/v1"\nmodel = "m"',
        f'[endpoints.a]\nbase_url = "http://h/v1?api-key={SECRET}"\nmodel = "m"',
        f'[endpoints.a]\nbase_url = "http://h/v1"\nmodel = "m"\napi_key = "{SECRET}"',
        f'[endpoints.a]\nbase_url = "http://h/v1"\nmodel = "m"\napi_key_env = "{SECRET}"',
        f'[endpoints.a]\nbase_url = "http://h/v1"\nmodel = "m"\napi_key_env = "{SECRET.replace("-", "")}abcdefgh"',
        f'[endpoints.a]\nbase_url = "http://h/v1"\nmodel = "m"\ntoken = "{SECRET}"',
        f'[endpoints.a]\nbase_url = "http://h/v1"\nmodel = "m"\nheaders = {{ Authorization = "{SECRET}" }}',
        f'[endpoints.a]\nbase_url = "http://h/v1"\nmodel = "m"\napi_key = {NUMBER}',
        f'[endpoints]\na = ["{SECRET}"]',
        f'[database]\nurl = "postgresql://u:{SECRET}@h/db"',
    ],
)
def test_no_error_shows_a_secret(here: Path, toml: str) -> None:
    told = the_error(here, toml)
    assert SECRET not in told
    assert SECRET.replace("-", "") not in told
    assert NUMBER not in told.replace("_", "")


def test_a_setting_that_sounds_like_a_secret_is_none_and_a_wrong_value_of_it_is_shown(here: Path) -> None:
    sounding = {one.key for one in describe.settings() if masked((one.key,), "x") != "x"}
    assert sounding == set()
    assert 'max_tokens = "many"' in the_error(here, '[recipes.default]\nmax_tokens = "many"')


def test_no_error_shows_a_secret_of_the_environment(here: Path) -> None:
    told = errors(here, CAPTIOND_ENDPOINTS__A__API_KEY=SECRET, CAPTIOND_API_KEY=SECRET)
    assert len(told) >= 2
    assert SECRET not in "".join(told)


def test_the_effective_settings_hide_what_sounds_like_a_secret(here: Path) -> None:
    loaded = read(
        here,
        f"""[endpoints.oxen]
[recipes.default.extra_body]
api_token = "{SECRET}"
pin_token = {NUMBER}
max_completion_tokens = 500
top_p = 0.5
nested = {{ password = "{SECRET}", list = ["http://u:{SECRET}@h"] }}
[[watch]]
path = "/srv"
public_url = "https://cdn.example/{{relpath}}?size=2&token={SECRET}"
""",
    )
    rows = {key: (value, origin) for key, value, origin in effective(loaded)}
    assert rows["recipes.default.extra_body"][0] == {
        "api_token": "**********",
        "pin_token": "**********",
        "max_completion_tokens": 500,
        "top_p": 0.5,
        "nested": {"password": "**********", "list": ["http://**********@h"]},
    }
    assert rows["watch[0].public_url"][0] == "https://cdn.example/{relpath}?size=2&token=**********"
    assert rows["recipes.default.extra_body"][1] == f"file {here}/captiond.toml:2"
    assert rows["endpoints.oxen.api_key_env"] == ("OXEN_API_KEY", "default")
    assert rows["recipes.default.max_tokens"] == (300, "default")
    assert SECRET not in json.dumps(rows)


def test_the_effective_settings_are_complete(here: Path) -> None:
    price = "price = {input_per_million = 1, output_per_million = 2}"
    loaded = read(here, f'[endpoints.oxen]\n{price}\n[[watch]]\npath = "/a"')
    have = {key for key, _, _ in effective(loaded)}
    names = {"endpoints.NAME": "endpoints.oxen", "recipes.NAME": "recipes.default", "watch": "watch[0]"}
    every = {re.sub("|".join(names), lambda name: names[name[0]], f"{s.table}.{s.key}") for s in describe.settings()}
    assert have == every == set(loaded.origins)


# --- where the state is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"STATE_DIRECTORY": "/var/lib/captiond", "XDG_STATE_HOME": "/x"}, "/var/lib/captiond"),
        ({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        ({"XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/captiond"),
        ({"HOME": "/h"}, "/h/.local/state/captiond"),
    ],
)
def test_the_state_folder_is_systemds_else_the_users(environ: dict[str, str], folder: str) -> None:
    assert str(state_dir(environ)) == folder
    assert database_url(Settings(), environ) == f"sqlite:///{folder}/captions.db"


def test_a_configured_database_goes_before_the_state_folder() -> None:
    configured: Any = {"database": {"url": "sqlite:////d/c.db"}}
    assert database_url(Settings.model_validate(configured), {"STATE_DIRECTORY": "/s"}) == "sqlite:////d/c.db"
