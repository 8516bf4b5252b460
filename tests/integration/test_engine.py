"""The open database under several threads and processes, and what it says when it can't be used."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from captiond import mounts
from captiond.errors import DatabaseError, DatabaseUnavailable, InstanceError
from captiond.store import engine
from captiond.store.engine import Database, path_of
from captiond.store.instance import InstanceLock
from waiting import until

ADD = "INSERT INTO endpoint (name, state, updated_at) VALUES (?, 'healthy', 1)"

WRITER = """
import sys
from captiond.store.engine import Database
db = Database.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    with db.write() as conn:
        # Reads first, writes then: what a deferred transaction is refused for.
        conn.exec_driver_sql("SELECT count(*) FROM endpoint").scalar()
        conn.exec_driver_sql(
            "INSERT INTO endpoint (name, state, updated_at) VALUES (?, 'healthy', 1)", (f"{sys.argv[2]}-{number}",)
        )
        conn.exec_driver_sql("UPDATE endpoint SET in_flight = in_flight + 1 WHERE name = 'counter'")
    print(number, flush=True)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Where a database is to be."""
    return f"sqlite:///{tmp_path / 'x.db'}"


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """An open database."""
    with Database.open(url) as opened:
        yield opened


def count(db: Database) -> int:
    """Rows of the endpoint table."""
    with db.read() as conn:
        return int(conn.exec_driver_sql("SELECT count(*) FROM endpoint").scalar_one())


def writer(url: str, name: str, times: int) -> subprocess.Popen[str]:
    """A process that writes so many rows, once it is told to begin."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, name, str(times)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    """Let a writer begin."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_a_write_is_kept_and_an_exception_takes_it_back(db: Database) -> None:
    with db.write() as conn:
        conn.exec_driver_sql(ADD, ("kept",))
    with pytest.raises(ZeroDivisionError), db.write() as conn:  # noqa: PT012 - both belong to one transaction
        conn.exec_driver_sql(ADD, ("lost",))
        _ = 1 / 0
    assert count(db) == 1


def test_writing_is_durable_and_keeps_references_whole(db: Database) -> None:
    with db.write() as conn:
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert conn.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_reading_connection_can_not_write(db: Database) -> None:
    with pytest.raises(DatabaseError), db.read() as conn:
        conn.exec_driver_sql(ADD, ("no",))
    assert count(db) == 0


def test_a_reader_sees_one_state_while_others_write(db: Database) -> None:
    with db.read() as reading:
        before = reading.exec_driver_sql("SELECT count(*) FROM endpoint").scalar()
        with db.write() as conn:
            conn.exec_driver_sql(ADD, ("new",))
        assert reading.exec_driver_sql("SELECT count(*) FROM endpoint").scalar() == before
    assert count(db) == 1


def test_data_version_tells_of_commits_here_and_elsewhere(db: Database, url: str) -> None:
    seen = [db.data_version()]
    assert db.data_version() == seen[0]
    with db.write() as conn:
        conn.exec_driver_sql(ADD, ("here",))
    seen.append(db.data_version())
    with Database.open(url) as other, other.write() as conn:
        conn.exec_driver_sql(ADD, ("elsewhere",))
    seen.append(db.data_version())
    assert len(set(seen)) == 3


def test_processes_and_threads_that_write_at_once_are_never_told_that_it_is_locked(db: Database, url: str) -> None:
    with db.write() as conn:
        conn.exec_driver_sql(ADD, ("counter",))
    processes = [writer(url, f"process-{number}", 150) for number in range(2)]
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(75):
                with db.write() as conn:
                    conn.exec_driver_sql("SELECT count(*) FROM endpoint").scalar()
                    conn.exec_driver_sql(ADD, (f"{name}-{number}",))
                    conn.exec_driver_sql("UPDATE endpoint SET in_flight = in_flight + 1 WHERE name = 'counter'")
                count(db)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"thread-{number}",)) for number in range(3)]
    for process in processes:
        begin(process)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert failed == []
    with db.read() as conn:
        assert conn.exec_driver_sql("SELECT in_flight FROM endpoint WHERE name = 'counter'").scalar() == 525
    assert count(db) == 526


@pytest.mark.fault("kill -9 at any system call")
def test_what_a_killed_writer_had_committed_is_there_and_nothing_half(db: Database, url: str) -> None:
    with db.write() as conn:
        conn.exec_driver_sql(ADD, ("counter",))
    process = writer(url, "killed", 100_000)
    begin(process)
    assert process.stdout is not None
    told = -1
    while told < 20:
        told = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()  # not communicate(): it passes over what readline has buffered
    process.wait(30)
    told = int(rest[-1]) if rest else told
    db.close()
    with Database.open(url) as again:
        assert again.check() == []
        with again.read() as conn:
            rows = conn.exec_driver_sql("SELECT count(*) FROM endpoint WHERE name LIKE 'killed-%'").scalar_one()
            counted = conn.exec_driver_sql("SELECT in_flight FROM endpoint WHERE name = 'counter'").scalar_one()
    assert rows == counted
    assert rows in (told + 1, told + 2)


@pytest.mark.fault("the database is locked")
def test_a_database_that_another_program_holds_is_waited_for_and_then_named(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WRITE_WAIT", 0.2)
    with Database.open(url) as impatient, db.write(), pytest.raises(DatabaseUnavailable, match="is locked"):
        impatient.write().__enter__()
    with Database.open(url) as later, later.write() as conn:
        conn.exec_driver_sql(ADD, ("later",))


@pytest.mark.fault("the state's disk is full")
def test_a_full_disk_is_named_and_passes(db: Database) -> None:
    with db.write() as conn:
        conn.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(DatabaseUnavailable, match=r"can't grow: its disk is full"), db.write() as conn:
        conn.exec_driver_sql(ADD, ("x" * 1_000_000,))
    with db.write() as conn:
        conn.exec_driver_sql("PRAGMA max_page_count = 1000000")
        conn.exec_driver_sql(ADD, ("y" * 1_000_000,))
    assert count(db) == 1


@pytest.mark.parametrize("offset", [0, 18, 100, 4096 + 8, 3 * 4096, 20 * 4096])
@pytest.mark.fault("the database is damaged")
def test_a_damaged_database_is_named_with_the_remedy(tmp_path: Path, url: str, offset: int) -> None:
    with Database.open(url) as made, made.write() as conn:
        for number in range(500):
            conn.exec_driver_sql(ADD, (f"row {number} " + "x" * 200,))
    path = tmp_path / "x.db"
    shutil.copy(path, tmp_path / "x.db.before-0001")
    damaged = bytearray(path.read_bytes())
    damaged[offset : offset + 3000] = random.Random(offset).randbytes(3000)
    path.write_bytes(damaged)
    told = _what_is_wrong_with(url)
    if told.startswith("database"):
        assert told.startswith(f"database {path} is damaged")
        assert "x.db.before-0001" in told


def _what_is_wrong_with(url: str) -> str:
    """What opening it, its own check, or reading it says."""
    try:
        with Database.open(url) as opened:
            found = opened.check()
            assert found
            return " ".join(found)
    except DatabaseError as error:
        return str(error)


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path, url: str) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"my holiday diary" * 100)
    with pytest.raises(DatabaseError, match="not a database"):
        Database.open(url, migrate=True)
    assert path.read_bytes() == b"my holiday diary" * 100


def test_a_missing_database_says_where_it_was_looked_for(tmp_path: Path, url: str) -> None:
    with pytest.raises(DatabaseError, match=r"nothing was captioned yet.*x\.db"):
        Database.open(url, create=False)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_becomes_a_database(tmp_path: Path, url: str) -> None:
    (tmp_path / "x.db").touch()
    with Database.open(url) as made:
        assert count(made) == 0


def test_folders_are_made_on_the_way(tmp_path: Path) -> None:
    Database.open(f"sqlite:///{tmp_path}/a b/ü?%23/x.db".replace("?", "q")).close()
    assert (tmp_path / "a b" / "üq%23" / "x.db").is_file()


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match=r"file/below can't be made"):
        Database.open(f"sqlite:///{tmp_path}/file/below/x.db")


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://x/y", "sqlite:////x?y=1"]
)
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(DatabaseError, match=r"database\.url"):
        path_of(url)


def test_a_relative_url_and_a_home_folder_are_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    assert path_of("sqlite:///x.db") == tmp_path / "x.db"
    assert path_of("sqlite:///~/x.db") == Path("/home/someone/x.db")


MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt rw - nfs4 server:/export rw
31 30 0:41 / /mnt/my\040disk rw - ext4 /dev/sdb rw
32 22 0:42 / /over rw - ext4 /dev/sdc rw
33 32 0:43 / /over rw master:2 - cifs //nas/share rw
34 22 0:44 / /ssh rw - fuse.sshfs me@host: rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "fstype"),
    [
        ("/var/lib/captiond", "ext4"),
        ("/mnt/state", "nfs4"),
        ("/mntstate", "ext4"),
        ("/mnt/my disk/state", "ext4"),
        ("/over", "cifs"),
        ("/ssh/a/b", "fuse.sshfs"),
    ],
)
def test_network_file_systems_are_told_by_the_mount_that_is_on_top(tmp_path: Path, path: str, fstype: str) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(MOUNTS.strip("\n"))
    assert mounts.fstype_of(Path(path), table) == fstype
    assert mounts.is_network(fstype) is (fstype != "ext4")


@pytest.mark.fault("the database is on a network file system")
def test_a_database_on_a_network_file_system_is_refused(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "fstype_of", lambda path: "nfs4")
    with pytest.raises(DatabaseError, match=r"network file system \(nfs4\).*local disk"):
        Database.open(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become another user")
def test_a_user_who_may_only_read_is_told_what_is_missing(tmp_path: Path, url: str) -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c"]
    if subprocess.run([*as_nobody, "import captiond.store.engine"], capture_output=True, check=False).returncode:
        pytest.skip("another user can't run this Python")
    with Database.open(url) as made, made.write() as conn:
        conn.exec_driver_sql(ADD, ("row",))
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(0o755)
    code = (
        "import sys; from captiond.store.engine import Database\n"
        "try:\n"
        "  with Database.open(sys.argv[1], create=False) as db:\n"
        "    with db.read() as conn: print(conn.exec_driver_sql('SELECT name FROM endpoint').scalar())\n"
        f"    with db.write() as conn: conn.exec_driver_sql(\"{ADD}\", ('no',))\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    alone = subprocess.run([*as_nobody, code, url], capture_output=True, text=True, check=False)
    assert alone.stdout.startswith("DatabaseError"), alone
    assert "user of the service" in alone.stdout
    with Database.open(url) as service:
        assert count(service) == 1
        beside = subprocess.run([*as_nobody, code, url], capture_output=True, text=True, check=False)
    assert beside.stdout.splitlines()[0] == "row", beside
    assert "can't be written" in beside.stdout.splitlines()[1], beside


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to become another user")
def test_a_user_who_may_not_enter_the_folder_is_told_so(tmp_path: Path, url: str) -> None:
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable]
    if subprocess.run([*as_nobody, "-c", "import captiond"], capture_output=True, check=False).returncode:
        pytest.skip("another user can't run this Python")
    with Database.open(url):
        pass
    tmp_path.chmod(0o700)
    run = subprocess.run(
        [*as_nobody, "-m", "captiond", "search", "x"],
        env={**os.environ, "CAPTIOND_DATABASE__URL": url, "HOME": "/"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert "run this as the user of the service" in run.stderr
    assert "Traceback" not in run.stderr


def test_one_instance_holds_a_database_and_tells_who_it_is(tmp_path: Path) -> None:
    first, second = InstanceLock(tmp_path / "x.db"), InstanceLock(tmp_path / "x.db")
    assert first.holder() is None
    first.acquire("captiond run")
    held = second.holder()
    assert held is not None
    assert (held["pid"], held["command"]) == (os.getpid(), "captiond run")
    with pytest.raises(InstanceError, match=rf"process {os.getpid()} \(captiond run"):
        second.acquire("captiond caption")
    first.release()
    first.release()
    assert second.holder() is None
    second.acquire("captiond caption")
    assert json.loads((tmp_path / "x.db.lock").read_text())["command"] == "captiond caption"
    second.release()


def test_a_killed_instance_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from captiond.store.instance import InstanceLock;"
        "lock = InstanceLock(Path(sys.argv[1])); lock.acquire('captiond run'); print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "x.db")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    lock = InstanceLock(tmp_path / "x.db")
    with pytest.raises(InstanceError, match=f"process {process.pid}"):
        lock.acquire("captiond run")
    process.kill()
    process.communicate()
    until(lambda: lock.holder() is None)
    lock.acquire("captiond run")
    lock.release()


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x.db.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatabaseError, match="can't be written"):
        InstanceLock(tmp_path / "x.db").acquire("captiond run")
    assert not (tmp_path / "elsewhere").exists()


def test_other_programs_can_open_it_while_it_is_written(db: Database, tmp_path: Path) -> None:
    with db.write() as conn:
        conn.exec_driver_sql(ADD, ("row",))
    with sqlite3.connect(f"file:{tmp_path / 'x.db'}?mode=ro", uri=True) as plain:
        assert plain.execute("SELECT count(*) FROM captions").fetchone() == (0,)
