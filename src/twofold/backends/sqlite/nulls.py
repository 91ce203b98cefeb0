"""Where NULL stands in an order: behind the largest value, as on PostgreSQL, unless the statement says otherwise."""

from __future__ import annotations

from collections.abc import Sequence, Set
from itertools import pairwise

import msgspec

from twofold.backends.sqlite.columns import Columns
from twofold.queries.relations import is_blank, significant
from twofold.queries.statement import Part, Statement, Word, is_word

_ENDS = ("limit", "offset", "fetch", "rows", "range", "groups", "for", "on", "returning")
_MAKE_NULLS = ("left", "right", "full", "union", "except", "intersect")


class _Terms(msgspec.Struct):
    """An ``order by`` under way: where its present term begins, and the words of that which stand in no brackets."""

    begin: int
    words: list[str] = []


def with_nulls_last(statement: Statement, columns: Columns) -> Statement:
    """The statement with ``nulls last``, or ``first`` where the order descends, behind each term that may be NULL.

    Nothing is said of a column that never is, which lets an index give the order.
    """
    if "order" not in statement.words:
        return statement
    trusted = not statement.words.intersection(_MAKE_NULLS)
    given = {
        name.name
        for word, name in pairwise(significant(statement.parts))
        if is_word(word, "as") and isinstance(name, Word)
    }
    orders = _Orders(columns if trusted else None, given)
    for part in statement.parts:
        orders.take(part)
    return msgspec.structs.replace(statement, parts=tuple(orders.all()))


class _Orders:
    """Reads a statement part by part; one ``order by`` may stand inside another.

    ``columns`` are those that can be trusted, and ``given`` the names that the statement gives itself.
    """

    def __init__(self, columns: Columns | None, given: Set[str]) -> None:
        self._columns = columns
        self._given = given
        self._parts: list[Part] = []
        self._open: list[_Terms | None] = [None]
        self._last: Part = ""

    def take(self, part: Part) -> None:
        terms = self._open[-1]
        if part == "(":
            self._open.append(None)
        elif part == ")" and len(self._open) > 1:
            self._end(self._open.pop())
        elif terms is not None and (part == "," or is_word(part, *_ENDS)):
            self._end(terms)
            self._open[-1] = _Terms(len(self._parts) + 1) if part == "," else None
        elif terms is not None and isinstance(part, Word):
            terms.words.append(part.name)
        self._parts.append(part)
        if is_word(part, "by") and is_word(self._last, "order"):
            self._open[-1] = _Terms(len(self._parts))
        self._last = self._last if is_blank(part) else part

    def all(self) -> list[Part]:
        while self._open:
            self._end(self._open.pop())
        return self._parts

    def _end(self, terms: _Terms | None) -> None:
        if terms is None or "nulls" in terms.words:
            return
        term = significant(self._parts[terms.begin :])
        if not term or self._is_never_null([part for part in term if not is_word(part, "asc", "desc")]):
            return
        at = max(at for at, part in enumerate(self._parts) if not is_blank(part))
        self._parts.insert(at + 1, " nulls first" if "desc" in terms.words else " nulls last")

    def _is_never_null(self, term: Sequence[Part]) -> bool:
        name, table = term[-1], term[0] if len(term) == 3 and term[1] == "." else None
        if self._columns is None or (isinstance(name, Word) and name.name in self._given and table is None):
            return False
        if not isinstance(name, Word) or len(term) not in (1, 3):
            return False
        return self._columns.never_null(name.name, table.name if isinstance(table, Word) else None)
