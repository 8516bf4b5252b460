"""The queue: every transition, what survives a crash, and what no order of events may break."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, event, select, update

from captiond import jobs
from captiond.paths import from_text, to_text
from captiond.store import files
from captiond.store import tables as t
from captiond.store.engine import Database
from captiond.values import Job, Priority
from stored import add_file, add_root, save, show

RECIPES = ["default"]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """An open database."""
    with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as opened:
        yield opened


@pytest.fixture
def conn(db: Database) -> Iterator[Connection]:
    """One transaction for writing."""
    with db.write() as connection:
        yield connection


def queued(conn: Connection, name: str = "a.jpg", **more: Any) -> int:
    """A queued job of a new file; returns its id."""
    values = {"root_id": None, "recipe": "default", "priority": Priority.NEW, "now": 10.0, **more}
    return jobs.enqueue(conn, file_id=add_file(conn, f"/photos/{name}", values["root_id"]), **values)


def claim(conn: Connection, limit: int = 10, **more: Any) -> list[Job]:
    """Claim at moment 20."""
    return jobs.claim(
        conn, **{"limit": limit, "recipes": RECIPES, "offline_roots": [], "run_id": "run", "now": 20.0, **more}
    )


def row(conn: Connection, job_id: int) -> Any:
    """The job's row."""
    return conn.execute(select(t.job).where(t.job.c.id == job_id)).one()


# --- claiming


def test_a_claim_takes_a_person_first_then_the_new_then_the_backlog_each_in_order_of_time(conn: Connection) -> None:
    backlog = queued(conn, "1", priority=Priority.BACKLOG)
    late = queued(conn, "2", now=12.0)
    early = queued(conn, "3", now=11.0)
    person = queued(conn, "4", priority=Priority.PERSON, now=15.0)
    assert [job.id for job in claim(conn, 3)] == [person, early, late]
    assert [job.id for job in claim(conn)] == [backlog]
    assert claim(conn) == []


def test_what_is_held_is_not_claimed_until_it_is_released_or_asked_for(conn: Connection) -> None:
    root_id, other = add_root(conn), add_root(conn, "/other")
    ids = [queued(conn, str(number), root_id=root_id, priority=Priority.HELD) for number in range(4)]
    queued(conn, "5", root_id=other, priority=Priority.HELD)
    assert claim(conn) == []
    assert jobs.next_due(conn, recipes=RECIPES, offline_roots=[]) is None
    assert (jobs.held(conn, root_id), jobs.held(conn, other)) == (4, 1)
    file_id = row(conn, ids[3]).file_id
    jobs.enqueue(conn, file_id=file_id, root_id=root_id, recipe="default", priority=Priority.NEW, now=11.0)
    assert [job.id for job in claim(conn)] == [ids[3]]
    assert jobs.release(conn, root_id, 2) == 2
    assert jobs.release(conn, root_id, 2) == 1
    assert jobs.release(conn, root_id, 2) == 0
    assert [job.id for job in claim(conn)] == ids[:3]


def test_what_a_person_gives_up_is_held_again_where_nobody_agreed_to_its_backlog(conn: Connection) -> None:
    undecided, agreed = add_root(conn), add_root(conn, "/other")
    files.let_go(conn, agreed, 5.0)
    ids = [
        queued(conn, str(root_id), root_id=root_id, priority=Priority.PERSON, request="mine")
        for root_id in (undecided, agreed)
    ]
    assert jobs.abandon(conn, "mine") == 2
    assert [row(conn, job_id).priority for job_id in ids] == [Priority.HELD, Priority.BACKLOG]
    asked_again = queued(conn, "free", root_id=undecided, priority=Priority.PERSON, request="again")
    assert jobs.abandon(conn, "again", unasked=["default"]) == 1
    assert row(conn, asked_again).priority == Priority.BACKLOG


def test_a_claimed_job_carries_all_that_the_work_needs(conn: Connection) -> None:
    name = b"caf\xe9 \xff.jpg".decode("utf-8", "surrogateescape")
    root_id = add_root(conn, to_text("/photos"))
    file_id = add_file(conn, to_text(f"/photos/{name}"), root_id)
    show(conn, file_id, b"known", save(conn, b"known", "text"))
    job_id = jobs.enqueue(
        conn, file_id=file_id, root_id=root_id, recipe="default", priority=Priority.PERSON, now=10.0, request="token"
    )
    (job,) = claim(conn)
    assert job.known_sha256 is not None
    expected = Job(
        job_id,
        file_id,
        f"/photos/{name}",
        root_id,
        "/photos",
        "default",
        100,
        1,
        "run",
        10.0,
        10.0,
        job.known_sha256,
        "token",
    )
    assert job == expected
    assert from_text(to_text(job.path)) == job.path


def test_a_claim_leaves_other_recipes_offline_roots_lower_priorities_and_later_jobs_alone(conn: Connection) -> None:
    root_id = add_root(conn)
    queued(conn, "1", recipe="products")
    queued(conn, "2", root_id=root_id)
    queued(conn, "3", priority=Priority.BACKLOG)
    queued(conn, "4", now=20.5)
    mine = queued(conn, "5")
    which: dict[str, Any] = {"offline_roots": [root_id], "min_priority": Priority.NEW}
    assert [job.id for job in claim(conn, **which)] == [mine]
    assert claim(conn, **which, now=20.4) == []
    assert claim(conn, recipes=[]) == []
    assert claim(conn, 0) == []


def test_the_next_due_time_is_that_of_the_next_claim(conn: Connection) -> None:
    root_id = add_root(conn)
    which: dict[str, Any] = {"recipes": RECIPES, "offline_roots": [root_id]}
    assert jobs.next_due(conn, **which) is None
    queued(conn, "1", priority=Priority.PERSON, now=30.0)
    queued(conn, "2", priority=Priority.BACKLOG, now=25.0)
    queued(conn, "4", root_id=root_id)
    queued(conn, "5", recipe="products")
    assert jobs.next_due(conn, **which) == 25.0
    assert jobs.next_due(conn, **which, min_priority=Priority.NEW) == 30.0
    assert jobs.next_due(conn, recipes=[], offline_roots=[]) is None
    assert len(claim(conn, offline_roots=[root_id], now=25.0)) == 1
    assert jobs.next_due(conn, **which) == 30.0


def test_a_claim_reads_the_queue_in_order_and_sorts_nothing(db: Database) -> None:
    plans: list[str] = []

    @event.listens_for(db._writer, "before_cursor_execute")
    def _explain(conn: Connection, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("UPDATE job"):
            plain = conn.connection.cursor()
            plain.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append(" ".join(step[3] for step in plain.fetchall()))

    with db.write() as conn:
        claim(conn, offline_roots=[1, 2])
    assert "INDEX ix_job_next" in plans[0]
    assert "TEMP B-TREE" not in plans[0]


def test_jobs_whose_files_are_gone_cost_a_claim_nothing(db: Database, conn: Connection) -> None:
    before = [queued(conn, str(number), now=10.0) for number in range(1_000)]
    last = queued(conn, "here.jpg", now=15.0)
    conn.execute(update(t.file).where(t.file.c.name != "here.jpg").values(present=0))
    driver = conn.connection.driver_connection
    assert driver is not None
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    driver.set_progress_handler(step, 100)
    assert jobs.next_due(conn, recipes=RECIPES, offline_roots=[]) == 15.0
    assert [job.id for job in claim(conn)] == [last]
    driver.set_progress_handler(None, 0)
    assert steps < 20  # each 100 of SQLite's instructions; to pass over one job takes it a dozen
    conn.execute(update(t.file).values(present=1))
    assert [job.id for job in claim(conn, 1_000)] == before


def test_threads_and_connections_never_claim_the_same_job(db: Database, tmp_path: Path) -> None:
    with db.write() as conn:
        for number in range(300):
            queued(conn, str(number))
    got: list[int] = []

    def work(run: str) -> None:
        with Database.open(f"sqlite:///{tmp_path / 'x.db'}") as mine:
            while True:
                with mine.write() as conn:
                    found = claim(conn, 7, run_id=run)
                if not found:
                    return
                got.extend(job.id for job in found)

    threads = [threading.Thread(target=work, args=(f"run {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) == 300


# --- asking for work


def test_asking_again_for_a_queued_file_raises_its_priority_and_makes_no_second_job(conn: Connection) -> None:
    first = queued(conn, "1", priority=Priority.BACKLOG, now=500.0)
    file_id = row(conn, first).file_id
    again = jobs.enqueue(conn, file_id=file_id, root_id=None, recipe="default", priority=Priority.NEW, now=11.0)
    assert again == first
    assert (row(conn, first).priority, row(conn, first).due_at) == (Priority.NEW, 500.0)
    jobs.enqueue(
        conn, file_id=file_id, root_id=None, recipe="products", priority=Priority.PERSON, now=12.0, request="token"
    )
    now = row(conn, first)
    assert (now.priority, now.due_at, now.request, now.recipe, now.attempts) == (100, 12.0, "token", "products", 0)
    jobs.enqueue(conn, file_id=file_id, root_id=None, recipe="products", priority=Priority.NEW, now=13.0)
    assert (row(conn, first).priority, row(conn, first).request) == (100, "token")


def test_what_is_asked_for_again_stays_so_until_it_is_done_or_given_up(conn: Connection) -> None:
    root_id = add_root(conn)
    job_id = queued(conn, root_id=root_id)
    file_id = row(conn, job_id).file_id
    ask = {"file_id": file_id, "root_id": root_id, "recipe": "default", "priority": Priority.PERSON, "now": 11.0}
    jobs.enqueue(conn, **ask, request="mine", after_caption=7)
    jobs.enqueue(conn, **ask, request="mine", after_caption=5)
    jobs.enqueue(conn, **ask)
    (job,) = claim(conn)
    assert job.after_caption == 7
    assert jobs.not_answered_by(conn, job, 9).after_caption == 9
    jobs.give_back(conn, job, now=12.0, due_at=15.0)
    assert row(conn, job_id).after_caption == 9
    assert jobs.abandon(conn, "mine") == 1
    assert row(conn, job_id).after_caption == 0


@pytest.mark.parametrize("ending", ["finish", "fail", "retry", "give_back", "recover"])
def test_what_is_asked_for_while_it_runs_is_done_again_whatever_its_ending(conn: Connection, ending: str) -> None:
    job_id = queued(conn)
    (job,) = claim(conn)
    assert jobs.enqueue(conn, file_id=job.file_id, root_id=None, recipe="default", priority=10, now=21.0) == job_id
    assert row(conn, job_id).state == "running"
    end(conn, job, ending)
    after = row(conn, job_id)
    assert (after.state, after.attempts, after.run_id) == ("queued", 0, None)
    assert after.due_at <= 30.0  # at once: no wait that an earlier attempt earned
    (second,) = claim(conn, now=50.0)
    assert (second.id, second.attempts) == (job_id, 1)
    assert jobs.finish(conn, second, now=51.0)
    assert row(conn, job_id).state == "done"


def test_the_jobs_of_a_file_go_with_it_to_another_root(conn: Connection) -> None:
    here, there = add_root(conn), add_root(conn, "/other", "products")
    failing, waits, runs, same = (queued(conn, name, root_id=here, priority=Priority.HELD) for name in "1234")
    conn.execute(update(t.job).values(priority=Priority.BACKLOG).where(t.job.c.id.in_([failing, runs, same])))
    jobs.fail(conn, claim(conn, 1)[0], reason="corrupt", detail="it is", now=21.0)
    assert {job.id for job in claim(conn)} == {runs, same}
    asked = {"root_id": there, "priority": Priority.BACKLOG}
    open_ones = [
        jobs.follow(conn, row(conn, job_id).file_id, recipe=recipe, **asked)
        for job_id, recipe in ((failing, "products"), (waits, "products"), (runs, "products"), (same, "default"))
    ]
    assert open_ones == [False, True, True, True]
    now = [row(conn, job_id) for job_id in (failing, waits, runs, same)]
    assert {job.root_id for job in now} == {there}
    assert [(job.state, job.recipe, job.again) for job in now] == [
        ("failed", "default", 0),
        ("queued", "products", 0),
        ("running", "products", 1),
        ("running", "default", 0),
    ]
    assert now[1].priority == Priority.BACKLOG  # what was held there is not held here, where nobody would release it


def end(conn: Connection, job: Job, ending: str) -> bool:
    """End the job in one of the ways, at moment 30."""
    match ending:
        case "finish":
            return jobs.finish(conn, job, now=30.0)
        case "fail":
            return jobs.fail(conn, job, reason="corrupt", detail="it is", now=30.0)
        case "retry":
            return jobs.retry(conn, job, now=30.0, due_at=40.0, reason="timeout", detail="it took long")
        case "give_back":
            return jobs.give_back(conn, job, now=30.0, due_at=40.0, reason="unavailable", detail="away")
        case _:
            return jobs.recover(conn, now=30.0, max_attempts=5, latest_due=1000.0) == (1, 0)


# --- the endings


@pytest.mark.parametrize(
    ("ending", "state", "attempts", "due_at", "reason"),
    [
        ("finish", "done", 1, 10.0, None),
        ("fail", "failed", 1, 10.0, "corrupt"),
        ("retry", "queued", 1, 40.0, "timeout"),
        ("give_back", "queued", 0, 40.0, "unavailable"),
        ("recover", "queued", 1, 10.0, None),
    ],
)
def test_each_ending_leaves_the_job_as_it_says(
    conn: Connection, ending: str, state: str, attempts: int, due_at: float, reason: str | None
) -> None:
    job_id = queued(conn)
    (job,) = claim(conn)
    assert end(conn, job, ending)
    after = row(conn, job_id)
    assert (after.state, after.attempts, after.due_at, after.reason) == (state, attempts, due_at, reason)
    assert (after.run_id is None) == (state == "queued")


@pytest.mark.parametrize("ending", ["finish", "fail", "retry", "give_back"])
def test_only_the_run_that_claimed_a_job_ends_it_and_only_once(conn: Connection, ending: str) -> None:
    job_id = queued(conn)
    (job,) = claim(conn, run_id="an earlier run")
    jobs.recover(conn, now=21.0, max_attempts=5, latest_due=1000.0)
    (mine,) = claim(conn, now=22.0)
    before = row(conn, job_id)
    assert not end(conn, job, ending)
    assert row(conn, job_id) == before
    assert end(conn, mine, ending)
    assert not end(conn, mine, ending)


# --- starting anew


def test_after_a_crash_running_jobs_are_queued_until_their_attempts_are_used_up(conn: Connection) -> None:
    job_id = queued(conn)
    for attempt in range(1, 4):
        (job,) = claim(conn, now=20.0 + attempt)
        assert job.attempts == attempt
        last = attempt == 3
        assert jobs.recover(conn, now=30.0, max_attempts=3, latest_due=1000.0) == ((0, 1) if last else (1, 0))
    after = row(conn, job_id)
    assert (after.state, after.reason) == ("failed", "internal")
    assert "captiond itself failed" in after.detail


def test_a_clock_that_was_years_ahead_delays_no_job(conn: Connection) -> None:
    job_id = queued(conn, now=1e10)
    jobs.recover(conn, now=30.0, max_attempts=3, latest_due=3630.0)
    assert row(conn, job_id).due_at == 3630.0


def test_retrying_queues_failed_jobs_of_files_that_are_there(conn: Connection) -> None:
    ids = [queued(conn, str(number)) for number in range(4)]
    for job in claim(conn):
        jobs.fail(conn, job, reason="corrupt", detail="it is", now=30.0)
    gone, later_done = row(conn, ids[2]).file_id, row(conn, ids[3]).file_id
    conn.execute(update(t.file).where(t.file.c.id == gone).values(present=0))
    queue: dict[str, Any] = {"root_id": None, "recipe": "default", "priority": Priority.NEW, "now": 31.0}
    jobs.enqueue(conn, file_id=later_done, **queue)
    (job,) = claim(conn, now=32.0)
    jobs.finish(conn, job, now=33.0)
    assert jobs.counts(conn) == {"queued": 0, "running": 0, "done": 1, "failed": 2, "unsupported": 0}
    assert {failed.path for failed in jobs.failures(conn, 10)} == {"/photos/0", "/photos/1"}
    assert jobs.requeue(conn, file_ids=[row(conn, ids[0]).file_id, gone], now=40.0, priority=Priority.PERSON) == 1
    assert jobs.requeue(conn, file_ids=[], now=40.0, priority=Priority.PERSON) == 0
    assert jobs.requeue(conn, file_ids=None, now=41.0, priority=Priority.BACKLOG) == 1
    first = row(conn, ids[0])
    assert (first.state, first.attempts, first.due_at, first.priority, first.reason) == ("queued", 0, 40.0, 100, None)
    assert jobs.failures(conn, 10) == []


def unsupported(conn: Connection, name: str, software: str = "captiond 1") -> int:
    job_id = queued(conn, name)
    (job,) = claim(conn)
    assert jobs.unsupported(conn, job, reason="unsupported", detail="It is SVG", software=software, now=30.0)
    return job_id


def test_unsupported_is_a_state_of_its_own_that_retrying_all_leaves_alone(conn: Connection) -> None:
    job_id = unsupported(conn, "a.svg")
    assert row(conn, job_id).state == "unsupported"
    assert jobs.counts(conn) == {"queued": 0, "running": 0, "done": 0, "failed": 0, "unsupported": 1}
    assert [(kind.detail, kind.files, kind.path) for kind in jobs.unsupported_kinds(conn, 5)] == [
        ("It is SVG", 1, "/photos/a.svg")
    ]
    assert jobs.failures(conn, 10) == []
    assert jobs.requeue(conn, file_ids=None, now=40.0, priority=0) == 0
    assert jobs.requeue(conn, file_ids=[row(conn, job_id).file_id], now=40.0, priority=Priority.PERSON) == 1
    again = row(conn, job_id)
    assert (again.state, again.attempts, again.reason, again.unsupported_by) == ("queued", 0, None, None)


def test_unsupported_files_are_taken_up_again_once_by_other_software(conn: Connection) -> None:
    same, other, gone = (unsupported(conn, name, by) for name, by in (("a", "v2"), ("b", "v1"), ("c", "v1")))
    conn.execute(update(t.job).where(t.job.c.id == other).values(unsupported_by=None))
    conn.execute(update(t.file).where(t.file.c.id == row(conn, gone).file_id).values(present=0))
    assert jobs.reconsider(conn, software="v2", now=50.0) == 1
    assert [row(conn, job_id).state for job_id in (same, other, gone)] == ["unsupported", "queued", "unsupported"]
    assert jobs.reconsider(conn, software="v2", now=51.0) == 0


def test_retrying_thousands_of_files_at_once_works(conn: Connection) -> None:
    assert jobs.requeue(conn, file_ids=range(100_000), now=40.0, priority=0) == 0
    assert jobs.of_ids(conn, range(100_000)) == []


def test_the_job_of_a_file_that_is_gone_is_not_counted_as_waiting(conn: Connection) -> None:
    gone = row(conn, queued(conn, "1")).file_id
    queued(conn, "2")
    conn.execute(update(t.file).where(t.file.c.id == gone).values(present=0))
    assert jobs.counts(conn)["queued"] == 1


def test_counts_and_failures_can_be_asked_of_one_root(conn: Connection) -> None:
    root_id = add_root(conn)
    queued(conn, "1", root_id=root_id)
    queued(conn, "2")
    assert jobs.counts(conn, root_id)["queued"] == 1
    assert jobs.counts(conn)["queued"] == 2


def test_the_detail_of_a_failure_may_have_any_text(conn: Connection) -> None:
    job_id = queued(conn)
    (job,) = claim(conn)
    assert jobs.fail(conn, job, reason="bad_request", detail="half a pair \ud83d and \x00", now=30.0)
    assert row(conn, job_id).detail == "half a pair \ufffd and "


# --- any order of events


class Queue(RuleBasedStateMachine):
    """Whatever happens in whatever order: one open job a file, one owner a job, attempts within their limit."""

    held: Bundle[Job] = Bundle("held")
    MAX_ATTEMPTS = 3

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db = Database.open(f"sqlite:///{self.folder.name}/x.db")
        self.now, self.run = 100.0, 0
        self.owned: dict[int, Job] = {}

    def teardown(self) -> None:
        self.db.close()
        self.folder.cleanup()

    @initialize()
    def three_files(self) -> None:
        with self.db.write() as conn:
            self.files = [add_file(conn, f"/photos/{number}") for number in range(3)]

    @rule(which=st.integers(0, 2), priority=st.sampled_from(Priority), request=st.none() | st.just("token"))
    def ask(self, which: int, priority: Priority, request: str | None) -> None:
        values: dict[str, Any] = {
            "root_id": None,
            "recipe": "default",
            "priority": priority,
            "now": self.now,
            "request": request,
        }
        with self.db.write() as conn:
            jobs.enqueue(conn, file_id=self.files[which], **values)

    @rule(which=st.integers(0, 2), present=st.integers(0, 1))
    def come_or_go(self, which: int, present: int) -> None:
        with self.db.write() as conn:
            conn.execute(update(t.file).where(t.file.c.id == self.files[which]).values(present=present))

    @rule(seconds=st.floats(0, 50))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=held, limit=st.integers(1, 2))
    def take(self, limit: int) -> Any:
        self.run += 1
        with self.db.write() as conn:
            taken = claim(conn, limit, run_id=str(self.run), now=self.now)
        assert len(taken) <= limit
        for job in taken:
            assert job.id not in self.owned, "claimed twice"
            assert 1 <= job.attempts <= self.MAX_ATTEMPTS
            assert job.due_at <= self.now
            self.owned[job.id] = job
        return taken[0] if taken else None

    @rule(job=held, ending=st.sampled_from(["finish", "fail", "retry", "give_back"]))
    def end(self, job: Job | None, ending: str) -> None:
        if job is None:
            return
        if ending == "retry" and job.attempts >= self.MAX_ATTEMPTS:
            ending = "fail"
        with self.db.write() as conn:
            ended = end(conn, job, ending)
        assert ended == (self.owned.get(job.id) == job), "only who holds a job ends it, once"
        if ended:
            del self.owned[job.id]

    @rule()
    def crash(self) -> None:
        self.run += 1
        self.owned.clear()
        with self.db.write() as conn:
            jobs.recover(conn, now=self.now, max_attempts=self.MAX_ATTEMPTS, latest_due=self.now + 100)

    @rule()
    def retry_all(self) -> None:
        with self.db.write() as conn:
            jobs.requeue(conn, file_ids=None, now=self.now, priority=0)

    @invariant()
    def nothing_is_broken(self) -> None:
        with self.db.read() as conn:
            rows = conn.execute(select(t.job)).all()
            there = set(conn.execute(select(t.file.c.id).where(t.file.c.present == 1)).scalars())
            counts = jobs.counts(conn)
        open_files = [job.file_id for job in rows if job.state in ("queued", "running")]
        assert len(open_files) == len(set(open_files))
        assert {job.id for job in rows if job.state == "running"} == set(self.owned)
        assert all(0 <= job.attempts <= self.MAX_ATTEMPTS for job in rows)
        assert all((job.run_id is None) == (job.state == "queued") for job in rows)
        waiting = [job for job in rows if job.state == "queued" and job.file_id in there]
        assert (counts["queued"], counts["running"]) == (len(waiting), len(self.owned))
        assert all(job.gone == (job.file_id not in there) for job in rows if job.file_id in open_files)


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck))


def test_after_the_clock_is_set_back_each_job_waits_as_long_as_before(conn: Connection) -> None:
    later, due = queued(conn, "1", now=1_000_030.0), queued(conn, "2", now=999_990.0)
    early = queued(conn, "3", now=15.0)
    assert jobs.clock_set_back(conn, now=20.0, seconds=999_980.0) == 2
    assert [row(conn, one).due_at for one in (later, due, early)] == [50.0, 10.0, 15.0]
