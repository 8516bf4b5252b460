"""Threads of which one may hang."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from captiond.dispatch.work import HasFailed, Outcome
from captiond.dispatch.workers import Workers
from captiond.errors import Changed
from waiting import until


class Shop:
    """One worker, and what it has done; work of key 1 hangs until `release` is called."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.begun = threading.Event()
        self.released = threading.Event()
        self.workers = Workers("worker", 1, self._take)

    def submit(self, *keys: int) -> None:
        for key in keys:
            self.workers.submit(key, partial(self._stage, key))

    def _take(self, outcome: Outcome) -> None:
        assert isinstance(outcome, HasFailed)
        self.done.append(outcome.job_id)

    def _stage(self, key: int) -> Outcome:
        if key == 1 and not self.begun.is_set():
            self.begun.set()
            self.released.wait(30)
        return HasFailed(key, Changed())


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    yield made
    made.released.set()
    made.workers.close(wait=True)


def test_work_is_done_in_order(shop: Shop) -> None:
    shop.submit(2, 3, 4)
    until(lambda: shop.done == [2, 3, 4])


def test_one_that_hangs_is_left_behind_and_what_it_brings_later_is_dropped(shop: Shop) -> None:
    shop.submit(1, 2, 3)
    shop.begun.wait(10)
    shop.workers.leave([1, 2])
    until(lambda: shop.done == [3])
    shop.submit(1)
    until(lambda: shop.done == [3, 1])
    before = threading.active_count()
    shop.released.set()
    until(lambda: threading.active_count() == before - 1)
    shop.submit(4)
    until(lambda: shop.done == [3, 1, 4])


def test_what_has_not_begun_at_the_end_is_not_done(shop: Shop) -> None:
    shop.submit(1, 2)
    shop.begun.wait(10)
    shop.workers.close(wait=False)
    shop.released.set()
    until(lambda: shop.done == [1])
    until(lambda: not any(thread.name == "worker" for thread in threading.enumerate()))
    assert shop.done == [1]


def test_one_that_hangs_can_be_relieved_and_what_it_brings_later_counts(shop: Shop) -> None:
    shop.submit(1, 2)
    shop.begun.wait(10)
    (began,) = shop.workers.begun().values()
    shop.workers.heard(1)
    shop.workers.heard(2)
    assert list(shop.workers.begun()) == [1]
    assert shop.workers.begun()[1] > began
    before = threading.active_count()
    shop.workers.relieve([1, 2])
    shop.workers.relieve([1])
    until(lambda: shop.done == [2])
    assert threading.active_count() == before + 1
    shop.released.set()
    until(lambda: shop.done == [2, 1])
    until(lambda: threading.active_count() == before)
    shop.submit(3)
    until(lambda: shop.done == [2, 1, 3])
