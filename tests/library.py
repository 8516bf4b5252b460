"""A database with captions, failures and files that are gone, made through the store's own functions."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any, Self

from sqlalchemy import select

from captiond import captions, jobs
from captiond.errors import FAILURES
from captiond.paths import to_text
from captiond.store import calls, files, sidecars
from captiond.store import tables as t
from captiond.store.engine import Database
from captiond.values import Answer, Call, Job, Kind, MediaFacts, Opened, Priority, Reply, Source, Stat, Usage

DIGEST = "d1" * 32


class Library:
    """A root with files in it, and the database that knows them. A context manager that closes the database.

    Args:
        root: the folder, made if it isn't there.
        database: the database's file, made if it isn't there.
    """

    def __init__(self, root: Path, database: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.db = Database.open(f"sqlite:///{database}", migrate=True)
        with self.db.write() as conn:
            self.root_id = files.upsert_root(conn, to_text(str(root)), "default")
            files.root_scanned(conn, self.root_id, time.time(), 0.5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()

    def file(self, name: str, data: bytes | None = None, *, media: bool = True) -> int:
        """A real file and its row; returns its id."""
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as written:
            written.write(os.fsencode(name) if data is None else data)
        with self.db.write() as conn:
            return files.ensure_file(conn, self.root_id, to_text(path), _stat(path), media)

    def captioned(
        self,
        name: str,
        text: str,
        *,
        data: bytes | None = None,
        kind: Kind = Kind.IMAGE,
        category: str | None = None,
        tags: tuple[str, ...] = (),
        fields: dict[str, Any] | None = None,
        model: str = "fake-vision-1",
        source: Source = Source.MODEL,
        recipe: str = "default",
        digest: str = DIGEST,
        at: float | None = None,
    ) -> int:
        """A file with a caption, the job that is done and the call that it cost; returns the file's id."""
        now = time.time() if at is None else at
        data = os.fsencode(name) if data is None else data
        file_id = self.file(name, data)
        image = kind is Kind.IMAGE
        mime = "image/jpeg" if image else "video/mp4"
        path = os.path.join(self.root, name)
        opened = Opened(path, _stat(path), hashlib.sha256(data).hexdigest(), kind, mime, len(data))
        facts = MediaFacts(kind, mime, "JPEG" if image else "mp4", 640, 480, None if image else 2.5, camera="Testcam 1")
        answer = Answer(text, "stop", model, Usage(1130, 41, 0.0021), source, 0.4, 1000)
        reply = Reply(text, category, tags, fields or {}, "en")
        job = self._claimed(file_id, now)
        with self.db.write() as conn:
            content_id = captions.content_id(conn, opened, facts)
            if source is Source.MODEL:
                call = Call("fake", model, now, 0.4, "answered", answer.usage, 200, 1000, "stop")
                calls.record(conn, job, content_id, call)
            caption_id = captions.save(
                conn, content_id=content_id, recipe=recipe, digest=digest, reply=reply, answer=answer, now=now
            )
            captions.attach(conn, file_id=file_id, content_id=content_id, caption_id=caption_id)
            assert jobs.finish(conn, job, now=now)
        return file_id

    def failed(self, name: str, code: str = "corrupt", detail: str = "broken data stream") -> int:
        """A file whose job failed with this reason; returns the file's id."""
        file_id = self.file(name)
        job = self._claimed(file_id, time.time())
        with self.db.write() as conn:
            assert jobs.fail(conn, job, reason=code, detail=FAILURES[code](detail).message, now=time.time())
        return file_id

    def queued(self, name: str) -> int:
        """A file with a job that waits; returns the file's id."""
        file_id = self.file(name)
        with self.db.write() as conn:
            self._enqueue(conn, file_id, time.time(), Priority.NEW)
        return file_id

    def gone(self, name: str) -> None:
        """Delete the file, and mark it absent."""
        path = os.path.join(self.root, name)
        os.unlink(path)
        with self.db.write() as conn:
            row = files.files_by_path(conn, [to_text(path)]).get(to_text(path))
            assert row is not None
            files.mark_absent(conn, [row.id])

    def refused_sidecar(self, file_id: int, path: str, reason: str) -> None:
        """The file's sidecar could not be written, because something else stands there."""
        from captiond.sidecar import Outcome

        with self.db.write() as conn:
            sidecars.planned(conn, file_id, "a" * 64)
            sidecars.recorded(conn, file_id, path, Outcome("refused", None, reason), retry_at=time.time() + 60)

    def job(self, file_id: int) -> Any:
        """The file's last job."""
        with self.db.read() as conn:
            return conn.execute(select(t.job).where(t.job.c.file_id == file_id).order_by(t.job.c.id.desc())).first()

    def _enqueue(self, conn: Any, file_id: int, now: float, priority: Priority) -> int:
        return jobs.enqueue(conn, file_id=file_id, root_id=self.root_id, recipe="default", priority=priority, now=now)

    def _claimed(self, file_id: int, now: float) -> Job:
        with self.db.write() as conn:
            job_id = self._enqueue(conn, file_id, now, Priority.PERSON)
            claimed = jobs.claim(
                conn, limit=1, recipes=["default"], offline_roots=[], run_id="library", now=now,
                min_priority=Priority.PERSON,
            )  # fmt: skip
        assert [job.id for job in claimed] == [job_id]
        return claimed[0]


def _stat(path: str) -> Stat:
    found = os.lstat(path)
    return Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
