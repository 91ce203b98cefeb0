"""How a question is spelled for SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from twofold.backends.sqlite.columns import Columns
from twofold.backends.sqlite.exact import exact
from twofold.backends.sqlite.lists import list_text, with_lists
from twofold.backends.sqlite.nulls import with_nulls_last
from twofold.backends.sqlite.tables import param, quoted, search_table
from twofold.projections.table import Table
from twofold.queries.matching import values, with_matches
from twofold.queries.relations import relations
from twofold.queries.statement import Param, Part, Statement, Word, parse
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "reads.sql")


class Spelled(msgspec.Struct, eq=False):
    """A statement as it was written, and in SQLite's words. ``lists`` are parameters that must be lists.

    ``only_reads`` once it has been seen to.
    """

    written: Statement
    statement: Statement
    text: str
    lists: frozenset[str] = frozenset()
    only_reads: bool = False

    def values(self, params: Mapping[str, object]) -> list[object]:
        """What is given to the driver. ``QueryError`` for parameters that do not fit; what cannot be kept raises."""
        given = values(self.written, self.statement, params, _asked)
        if not self.lists:
            return [param(value) for value in given]
        named = zip(self.statement.params, given, strict=True)
        return [list_text(value) if name in self.lists else param(value) for name, value in named]


class Spelling:
    """Spells questions to these tables."""

    def __init__(self, tables: Sequence[Table] = ()) -> None:
        self._tables = tables
        self.spelled = lru_cache(maxsize=1024)(self._spelled)

    def _spelled(self, sql: str) -> Spelled:
        """A statement with numbered parameters, and sums of decimals that are exact."""
        written = parse(sql)
        named = relations(written, self._tables)
        columns = Columns(named)
        listed, lists = with_lists(with_matches(written, named, _matches))
        statement = with_nulls_last(exact(listed, columns), columns)
        return Spelled(written, statement, statement.spelled(lambda number: f"?{number}"), lists)


@lru_cache(maxsize=256)
def spelling_of(*tables: Table) -> Spelling:
    """For statements of a projection's own, which know these tables, or none."""
    return Spelling(tables)


def _matches(name: Word, table: Table, asked: Param) -> Sequence[Part]:
    return name, ".", _SQL["matches"].format(search=quoted(search_table(table))), " ", asked, ")"


def _asked(words: Sequence[str]) -> str:
    return " ".join(f'"{word}"*' for word in words) or '""'
