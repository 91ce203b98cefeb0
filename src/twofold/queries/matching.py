"""Full-text search in a statement: ``matches(family_view, :text)``, as each backend spells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from twofold.errors import QueryError
from twofold.projections.table import Table
from twofold.projections.words import asked_words
from twofold.queries.relations import is_blank
from twofold.queries.statement import Param, Part, Statement, Word, is_word

_ASKED = " asked"
"""Ends the names of parameters of ours. No name that somebody writes has a space."""

_REMEDY = "Write matches(family_view, :text): a table, or its alias, that has Searchable fields, and a parameter."


def with_matches(
    statement: Statement, named: Mapping[str, Table], spell: Callable[[Word, Table, Param], Sequence[Part]]
) -> Statement:
    """The statement with ``spell``'s words in place of ``matches(…)``. ``QueryError`` where nothing is searched for."""
    if "matches" not in statement.words:
        return statement
    parts = tuple(_spelled(statement.parts, named, spell))
    params = dict.fromkeys(part.name for part in parts if isinstance(part, Param))
    return msgspec.structs.replace(statement, parts=parts, params=tuple(params))


def values(
    written: Statement, spelled: Statement, params: Mapping[str, object], asked: Callable[[Sequence[str]], str]
) -> list[object]:
    """The values for the spelled statement; ``asked`` makes a backend's search out of words."""
    given = written.values(params)
    if spelled.params == written.params:
        return given
    by_name = dict(zip(written.params, given, strict=True))
    return [
        asked(_words(by_name[name.removesuffix(_ASKED)])) if name.endswith(_ASKED) else by_name[name]
        for name in spelled.params
    ]


def _words(text: object) -> Sequence[str]:
    if text is not None and not isinstance(text, str):
        raise QueryError(f"matches(…) was given {type(text).__name__}, not a text", remedy="Give it a str.")
    return asked_words(text)


def _spelled(
    parts: Sequence[Part], named: Mapping[str, Table], spell: Callable[[Word, Table, Param], Sequence[Part]]
) -> Iterator[Part]:
    at = 0
    while at < len(parts):
        call = [(index, part) for index, part in enumerate(parts[at:], at) if not is_blank(part)][:6]
        if is_word(parts[at], "matches") and len(call) > 1 and call[1][1] == "(":
            yield from spell(*_arguments([part for _, part in call], named))
            at = call[5][0]
        else:
            yield parts[at]
        at += 1


def _arguments(call: Sequence[Part], named: Mapping[str, Table]) -> tuple[Word, Table, Param]:
    if len(call) == 6:
        _, _, name, comma, param, end = call
        if isinstance(name, Word) and comma == "," and isinstance(param, Param) and end == ")":
            table = named.get(name.name)
            if table is None or not table.searchable:
                raise QueryError(f"matches(…) cannot search {name.name}", remedy=_REMEDY)
            return name, table, Param(f"{param.name}{_ASKED}")
    raise QueryError("matches(…) takes a table and a parameter", remedy=_REMEDY)
