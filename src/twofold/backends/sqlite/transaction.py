"""The one way to write: a transaction that takes its lock first and is over at the end, whatever happens."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import apsw

from twofold.backends.sqlite.failures import told_of_commit


@contextmanager
def transaction(connection: apsw.Connection) -> Generator[None, None, None]:
    """Everything inside commits together or not at all.

    IMMEDIATE, because a deferred transaction that begins to write after somebody else did fails at once, whatever
    the timeout. ``OutcomeUnknownError`` if the disk fails in the COMMIT itself; before it, nothing was written.
    """
    connection.execute("begin immediate")
    try:
        yield
        with told_of_commit(connection.filename):
            connection.execute("commit")
    except BaseException:
        # SQLite has rolled back by itself after some failures, a full disk among them.
        if connection.in_transaction:
            connection.execute("rollback")
        raise
