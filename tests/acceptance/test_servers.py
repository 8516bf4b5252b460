"""Servers of other makers, run for real: llama.cpp with a tiny model, LiteLLM's proxy in front of the fake endpoint.

What docs/endpoints.md marks as run here is held by these tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from drops import drop, noise
from fake_endpoint import FakeEndpoint, error, ok
from litellm_proxy import LiteLLM, install
from program import Home
from tiny_gguf import SAYS, make

LLAMA = Path(__file__).parents[1] / "llama_server.py"
KEY = "sk-litellm-0123456789"
CLASSES = """
[recipes.classes]
prompt = "Which is it?"
endpoint = "fake"
categories = ["shoe", "bag"]
[[watch]]
path = "{}"
recipe = "classes"
settle_seconds = 0.2
"""


def endpoint_findings(home: Home, **environ: str) -> tuple[int, list[str]]:
    done = home.call("check", "--call", "--json", env=environ, timeout=110)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return done.returncode, [one["message"] for one in found if one["check"] == "endpoint"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp's server; its base_url."""
    if find_spec("xllamacpp") is None:
        pytest.skip('the extra "local" is not installed')
    folder = make(tmp_path_factory.mktemp("gguf"))[0].parent
    server = subprocess.Popen(
        [sys.executable, LLAMA, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def llama_home(folder: Path, base_url: str, **more: str) -> Home:
    home = Home(folder, base_url)
    home.configure(concurrency=2, timeout=60, **more)
    home.config.write_text(home.config.read_text().replace("fake-vision-1", "tiny"))
    return home


def test_llama_cpp_captions_and_a_check_finds_that_it_takes_pictures(tmp_path: Path, llama: str) -> None:
    home = llama_home(tmp_path, llama)
    code, found = endpoint_findings(home)
    assert code == 0
    # A model with random weights reads nothing, but its server counts the picture's tokens.
    assert any("takes images: it costs" in message for message in found)
    drop(home.inbox / "a.jpg", size=(300, 200))
    with home.run():
        assert home.captioned("a.jpg", timeout=60)["a.jpg"]["caption"] == SAYS


def test_llama_cpp_is_held_to_the_categories_by_its_grammar(tmp_path: Path, llama: str) -> None:
    (tmp_path / "classes").mkdir()
    home = llama_home(tmp_path, llama, more=CLASSES.format(tmp_path / "classes"))
    drop(tmp_path / "classes" / "a.jpg", size=(300, 200))
    with home.run():
        row = home.captioned("a.jpg", timeout=60)["a.jpg"]
    assert row["category"] in ("shoe", "bag")


@pytest.fixture(scope="module")
def proxy_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("litellm") / "venv")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_litellm_s_proxy_passes_pictures_sizes_and_failures_on(
    tmp_path: Path, fake: FakeEndpoint, proxy_program: Path
) -> None:
    limit = 400_000
    with LiteLLM(proxy_program, tmp_path, fake.base_url, KEY) as proxy:
        home = Home(tmp_path, proxy.base_url)
        home.configure(timeout=30, endpoint='api_key_env = "LITELLM_KEY"')
        home.config.write_text(home.config.read_text().replace("fake-vision-1", "caption"))
        code, found = endpoint_findings(home, LITELLM_KEY=KEY)
        assert code == 0
        assert any("takes images: it saw the colour" in message for message in found)
        drop(home.inbox / "a.jpg", colour="blue")
        with home.run(env={"LITELLM_KEY": KEY}):
            assert "a blue image of 64x48 pixels" in home.captioned("a.jpg")["a.jpg"]["caption"]
            fake.reset_counts()
            fake.default = lambda recorded: (
                error(413, f"Payload too large: the limit is {limit} bytes", shape="message")
                if recorded.body_bytes > limit
                else ok("A noisy picture.")
            )
            noise(home.inbox / "b.jpg")
            home.captioned("b.jpg")
            noise(home.inbox / "c.jpg")
            home.captioned("c.jpg")
    assert [recorded.body_bytes > limit for recorded in fake.requests] == [True, False, False]
    assert not fake.violations
