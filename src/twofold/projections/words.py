"""Words as full-text search sees them: the same in rows and in questions, and on every database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any
from unicodedata import category, normalize

from twofold.projections.table import Table

WORDS_COLUMN = "twofold_words"
"""The hidden column of a searchable table."""

WORD_MAX = 40
"""Characters of a word that count: PostgreSQL refuses words of more than 2 kB."""

ROW_WORDS_MAX = 5000
"""Words of a row that are found: PostgreSQL keeps at most 1 MB of them."""

ASKED_WORDS_MAX = 32
"""Words of a question that count."""

_RUN = re.compile(r"[^\W_]+")

_REMEMBERED_MAX = 1 << 15
_REMEMBERED_CHARACTERS_MAX = 200


class Words:
    """The words of the rows of a table, each once, in order.

    Most are remembered: rows change far more often than what stands in their searchable columns.
    """

    def __init__(self, table: Table) -> None:
        self._gets = [attrgetter(column.name) for column in table.searchable]
        self._places = [table.names.index(column.name) for column in table.searchable]
        self._known: dict[tuple[Any, ...], str] = {}

    def column(self, rows: Iterable[Any], columns: Sequence[Sequence[Any]]) -> list[str]:
        """The words of each row. ``columns`` are those of the table as they are written, lists as their JSON."""
        written = zip(*[columns[place] for place in self._places], strict=True)
        known = self._known.get
        return [known(key) or self._learned(key, row) for key, row in zip(written, rows, strict=True)]

    def _learned(self, key: tuple[Any, ...], row: Any) -> str:
        text = "\n".join([text for get in self._gets for text in _texts(get(row))])
        words = " ".join(sorted(set(words_in(text)))[:ROW_WORDS_MAX])
        if len(text) <= _REMEMBERED_CHARACTERS_MAX:
            if len(self._known) >= _REMEMBERED_MAX:
                self._known.clear()
            self._known[key] = words
        return words


def asked_words(text: str | None) -> tuple[str, ...]:
    """The words of a question, each the beginning of one that a row must have. They hold letters and digits only."""
    return tuple(dict.fromkeys(words_in(text or "")))[:ASKED_WORDS_MAX]


def words_in(text: str) -> tuple[str, ...]:
    """Runs of letters and digits, without accents and case."""
    if not text.isascii():
        text = normalize("NFKD", normalize("NFKD", text).casefold())
        text = "".join(each for each in text if not category(each).startswith("M"))
    return tuple(word[:WORD_MAX] for word in _RUN.findall(text.casefold()))


def _texts(value: str | Iterable[str] | None) -> Iterable[str]:
    return (value,) if isinstance(value, str) else value or ()
