"""`captiond check` looks at everything that can be wrong."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from captiond.checks.finding import answers
from fake_endpoint import FakeEndpoint, http_date, raw
from library import Library
from processes import without_override
from program import Home

KEY = "sk-canary-0123456789abcdef"


def checked(home: Home, *args: str, **environ: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    result = home.call("check", "--json", *args, env=environ)
    assert KEY not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(result.stdout):
        assert list(one) == ["check", "level", "message", "remedy"]
        assert one["level"] == "ok" or one["remedy"]
        found.setdefault(one["check"], []).append(one)
    return result.returncode, found


def levels(found: dict[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    return {name: {one["level"] for one in several} for name, several in found.items()}


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    return Home(tmp_path, fake.base_url)


def test_all_is_well_on_a_good_installation(home: Home, fake: FakeEndpoint) -> None:
    with Library(home.inbox, home.database) as library:
        library.captioned("a.jpg", "A red disc.")
    code, found = checked(home)
    assert code == 0
    encoded, confined = found["decoders"]
    assert "decoders are confined by limits, " in confined["message"]
    confined["level"] = encoded["level"]  # not every kernel can
    if "no time server" in found["clock"][0]["message"]:
        found["clock"][0]["level"] = "ok"  # not every machine has one
    assert levels(found) == {name: {"ok"} for name in found}
    assert list(found) == [
        "config", "clock", "disk", "database", "instance", "folders", "sidecars", "watching", "inotify", "decoders",
        "key", "endpoint",
    ]  # fmt: skip
    assert not fake.requests


def test_with_call_real_requests_are_made(home: Home, fake: FakeEndpoint) -> None:
    code, found = checked(home, "--call")
    assert code == 0
    answered, seen = [one["message"] for one in found["endpoint"][-2:]]
    assert "answered in" in answered
    assert "takes images: it saw the colour of it" in seen
    assert [len(recorded.media) for recorded in fake.requests] == [1, 0, 1]


def test_nothing_is_changed_and_no_database_is_made(home: Home) -> None:
    before = sorted(path for path in home.folder.rglob("*"))
    assert checked(home)[0] == 0
    assert sorted(path for path in home.folder.rglob("*")) == before


def test_an_endpoint_that_is_not_there_fails(home: Home) -> None:
    home.base_url = "http://127.0.0.1:9/v1"
    home.configure()
    code, found = checked(home)
    assert code == 1
    assert levels(found)["endpoint"] == {"fail"}
    assert "127.0.0.1:9" in found["endpoint"][0]["message"]


def test_a_key_that_is_not_there_fails_and_one_that_is_says_where(home: Home) -> None:
    home.configure(endpoint='api_key_env = "MY_KEY"')
    code, found = checked(home)
    assert (code, levels(found)["key"]) == (1, {"fail"})
    assert "MY_KEY" in found["key"][0]["message"]
    code, found = checked(home, MY_KEY=KEY)
    assert (code, levels(found)["key"]) == (0, {"ok"})
    assert "MY_KEY" in found["key"][0]["message"]


def test_a_folder_that_is_missing_or_no_folder_fails(home: Home) -> None:
    home.inbox.rmdir()
    assert levels(checked(home)[1])["folders"] == {"fail"}
    home.inbox.write_text("a file")
    code, found = checked(home)
    assert code == 1
    assert "no folder" in found["folders"][0]["message"]


def test_without_a_watched_folder_there_is_a_warning(home: Home) -> None:
    home.config.write_text(home.config.read_text().partition("[[watch]]")[0])
    code, found = checked(home)
    assert (code, levels(found)["folders"]) == (0, {"warn"})


def test_a_damaged_database_fails_and_names_the_remedy(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        for number in range(200):
            library.captioned(f"{number}.jpg", "words " * 50)
    with home.database.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(os.urandom(4096) * 20)
    code, found = checked(home)
    assert (code, levels(found)["database"]) == (1, {"fail"})
    assert found["database"][0]["remedy"]


def test_a_clock_before_the_newest_caption_fails(home: Home) -> None:
    with Library(home.inbox, home.database) as library:
        library.captioned("a.jpg", "From the future.")
    connection = sqlite3.connect(home.database)
    with connection:
        connection.execute("UPDATE caption SET created_at = '2099-01-01T00:00:00Z'")
    connection.close()
    code, found = checked(home)
    assert (code, levels(found)["clock"]) == (1, {"fail"})
    assert "2099-01-01" in found["clock"][0]["message"]


def test_a_clock_that_differs_from_the_endpoints_is_warned_of(home: Home, fake: FakeEndpoint) -> None:
    for shift, said in ((7200, "behind that of fake"), (-7200, "ahead of that of fake")):
        fake.models = replace(raw(b'{"data": []}'), headers={"Date": http_date(shift)})
        code, found = checked(home)
        assert code == 0
        (warned,) = [one for one in found["endpoint"] if "clock" in one["message"]]
        assert (warned["level"], said in warned["message"]) == ("warn", True)
    # A cache's answer has its own age.
    fake.models = replace(raw(b'{"data": []}'), headers={"Date": http_date(-7200), "Age": "7200"})
    assert not [one for one in checked(home)[1]["endpoint"] if "clock" in one["message"]]


def test_a_key_file_that_everybody_can_read_is_warned_of(home: Home) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # pytest's own folders are closed to others
        key = Path(folder) / "key"
        key.write_text(KEY)
        home.configure(endpoint=f'api_key_file = "{key}"')
        key.chmod(0o644)
        code, found = checked(home)
        assert (code, levels(found)["key"]) == (0, {"ok", "warn"})
        assert found["key"][1]["remedy"] == f"chmod 600 {key}"
        key.chmod(0o640)
        assert levels(checked(home)[1])["key"] == {"ok"}
        key.chmod(0o644)
        Path(folder).chmod(0o750)
        assert levels(checked(home)[1])["key"] == {"ok"}


def test_a_root_that_is_nearly_full_is_warned_of(home: Home) -> None:
    tmpfs = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(home.inbox)]
    if os.geteuid() != 0 or subprocess.run(tmpfs, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        code, found = checked(home)
    finally:
        subprocess.run(["umount", str(home.inbox)], check=True)
    assert (code, levels(found)["disk"]) == (0, {"ok", "warn"})
    assert f"1.0 MB free at {home.inbox}" in found["disk"][1]["message"]


_LIMITED = """
import pathlib, subprocess, sys
for name, value in (("watches", sys.argv[1]), ("instances", sys.argv[2])):
    pathlib.Path(f"/proc/sys/user/max_inotify_{name}").write_text(value)
sys.exit(subprocess.run([sys.executable, "-m", "captiond", *sys.argv[3:]]).returncode)
"""


@pytest.mark.parametrize(
    ("watches", "instances", "said"),
    [("10", "128", "12 folders to watch, 10 watches allowed"), ("100", "1", "2 roots to watch, 1 inotify instances")],
)
def test_limits_of_inotify_that_are_too_low_fail(home: Home, watches: str, instances: str, said: str) -> None:
    """They are set in a user namespace, so that they are nobody else's."""
    for number in range(10):
        (home.inbox / f"{number}").mkdir()
    other = home.folder / "other"
    other.mkdir()
    home.configure(more=f'[[watch]]\npath = "{other}"')
    space = ["unshare", "--user", "--map-root-user", sys.executable, "-c", _LIMITED, watches, instances]
    done = subprocess.run(
        [*space, "--config", str(home.config), "check", "--json"],
        env=home.environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "unshare" in done.stderr or "max_inotify" in done.stderr:
        pytest.skip(f"no user namespaces here: {done.stderr.strip().splitlines()[-1]}")
    failed = [one for one in json.loads(done.stdout) if one["check"] == "inotify" and one["level"] == "fail"]
    assert said in failed[0]["message"]
    assert "sysctl user.max_inotify_" in failed[0]["remedy"]


def test_a_root_that_this_user_cannot_write_is_warned_of(home: Home) -> None:
    if os.geteuid() != 0:
        home.inbox.chmod(0o555)
    elif subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(home.inbox)], check=False).returncode:
        pytest.skip("this is root, who may write everywhere, and may not mount")
    try:
        code, found = checked(home)
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(home.inbox)], check=True)
    assert (code, levels(found)["sidecars"]) == (0, {"warn"})


def test_folders_below_a_root_that_can_not_be_read_or_written_are_warned_of(home: Home) -> None:
    prefix = without_override()
    if prefix is None:
        pytest.skip("this is root, who may do all, and can't give that up")
    home.prefix = prefix
    for name, mode in (("open", 0o755), ("closed", 0o000), ("2025", 0o555), ("2026", 0o555)):
        (home.inbox / name).mkdir()
        (home.inbox / name).chmod(mode)
    code, found = checked(home)
    assert (code, levels(found)["folders"], levels(found)["sidecars"]) == (0, {"ok", "warn"}, {"ok", "warn"})
    assert f"1 folder below {home.inbox}, such as {home.inbox}/closed, can't be read" in found["folders"][1]["message"]
    assert f"2 folders below {home.inbox}, such as {home.inbox}/2025, can't be w" in found["sidecars"][1]["message"]


def test_without_any_endpoint_the_built_in_describer_is_warned_of(home: Home) -> None:
    home.config.write_text("")
    code, found = checked(home, XDG_STATE_HOME=str(home.folder / "state"))
    assert (code, levels(found)["endpoint"]) == (0, {"warn", "ok"})
    assert "OXEN_API_KEY" in found["endpoint"][0]["message"]


def test_a_local_model_without_weights_fails_and_names_the_command(home: Home) -> None:
    home.config.write_text('[recipes.default]\nendpoint = "local"\n')
    code, found = checked(home, XDG_STATE_HOME=str(home.folder / "state"))
    assert (code, levels(found)["endpoint"]) == (1, {"fail"})
    assert "captiond model pull" in found["endpoint"][0]["remedy"]


def test_a_local_model_whose_library_cannot_be_loaded_fails_and_names_the_package(home: Home) -> None:
    broken = home.folder / "packages" / "xllamacpp"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text('raise ImportError("libgomp.so.1: cannot open shared object file")')
    weights = home.folder / "weights.gguf"
    weights.write_bytes(b"GGUF")
    home.config.write_text(
        f'[local]\nmodel_path = "{weights}"\nmmproj_path = "{weights}"\n[recipes.default]\nendpoint = "local"\n'
    )
    environ = {"XDG_STATE_HOME": str(home.folder / "state"), "PYTHONPATH": str(broken.parent)}
    code, found = checked(home, **environ)
    assert (code, levels(found)["endpoint"]) == (1, {"fail"})
    assert "libgomp.so.1: cannot open shared object file" in found["endpoint"][0]["message"]
    assert "libgomp1" in found["endpoint"][0]["remedy"]


def test_what_does_not_answer_is_not_waited_for() -> None:
    never = threading.Event()
    assert answers(lambda: None)
    assert not answers(never.wait, seconds=0.05)
    never.set()


def test_text_has_a_line_a_check_with_its_remedy(home: Home) -> None:
    home.inbox.rmdir()
    result = home.call("check")
    assert result.returncode == 1
    assert "fail  folders" in result.stdout
    assert "remedy: " in result.stdout
    assert "\x1b" not in result.stdout
