"""Fetching the local model's weights, from a loopback hub that speaks as the real one does.

In processes of their own, since `huggingface_hub` reads HF_ENDPOINT when it is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond.endpoints.weights import FILES, MODEL, PROJECTOR, present
from fake_hub import FakeHub

pytest.importorskip("huggingface_hub", reason='the extra "local" is not installed')

CODE = """
import json, sys
from pathlib import Path
from captiond.endpoints.weights import PullError, present, pull
seen, said = [], None
try:
    paths = [str(path) for path in pull(Path(sys.argv[1]), lambda *what: seen.append(what))]
except PullError as error:
    paths, said = [], str(error)
print(json.dumps({"paths": paths, "said": said, "seen": seen, "present": present(Path(sys.argv[1]))}))
"""
CONTENT = {MODEL: b"GGUF" + os.urandom(25_000_000), PROJECTOR: b"GGUF" + os.urandom(100_000)}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub(CONTENT) as running:
        yield running


def pull(folder: Path, endpoint: str) -> dict[str, object]:
    environ = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HOME": str(folder / "home")}
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "HF_HUB_OFFLINE"):
        environ.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(folder)], env=environ, check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def test_both_files_are_fetched_whole_with_progress_and_nothing_else_is_left(hub: FakeHub, tmp_path: Path) -> None:
    assert not present(tmp_path)
    found = pull(tmp_path, hub.url)
    assert found["said"] is None
    assert found["paths"] == [str(tmp_path / name) for name in FILES]
    assert all((tmp_path / name).read_bytes() == CONTENT[name] for name in FILES)
    assert kept(tmp_path) == sorted(FILES)
    assert present(tmp_path)
    seen = found["seen"]
    assert isinstance(seen, list)
    for name in FILES:
        steps = [done for what, done, total in seen if what == name and total == len(CONTENT[name])]
        assert steps == sorted(steps)
        assert (steps[0], steps[-1]) == (0, len(CONTENT[name]))


def test_what_is_there_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    pull(tmp_path, hub.url)
    before = len(hub.asked)
    assert pull(tmp_path, hub.url)["present"] is True
    assert len(hub.asked) == before


def test_a_pull_that_was_killed_goes_on_where_it_ended(hub: FakeHub, tmp_path: Path) -> None:
    partial = tmp_path / f".{MODEL}.{_sha(MODEL)[:16]}.part"
    partial.write_bytes(CONTENT[MODEL][:1_000_000])
    stale = tmp_path / f".{MODEL}.0123456789abcdef.part"
    stale.write_bytes(b"of an older version")
    assert pull(tmp_path, hub.url)["said"] is None
    assert ("GET", MODEL, "bytes=1000000-") in hub.asked
    assert (tmp_path / MODEL).read_bytes() == CONTENT[MODEL]
    assert kept(tmp_path) == sorted(FILES)


def test_a_line_that_breaks_is_taken_up_again_by_itself(hub: FakeHub, tmp_path: Path) -> None:
    hub.break_after = 12_000_000  # the library writes 10 MiB at a time
    assert pull(tmp_path, hub.url)["said"] is None
    ranges = [asked[2] for asked in hub.asked if asked[:2] == ("GET", MODEL)]
    assert ranges == [None, "bytes=10485760-", "bytes=20971520-"]
    assert (tmp_path / MODEL).read_bytes() == CONTENT[MODEL]


def test_wrong_bytes_are_refused_and_not_kept(hub: FakeHub, tmp_path: Path) -> None:
    hub.lie = True
    found = pull(tmp_path, hub.url)
    assert "SHA-256" in str(found["said"])
    assert (found["present"], kept(tmp_path)) == (False, [])
    hub.lie = False
    assert pull(tmp_path, hub.url)["present"] is True


def test_a_hub_that_has_no_such_file_and_one_that_is_not_there_are_told_clearly(tmp_path: Path) -> None:
    with FakeHub({}) as empty:
        said = str(pull(tmp_path, empty.url)["said"])
    assert said.startswith(f"{MODEL} can't be fetched from ggml-org/SmolVLM-500M-Instruct-GGUF")
    said = str(pull(tmp_path, "http://127.0.0.1:9")["said"])
    assert "check the network" in said
    assert "model_path" in said
    assert len(said) < 700


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path, hub: FakeHub) -> None:
    (tmp_path / "file").write_text("")
    environ_folder = tmp_path / "file" / "models"
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(environ_folder)], check=True, capture_output=True, text=True, timeout=60
    )
    assert "can't be kept in" in json.loads(done.stdout)["said"]


def _sha(name: str) -> str:
    import hashlib

    return hashlib.sha256(CONTENT[name]).hexdigest()
