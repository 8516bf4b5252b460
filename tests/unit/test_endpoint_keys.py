"""Where a key comes from, and that none goes where it does not belong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from captiond.config.models import Endpoint as EndpointSettings
from captiond.endpoints.keys import Key, find

OXEN = "https://hub.oxen.ai/api/ai"
OTHER = "http://192.168.1.4:8000/v1"


def key(base_url: str = OTHER, environ: dict[str, str] | None = None, *, only: bool = False, **settings: Any) -> Key:
    return find("mine", EndpointSettings(base_url=base_url, model="m", **settings), environ or {}, only_endpoint=only)


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "api-key").write_text("general-key\n")
    return folder


def test_a_file_comes_before_all(tmp_path: Path, credentials: Path) -> None:
    (tmp_path / "key").write_text("  file-key\n")
    (credentials / "mine-api-key").write_text("own-key")
    environ = {"K": "env-key", "CREDENTIALS_DIRECTORY": str(credentials)}
    assert key(environ=environ, api_key_file=tmp_path / "key", api_key_env="K").value == "file-key"
    assert key(environ=environ, api_key_env="K").value == "own-key"
    (credentials / "mine-api-key").unlink()
    assert key(environ=environ, api_key_env="K").value == "env-key"
    assert key(environ={**environ, "K": ""}, api_key_env="K").value == "general-key"


def test_a_missing_key_is_a_problem_only_where_one_is_configured(tmp_path: Path) -> None:
    assert key() == Key()
    assert "the environment variable K is not set" in (key(api_key_env="K").problem or "")
    assert "can't be read: No such file" in (key(api_key_file=tmp_path / "none").problem or "")
    (tmp_path / "empty").write_text("\n")
    assert "is empty" in (key(api_key_file=tmp_path / "empty").problem or "")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "is not text" in (key(api_key_file=tmp_path / "binary").problem or "")


def test_oxen_reads_its_own_variable_by_itself() -> None:
    assert key(OXEN, {"OXEN_API_KEY": "oxen-key"}).value == "oxen-key"
    assert "OXEN_API_KEY" in (key(OXEN).problem or "")
    assert key(OTHER, {"OXEN_API_KEY": "oxen-key"}).value is None
    assert key("https://hub.oxen.ai.example/v1", {"OXEN_API_KEY": "oxen-key"}).value is None


def test_the_general_credential_is_not_sent_to_a_server_that_asks_for_no_key(credentials: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert key(OTHER, environ).value is None
    assert key(OTHER, environ, only=True).value == "general-key"
    assert key(OXEN, environ).value == "general-key"


def test_a_key_that_no_header_can_hold_is_named_as_the_problem_and_not_shown() -> None:
    found = key(environ={"K": "sk-abc\r\nX-Evil: 1"}, api_key_env="K")
    assert found.value is None
    assert "the environment variable K holds" in (found.problem or "")
    assert "sk-abc" not in repr(found)


def test_a_key_is_not_in_its_repr() -> None:
    assert "env-key" not in repr(key(environ={"K": "env-key"}, api_key_env="K"))
