"""A sidecar is written whole or not at all, and never through a link or over what is not ours."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captiond import sidecar
from captiond.sidecar import places, writing

OLD, NEW = b'{"schema": "captiond/1", "n": 1}\n', b'{"schema": "captiond/1", "n": 2}\n'
NONE: frozenset[str] = frozenset()


def digest(body: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(body).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a photo in it."""
    made = tmp_path / "photos"
    made.mkdir()
    (made / "photo.jpg").write_bytes(b"\xff\xd8")
    return made


@pytest.fixture
def target(folder: Path) -> Path:
    """Where the photo's sidecar belongs."""
    return Path(sidecar.path_for(str(folder / "photo.jpg"), ".caption.json"))


def listed(folder: Path) -> list[str]:
    """All names in a folder: no temporary file may be among them."""
    return sorted(path.name for path in folder.iterdir())


def test_a_new_sidecar_is_whole_and_alone(folder: Path, target: Path) -> None:
    outcome = sidecar.write(str(target), NEW, owned=NONE)
    kind = target.stat()
    assert outcome == sidecar.Outcome("written", digest(NEW), None, (kind.st_size, kind.st_mtime_ns))
    assert target.read_bytes() == NEW
    assert listed(folder) == ["photo.jpg", "photo.jpg.caption.json"]
    assert kind.st_nlink == 1
    assert stat.S_IMODE(kind.st_mode) & 0o133 == 0


def test_our_own_sidecar_is_replaced_and_one_with_the_same_bytes_stays_as_it_is(folder: Path, target: Path) -> None:
    sidecar.write(str(target), OLD, owned=NONE)
    assert sidecar.write(str(target), NEW, owned={digest(OLD)}).state == "written"
    assert target.read_bytes() == NEW
    before = target.stat()
    again = sidecar.write(str(target), NEW, owned=NONE)
    assert (again.state, again.seen) == ("written", (len(NEW), before.st_mtime_ns))
    assert target.stat().st_ino == before.st_ino
    assert listed(folder) == ["photo.jpg", "photo.jpg.caption.json"]


def test_one_with_the_same_bytes_and_other_rights_is_replaced(target: Path) -> None:
    sidecar.write(str(target), NEW, owned=NONE)
    assert sidecar.write(str(target), NEW, owned=NONE, rights=sidecar.Rights(0o600)).state == "written"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_reader_never_sees_half_of_it(target: Path) -> None:
    sizes = (OLD, NEW * 20_000)
    sidecar.write(str(target), sizes[0], owned=NONE)
    code = "import sys\nwhile sys.stdin.readline():\n print(len(open(sys.argv[1], 'rb').read()), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        for number in range(60):
            reader.stdin.write("read\n")
            reader.stdin.flush()
            sidecar.write(str(target), sizes[number % 2], owned={digest(size) for size in sizes})
            assert int(reader.stdout.readline()) in {len(size) for size in sizes}


@pytest.mark.parametrize("theirs", [b"", b"{}", OLD + b" ", b"x" * (9 << 20)])
@pytest.mark.fault("a foreign file in a sidecar's place")
def test_a_file_that_is_not_ours_is_left_alone(folder: Path, target: Path, theirs: bytes) -> None:
    target.write_bytes(theirs)
    outcome = sidecar.write(str(target), NEW, owned={digest(OLD)})
    assert (outcome.state, outcome.digest) == ("refused", digest(NEW))
    assert "did not write" in (outcome.reason or "")
    assert target.read_bytes() == theirs
    assert listed(folder) == ["photo.jpg", "photo.jpg.caption.json"]
    assert not sidecar.remove(str(target), beside="moved.jpg", owned={digest(OLD)})
    assert target.read_bytes() == theirs


def _dangling(target: Path) -> None:
    target.symlink_to(target.with_name("nowhere"))


def _to_the_photo(target: Path) -> None:
    target.symlink_to(target.with_name("photo.jpg"))


def _to_our_own_bytes(target: Path) -> None:
    elsewhere = target.parent.parent / "elsewhere.json"
    elsewhere.write_bytes(OLD)
    target.symlink_to(elsewhere)


def _folder(target: Path) -> None:
    target.mkdir()


def _pipe(target: Path) -> None:
    os.mkfifo(target)


def _socket(target: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.getcwd()
        os.chdir(target.parent)
        try:
            made.bind(target.name)
        finally:
            os.chdir(here)


@pytest.mark.parametrize(
    ("occupy", "word"),
    [
        (_dangling, "a link"),
        (_to_the_photo, "a link"),
        (_to_our_own_bytes, "a link"),
        (_folder, "a folder"),
        (_pipe, "a pipe"),
        (_socket, "a socket"),
    ],
)
@pytest.mark.fault("a foreign file in a sidecar's place")
def test_links_and_everything_that_is_no_file_are_refused_at_once(
    folder: Path, target: Path, occupy: object, word: str
) -> None:
    occupy(target)  # type: ignore[operator]  # one of the functions above
    before = os.lstat(target)
    outcome = sidecar.write(str(target), NEW, owned={digest(OLD), digest(b"\xff\xd8")})
    assert outcome.state == "refused"
    assert (outcome.reason or "").startswith(word)
    assert os.lstat(target) == before
    assert (folder / "photo.jpg").read_bytes() == b"\xff\xd8"
    assert listed(folder) == ["photo.jpg", "photo.jpg.caption.json"]
    assert not sidecar.remove(str(target), beside="moved.jpg", owned={digest(OLD)})
    assert os.lstat(target) == before


def test_a_sidecar_stays_where_its_file_is_back(folder: Path, target: Path) -> None:
    target.write_bytes(OLD)
    assert not sidecar.remove(str(target), beside="photo.jpg", owned={digest(OLD)})
    assert target.read_bytes() == OLD
    (folder / "photo.jpg").rename(folder / "moved.jpg")
    assert sidecar.remove(str(target), beside="photo.jpg", owned={digest(OLD)})
    assert listed(folder) == ["moved.jpg"]


def test_what_appears_between_the_look_and_the_writing_is_not_overwritten(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def fsync(fd: int) -> None:
        real(fd)
        if not target.exists():
            target.write_bytes(b"theirs, just now")

    monkeypatch.setattr(os, "fsync", fsync)
    assert sidecar.write(str(target), NEW, owned={digest(OLD)}).state == "refused"
    assert target.read_bytes() == b"theirs, just now"
    assert listed(folder) == ["photo.jpg", "photo.jpg.caption.json"]


def test_where_hard_links_do_not_work_it_is_written_all_the_same(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    assert sidecar.write(str(target), NEW, owned=NONE).state == "written"
    assert listed(folder) == ["photo.jpg", "photo.jpg.caption.json"]


@pytest.mark.parametrize("call", ["write", "fsync", "link"])
@pytest.mark.parametrize(
    ("code", "word"), [(errno.ENOSPC, "disk is full"), (errno.EIO, "failed"), (errno.EDQUOT, "quota")]
)
@pytest.mark.fault("an error at any system call")
def test_a_failing_disk_leaves_the_old_sidecar_and_nothing_else(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, word: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    outcome = sidecar.write(str(target), NEW, owned=NONE)
    assert (outcome.state, outcome.digest) == ("pending", digest(NEW))
    assert word in (outcome.reason or "")
    assert listed(folder) == ["photo.jpg"]


def test_a_folder_that_is_gone_or_no_folder_any_more_waits(folder: Path, target: Path) -> None:
    shutil.rmtree(folder)
    outcome = sidecar.write(str(target), NEW, owned=NONE)
    assert (outcome.state, outcome.reason) == ("pending", "the folder is gone; it is written when the folder is back")
    assert sidecar.remove(str(target), beside="moved.jpg", owned={digest(OLD)}), "what is gone is gone"
    folder.write_bytes(b"a file now")
    assert sidecar.write(str(target), NEW, owned=NONE).state == "pending"
    assert not sidecar.remove(str(target), beside="moved.jpg", owned={digest(OLD)})


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_waits_and_says_why(folder: Path, target: Path) -> None:
    folder.chmod(0o555)
    code = "import sys; from captiond import sidecar\nprint(sidecar.write(sys.argv[1], b'{}', owned=()))"
    command = [sys.executable, "-c", code, str(target)]
    if os.geteuid() == 0:
        for parent in (folder.parent, *folder.parent.parents):
            if not parent.stat().st_mode & stat.S_IXOTH:
                parent.chmod(0o755)
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    folder.chmod(0o755)
    if "ModuleNotFoundError" in done.stderr or "Permission denied" in done.stderr:
        pytest.skip("another user can't run this Python")
    assert "state='pending'" in done.stdout, done
    assert "may not write" in done.stdout
    assert listed(folder) == ["photo.jpg"]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="needs root, to mount")
@pytest.mark.parametrize("options", ["ro", "size=32k"])
def test_a_file_system_that_is_read_only_or_full_waits(tmp_path: Path, options: str) -> None:
    code = (
        "import os, subprocess, sys; from captiond import sidecar\n"
        "folder, options = sys.argv[1:]\n"
        "if subprocess.run(['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', folder]).returncode: sys.exit(77)\n"
        "if 'size' in options:\n"
        "  try: open(folder + '/big', 'wb').write(bytes(40000))\n"
        "  except OSError: pass\n"
        "print(sidecar.write(folder + '/a.jpg.caption.json', b'x' * 9000, owned=()).state, os.listdir(folder))"
    )
    done = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", code, str(tmp_path), options],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("mounting is not allowed here")
    assert done.stdout.strip() == ("pending []" if options == "ro" else "pending ['big']"), done


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
@pytest.mark.parametrize(
    ("call", "times"), [("openat", 6), ("write", 2), ("fsync", 4), ("linkat", 1), ("unlinkat", 1), ("renameat", 1)]
)
@pytest.mark.fault("kill -9 at any system call")
def test_killed_at_any_system_call_it_is_absent_old_or_new_and_never_half(
    folder: Path, target: Path, call: str, times: int
) -> None:
    code = (
        "import sys; from captiond import sidecar\n"
        "old, new, digest = sys.argv[2].encode(), sys.argv[3].encode(), sys.argv[4]\n"
        "sidecar.write(sys.argv[1], old, owned=())\n"
        "sidecar.write(sys.argv[1], new, owned={digest})"
    )
    arguments = [sys.executable, "-c", code, str(target), OLD.decode(), NEW.decode(), digest(OLD)]
    # Python itself opens many files; all other calls of these names are the sidecar's.
    only = ["-P", str(folder), "-P", str(target)] if call == "openat" else []
    for when in range(1, times + 1):
        target.unlink(missing_ok=True)
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={when}"]
        done = subprocess.run(
            ["strace", "-f", "-qq", "-o", "/dev/null", *only, *inject, *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if "ptrace" in done.stderr or "not permitted" in done.stderr:
            pytest.skip("tracing is not allowed here")
        assert done.returncode == -signal.SIGKILL, (when, done.stderr)
        assert not target.exists() or target.read_bytes() in (OLD, NEW)
        assert sidecar.write(str(target), NEW, owned={digest(OLD)}).state == "written"


def test_what_a_crash_left_behind_is_gone_once_the_same_is_written_again(folder: Path, target: Path) -> None:
    left = folder / writing._temporary(target.name, NEW)
    left.write_bytes(NEW[:7])
    assert sidecar.write(str(target), NEW, owned=NONE).state == "written"
    assert target.read_bytes() == NEW
    assert not left.exists()
    left.hardlink_to(target)  # it came when the sidecar had its name already
    assert sidecar.write(str(target), NEW, owned=NONE).state == "written"
    assert listed(folder) == ["photo.jpg", "photo.jpg.caption.json"]


def test_what_a_crash_left_behind_is_swept_away_an_hour_later_and_nothing_else(folder: Path, target: Path) -> None:
    hour_ago = time.time() - 3700
    ours, fresh, theirs = (
        folder / name
        for name in (".captiond-0123456789abcdef.tmp", ".captiond-fedcba9876543210.tmp", ".captiond-notes.tmp")
    )
    for path in (ours, fresh, theirs):
        path.write_bytes(b"half")
    link = folder / ".captiond-aaaaaaaaaaaaaaaa.tmp"
    link.symlink_to(theirs)
    for path in (ours, theirs, link):
        os.utime(path, (hour_ago, hour_ago), follow_symlinks=False)
    sidecar.write(str(target), NEW, owned=NONE)
    assert not ours.exists()
    assert fresh.exists()
    assert theirs.exists()
    assert link.is_symlink()


def test_a_sidecar_at_an_old_place_goes_only_if_it_is_ours(folder: Path, target: Path) -> None:
    sidecar.write(str(target), OLD, owned=NONE)
    assert not sidecar.remove(str(target), beside="moved.jpg", owned={digest(NEW)})
    assert target.exists()
    assert sidecar.remove(str(target), beside="moved.jpg", owned={digest(OLD)})
    assert sidecar.remove(str(target), beside="moved.jpg", owned={digest(OLD)})
    assert listed(folder) == ["photo.jpg"]


def test_a_name_that_would_be_too_long_is_refused(folder: Path) -> None:
    longest = str(folder / ("ä" * 121 + ".caption.json"))
    assert sidecar.write(longest, NEW, owned=NONE).state == "written"
    outcome = sidecar.write(str(folder / ("ä" * 122 + ".caption.json")), NEW, owned=NONE)
    assert (outcome.state, outcome.reason) == (
        "refused",
        "the name would be longer than 255 bytes; shorten the file's name",
    )


def test_a_folder_reached_through_a_link_is_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "share").symlink_to(folder)
    assert sidecar.write(str(tmp_path / "share" / "photo.jpg.caption.json"), NEW, owned=NONE).state == "written"
    assert (folder / "photo.jpg.caption.json").read_bytes() == NEW


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(st.binary(min_size=1, max_size=60).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b"..")))
@pytest.mark.fault("odd names")
def test_every_name_that_linux_allows_gets_its_sidecar(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(tmp_path, os.fsdecode(name))
    target = sidecar.path_for(path, ".caption.json")
    assert sidecar.write(target, NEW, owned={digest(OLD)}).state == "written"
    with open(os.fsencode(target), "rb") as written:
        assert written.read() == NEW
    assert sidecar.remove(target, beside="moved.jpg", owned={digest(NEW)})


def test_the_bytes_are_pretty_utf8_json_in_the_order_of_the_document() -> None:
    body = sidecar.encode({"schema": "captiond/1", "caption": "Größe 🎉", "tags": [], "category": None})
    assert body.decode() == (
        '{\n  "schema": "captiond/1",\n  "caption": "Größe 🎉",\n  "tags": [],\n  "category": null\n}\n'
    )


@pytest.fixture(autouse=True)
def _sweeping_is_due() -> None:
    """Each test's folder is seen for the first time."""
    writing._swept.clear()  # state of the process, not of a test


def test_without_the_file_that_it_belongs_to_nothing_is_written(tmp_path: Path) -> None:
    target = tmp_path / "photo.jpg.caption.json"
    waits = sidecar.Outcome("pending", digest(NEW), None)
    assert sidecar.write(str(target), NEW, owned=NONE, beside="photo.jpg") == waits
    assert list(tmp_path.iterdir()) == []
    gone = tmp_path / "gone" / "photo.jpg.caption.json"
    assert sidecar.write(str(gone), NEW, owned=NONE, beside="photo.jpg") == waits
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert sidecar.write(str(target), NEW, owned=NONE, beside="photo.jpg").state == "written"


def test_a_write_that_hangs_holds_up_its_own_place_alone_and_that_for_a_while(
    folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "HELD_SECONDS", 0.05)
    others = [folder / f"{n}.json" for n in range(200)]
    with places.held(str(target)):
        assert {sidecar.write(str(other), NEW, owned=NONE).state for other in others} == {"written"}
        stuck = sidecar.write(str(target), NEW, owned=NONE)
        assert not sidecar.remove(str(target), beside="moved.jpg", owned=NONE)
    assert (stuck.state, stuck.reason) == ("pending", "the disk or share does not answer; it is tried again")
    assert not target.exists()
    assert sidecar.write(str(target), NEW, owned=NONE).state == "written"


def test_two_writes_to_one_place_come_one_after_the_other(target: Path) -> None:
    began, done = threading.Event(), threading.Event()

    def second() -> None:
        began.set()
        assert sidecar.write(str(target), NEW, owned={digest(OLD)}).state == "written"
        done.set()

    with places.held(str(target)):
        thread = threading.Thread(target=second)
        thread.start()
        began.wait(10)
        assert not done.is_set()
        target.write_bytes(OLD)
    thread.join(10)
    assert target.read_bytes() == NEW
