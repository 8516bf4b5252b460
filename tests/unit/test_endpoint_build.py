"""Which endpoint a name is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from captiond.config.models import Endpoint, Settings
from captiond.endpoints.abilities import listed
from captiond.endpoints.build import build
from captiond.errors import ConfigError

SERVER = Endpoint(base_url="http://127.0.0.1:8000/v1", model="m", concurrency=3)


def test_a_configured_name_is_a_chat_endpoint() -> None:
    endpoint = build("mine", Settings(endpoints={"mine": SERVER}), {})
    assert (endpoint.name, endpoint.model, endpoint.concurrency) == ("mine", "m", 3)
    assert endpoint.identity == "http://127.0.0.1:8000/v1"
    endpoint.close()


def test_local_and_builtin_are_always_known(tmp_path: Path) -> None:
    assert build("builtin", Settings(), {}).model == "builtin/1"
    assert build("local", Settings(), {"XDG_STATE_HOME": str(tmp_path)}).model == "SmolVLM-500M-Instruct-Q8_0"


def test_an_unknown_name_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ConfigError, match="'theirs'; there are: mine, local, builtin"):
        build("theirs", Settings(endpoints={"mine": SERVER}), {})


def test_the_describer_loads_no_client_library() -> None:
    code = (
        "import sys; from captiond.endpoints.build import build; from captiond.config.models import Settings;"
        "build('builtin', Settings(), {});"
        "print([m for m in ('openai', 'httpx2', 'huggingface_hub', 'xllamacpp') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ({"data": [{"id": "m", "capabilities": {"input": ["text", "Video"]}}]}, {"text", "video"}),
        ({"models": [{"id": "m", "capabilities": {"input": ["text"]}}]}, {"text"}),
        ([{"name": "m", "capabilities": {"input": ["text"]}}], {"text"}),
        ({"data": [{"id": "m", "architecture": {"input_modalities": ["image", "video"]}}]}, {"image", "video"}),
        ({"data": [{"id": "other", "capabilities": {"input": ["video"]}}]}, None),
        ({"data": [{"id": "m", "capabilities": ["vision"]}, "m", None]}, None),
        ({"data": "m"}, None),
        (None, None),
    ],
)
def test_a_model_s_inputs_are_read_from_every_shape_of_list(models: object, expected: set[str] | None) -> None:
    found, _ = listed(models, "m")
    assert (found.image, found.video) == (
        (None, None) if expected is None else ("image" in expected, "video" in expected)
    )


def test_what_llama_cpp_lists_of_videos_tells_nothing() -> None:
    entry = {"id": "m", "owned_by": "llamacpp", "architecture": {"input_modalities": ["text", "image", "video"]}}
    found, _ = listed({"data": [entry]}, "m")
    assert (found.image, found.video) == (True, None)
