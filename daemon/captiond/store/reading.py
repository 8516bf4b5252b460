"""Reading much from the database over a long time, without holding one transaction all the while."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from captiond.store.engine import Database

_SLICE: Final = 0.5
"""Seconds that one transaction is kept: what was written since its begin can't leave the WAL before its end."""


class ShortReads:
    """Rows straight from the driver, in transactions that are begun when asked and end after half a second."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stack = contextlib.ExitStack()
        self._cursor: Any = None
        self._until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cursor = None
        self._stack.__exit__(kind, error, trace)

    def rows(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        """All rows of a query."""
        if self._cursor is None or time.monotonic() >= self._until:
            self.release()
            connection = self._stack.enter_context(self._db.read())
            self._cursor = connection.connection.cursor()
            self._until = time.monotonic() + _SLICE
        self._cursor.execute(sql, values)
        found: list[Any] = self._cursor.fetchall()
        return found

    def each(self, sql: str, values: tuple[object, ...]) -> Iterator[Any]:
        """The rows of a query, one by one. Nothing else is to be asked meanwhile."""
        self.release()
        with self._db.read() as connection:
            yield from connection.connection.cursor().execute(sql, values)

    def release(self) -> None:
        """End the transaction."""
        self._cursor = None
        self._stack.close()
