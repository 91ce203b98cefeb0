"""Pages of the log: bounded by count and bytes, each from one snapshot that also says where the log ends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from twofold.backends.postgres.connection import Connections
from twofold.store.pages import load_page
from twofold.store.port import Row

_SQL = load_page("twofold.backends.postgres", "read.sql")


class Reading:
    """Runs the statements of ``read.sql``."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._largest = 0

    async def page(
        self, name: str, after: int, *values: object, count_max: int, bytes_max: int
    ) -> tuple[list[Row], bool, int]:
        """The rows of the named statement that fit into the bounds, whether more were there, and the log's head."""
        # The sizes are summed up where a page of the largest events would be too much. An event that became the
        # largest only now makes this page longer than needed, not too long: the rows are cut below.
        sizes_matter = count_max * self._largest > bytes_max
        bounds = (bytes_max,) if sizes_matter else ()
        arguments = (after, count_max + 1, *values, *bounds)
        async with self._connections.connection() as connection:
            first, *records = await connection.fetch(_statement(name, len(bounds), len(arguments)), *arguments)
        self._largest, _, head, *_ = first
        rows: list[Row] = list(map(tuple, records))
        count = _fitting(rows, count_max, bytes_max, self._largest)
        return rows[:count], count < len(rows), head


@cache
def _statement(name: str, bounds: int, arguments: int) -> str:
    page = _SQL[name]
    if bounds:
        page = _SQL["bounded"].replace("/*page*/", page).replace("/*bytes_max*/", str(arguments))
    return _SQL["with_head"].replace("/*page*/", page)


def _fitting(rows: Sequence[Row], count_max: int, bytes_max: int, largest: int) -> int:
    """How many of the rows are a page: at least one, then as many as fit into both bounds."""
    count = min(len(rows), count_max)
    if count * largest <= bytes_max:
        return count
    size = 0
    for index, row in enumerate(rows[:count]):
        size += len(row[5]) + len(row[6])
        if index and size > bytes_max:
            return index
    return count
