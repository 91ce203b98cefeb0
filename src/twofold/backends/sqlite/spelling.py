"""How a question is spelled for SQLite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from twofold.backends.sqlite.columns import Columns
from twofold.backends.sqlite.exact import exact
from twofold.backends.sqlite.nulls import with_nulls_last
from twofold.backends.sqlite.tables import param, quoted, search_table
from twofold.projections.table import Table
from twofold.queries.matching import values, with_matches
from twofold.queries.relations import relations
from twofold.queries.statement import Param, Part, Statement, Word, parse
from twofold.store.pages import load_page

_SQL = load_page("twofold.backends.sqlite", "reads.sql")


class Spelled(msgspec.Struct, eq=False):
    """A statement as it was written, and in SQLite's words. ``only_reads`` once it has been seen to."""

    written: Statement
    statement: Statement
    text: str
    only_reads: bool = False

    def values(self, params: Mapping[str, object]) -> list[object]:
        """What is given to the driver. ``QueryError`` for parameters that do not fit; what cannot be kept raises."""
        return [param(value) for value in values(self.written, self.statement, params, _asked)]


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
        statement = with_nulls_last(exact(with_matches(written, named, _matches), columns), columns)
        return Spelled(written, statement, statement.spelled(lambda number: f"?{number}"))


@lru_cache(maxsize=256)
def spelling_of(*tables: Table) -> Spelling:
    """For statements of a projection's own, which know these tables, or none."""
    return Spelling(tables)


def _matches(name: Word, table: Table, asked: Param) -> Sequence[Part]:
    return name, ".", _SQL["matches"].format(search=quoted(search_table(table))), " ", asked, ")"


def _asked(words: Sequence[str]) -> str:
    return " ".join(f'"{word}"*' for word in words) or '""'
