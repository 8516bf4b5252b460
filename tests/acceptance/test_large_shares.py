"""A share with ten thousand files that goes away and comes back: nothing of it is asked again, lost, or written elsewhere."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive import SUFFIX
from drops import drop, picture
from fake_endpoint import FakeEndpoint, ok
from fuse_share import FuseShare
from mounted import Share, why_not
from program import Home, Program
from waiting import until

FOLDERS = 100
CONTENTS = 100
FILES = FOLDERS * CONTENTS
"""Each content lies in each folder: most of the time goes into sidecars as it is."""
MOUNTED: dict[str, Callable[[Path, Path], Share | FuseShare]] = {
    "tmpfs": lambda folder, point: Share(folder, point, "200m"),
    "FUSE": FuseShare,
}


@pytest.fixture
def home(tmp_path: Path, fake: FakeEndpoint) -> Home:
    fake.default = ok("A picture.")
    home = Home(tmp_path, fake.base_url)
    home.configure(watch="scan_seconds = 2\npoll_seconds = 1", concurrency=8)
    return home


@pytest.fixture(params=MOUNTED)
def share(request: pytest.FixtureRequest, home: Home) -> Iterator[Share | FuseShare]:
    """A share mounted at the inbox."""
    if (reason := why_not()) is not None:
        pytest.skip(f"no file system can be mounted here: {reason}")
    share = MOUNTED[request.param](home.folder, home.inbox)
    yield share
    share.end()


def _root(home: Home) -> dict[str, object]:
    (root,) = json.loads(home.call("status", "--json").stdout)["roots"]
    assert isinstance(root, dict)
    return root


def _captioned(home: Home, files: int) -> Callable[[], bool]:
    return lambda: home.rows("SELECT count(*) FROM captions WHERE present = 1")[0][0] == files


def _nothing_waits(home: Home) -> bool:
    work = "SELECT 1 FROM job WHERE state IN ('queued', 'running') UNION SELECT 1 FROM sidecar WHERE state = 'pending'"
    return not home.rows(f"{work} LIMIT 1")


def _scanned_since(home: Home, moment: float) -> Callable[[], bool]:
    return lambda: (home.rows("SELECT scanned_at FROM root")[0][0] or 0) > moment


def _sidecars(store: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in store.rglob(f"*{SUFFIX}")}


def _known(home: Home) -> list[tuple[object, ...]]:
    """All that others are shown of the files, and all that was ever answered and asked."""
    found: list[tuple[object, ...]] = []
    for sql in ("SELECT * FROM captions ORDER BY path", "SELECT * FROM caption", "SELECT * FROM call"):
        found += map(tuple, home.rows(sql))
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.fault("a share goes away, comes back, or is not there at the start")
def test_ten_thousand_files_of_a_share_that_was_away_are_as_they_were_and_cost_no_call(
    home: Home, fake: FakeEndpoint, share: Share | FuseShare, record_property: Callable[[str, object], None]
) -> None:
    with home.run() as program:
        program.event("root_online")
        for folder in (share.store / f"folder-{number}" for number in range(FOLDERS)):
            folder.mkdir()
            for number in range(CONTENTS):
                (folder / f"{number}.jpg").write_bytes(picture(str(number)))
        until(_captioned(home, FILES), timeout=600, interval=0.5)
        until(lambda: _nothing_waits(home), timeout=120, interval=0.5)
        assert len(fake.requests) == CONTENTS
        known, sidecars = _known(home), _sidecars(share.store)
        assert len(sidecars) == FILES

        share.unmount()
        program.event("root_offline")
        root = _root(home)
        assert (root["health"], root["files"]) == ("offline", FILES)
        # What is put into the bare mount point is not the share's.
        bare = home.inbox / "folder-0"
        bare.mkdir()
        drop(bare / "0.jpg", "not the share's")
        program.stop(signal.SIGKILL)
    with home.run() as program:
        _stays_away(home, program)
        assert [path.name for path in home.inbox.rglob("*")] == ["folder-0", "0.jpg"]
        assert (_known(home), _sidecars(share.store)) == (known, sidecars)
        (bare / "0.jpg").unlink()
        bare.rmdir()
        drop(share.store / "folder-0" / "meanwhile.jpg")

        mounted = time.time()
        share.mount()
        program.event("root_online")
        until(_scanned_since(home, mounted), timeout=120)
        record_property("seen", f"{share.name}: {FILES:,} files compared {time.time() - mounted:.1f} s after the mount")
        home.captioned("meanwhile.jpg", timeout=300)  # of a FUSE share all files are read again before it
        until(lambda: _nothing_waits(home), timeout=300, interval=0.5)
        assert (_root(home)["health"], _root(home)["files"]) == ("online", FILES + 1)
        assert len(fake.requests) == CONTENTS + 1
        drop(home.inbox / "folder-0" / "after.jpg")
        if isinstance(share, FuseShare):
            home.call("scan")  # of itself it compares so many files every few minutes
        home.captioned("after.jpg", timeout=300)
        until(lambda: _nothing_waits(home))
    assert len(fake.requests) == CONTENTS + 2
    new = {str(share.store / "folder-0" / f"{name}.jpg{SUFFIX}") for name in ("meanwhile", "after")}
    sidecars_now = _sidecars(share.store)
    assert sidecars_now.keys() == sidecars.keys() | new
    assert sidecars.items() <= sidecars_now.items()
    assert set(known) <= set(_known(home))
    assert not home.rows("SELECT 1 FROM job WHERE state = 'failed'")
    assert not home.rows("SELECT 1 FROM file WHERE present = 0")


def _stays_away(home: Home, program: Program) -> None:
    """It is offline, and still is when a comparison would have been made."""
    assert f"its {FILES:,} files wait" in program.event("root_offline")["detail"]
    time.sleep(2.5)
    assert _root(home)["health"] == "offline"
