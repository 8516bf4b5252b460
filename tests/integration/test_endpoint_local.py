"""The local model for real: llama.cpp loads a tiny model of the tests' own and is called like any endpoint.

In a process of its own, so that a crash of native code would fail a test and not end the run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tiny_gguf import SAYS, make

pytest.importorskip("xllamacpp", reason='the extra "local" is not installed')

BEGIN = """
import json, sys, threading, time
from pathlib import Path
from captiond import errors
from captiond.config.models import LocalModel
from captiond.endpoints.local import LocalEndpoint
from requests_made import image_part, request

folder = Path(sys.argv[1])
settings = LocalModel(model_path=folder / "tiny-Q8_0.gguf", mmproj_path=folder / "mmproj-tiny-Q8_0.gguf")
endpoint = LocalEndpoint(settings, folder)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("gguf"))[0].parent


def run(code: str, folder: Path) -> dict[str, object]:
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
        cwd=tests,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_a_picture_is_captioned_by_the_model_in_this_process(model: Path) -> None:
    found = run(
        """
        with_picture = endpoint.ask(request(image_part("blue", (300, 200))))
        frames = endpoint.ask(request(image_part("red"), image_part("green")))
        endpoint.close()
        again = endpoint.ask(request())
        endpoint.close()
        print(json.dumps({
            "texts": [with_picture.text, frames.text, again.text],
            "finish": with_picture.finish_reason,
            "model": [with_picture.model, endpoint.model],
            "tokens": [with_picture.usage.prompt_tokens, frames.usage.prompt_tokens],
            "source": with_picture.source,
            "identity": endpoint.identity,
            "video": endpoint.abilities(endpoint.model).takes_videos,
        }))
        """,
        model,
    )
    assert [text.strip() for text in found["texts"]] == [SAYS] * 3  # type: ignore[attr-defined]  # a list of texts
    assert found["finish"] == "stop"
    assert found["model"] == ["tiny-Q8_0", "tiny-Q8_0"]
    tokens = found["tokens"]
    assert isinstance(tokens, list)
    one, two = tokens
    assert two > one > 50  # the pictures were looked at: each costs tokens
    assert found["source"] == "model"
    assert found["identity"] == "tiny-Q8_0.gguf mmproj-tiny-Q8_0.gguf"
    assert found["video"] is False


def test_its_server_is_for_this_process_alone(model: Path) -> None:
    found = run(
        """
        import os, urllib.error, urllib.request
        os.environ["HTTP_PROXY"] = "http://127.0.0.1:9"  # nor is a proxy asked for it
        chat = endpoint.start()
        text = endpoint.ask(request()).text
        question = urllib.request.Request(chat._base_url + "/chat/completions", data=b"{}")
        try:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(question)
            status = 200
        except urllib.error.HTTPError as error:
            status = error.code
        print(json.dumps({"status": status, "address": chat._base_url, "text": text}))
        endpoint.close()
        """,
        model,
    )
    assert found["status"] == 401
    assert str(found["address"]).startswith("http://127.0.0.1:")


@pytest.mark.parametrize("broken", ["no model", "no projector", "text", "cut"])
def test_weights_that_are_missing_or_broken_say_so_and_are_looked_at_again(
    model: Path, tmp_path: Path, broken: str
) -> None:
    for name in ("tiny-Q8_0.gguf", "mmproj-tiny-Q8_0.gguf"):
        data = (model / name).read_bytes()
        (tmp_path / name).write_bytes(data)
        (tmp_path / f"{name}.good").write_bytes(data)
    first = tmp_path / ("mmproj-tiny-Q8_0.gguf" if broken == "no projector" else "tiny-Q8_0.gguf")
    if broken.startswith("no"):
        first.unlink()
    else:
        first.write_bytes(b"not a model" if broken == "text" else first.read_bytes()[:100_000])
    found = run(
        """
        try:
            endpoint.ask(request())
        except errors.Unavailable as failure:
            said = failure.detail
        for name in ("tiny-Q8_0.gguf", "mmproj-tiny-Q8_0.gguf"):
            (folder / f"{name}.good").replace(folder / name)
        print(json.dumps({"said": said, "text": endpoint.ask(request()).text.strip()}))
        endpoint.close()
        """,
        tmp_path,
    )
    assert first.name in str(found["said"])
    assert ("llama.cpp can't load" if broken == "cut" else "captiond model pull") in str(found["said"])
    assert found["text"] == SAYS


def test_abort_ends_a_call_and_those_that_come_after_it(model: Path) -> None:
    found = run(
        """
        outcome = []
        def ask():
            try:
                outcome.append(endpoint.ask(request(max_tokens=2000, extra_body={"ignore_eos": True})).text)
            except errors.Stopped:
                outcome.append("stopped")
        endpoint.start()
        thread = threading.Thread(target=ask)
        thread.start()
        while not endpoint._chat._calls._streams:
            time.sleep(0.001)
        started = time.monotonic()
        endpoint.abort()
        thread.join()
        seconds = time.monotonic() - started
        ask()
        endpoint.close()
        print(json.dumps({"outcome": outcome, "seconds": seconds}))
        """,
        model,
    )
    assert found["outcome"] == ["stopped", "stopped"]
    assert float(str(found["seconds"])) < 2
