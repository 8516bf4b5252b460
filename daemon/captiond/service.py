"""The service: wires the parts, answers signals, tells systemd, ends in order."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from captiond import backlog, jobs, log, notify
from captiond.dispatch import Dispatcher
from captiond.errors import ConfigError, DatabaseError, DatabaseUnavailable
from captiond.media.versions import software
from captiond.night import Night
from captiond.store import files, sidecars
from captiond.values import Source
from captiond.watch.root import RootWatcher
from captiond.wiring import Wiring, wire

if TYPE_CHECKING:
    from captiond.config.models import Settings
    from captiond.store.engine import Database

STOP_GRACE = 5.0
"""Seconds that calls in flight get on SIGTERM; the whole stop stays under 10."""
HUNG_SECONDS = 30.0
"""A dispatcher whose loop has not turned for so long hangs, or for half of `WatchdogSec` where that is less: systemd then
starts the service again."""
SUPERVISE_SECONDS = 1.0
STATUS_SECONDS = 10.0
TROUBLE_SECONDS = 2.0
"""The wait before the database is tried again at the start."""


class Service:
    """Watch and caption until a signal says stop.

    Args:
        db: the open database, at the present schema; its lock is held by the caller.
        settings: the first settings.
        load: reads the settings anew, for SIGHUP; raises ConfigError.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        load: Callable[[], Settings],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._db = db
        self._settings = settings
        self._load = load
        self._environ = environ
        self._log = log.get("service")
        self._wake = threading.Event()
        self._stop_signal: int | None = None
        self._reload = False
        self._watchers: list[RootWatcher] = []
        self._forgotten: list[int] = []
        self._dispatcher: Dispatcher | None = None
        self._night = Night(db, settings.database)
        self._ping_every = notify.watchdog_interval()
        self._pinged = 0.0
        self._status_at = 0.0

    def run(self) -> tuple[int, bool]:
        """Run until SIGTERM or SIGINT.

        Returns: the exit code, 1 when a part has died; and whether every thread has ended.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        self._begin(wire(self._settings, self._environ))
        notify.ready(self._status())
        code = self._supervise()
        self._night.stop()
        notify.stopping("stopping; calls in flight get a few seconds")
        clean = self._end(STOP_GRACE)
        self._log.info("stopped", code=code)
        return code, clean

    # --- signals

    def _on_stop(self, number: int, _frame: object) -> None:
        self._stop_signal = number
        self._wake.set()

    def _on_reload(self, _number: int, _frame: object) -> None:
        self._reload = True
        self._wake.set()

    # --- starting and ending

    def _begin(self, wiring: Wiring) -> None:
        """Start every part. A database that can't be written now, on a full disk say, is waited for."""
        told = False
        while self._stop_signal is None:
            try:
                self._start(wiring)
            except DatabaseUnavailable as error:
                if not told:
                    told = True
                    self._log.error("database_trouble", error=str(error))
                self._end(0.0)
                wiring = wire(self._settings, self._environ)  # the endpoints of the one before may be closed
                self._wake.wait(TROUBLE_SECONDS)
                self._wake.clear()
                self._ping()
            else:
                return

    def _start(self, wiring: Wiring) -> None:
        settings = wiring.settings
        if wiring.notice:
            self._log.warning("no_endpoint", notice=wiring.notice)
        dispatcher = Dispatcher(
            self._db,
            settings,
            wiring.choices,
            run_id=uuid.uuid4().hex,
            downloads=self._db.path.parent / "downloads",
            offline=self._offline,
        )
        self._watchers = [
            RootWatcher(
                watch,
                db=self._db,
                suffix=settings.sidecar.suffix,
                on_work=dispatcher.wake,
                on_state=self._on_root_state,
                confirm=backlog.confirm_above(settings, wiring.choices[watch.recipe].endpoints),
                asked=wiring.choices[watch.recipe].first.asked if settings.sidecar.enabled else None,
            )
            for watch in settings.watch
        ]
        with self._db.write() as conn:
            files.forget_roots(conn, keep_ids=[watcher.root_id for watcher in self._watchers])
            self._forgotten = [root.id for root in files.roots(conn, watched=False)]
            jobs.reroute(conn, recipes=list(wiring.choices))
            reconsidered = jobs.reconsider(conn, software=software(), now=time.time())
        if reconsidered:
            self._log.info("reconsidered", files=reconsidered, software=software())
        self._take_over_builtin(wiring)
        self._dispatcher = dispatcher
        dispatcher.start()
        for watcher in self._watchers:
            watcher.start()
        self._log.info(
            "started",
            roots=[str(watch.path) for watch in settings.watch],
            recipes={name: ", ".join(choice.endpoints) for name, choice in wiring.choices.items()},
            models=sorted({route.model for choice in wiring.choices.values() for route in choice.routes}),
            database=str(self._db.path),
        )

    def _take_over_builtin(self, wiring: Wiring) -> None:
        """Files that only the built-in describer has described get a real caption, after all new ones."""
        for watcher in self._watchers:
            route = wiring.choices[watcher.recipe].first
            if route.endpoint.source is Source.BUILTIN:
                continue
            taken = backlog.take_over(self._db, watcher.root_id, route.name, watcher.confirm)
            if taken:
                self._log.info("taking_over_builtin", root=str(watcher.path), files=taken)

    def _offline(self) -> list[int]:
        """The roots whose jobs wait: those that are away, and those that are not in the configuration any more."""
        return [*self._forgotten, *(watcher.root_id for watcher in self._watchers if not watcher.online)]

    def _on_root_state(self, root_id: int, online: bool, message: str) -> None:
        if online:
            self._log.info("root_online", detail=message)
            missing = False
            if self._settings.sidecar.enabled:
                with self._db.read() as conn:
                    missing = sidecars.are_missing(conn, root_id)
            # What could not be written while it was away, or full, need not wait for its next try.
            with self._db.write() as conn:
                sidecars.recover(conn, time.time())
                if missing:
                    sidecars.want_missing(conn, root_id, time.time())
        else:
            self._log.warning("root_offline", detail=message)
        if self._dispatcher is not None:
            self._dispatcher.wake()

    def _end(self, grace: float) -> bool:
        """Stop every part; True when no thread is left hanging."""
        for watcher in self._watchers:
            watcher.stop()
        clean = True
        if self._dispatcher is not None:
            self._dispatcher.drain()
            deadline = time.monotonic() + grace
            while self._dispatcher.alive and time.monotonic() < deadline and not self._hurry(grace):
                self._ping()
                self._wake.wait(0.1)
                self._wake.clear()
            clean = self._dispatcher.stop()
        self._watchers, self._dispatcher = [], None
        return clean

    def _hurry(self, grace: float) -> bool:
        """A stop came while a reload waits for calls that may take minutes."""
        return grace > STOP_GRACE and self._stop_signal is not None

    # --- supervision

    def _supervise(self) -> int:
        while self._stop_signal is None:
            self._wake.wait(min(SUPERVISE_SECONDS, self._ping_every or SUPERVISE_SECONDS))
            self._wake.clear()
            if self._reload:
                self._reload = False
                self._do_reload()
                continue  # it may have ended with a stop
            if self._dispatcher is None or not self._dispatcher.alive:
                self._log.error("dispatcher_died", remedy="see the lines above; systemd starts the service again")
                return 1
            try:
                self._db.ensure_in_place()
            except DatabaseError as error:
                self._log.error("database_lost", error=str(error))
                return 1
            for watcher in self._watchers:
                watcher.revive()
            self._night.look()
            self._ping()
            self._tell_status()
        self._log.info("stopping", signal=signal.Signals(self._stop_signal).name)
        return 0

    def _do_reload(self) -> None:
        notify.reloading()
        try:
            settings = self._load()
            wiring = wire(settings, self._environ)
        except ConfigError as error:
            self._log.error("reload_refused", error=str(error), remedy="the old configuration stays in force")
        else:
            if settings.database.url != self._settings.database.url:
                self._log.warning("database_url_ignored", remedy="restart: a running service keeps its database")
            log.configure(settings.log.level, settings.log.format)
            longest = max((endpoint.timeout_seconds for endpoint in self._settings.endpoints.values()), default=120.0)
            self._end(max(longest, STOP_GRACE + 1))
            if self._stop_signal is None:
                self._settings = settings
                self._night.settings = settings.database
                self._begin(wiring)
                self._log.info("reloaded")
        notify.ready(self._status())

    def _ping(self) -> None:
        """Tell systemd's watchdog that all is well, if it is: a loop that hangs gets no ping."""
        now = time.monotonic()
        if self._ping_every is None or now - self._pinged < self._ping_every:
            return
        if self._dispatcher is None or now - self._dispatcher.beat < min(HUNG_SECONDS, self._ping_every):
            self._pinged = now
            notify.watchdog()

    def _tell_status(self) -> None:
        if time.monotonic() >= self._status_at:
            self._status_at = time.monotonic() + STATUS_SECONDS
            notify.status(self._status())

    def _status(self) -> str:
        try:
            with self._db.read() as conn:
                counts = jobs.counts(conn)
        except DatabaseUnavailable as error:
            return str(error)
        offline = sum(1 for watcher in self._watchers if not watcher.online)
        roots = ("1 root" if len(self._watchers) == 1 else f"{len(self._watchers)} roots") + (
            f" ({offline} offline)" if offline else ""
        )
        states = ("queued", "running", "failed", "unsupported")
        return ", ".join([roots, *(f"{counts[state]} {state}" for state in states)])
