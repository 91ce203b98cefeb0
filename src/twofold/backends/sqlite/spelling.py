"""How a question is spelled for SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from twofold.queries.statement import Part, Statement, is_word, parse

COLLATE = " collate decimal"


class Spelled(msgspec.Struct, eq=False):
    """A statement in SQLite's words. ``only_reads`` once it has been seen to."""

    text: str
    statement: Statement
    only_reads: bool = False


@lru_cache(maxsize=1024)
def spelled(sql: str) -> Spelled:
    """A statement in SQLite's words, with numbered parameters."""
    statement = parse(sql)
    return Spelled(collated(statement).spelled(lambda number: f"?{number}"), statement)


def collated(statement: Statement) -> Statement:
    """``decimal_sum(…)`` gives text; with the collation behind it, it is compared and sorted as the number it is."""
    ends = {
        _end_of_call(statement.parts, at) for at, part in enumerate(statement.parts) if is_word(part, "decimal_sum")
    }
    parts = [each for at, part in enumerate(statement.parts) for each in ((part, COLLATE) if at in ends else (part,))]
    return msgspec.structs.replace(statement, parts=tuple(parts))


def _end_of_call(parts: Sequence[Part], at: int) -> int | None:
    """Where the call of the function named at ``at`` ends, with its ``filter (…)`` and ``over (…)``."""
    depth = 0
    for index in range(at + 1, len(parts)):
        depth += (parts[index] == "(") - (parts[index] == ")")
        if depth == 0 and parts[index] == ")" and not _goes_on(parts[index + 1 :]):
            return index
    return None


def _goes_on(parts: Sequence[Part]) -> bool:
    following = next((part for part in parts if not isinstance(part, str) or part.strip()), "")
    return is_word(following, "filter", "over")
