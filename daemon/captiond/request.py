"""A person's request: files queued before all others, and waited for.

While the service runs it does them; else this process does, holding the service's lock meanwhile.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captiond import backlog, budget, by_url, captions, jobs, live_photos
from captiond.days import day_of, month_of
from captiond.dispatch import Dispatcher
from captiond.errors import DatabaseError, DownloadFailed, InstanceError, Vanished
from captiond.fetch import fetch, printable, split_login
from captiond.paths import is_url, to_text
from captiond.store import calls, files, spending
from captiond.store.instance import InstanceLock
from captiond.targets import Target
from captiond.values import JobState, Priority, Stat
from captiond.watch.filestat import stat_file
from captiond.wiring import choose, wire

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from captiond.config.models import Settings
    from captiond.store.engine import Database

POLL_SECONDS = 0.2
"""Between two looks at how far the jobs are."""
PATIENCE_SECONDS = 20.0
"""An endpoint that is paused for longer is not waited for."""
GRACE_SECONDS = 5.0
"""Beside the longest call, the wait for what others have in flight and for sidecars."""
BATCH = 1000
"""Jobs enqueued in one transaction."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job of the request that has ended in `state`. `path` is text; `reason` and `detail` are there unless it is done."""

    id: int
    file_id: int
    path: str
    state: JobState
    reason: str | None
    detail: str | None

    @property
    def done(self) -> bool:
        """Whether it has a caption now."""
        return self.state is JobState.DONE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a request is; `failed` counts unsupported files too.

    `blocked` says why nothing can go on, when this process does the work.
    """

    total: int
    done: int
    failed: int
    usd: float
    tokens: int
    unsupported: int = 0
    finished: Sequence[Ended] = ()
    blocked: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """Files that one command asked for.

    `inline`: URLs are fetched, and bytes are sent. `again`: what has an answer, a person's too, is asked for anew.
    """

    db: Database
    settings: Settings
    tell_notice: Callable[[str], None]
    inline: bool = False
    again: bool = False
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def tell_not_sent(self, targets: Sequence[Target]) -> None:
        """Say which URLs their endpoint is not told, and why: they are fetched here, and their bytes are sent."""
        found = choose(self.settings)
        endpoint = found.endpoints.get(found.asked["default"][0])
        if endpoint is None or self.inline:
            return
        for target in targets:
            reason = by_url.why_not(target.path, endpoint.base_url) if is_url(target.path) else None
            if reason:
                self.tell_notice(f"{printable(target.path)} is fetched here and sent as bytes: {reason}")

    def enqueue(self, targets: Sequence[Target]) -> list[int]:
        """Put them first in the queue. Returns: the jobs' ids."""
        ids: list[int] = []
        fetched = {target.path: self._fetched(target.path) for target in targets if is_url(target.path)}
        now, after = time.time(), 0
        if self.again:
            with self.db.read() as conn:
                after = captions.newest(conn)
        for start in range(0, len(targets), BATCH):
            with self.db.write() as conn:
                roots = {
                    watch.path: files.upsert_root(conn, to_text(str(watch.path)), watch.recipe)
                    for watch in {target.watch.path: target.watch for target in targets if target.watch}.values()
                }
                for target in targets[start : start + BATCH]:
                    root_id = roots[target.watch.path] if target.watch else None
                    path, download = fetched.get(target.path, (target.path, None))
                    file_id = files.ensure_file(conn, root_id, to_text(path), _stat(target), media=True)
                    _link_clip(conn, root_id, target, file_id)
                    ids.append(
                        jobs.enqueue(
                            conn,
                            file_id=file_id,
                            root_id=root_id,
                            recipe=target.watch.recipe if target.watch else "default",
                            priority=Priority.PERSON,
                            now=now,
                            request=self.token,
                            inline=self.inline,
                            download=download,
                            after_caption=after,
                        )
                    )
        return ids

    def follow(self, ids: Sequence[int], tell: Callable[[Progress], None]) -> Progress:
        """Wait until every job has ended, doing the work here while no service runs.

        Args:
            tell: called with each change, from this thread.
        Returns: the last progress; `blocked` is set when an endpoint is paused and nothing can go on.
        """
        lock = InstanceLock(self.db.path)
        dispatcher: Dispatcher | None = None
        began = time.time()
        asked = choose(self.settings).asked
        waiting = set(ids)
        done = failed = unsupported = 0
        if not waiting:
            return Progress(0, 0, 0, 0.0, 0)
        try:
            while True:
                if dispatcher is None and self._locked(lock):
                    dispatcher = self._work()
                with self.db.read() as conn:
                    rows = jobs.of_ids(conn, waiting)
                    usd, tokens = calls.spent_on(conn, self.token)
                    endpoints = calls.endpoints(conn)
                ended = [job for job in map(_ended, rows) if job is not None]
                # One that is missing was given up by another command that asked for the same file.
                missing = waiting - {row.id for row in rows}
                waiting -= {job.id for job in ended} | missing
                done += sum(1 for job in ended if job.done)
                failed += sum(1 for job in ended if not job.done) + len(missing)
                unsupported += sum(1 for job in ended if job.state is JobState.UNSUPPORTED)
                left = [row for row in rows if row.id in waiting and row.recipe in asked]
                held, going = self._held(left, asked)
                in_use = {name for row in going for name in asked[row.recipe]}
                blocked = _blocked(endpoints, in_use, None if dispatcher is None else began) if going else held
                if waiting and dispatcher is not None and not dispatcher.alive:
                    blocked = "the work has stopped; the lines above say why"
                try:
                    self.db.ensure_in_place()
                except DatabaseError as error:
                    blocked = str(error)
                progress = Progress(len(ids), done, failed, usd, tokens, unsupported, ended, blocked)
                tell(progress)
                if not waiting or blocked:
                    break
                time.sleep(POLL_SECONDS)
            if dispatcher is not None:
                self._finish(dispatcher)
            return progress
        finally:
            if dispatcher is not None:
                dispatcher.stop()
            lock.release()

    def abandon(self) -> int:
        """The person gave up: what is still queued goes behind the new files, or away when it is under no root."""
        with self.db.write() as conn:
            asked = choose(self.settings).asked
            unasked = [recipe for recipe, names in asked.items() if not backlog.confirm_above(self.settings, names)]
            return jobs.abandon(conn, self.token, unasked=unasked)

    # --- within

    def _held(
        self, left: Sequence[Row[Any]], asked: Mapping[str, Sequence[str]]
    ) -> tuple[str | None, Sequence[Row[Any]]]:
        """Why some of the jobs wait for another day, if a budget is spent; and the others, which go on."""
        scopes = budget.scopes(self.settings)
        if not scopes or not left:
            return None, left
        today = day_of(time.time())
        with self.db.read() as conn:
            accounts = budget.accounts(scopes, spending.since(conn, month_of(today)), today)
            roots = {row.id: row.path for row in files.roots(conn)}
        held = None
        going = []
        for row in left:
            holding = [budget.holding(accounts, name, roots.get(row.root_id)) for name in asked[row.recipe]]
            account = holding[0]
            if None in holding or account is None or account.hold is None or row.state == JobState.RUNNING:
                going.append(row)
            else:
                held = f"{account.scope} is spent ({account.hold}); it goes on on {account.hold.until}"
        return held, going

    def _fetched(self, url: str) -> tuple[str, str | None]:
        """A URL without its user name and password; if it has them, the name of the file that it was fetched into.

        It is fetched here and now, whoever does the job: they go nowhere else, least of all into the database.
        """
        path, login = split_login(url)
        if login is None:
            return path, None
        name = uuid.uuid4().hex
        try:
            fetch(path, self._downloads / name, login)
        except DownloadFailed as failure:
            self.tell_notice(failure.message)
            return path, None
        return path, name

    @property
    def _downloads(self) -> Path:
        return self.db.path.parent / "downloads"

    def _finish(self, dispatcher: Dispatcher) -> None:
        """Let the calls end that are in flight for another command: cut off, they would be paid for twice."""
        dispatcher.drain()
        longest = max((endpoint.timeout_seconds for endpoint in self.settings.endpoints.values()), default=0.0)
        deadline = time.monotonic() + longest + GRACE_SECONDS
        while dispatcher.alive and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS / 10)

    @staticmethod
    def _locked(lock: InstanceLock) -> bool:
        try:
            lock.acquire("caption")
        except InstanceError:
            return False
        except DatabaseError:
            if lock.holder() is None:
                raise
            return False
        return True

    def _work(self) -> Dispatcher:
        wiring = wire(self.settings)
        if wiring.notice:
            self.tell_notice(wiring.notice)
        dispatcher = Dispatcher(
            self.db,
            self.settings,
            wiring.choices,
            run_id=uuid.uuid4().hex,
            downloads=self._downloads,
            min_priority=Priority.PERSON,
        )
        dispatcher.start()
        return dispatcher


def _blocked(endpoints: Sequence[calls.EndpointRow], in_use: Collection[str], since: float | None) -> str | None:
    """Why there is nothing to wait for: every endpoint in use is paused for longer than a person would watch.

    Args:
        endpoints: what was told of each.
        in_use: the names of those that the files left are for.
        since: only what was told since then counts; what stands there from before is an earlier run's.
    """
    now = time.time()
    told = [row for row in endpoints if row.name in in_use and row.updated_at >= (since or 0)]
    paused = [row for row in told if row.state == "paused" and (row.paused_until or 0) - now > PATIENCE_SECONDS]
    if not paused or len(paused) < len(in_use):
        return None
    return f"endpoint {paused[0].name} is paused: {paused[0].reason}"


def _ended(row: Row[Any]) -> Ended | None:
    """The job's end, if it has ended. One whose file is gone will not be done any more either."""
    if row.state in (JobState.DONE, JobState.FAILED, JobState.UNSUPPORTED):
        return Ended(row.id, row.file_id, row.path, JobState(row.state), row.reason, row.detail)
    if row.state == JobState.QUEUED and (row.reason == Vanished.code or not row.present):
        return Ended(row.id, row.file_id, row.path, JobState.FAILED, Vanished.code, Vanished().message)
    return None


def _link_clip(conn: Connection, root_id: int | None, target: Target, file_id: int) -> None:
    """The clip beside the still of a live photo is known as such, and gets no job."""
    if is_url(target.path) or not (target.watch is None or target.watch.live_photos):
        return
    clip = live_photos.clip_of(target.path)
    if clip is not None:
        stat = _stat(Target(clip, target.watch))
        live_photos.join(conn, files.ensure_file(conn, root_id, to_text(clip), stat, media=True), file_id)


def _stat(target: Target) -> Stat:
    """The file's stat as its root's watcher has it; zeros for a URL, or where it can't be told (the job will say why)."""
    root = os.path.realpath(target.watch.path) if target.watch else "/"
    try:
        found = None if is_url(target.path) else stat_file(target.path, root)
    except OSError:
        found = None
    return found or Stat(0, 0, 0, 0)
