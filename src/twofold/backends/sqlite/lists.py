"""Lists as parameters: ``= any(:ids)`` and ``<> all(:ids)``, which SQLite knows as ``in`` and ``not in`` only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from twofold.backends.sqlite.tables import param
from twofold.errors import QueryError
from twofold.queries.relations import is_blank
from twofold.queries.statement import Param, Part, Statement, Word, parse

_IN: Mapping[tuple[Part, str], str] = {("=", "any"): "in", ("<>", "all"): "not in", ("!=", "all"): "not in"}


def with_lists(statement: Statement) -> tuple[Statement, frozenset[str]]:
    """The statement in SQLite's words, and the names of the parameters that must be lists."""
    if statement.words.isdisjoint(("any", "all")):
        return statement, frozenset()
    parts, names = list(statement.parts), set[str]()
    for places, how, name in _calls(parts):
        operator, word, opened, _, closed = places
        parts[operator], parts[word] = how, " "
        parts[opened], parts[closed] = "(select value from json_each(", "))"
        names.add(name)
    # Cut again, because others look at the words and brackets that are new in it.
    cut = [piece for part in parts for piece in (parse(part).parts if part in _NEW else (part,))]
    return msgspec.structs.replace(statement, parts=tuple(cut)), frozenset(names)


_NEW = ("in", "not in", "(select value from json_each(", "))")


def list_text(value: object) -> str:
    """A list as SQLite is given it."""
    if not isinstance(value, (list, tuple)):
        raise QueryError(f"any(…) and all(…) were given {type(value).__name__}, not a list", remedy="Give them a list.")
    return msgspec.json.encode([param(each) for each in value]).decode()


def _calls(parts: Sequence[Part]) -> Iterator[tuple[Sequence[int], str, str]]:
    """Where ``= any ( :name )`` stands: the places of its five parts, what it is here, and the name."""
    places = [place for place, part in enumerate(parts) if not is_blank(part)]
    for at in range(len(places) - 4):
        five = places[at : at + 5]
        operator, word, opened, name, closed = (parts[place] for place in five)
        how = _IN.get((operator, word.name)) if isinstance(word, Word) and isinstance(operator, str) else None
        if how is not None and opened == "(" and isinstance(name, Param) and closed == ")":
            yield five, how, name.name
