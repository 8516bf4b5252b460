"""What follows from a failure, for the job and for the endpoint."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captiond import errors, policy
from captiond.config.models import Queue
from captiond.errors import FAILURES, Failure, Fault
from captiond.policy import Drop, EndpointHealth, GiveBack, GiveUp, HealthState, Retry, jobs, waits
from captiond.policy import health as health_of

QUEUE = Queue()
ROUNDING = 1e-6  # of the difference of two moments
OWN_FAULT = [cls for cls in FAILURES.values() if cls.fault is Fault.ENDPOINT]
PERSON = [cls for cls in OWN_FAULT if cls not in (errors.RateLimited, errors.Unavailable, errors.Asleep)]
EITHERS = [errors.ServerError, errors.CallTimeout, errors.BadResponse]
COUNTED = [cls for cls in FAILURES.values() if cls.fault in (Fault.ANSWER, Fault.PASSING)]

moments = st.floats(0, 4e9)
chances = st.floats(0, 1, exclude_max=True)
told = st.none() | st.floats(allow_nan=True, allow_infinity=True)


def decide(failure: Failure, attempts: int = 1, now: float = 1000.0, chance: float = 0.5) -> policy.Decision:
    return policy.after_failure(failure, attempts=attempts, now=now, queue=QUEUE, chance=chance)


def paused(failure: Failure, health: EndpointHealth = policy.HEALTHY, *, at: float = 0.0) -> EndpointHealth:
    return health_of.after_endpoint_failure(health, failure, started_at=at, now=at, queue=QUEUE, chance=0.999999)


@pytest.mark.parametrize("cls", [c for c in FAILURES.values() if c.fault is Fault.FILE])
def test_the_files_own_fault_fails_the_job_at_the_first_attempt(cls: type[Failure]) -> None:
    assert decide(cls()) == GiveUp()


@pytest.mark.parametrize("cls", OWN_FAULT)
@pytest.mark.parametrize("attempts", [1, 5, 100])
def test_the_endpoints_fault_costs_the_job_no_attempt(cls: type[Failure], attempts: int) -> None:
    assert decide(cls(retry_after=50), attempts) == GiveBack(1000.0)


def test_a_file_that_is_gone_drops_its_job() -> None:
    assert decide(errors.Vanished()) == Drop()


def test_a_file_that_changed_is_read_again_a_moment_later_without_losing_an_attempt() -> None:
    assert decide(errors.Changed(), attempts=100) == GiveBack(1002.0)
    assert decide(errors.RootOffline(), attempts=100) == GiveBack(1002.0)
    assert decide(errors.Stopped(), attempts=100) == GiveBack(1000.0)


@given(st.sampled_from(list(FAILURES.values())), chances, moments, told)
def test_attempts_of_every_failure_are_bounded(
    cls: type[Failure], chance: float, now: float, retry_after: float | None
) -> None:
    limit = min(cls.tries or QUEUE.max_attempts, QUEUE.max_attempts)
    failure = cls(retry_after=retry_after)
    for attempts in range(1, QUEUE.max_attempts + 2):
        match policy.after_failure(failure, attempts=attempts, now=now, queue=QUEUE, chance=chance):
            case Retry(due_at):
                assert cls in COUNTED
                assert attempts < limit
                assert now <= due_at <= now + max(QUEUE.backoff_max_seconds, waits.LONGEST_WAIT)
            case GiveUp():
                assert cls.fault is Fault.FILE or attempts >= limit
            case GiveBack(due_at):
                assert cls.fault in (Fault.ENDPOINT, Fault.ROOT)
                assert now <= due_at <= now + jobs.ROOT_WAIT
            case Drop():
                assert cls is errors.Vanished


@pytest.mark.parametrize("cls", COUNTED)
def test_what_counts_is_tried_as_often_as_it_says(cls: type[Failure]) -> None:
    limit = min(cls.tries or QUEUE.max_attempts, QUEUE.max_attempts)
    assert isinstance(decide(cls(), limit), GiveUp)
    if limit > 1:
        assert isinstance(decide(cls(), limit - 1), Retry)


def test_the_wait_doubles_with_each_attempt_between_half_and_whole() -> None:
    waits = [
        (decide(errors.ServerError(), n, 0.0, 0.0), decide(errors.ServerError(), n, 0.0, 0.5)) for n in (1, 2, 3, 4)
    ]
    assert waits == [(Retry(2.0 * 2**k / 2), Retry(2.0 * 2**k * 0.75)) for k in range(4)]


def test_the_wait_has_a_ceiling() -> None:
    many = Queue(max_attempts=100)
    last = policy.after_failure(errors.ServerError(), attempts=99, now=0, queue=many, chance=0.999999)
    assert isinstance(last, Retry)
    assert last.due_at == pytest.approx(3600, abs=0.01)


def test_a_retry_waits_at_least_as_long_as_the_answer_asked_but_no_longer_than_a_day() -> None:
    assert decide(errors.ServerError(retry_after=90), now=0) == Retry(90)
    assert decide(errors.ServerError(retry_after=1e12), now=0) == Retry(86_400)
    assert decide(errors.ServerError(retry_after=0.01), now=0) == decide(errors.ServerError(), now=0)


@pytest.mark.parametrize("cls", OWN_FAULT)
def test_an_endpoints_failure_pauses_it_at_once(cls: type[Failure]) -> None:
    health = paused(cls("why"))
    assert (health.state, health.strikes, health.reason) == (HealthState.PAUSED, 1, cls.code)
    assert health.detail is not None
    assert "why" in health.detail
    assert policy.slots(health, concurrency=8, in_flight=0, now=0.01) == 0


@pytest.mark.parametrize("cls", PERSON)
def test_what_a_person_must_mend_is_asked_again_after_a_minute_and_then_hourly(cls: type[Failure]) -> None:
    health, waits = policy.HEALTHY, []
    for _ in range(8):
        start = max(health.paused_until, 0.0)
        health = paused(cls(), health, at=start)
        waits.append(health.paused_until - start)
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_retry_after_rules_the_pause_within_a_day() -> None:
    assert paused(errors.RateLimited(retry_after=37)).paused_until == 37
    assert paused(errors.Unavailable(retry_after=1e9)).paused_until == 86_400
    assert paused(errors.RateLimited(retry_after=0)).paused_until == health_of.SHORTEST_TOLD_PAUSE
    assert paused(errors.PaymentRequired(retry_after=600)).paused_until == 600


@given(st.lists(st.tuples(st.sampled_from(OWN_FAULT), chances), min_size=2, max_size=40))
def test_pauses_of_one_kind_never_get_shorter_but_by_chance(failures: list[tuple[type[Failure], float]]) -> None:
    health, last = policy.HEALTHY, 0.0
    for cls, chance in failures:
        start = max(health.paused_until, 0.0)
        before = health
        health = health_of.after_endpoint_failure(
            health, cls(), started_at=start, now=start, queue=QUEUE, chance=chance
        )
        wait = health.paused_until - start
        same_kind = before.reason is not None and (before.reason in _codes(PERSON)) == (cls in PERSON)
        assert health.strikes == (before.strikes + 1 if same_kind else 1)
        assert 0 < wait <= health_of.PERSON_PAUSE_MAX + ROUNDING
        if same_kind:
            # The nominal wait doubles or stands at its ceiling; the dice take at most half of it.
            assert wait >= last / 2 - ROUNDING
        last = wait


def _codes(classes: list[type[Failure]]) -> set[str]:
    return {cls.code for cls in classes}


def test_calls_that_were_in_flight_when_the_pause_began_are_one_strike_together() -> None:
    health = health_of.after_endpoint_failure(
        policy.HEALTHY, errors.Unavailable(), started_at=90, now=100, queue=QUEUE, chance=0.5
    )
    for started in (91, 95, 99.9, 100.5):
        again = policy.after_call(health, errors.Unavailable(), started_at=started, now=101, queue=QUEUE, chance=0.5)
        assert again == health


def test_a_late_retry_after_still_lengthens_the_pause() -> None:
    health = paused(errors.RateLimited(), at=100)
    longer = policy.after_call(
        health, errors.RateLimited(retry_after=300), started_at=99, now=101, queue=QUEUE, chance=0.5
    )
    assert (longer.paused_until, longer.strikes) == (401, 1)
    shorter = policy.after_call(
        longer, errors.RateLimited(retry_after=1), started_at=99, now=102, queue=QUEUE, chance=0.5
    )
    assert shorter == longer


def test_an_answer_to_an_earlier_call_does_not_end_a_pause() -> None:
    health = paused(errors.RateLimited(retry_after=60), at=100)
    assert health_of.after_success(health, started_at=99) == health
    assert health_of.after_success(health, started_at=100.1) == health
    assert policy.slots(health, concurrency=8, in_flight=0, now=159) == 0


def test_the_probes_success_opens_all_slots_and_forgets_the_strikes() -> None:
    health = paused(errors.Unavailable(), at=100)
    now = health.paused_until
    assert policy.at(health, now).state is HealthState.PROBING
    assert policy.slots(health, concurrency=8, in_flight=0, now=now) == 1
    well = policy.after_call(health, None, started_at=now, now=now + 1, queue=QUEUE, chance=0.5)
    assert (well.state, well.strikes, well.reason) == (HealthState.HEALTHY, 0, None)
    assert policy.slots(well, concurrency=8, in_flight=3, now=now) == 5


def test_a_failure_of_an_older_call_after_the_recovery_pauses_nothing() -> None:
    health = paused(errors.Unavailable(), at=100)
    well = health_of.after_success(health, started_at=health.paused_until)
    late = policy.after_call(
        well, errors.Unavailable(), started_at=99, now=health.paused_until + 9, queue=QUEUE, chance=0.5
    )
    assert late.state is HealthState.HEALTHY


@pytest.mark.parametrize("failure", [errors.EmptyAnswer(), errors.Refused(), errors.BadRequest(http_status=400)])
def test_a_probe_that_was_answered_ends_the_pause_even_if_the_answer_is_of_no_use(failure: Failure) -> None:
    health = paused(errors.Unavailable())
    start = health.paused_until
    after = policy.after_call(health, failure, started_at=start, now=start + 1, queue=QUEUE, chance=0.5)
    assert after.state is HealthState.HEALTHY


def test_a_probe_that_tells_nothing_of_the_endpoint_is_followed_by_another() -> None:
    health = paused(errors.Unavailable())
    start = health.paused_until
    after = policy.after_call(health, errors.Corrupt(), started_at=start, now=start + 1, queue=QUEUE, chance=0.5)
    assert (after.state, after.strikes) == (HealthState.PROBING, 1)
    assert policy.slots(after, concurrency=8, in_flight=0, now=start + 1) == 1


@pytest.mark.parametrize("cls", EITHERS)
def test_a_probe_that_fails_through_the_file_or_the_server_pauses_the_endpoint_again(cls: type[Failure]) -> None:
    health = paused(errors.Unavailable())
    start = health.paused_until
    after = policy.after_call(health, cls(), started_at=start, now=start + 1, queue=QUEUE, chance=0.5)
    assert (after.state, after.strikes, after.reason) == (HealthState.PAUSED, 2, cls.code)


@pytest.mark.parametrize("cls", [c for c in FAILURES.values() if c.fault is not Fault.ENDPOINT])
def test_one_failure_that_is_not_the_endpoints_own_does_not_pause_it(cls: type[Failure]) -> None:
    after = policy.after_call(policy.HEALTHY, cls(), started_at=1, now=2, queue=QUEUE, chance=0.5)
    assert after == (EndpointHealth(failed=1) if cls in EITHERS else policy.HEALTHY)


def after_many(failures: list[Failure | None]) -> EndpointHealth:
    """One call after the other, a second each."""
    health = policy.HEALTHY
    for second, failure in enumerate(failures):
        health = policy.after_call(health, failure, started_at=second, now=second + 0.5, queue=QUEUE, chance=0.5)
    return health


@given(st.lists(st.sampled_from(EITHERS), min_size=health_of.CIRCUIT_FAILURES, max_size=health_of.CIRCUIT_FAILURES))
def test_so_many_in_a_row_that_may_be_the_files_or_the_servers_are_the_servers(kinds: list[type[Failure]]) -> None:
    health = after_many([cls() for cls in kinds])
    assert (health.state, health.strikes, health.reason) == (HealthState.PAUSED, 1, kinds[-1].code)
    assert health.detail is not None
    assert health.detail.startswith("5 calls in a row failed; the last: ")


@pytest.mark.parametrize("good", [None, errors.EmptyAnswer(), errors.BadRequest(http_status=400)])
def test_one_answer_between_them_begins_the_count_anew(good: Failure | None) -> None:
    bad: list[Failure | None] = [errors.ServerError(http_status=500)] * (health_of.CIRCUIT_FAILURES - 1)
    assert after_many([*bad, good, *bad]).state is HealthState.HEALTHY
    assert after_many([*bad, errors.Corrupt(), *bad]).state is HealthState.PAUSED


@pytest.mark.parametrize("cls", EITHERS)
def test_a_failure_that_may_be_the_endpoints_costs_no_attempt_while_it_is_paused(cls: type[Failure]) -> None:
    kept = policy.after_failure(cls(), attempts=QUEUE.max_attempts, now=9.0, queue=QUEUE, chance=0.5, held=True)
    assert kept == GiveBack(9.0)
    counted = policy.after_failure(
        errors.EmptyAnswer(), attempts=QUEUE.max_attempts, now=9.0, queue=QUEUE, chance=0.5, held=True
    )
    assert counted == GiveUp()


outcomes = st.none() | st.sampled_from([*OWN_FAULT, errors.ServerError, errors.EmptyAnswer, errors.CallTimeout])


@given(st.integers(1, 16), st.lists(st.tuples(st.floats(0, 400), outcomes, told, chances), max_size=60))
def test_never_more_than_one_call_probes(
    concurrency: int, steps: list[tuple[float, type[Failure] | None, float | None, float]]
) -> None:
    """A model of the dispatcher: it starts as many calls as it may, then the oldest one ends."""
    health, now, flying = policy.HEALTHY, 0.0, list[float]()
    for wait, outcome, retry_after, chance in steps:
        now += wait
        health = policy.at(health, now)
        free = policy.slots(health, concurrency=concurrency, in_flight=len(flying), now=now)
        assert 0 <= free <= concurrency
        if health.state is not HealthState.HEALTHY:
            assert free + len(flying) <= 1 or free == 0
        if health.state is HealthState.PAUSED:
            assert free == 0
        flying += [now] * free
        if flying:
            failure = outcome(retry_after=retry_after) if outcome else None
            health = policy.after_call(health, failure, started_at=flying.pop(0), now=now, queue=QUEUE, chance=chance)
            assert health.paused_until <= now + waits.LONGEST_WAIT
    # Whatever happened, a quiet day ends every pause.
    assert policy.slots(health, concurrency=concurrency, in_flight=0, now=now + waits.LONGEST_WAIT) >= 1
