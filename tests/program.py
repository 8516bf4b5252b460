"""The real program for tests: started, signalled, and read by its log and its database."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any, Protocol, Self

from waiting import until

CONFIG = """
[database]
url = "sqlite:///{folder}/state/captions.db"

[endpoints.fake]
base_url = "{base_url}"
model = "fake-vision-1"
concurrency = {concurrency}
timeout_seconds = {timeout}
{endpoint}

[recipes.default]
prompt = "Describe this {{kind}}."
endpoint = "fake"
{recipe}

[queue]
backoff_seconds = 0.1
pause_seconds = 0.2
{queue}

[[watch]]
path = "{folder}/inbox"
settle_seconds = {settle}
{watch}
{more}
"""


class Home:
    """A folder with an inbox, a configuration and a state folder, and the program run on them."""

    def __init__(self, folder: Path, base_url: str = "http://127.0.0.1:9/v1") -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.config = folder / "captiond.toml"
        self.database = folder / "state" / "captions.db"
        self.base_url = base_url
        self.prefix: list[str] = []
        """What goes before the program's command line, such as `processes.without_override()`."""
        self.configure()

    def configure(self, **changes: Any) -> None:
        """Write the configuration; `endpoint`, `recipe`, `queue`, `watch` and `more` are further TOML lines."""
        values: dict[str, Any] = {
            "folder": self.folder,
            "base_url": self.base_url,
            "concurrency": 4,
            "timeout": 10,
            "settle": 0.2,
            "endpoint": "",
            "recipe": "",
            "queue": "",
            "watch": "",
            "more": "",
        }
        self.config.write_text(CONFIG.format(**values | changes))

    def environment(self) -> dict[str, str]:
        """An environment with nothing of the person's who runs the tests."""
        keep = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        return keep | {"HOME": str(self.folder), "PYTHONUNBUFFERED": "1"}

    def run(self, *args: str, env: Mapping[str, str] | None = None) -> Program:
        """Start `captiond run`, and wait until it is ready."""
        program = Program(self, ["run", *args], env or {})
        program.event("started")
        return program

    def call(
        self, *args: str, env: Mapping[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run another command to its end."""
        return subprocess.run(
            [*self.prefix, sys.executable, "-m", "captiond", "--config", str(self.config), *args],
            env=self.environment() | dict(env or {}),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start another command, and let it go on by itself."""
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "captiond", "--config", str(self.config), *args],
            env=self.environment(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def rows(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Read the database as any other program would."""
        if not self.database.exists():
            return []
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
        finally:
            connection.close()

    def captions(self) -> dict[str, sqlite3.Row]:
        """The rows of the public view by file name."""
        return {Path(row["path"]).name: row for row in self.rows("SELECT * FROM captions")}

    def jobs(self) -> dict[str, sqlite3.Row]:
        """The newest job of each file by file name."""
        sql = "SELECT file.name, job.* FROM job JOIN file ON file.id = job.file_id ORDER BY job.id"
        return {row["name"]: row for row in self.rows(sql)}

    def captioned(self, *names: str, timeout: float = 60) -> dict[str, sqlite3.Row]:
        """Wait until these files have captions; all of the view then."""
        try:
            until(lambda: set(names) <= set(self.captions()), timeout=timeout)
        except AssertionError as error:
            error.add_note(f"missing {len(set(names) - set(self.captions()))} of {len(names)} captions")
            for sql in (
                "SELECT state, reason, mount_point, path FROM root",
                "SELECT state, attempts, reason, detail FROM job",
            ):
                error.add_note("\n".join(sorted({str(tuple(row)) for row in self.rows(sql)})[:20]))
            raise
        return self.captions()

    def failed(self, name: str, timeout: float = 60) -> sqlite3.Row:
        """Wait until this file's job has failed, or is unsupported; its row then."""

        def found() -> sqlite3.Row | None:
            job = self.jobs().get(name)
            return job if job is not None and job["state"] in ("failed", "unsupported") else None

        row = until(found, timeout=timeout)
        assert row is not None
        return row

    def sidecar(self, name: str, timeout: float = 60) -> dict[str, Any]:
        """Wait for a file's sidecar, and read it."""
        path = self.inbox / f"{name}.caption.json"
        until(path.exists, timeout=timeout)
        document: dict[str, Any] = json.loads(path.read_text())
        return document


class Process(Protocol):
    """What is used of a running program: a `Popen`, or something like it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Program:
    """One run of `captiond`; a context manager that ends it."""

    def __init__(self, home: Home, args: list[str], env: Mapping[str, str]) -> None:
        self._log = (home.folder / f"log-{len(list(home.folder.glob('log-*')))}").open("w+b")
        self.process = self._started(home, ["--config", str(home.config), *args], home.environment() | dict(env))

    def _started(self, home: Home, args: list[str], env: dict[str, str]) -> Process:
        return subprocess.Popen(
            [*home.prefix, sys.executable, "-m", "captiond", *args],
            env=env,
            cwd=home.folder,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            stdin=subprocess.DEVNULL,
        )

    @property
    def text(self) -> str:
        """All that it has written to stderr."""
        return Path(self._log.name).read_text(errors="replace")

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """Its log lines, of one event or all."""
        found = [json.loads(line) for line in self.text.splitlines() if line.startswith("{") and line.endswith("}")]
        return [line for line in found if event is None or line.get("event") == event]

    def event(self, name: str, timeout: float = 60) -> dict[str, Any]:
        """Wait for a line of this event; the newest one."""

        def seen() -> list[dict[str, Any]]:
            found = self.lines(name)
            if not found and self.process.poll() is not None:
                raise AssertionError(f"the program ended with {self.process.returncode}:\n{self.text}")
            return found

        return until(seen, timeout=timeout)[-1]

    def signal(self, number: Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def stop(self, number: Signals = SIGTERM, timeout: float = 12) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._log.close()
