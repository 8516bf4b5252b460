"""The loop between the database and the pools.

    claim -> read (encode pool) -> known? -> encode (encode pool) -> ask (the endpoint's pool) -> record -> publish
      ^                              | yes                                                          |
      '------------------------------'---------------- a slot is free ------------------------------'

One thread runs it, and it alone claims and records. Workers return frozen outcomes. It claims only what it can start:
there is no queue in memory between the database and the pools. Two files with the same bytes in flight make one call.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from captiond import fetch, jobs, log
from captiond.by_url import Urls
from captiond.dispatch import knowledge
from captiond.dispatch.budgets import Budgets
from captiond.dispatch.claims import Claims
from captiond.dispatch.committer import Committer
from captiond.dispatch.hangs import Hangs
from captiond.dispatch.health import HealthMonitor
from captiond.dispatch.holds import Hold, Hours
from captiond.dispatch.outcomes import Outcomes
from captiond.dispatch.pools import Pools
from captiond.dispatch.publisher import Publisher
from captiond.dispatch.rooms import Rooms, grouped
from captiond.dispatch.steps import Encode, End, Publish, SidecarsDue, Step, TakeAway
from captiond.dispatch.tasks import Stage, Task, Tasks
from captiond.dispatch.work import HasFailed, Outcome, WasAnswered
from captiond.errors import DatabaseError, DatabaseUnavailable, NoImages, RootOffline, Stopped, Waiting
from captiond.policy.pace import MINUTE
from captiond.store import abilities, calls
from captiond.values import JobState, Priority

if TYPE_CHECKING:
    from captiond.config.models import Settings
    from captiond.dispatch.routes import Choice
    from captiond.store.engine import Database

TICK = 0.2
"""Seconds between two looks at whether another process changed the database."""
BATCH = 64
"""The most outcomes recorded in one commit."""
CLOCK_SECONDS = 2.0
"""A clock that was set back by more is followed; less is the work of NTP, and only a short wait."""
STOP_SECONDS = 2.0
"""The wait for workers that were told to end at once."""
KNOWLEDGE_SECONDS = 10.0
"""Seconds between two looks for what `captiond check --call` found out of the endpoints, if the database changed."""
TROUBLE_SECONDS = 1.0
"""The wait before the database is tried again."""


class Dispatcher:
    """Claims jobs, moves them through the pools and records what became of them.

    Args:
        db: the open database.
        settings: the configuration in force.
        choices: recipe name -> whom to ask and how.
        run_id: names this run of the program; each claim has it with a number, so that only its own holder ends a job.
        downloads: a folder for URLs that are fetched.
        offline: the ids of roots that are away; their jobs are not claimed.
        min_priority: claim only jobs of at least this priority.
        holds: further reasons not to ask an endpoint now.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        choices: Mapping[str, Choice],
        *,
        run_id: str,
        downloads: Path,
        offline: Callable[[], Collection[int]] = tuple,
        min_priority: int = Priority.BACKLOG,
        holds: Sequence[Hold] = (),
    ) -> None:
        self._db = db
        self._settings = settings
        self._routes = [route for choice in choices.values() for route in choice.routes]
        self._downloads = downloads
        self._offline = offline
        self._log = log.get("dispatch")
        self._events: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        self._endpoints = {route.endpoint.name: route.endpoint for route in self._routes}
        urls = Urls(settings.watch)
        suffix = settings.sidecar.suffix if settings.sidecar.enabled else None
        self._pools = Pools(self._endpoints.values(), settings.media, urls, suffix, self._events)
        self._tasks = Tasks(self._endpoints)
        self.health = HealthMonitor(
            self._endpoints.values(), settings.endpoints, settings.queue, [Hours(settings.endpoints), *holds]
        )
        self._outcomes = Outcomes(settings, self._tasks, self.health, urls)
        self._committer = Committer(db, self._outcomes)
        self._budgets = Budgets(settings, self._routes)
        self._hangs = Hangs(self._tasks, self._pools, settings.media)
        self._publisher = Publisher(
            db, settings.sidecar, self._tasks, self._pools, self._hangs, offline=offline, done=self._events.put
        )
        rooms = Rooms(
            grouped(choices),
            self.health,
            self._tasks,
            encoders=self._pools.encoders,
            spent=lambda endpoint: self._budgets.held(endpoint) is not None,
        )
        self._claims = Claims(
            db,
            choices,
            rooms,
            run_id=run_id,
            held_roots=lambda: {*offline(), *self._budgets.held_roots(), *self._hangs.unread},
            min_priority=min_priority,
        )
        self._stopping = threading.Event()
        self._ahead = time.time() - time.monotonic()
        self._knowledge_at = 0.0
        self._knowledge_due = False
        self._data_version = -1
        self._trouble: str | None = None
        self.beat = time.monotonic()
        """When the loop last turned; for the watchdog."""
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)

    # --- from other threads

    def start(self) -> None:
        """Put the jobs of a run that was cut off back in the queue, and begin."""
        left = fetch.left_behind(self._downloads)
        with self._db.write() as conn:
            now = time.time()
            abilities.forget_old(conn, now)
            wanted = jobs.downloads(conn) if left else set()
            knowledge.load(conn, self._routes)
            self.health.remember(calls.recent(conn, now - MINUTE))
            requeued, failed = jobs.recover(
                conn,
                now=now,
                max_attempts=self._settings.queue.max_attempts,
                latest_due=now + self._settings.queue.backoff_max_seconds,
            )
        for path in left:
            if path.name not in wanted:
                fetch.discard(path)
        if requeued or failed:
            self._log.info("recovered", requeued=requeued, failed=failed)
        self._thread.start()

    def wake(self) -> None:
        """There may be new jobs. Any thread may call this."""
        self._events.put(None)

    @property
    def alive(self) -> bool:
        """Whether the loop runs."""
        return self._thread.is_alive()

    def drain(self) -> None:
        """Begin to end: no new work; what is in flight goes on."""
        self._stopping.set()
        self.wake()

    def stop(self) -> bool:
        """End now: calls in flight are cut, and their jobs go back in the queue with their attempt returned.

        Returns: whether everything ended; False when a thread hangs, in a dead file system say.
        """
        self.drain()
        if self._thread.is_alive():
            for endpoint in self._endpoints.values():
                endpoint.abort()
            self._pools.kill()
            self._thread.join(STOP_SECONDS)
        clean = not self._thread.is_alive() and not self._tasks
        if not clean:
            with suppress(DatabaseUnavailable), self._db.write() as conn:
                self._outcomes.give_back(conn, self._tasks.all(), Stopped())
        self._pools.close(wait=clean)
        for endpoint in self._endpoints.values():
            endpoint.close()
        return clean

    # --- the loop

    def _run(self) -> None:
        outcomes: list[Outcome] = []
        while not (self._stopping.is_set() and not self._tasks and not self._tasks.publishing):
            self.beat = time.monotonic()
            self._outcomes.stopping = self._stopping.is_set()
            try:
                outcomes = outcomes or self._collect()
                self._take(self._committer.record(outcomes, hurry=self._stopping.is_set()))
                if outcomes:
                    self._claims.look()
                if any(isinstance(outcome, WasAnswered | HasFailed) for outcome in outcomes):
                    self._budgets.called()
                outcomes = []
                self._look_at_others()
                if self._budgets.look(self._db):
                    self._claims.look()
                self._leave_hung()
                self._start_calls()
                self._give_back_ready()
                if not self._stopping.is_set():
                    self._mind_the_clock()
                    self._look_at_knowledge()
                    self._claim()
                    self._publisher.look()
                self.health.publish(self._db, self._tasks.at(Stage.ASKING))
            except DatabaseUnavailable as error:
                self._database_trouble(error)
            except DatabaseError as error:
                self._log.error("database_lost", error=str(error))
                return
            else:
                self._database_well()

    def _collect(self) -> list[Outcome]:
        """Wait for outcomes, a wake or the tick. A wake means: look for jobs."""
        outcomes: list[Outcome] = []
        with suppress(queue.Empty):
            event = self._events.get(timeout=TICK)
            while True:
                if event is None:
                    self._claims.look()
                else:
                    outcomes.append(event)
                if len(outcomes) == BATCH:
                    break
                event = self._events.get_nowait()
        return outcomes

    def _look_at_others(self) -> None:
        """Another's commit means: look for jobs, for sidecars that are due, and at what is known of endpoints."""
        version = self._db.data_version()
        if version != self._data_version:
            self._data_version = version
            self._claims.look()
            self._publisher.look_soon()
            self._knowledge_due = True

    def _look_at_knowledge(self) -> None:
        """What another process found out of the endpoints holds from now on."""
        if not self._knowledge_due or time.monotonic() < self._knowledge_at:
            return
        self._knowledge_due, self._knowledge_at = False, time.monotonic() + KNOWLEDGE_SECONDS
        with self._db.read() as conn:
            knowledge.load(conn, self._routes)
        for route in self._routes:
            endpoint = route.endpoint
            if self.health.of(endpoint.name).reason == NoImages.code and endpoint.known.abilities(route.model).image:
                self.health.forgive(endpoint.name)

    def _take(self, steps: list[Step]) -> None:
        """The commit stands: go on."""
        for step in steps:
            match step:
                case Encode(task=task):
                    self._pools.encode(task, self._downloads)
                case Publish(plan=plan):
                    self._publisher.publish(plan)
                case TakeAway(written=written):
                    self._publisher.take_away(written)
                case SidecarsDue():
                    self._publisher.look_now()
                case End(task=task, ending=ending, via=via, failure=failure):
                    self._tasks.remove(task)
                    self._pools.forget(task, self._downloads, again=ending not in (*JobState,))
                    task.log(self._log, ending, via=via, failure=failure)

    # --- calling and claiming

    def _start_calls(self) -> None:
        """As many of the tasks that are ready as slots and budgets allow."""
        unpaid = [task for task in self._tasks.all() if task.stage is Stage.ASKING]
        flying = Counter(task.endpoint for task in unpaid)
        for name, ready in self._tasks.ready.items():
            free = self.health.slots(name, flying[name]) if ready else 0
            for task in list(ready):
                if free <= 0 or self._stopping.is_set():
                    break
                if self._budgets.allows(task, unpaid):
                    ready.remove(task)
                    unpaid.append(task)
                    task.stage, task.asked_at = Stage.ASKING, time.monotonic()
                    self.health.started(name)
                    self._pools.ask(task)
                    free -= 1

    def _give_back_ready(self) -> None:
        """What is ready for an endpoint that can't be asked by now goes back in the queue."""
        stopping = self._stopping.is_set()
        for name, ready in self._tasks.ready.items():
            if not ready:
                continue
            away = stopping or not self.health.healthy(name)
            back = [task for task in ready if away or self._budgets.held(name, task.job.root)]
            if back:
                with self._db.write() as conn:
                    steps = self._outcomes.give_back(conn, back, Stopped() if stopping else Waiting())
                for task in back:
                    ready.remove(task)
                self._take(steps)

    def _claim(self) -> None:
        for task in self._claims.claim():
            self._tasks.add(task)
            self._pools.read(task, self._downloads)

    def _leave_hung(self) -> None:
        """What is read from a root that hangs or went away, or written there, goes back: its threads are left behind."""
        self._leave(*self._hangs.look(), RootOffline("it answers, but files of it hang"))
        self._hangs.relieve()
        if self._hangs.freed:
            self._publisher.freed()
            self._hangs.freed = False
        if not (offline := set(self._offline())):
            return
        reading = (Stage.READING, Stage.ENCODING, Stage.HANGING)
        tasks = [task for task in self._tasks.all() if task.job.root_id in offline and task.stage in reading]
        published = [plan.file_id for plan in self._tasks.publishing.values() if plan.root_id in offline]
        self._leave(tasks, published, RootOffline())

    def _leave(self, tasks: list[Task], published: list[int], why: RootOffline) -> None:
        steps: list[Step] = []
        if tasks:
            with self._db.write() as conn:
                steps = self._outcomes.give_back(conn, tasks, why)
        self._pools.leave(tasks, published)
        self._publisher.left(published)
        self._take(steps)

    def _mind_the_clock(self) -> None:
        """Due times are of the clock that people set, for they outlive this run: what waits does not wait for years."""
        ahead = time.time() - time.monotonic()
        if self._ahead - ahead > CLOCK_SECONDS:
            self._log.warning("clock_set_back", seconds=round(self._ahead - ahead))
            with self._db.write() as conn:
                jobs.clock_set_back(conn, now=time.time(), seconds=self._ahead - ahead)
            self._claims.look()
        self._ahead = ahead

    # --- trouble

    def _database_trouble(self, error: DatabaseUnavailable) -> None:
        """Nothing is claimed and nothing paid while nothing can be recorded; what was answered is kept and recorded."""
        if self._trouble != str(error):
            self._trouble = str(error)
            self._log.error("database_trouble", error=str(error))
        time.sleep(TROUBLE_SECONDS)

    def _database_well(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._log.info("database_well")
