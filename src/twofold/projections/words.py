"""Words as full-text search sees them: the same in rows and in questions, and on every database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
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
_SHORT = 100


def words_of(table: Table) -> Callable[[Any], str] | None:
    """What gives the words of a row, each once, in order; None where nothing is searched for."""
    if not table.searchable:
        return None
    gets = [attrgetter(column.name) for column in table.searchable]

    def words(row: Any) -> str:
        found = {word for get in gets for text in _texts(get(row)) for word in words_in(text)}
        return " ".join(sorted(found)[:ROW_WORDS_MAX])

    return words


def asked_words(text: str | None) -> tuple[str, ...]:
    """The words of a question, each the beginning of one that a row must have. They hold letters and digits only."""
    return tuple(dict.fromkeys(words_in(text or "")))[:ASKED_WORDS_MAX]


def words_in(text: str) -> tuple[str, ...]:
    """Runs of letters and digits, without accents and case."""
    return _remembered(text) if len(text) <= _SHORT else _split(text)


def _texts(value: str | Iterable[str] | None) -> Iterable[str]:
    return (value,) if isinstance(value, str) else value or ()


def _split(text: str) -> tuple[str, ...]:
    if not text.isascii():
        text = normalize("NFKD", normalize("NFKD", text).casefold())
        text = "".join(each for each in text if not category(each).startswith("M"))
    return tuple(word[:WORD_MAX] for word in _RUN.findall(text.casefold()))


_remembered = lru_cache(maxsize=1 << 16)(_split)
