"""Reading much from the database over a long time, without holding a transaction between two queries."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from captiond.store.engine import Database


class ShortReads:
    """Rows straight from the driver, on one connection. Each query is a transaction of its own.

    What was written since the begin of a transaction can't leave the WAL before its end, and between two queries the
    caller may wait for a share that hangs.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stack = contextlib.ExitStack()
        self._cursor: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cursor = None
        self._stack.__exit__(kind, error, trace)

    def rows(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        """All rows of a query."""
        if self._cursor is None:
            connection = self._stack.enter_context(self._db.read())
            connection.connection.rollback()  # the transaction that came with it
            self._cursor = connection.connection.cursor()
        self._cursor.execute(sql, values)
        found: list[Any] = self._cursor.fetchall()
        return found

    def each(self, sql: str, values: tuple[object, ...]) -> Iterator[Any]:
        """The rows of a query, one by one. Nothing else is to be asked meanwhile."""
        self.release()
        with self._db.read() as connection:
            yield from connection.connection.cursor().execute(sql, values)

    def release(self) -> None:
        """Give the connection back; the next query takes one again."""
        self._cursor = None
        self._stack.close()
