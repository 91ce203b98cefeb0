"""How a question is spelled for PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from twofold.backends.postgres.tables import param
from twofold.projections.table import Table
from twofold.projections.words import WORDS_COLUMN
from twofold.queries.matching import values, with_matches
from twofold.queries.relations import relations
from twofold.queries.statement import Param, Part, Statement, Word, parse


class Spelled(msgspec.Struct, frozen=True, eq=False):
    """A statement as it was written, and in PostgreSQL's words."""

    written: Statement
    statement: Statement
    text: str

    def values(self, params: Mapping[str, object]) -> list[object]:
        """What is given to the driver. ``QueryError`` for parameters that do not fit; what cannot be kept raises."""
        return [param(value) for value in values(self.written, self.statement, params, _asked)]


class Spelling:
    """Spells questions to these tables."""

    def __init__(self, tables: Sequence[Table] = ()) -> None:
        self._tables = tables
        self.spelled = lru_cache(maxsize=1024)(self._spelled)

    def _spelled(self, sql: str) -> Spelled:
        """A statement with numbered parameters, and sums of decimals, which are exact here anyway."""
        written = parse(sql)
        statement = with_matches(written, relations(written, self._tables), _matches)
        return Spelled(written, statement, statement.spelled(lambda number: f"${number}", _word))


def _word(word: Word) -> str:
    return "sum" if word.name == "decimal_sum" else word.text


spelled = Spelling().spelled
"""For statements to tables that are not read models'."""


def _matches(name: Word, _: Table, asked: Param) -> Sequence[Part]:
    return name, f".{WORDS_COLUMN} @@ ", asked, "::text::tsquery"


def _asked(words: Sequence[str]) -> str:
    return " & ".join(f"'{word}':*" for word in words)
