"""Real SMB and NFS: files that the server's side drops, shares that go away, servers that die. `./dev shares` runs it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drops import drop, drop_many, picture
from fake_endpoint import FakeEndpoint, echo
from network_share import KINDS, NetworkShare
from program import Home
from waiting import until

pytestmark = [
    pytest.mark.shares,
    pytest.mark.skipif(
        "CAPTIOND_REAL_SHARES" not in os.environ, reason="`./dev shares` runs it in a machine of its own"
    ),
]


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    home = Home(tmp_path, fake.base_url)
    home.configure(watch="scan_seconds = 2\npoll_seconds = 1", concurrency=8)
    return home


@pytest.fixture(params=sorted(KINDS))
def share(request: pytest.FixtureRequest, home: Home) -> Iterator[NetworkShare]:
    """A share mounted at the inbox."""
    share = KINDS[request.param](Path("/srv") / home.folder.name, home.inbox)
    share.serve()
    share.mount()
    yield share
    share.end()


def _root(home: Home) -> dict[str, object]:
    (root,) = json.loads(home.call("status", "--json").stdout)["roots"]
    assert isinstance(root, dict)
    return root


def _state(home: Home) -> str:
    rows = home.rows("SELECT state FROM root WHERE path = ?", str(home.inbox))
    return str(rows[0]["state"]) if rows else "unknown"


def _present(home: Home) -> int:
    return int(home.rows("SELECT count(*) AS n FROM captions WHERE present = 1")[0]["n"])


def _sidecars(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.caption.json"))


def _folders(home: Home) -> list[str]:
    return [Path(row["path"]).parent.name for row in home.rows("SELECT path FROM captions WHERE present = 1")]


def test_files_that_the_server_drops_are_captioned_and_get_sidecars(
    home: Home, fake: FakeEndpoint, share: NetworkShare
) -> None:
    names = drop_many(share.store / "before", 5)
    with home.run():
        home.captioned(*names)
        # No event tells of what another machine writes: the comparison finds it.
        drop(share.store / "from another machine.jpg")
        drop(share.store / "ümläut – 写真.jpg")
        drop(home.inbox / "written here.jpg")
        home.captioned("from another machine.jpg", "ümläut – 写真.jpg", "written here.jpg")
        until(lambda: len(_sidecars(share.store)) == 8)
        assert _root(home)["mode"] == "poll"
        for path in share.store.rglob("*.caption.json"):
            assert json.loads(path.read_text())["schema"] == "captiond/1"
        assert not [path for path in share.store.rglob("*") if path.name.endswith((".tmp", ".part"))]
    assert len(fake.requests) == 8


def test_check_warns_of_inotify_and_of_a_database_on_a_share(home: Home, share: NetworkShare) -> None:
    home.configure(watch='mode = "inotify"')
    (warned,) = [one for one in json.loads(home.call("check", "--json").stdout) if one["check"] == "watching"]
    assert (warned["level"], "inotify does not see" in warned["message"]) == ("warn", True)
    home.config.write_text(home.config.read_text().replace(f"{home.folder}/state", str(home.inbox)))
    (failed,) = [one for one in json.loads(home.call("check", "--json").stdout) if one["check"] == "database"]
    assert (failed["level"], "on a network file system" in failed["message"]) == ("fail", True)


def test_a_file_that_grows_on_the_server_is_not_read_early(home: Home, fake: FakeEndpoint, share: NetworkShare) -> None:
    data = picture("slowly copied", size=(640, 480))
    with home.run():
        with (share.store / "slow.jpg").open("wb", buffering=0) as file:
            for at in range(0, len(data), len(data) // 12 + 1):
                file.write(data[at : at + len(data) // 12 + 1])
                time.sleep(0.15)  # a slow copy is what this is about
        home.captioned("slow.jpg")
    assert len(fake.requests) == 1
    assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")


def test_an_unmounted_share_is_offline_and_costs_no_call_when_it_is_back(
    home: Home, fake: FakeEndpoint, share: NetworkShare
) -> None:
    drop_many(share.store / "album", 200)
    with home.run() as program:
        until(lambda: _present(home) == 200, timeout=120)
        until(lambda: len(_sidecars(share.store)) == 200, timeout=60)
        share.unmount()
        until(lambda: _state(home) == "offline")
        drop(home.inbox / "in the bare mount point.jpg")
        program.event("root_offline")
        share.mount()
        until(lambda: _state(home) == "online")
        drop(share.store / "new.jpg")
        home.captioned("new.jpg")
        assert _present(home) == 201
    assert len(fake.requests) == 201
    share.unmount()
    assert _sidecars(home.inbox) == []


def test_a_server_that_dies_takes_its_root_offline_and_holds_up_no_other(
    home: Home, fake: FakeEndpoint, share: NetworkShare
) -> None:
    other = home.folder / "local"
    other.mkdir()
    home.configure(
        watch="scan_seconds = 2\npoll_seconds = 1",
        more=f'[[watch]]\npath = "{other}"\nsettle_seconds = 0.2',
    )
    fake.default = echo(delay=0.2)
    drop_many(share.store, 60)
    with home.run():
        until(lambda: len(fake.requests) >= 10, timeout=60)
        share.vanish()
        drop(other / "here.jpg")
        home.captioned("here.jpg")
        until(lambda: _state(home) == "offline", timeout=90)
        began = time.monotonic()
        status = json.loads(home.call("status", "--json").stdout)
        assert time.monotonic() - began < 10
        assert {root["health"] for root in status["roots"]} == {"offline", "online"}
        drop(other / "still.jpg")
        home.captioned("still.jpg")
        assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")
        share.serve()
        until(lambda: _state(home) == "online", timeout=120)
        until(lambda: _present(home) == 62, timeout=120)
        until(lambda: len(_sidecars(share.store)) == 60, timeout=120)
    assert len(fake.requests) == 62
    assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")


def test_a_service_whose_share_hangs_stops_within_ten_seconds(
    home: Home, fake: FakeEndpoint, share: NetworkShare
) -> None:
    drop_many(share.store, 20)
    with home.run() as program:
        until(lambda: len(fake.requests) >= 1)
        share.vanish()
        began = time.monotonic()
        program.stop(timeout=30)
        assert time.monotonic() - began < 10
    share.serve()
    with home.run():
        until(lambda: _present(home) == 20, timeout=120)
    assert len(fake.requests) <= 20 + 8  # calls in flight when it stopped are repeated at most


def test_a_file_that_is_replaced_on_the_server_is_captioned_anew(
    home: Home, fake: FakeEndpoint, share: NetworkShare
) -> None:
    drop(share.store / "a.jpg", "first")
    with home.run():
        first = home.captioned("a.jpg")["a.jpg"]["sha256"]
        drop(share.store / "a.jpg", "second, of another length")
        until(lambda: home.captions()["a.jpg"]["sha256"] != first)
        until(lambda: home.sidecar("a.jpg")["sha256"] == home.captions()["a.jpg"]["sha256"])
    assert len(fake.requests) == 2


def test_a_rename_on_the_server_costs_no_call(home: Home, fake: FakeEndpoint, share: NetworkShare) -> None:
    drop_many(share.store / "old", 10)
    with home.run():
        until(lambda: _present(home) == 10)
        (share.store / "old").rename(share.store / "new")
        until(lambda: _folders(home) == ["new"] * 10, timeout=60)
        until(lambda: len(_sidecars(share.store / "new")) == 10)
    assert len(fake.requests) == 10
