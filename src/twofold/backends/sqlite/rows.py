"""Pages: how many rows fit into both bounds."""

from __future__ import annotations

from typing import cast

import apsw

from twofold.store.port import Row


def bounded(found: apsw.Cursor, count_max: int, bytes_max: int, *, largest: int) -> tuple[list[Row], bool]:
    """The first row, then as many as fit; and whether a bound left any out. ``found`` holds one more than count_max.

    Where even the ``largest`` event cannot break the bound of bytes, nothing is counted.
    """
    if count_max * largest <= bytes_max:
        rows = cast(list[Row], found.fetchall())
        return rows[:count_max], len(rows) > count_max
    return _counted(found, count_max, bytes_max)


def _counted(found: apsw.Cursor, count_max: int, bytes_max: int) -> tuple[list[Row], bool]:
    rows: list[Row] = []
    size = 0
    try:
        for row in found:
            size += len(row[5]) + len(row[6])
            if rows and (len(rows) >= count_max or size > bytes_max):
                return rows, True
            rows.append(row)
        return rows, False
    finally:
        found.close()  # A statement left in its middle would hold the snapshot, and the WAL would grow.
