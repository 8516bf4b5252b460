"""A root that is really watched, for tests: folder, database, watcher, and questions to the database."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from captiond.config.models import Watch
from captiond.intake import Root
from captiond.paths import to_text
from captiond.store import files
from captiond.store.engine import Database
from captiond.values import Priority, Quiet, Stat
from captiond.watch.reconcile import Hooks, ScanReport, reconcile
from captiond.watch.root import RootWatcher
from captiond.watch.scope import Scope
from waiting import until

SUFFIX = ".caption.json"
JPEG = b"\xff\xd8\xff\xe0 and so on"


class Rows:
    """What the database knows."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.db.read() as conn:
            return [tuple(row) for row in conn.exec_driver_sql(sql, values)]

    def do(self, sql: str, *values: object) -> None:
        with self.db.write() as conn:
            conn.exec_driver_sql(sql, values)

    def names(self, *, present: bool = True) -> set[str]:
        """The names of the files that are present, or that are absent."""
        return {name for (name,) in self.ask("SELECT name FROM file WHERE present = ?", int(present))}

    def jobs(self) -> list[tuple[str, str, int]]:
        """Each job: its file's name, its state, its priority, in the order of making."""
        return self.ask("SELECT name, state, priority FROM job JOIN file ON file.id = file_id ORDER BY job.id")

    def queued(self) -> set[str]:
        return {name for name, state, _ in self.jobs() if state == "queued"}

    def id_of(self, path: Path) -> int:
        with self.db.read() as conn:
            row = files.files_by_path(conn, [to_text(os.fspath(path))]).get(to_text(os.fspath(path)))
        assert row is not None, path
        return row.id

    def finish_all(self) -> None:
        """Every open job is done, and its file has a caption of its own."""
        with self.db.write() as conn:
            for file_id, recipe in conn.exec_driver_sql(
                "SELECT file_id, recipe FROM job WHERE state IN ('queued', 'running')"
            ).all():
                conn.exec_driver_sql(
                    "INSERT INTO content (sha256, kind, mime, bytes) VALUES (?, 'image', 'image/jpeg', 1) "
                    "ON CONFLICT DO NOTHING",
                    (f"sha of {file_id}",),
                )
                content = conn.exec_driver_sql(
                    "SELECT id FROM content WHERE sha256 = ?", (f"sha of {file_id}",)
                ).scalar_one()
                caption = conn.exec_driver_sql(
                    "INSERT INTO caption (content_id, recipe, recipe_digest, text, source, model, created_at) "
                    "VALUES (?, ?, ?, 'a caption', 'model', 'm', '2026-11-22T10:35:00Z') RETURNING id",
                    (content, recipe, f"digest of {recipe}"),
                ).scalar_one()
                conn.exec_driver_sql(
                    "UPDATE file SET content_id = ?, caption_id = ? WHERE id = ?", (content, caption, file_id)
                )
                conn.exec_driver_sql(
                    "INSERT INTO sidecar (file_id, path, state, written_digest) VALUES (?, 'x', 'written', 'd') "
                    "ON CONFLICT DO NOTHING",
                    (file_id,),
                )
            conn.exec_driver_sql("UPDATE job SET state = 'done', finished_at = 1 WHERE state IN ('queued', 'running')")


class Watched(Rows):
    """A root under a real watcher."""

    def __init__(self, db: Database, root: Path, confirm: int | None = None, **settings: Any) -> None:
        super().__init__(db)
        self.root = root
        self.states: list[tuple[bool, str]] = []
        self.work = 0
        self.watch = Watch(path=root, **{"settle_seconds": 0.2, **settings})
        self.watcher = RootWatcher(
            self.watch,
            db=db,
            suffix=SUFFIX,
            on_work=self._worked,
            on_state=lambda _, *told: self.states.append(told),
            confirm=confirm,
        )

    def _worked(self) -> None:
        self.work += 1

    def start(self) -> Watched:
        self.watcher.start()
        assert self.watcher.ready.wait(10)
        return self

    def scanned(self) -> Watched:
        """Wait for one more complete scan, begun after now."""
        before = self.watcher.scans
        self.watcher.scan_now()
        until(lambda: self.watcher.scans > before + (not self.watcher.scans))
        return self


@contextmanager
def watching(db: Database, root: Path, **settings: Any) -> Iterator[Watched]:
    """A root that is watched from here to the end of the block."""
    watched = Watched(db, root, **settings)
    try:
        yield watched.start()
    finally:
        watched.watcher.stop()


class Compared(Rows):
    """A root that is only compared when asked, with its finds taken in at once."""

    def __init__(self, db: Database, root: Path, recipe: str = "default", **settings: Any) -> None:
        super().__init__(db)
        self.root = root
        watch = Watch(path=root, recipe=recipe, **settings)
        self.scope = Scope(watch, suffix=SUFFIX, database=os.fspath(db.path), roots=())
        with db.write() as conn:
            root_id = files.upsert_root(conn, to_text(os.fspath(root)), recipe)
            files.set_root_state(conn, root_id, "online", None, "/", "ext4")
        self.as_root = Root.of(watch, root_id)
        self.sighted: list[str] = []
        self.is_online = True

    def scan(self) -> ScanReport:
        self.sighted = []
        return reconcile(
            self.db,
            self.as_root,
            Hooks(self.scope.enters, self.scope.takes, self._sight, lambda: self.is_online),
        )

    def _sight(self, paths: list[str]) -> bool:
        self.sighted += paths
        return True

    def found(self) -> list[str]:
        """What the last scan sighted, relative to the root, in order."""
        return sorted(self.as_root.relative(path) for path in self.sighted)


def quiet(path: Path, priority: Priority = Priority.NEW) -> Quiet:
    """The file as the gate would let it through."""
    return Quiet(os.fspath(path), Stat.of(os.stat(path)), priority)


def write(path: Path, data: bytes = JPEG) -> Path:
    """A file, with the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@contextmanager
def leased(path: Path) -> Iterator[None]:
    """The kernel gives EWOULDBLOCK to who opens the file without waiting: see fcntl(2) on F_SETLEASE."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        yield
    finally:
        os.close(fd)
        signal.signal(signal.SIGIO, before)
