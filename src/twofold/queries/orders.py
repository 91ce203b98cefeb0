"""The order of pages as SQL: its terms, and the condition for what stands beyond a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from twofold.errors import QueryError
from twofold.projections.table import Table
from twofold.queries.statement import Param, Part, is_word, parse
from twofold.store.pages import load_page

_SQL = load_page("twofold.queries", "paging.sql")

_TERM = re.compile(
    r'\s*(?P<name>[a-z_]\w*|"(?:[^"]|"")+")(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(?P<nulls>first|last))?\s*',
    re.IGNORECASE | re.ASCII,
)
_ENDS = ("order", "limit", "offset", "fetch", "group", "having", "union", "intersect", "except", "window")


class Term(msgspec.Struct, frozen=True):
    """One column of an order. ``sql`` is how the statement calls it."""

    column: str
    sql: str
    descending: bool = False
    nullable: bool = True
    nulls_first: bool = False

    @property
    def turned(self) -> Term:
        """The same, backwards."""
        return msgspec.structs.replace(self, descending=not self.descending, nulls_first=not self.nulls_first)

    def __str__(self) -> str:
        """As in ``order by``. Where there is no NULL it is not mentioned, which lets an index give the order."""
        nulls = f" nulls {'first' if self.nulls_first else 'last'}" if self.nullable else ""
        return f"{self.sql}{' desc' if self.descending else ''}{nulls}"


def terms_of(order_by: str, table: Table | None, *, qualified: bool) -> tuple[Term, ...]:
    """The columns of an order, and behind them those of the table's key, so that no two rows stand at one place.

    NULL comes last, whatever the direction, unless ``nulls first`` is said. Raises ``QueryError``.
    """
    columns = {} if table is None else {column.name: column for column in table.columns}
    prefix = f'"{table.name}".' if table is not None and qualified else ""
    terms: dict[str, Term] = {}
    for text in order_by.split(",") if order_by.strip() else ():
        term = _term(text, prefix)
        if table is not None and term.column not in columns:
            raise QueryError(
                f"There is no column {term.column} in {table.name} to order by",
                remedy=f"Its columns are {', '.join(columns)}.",
            )
        if table is not None and columns[term.column].kind == "json":
            raise QueryError(f"There is no order over {term.column}, a document", remedy="Order by other columns.")
        optional = table is None or columns[term.column].optional
        terms.setdefault(term.column, msgspec.structs.replace(term, nullable=optional))
    for name in () if table is None else table.key:
        terms.setdefault(name, Term(name, f'{prefix}"{name}"', nullable=False))
    if not terms:
        raise QueryError("A page needs an order", remedy="Name output columns in order_by.")
    return tuple(terms.values())


def _term(text: str, prefix: str) -> Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise QueryError(f"Not an order: {text.strip()!r}", remedy="Name columns: order_by='risk_score desc, name'.")
    name = found["name"]
    column = name[1:-1].replace('""', '"') if name.startswith('"') else name.lower()
    quoted = column.replace('"', '""')
    return Term(
        column,
        f'{prefix}"{quoted}"',
        descending=(found["way"] or "").lower() == "desc",
        nulls_first=(found["nulls"] or "").lower() == "first",
    )


def beyond(terms: Sequence[Term], values: Sequence[Any]) -> tuple[str, Mapping[str, object]]:
    """The condition for what stands beyond the row with these values, and its parameters."""
    params = {f"twofold_{number}": value for number, value in enumerate(values) if value is not None}
    if len({term.descending for term in terms}) == 1 and not any(term.nullable for term in terms):
        # As one comparison, because databases find its beginning in an index whatever the first column is like.
        names = ", ".join(term.sql for term in terms)
        places = ", ".join(f":{name}" for name in params)
        return f"({names}) {'<' if terms[0].descending else '>'} ({places})", params
    condition = "false"
    for number, (term, value) in reversed(list(enumerate(zip(terms, values, strict=True)))):
        condition = _beyond(term, f":twofold_{number}", condition, is_null=value is None)
    return condition, params


def _beyond(term: Term, place: str, rest: str, *, is_null: bool) -> str:
    """Beyond in this column, or level in it and beyond in the ``rest``."""
    name = term.sql
    if is_null:
        others = f"{name} is not null or " if term.nulls_first else ""
        return f"({others}{name} is null and {rest})"
    sign = "<" if term.descending else ">"
    nulls = f" or {name} is null" if term.nullable and not term.nulls_first else ""
    # What looks superfluous, the first comparison, is what an index can begin with.
    return f"({name} {sign}= {place} and ({name} {sign} {place} or {rest}){nulls})"


def page_of_rows(tail: str, terms: Sequence[Term], condition: str) -> str:
    """The end of a statement, with one more condition, the order and a limit."""
    before, where = _cut(tail)
    return _SQL["page_of_rows"].format(before=before, where=_where(where, condition), order=_order(terms))


def page_of_select(sql: str, terms: Sequence[Term], condition: str) -> str:
    """A whole statement, cut to one page of what it finds."""
    sql = sql.strip().removesuffix(";")
    return _SQL["page_of_select"].format(sql=sql, where=_where("", condition), order=_order(terms))


def _where(*conditions: str) -> str:
    said = [f"(\n{each}\n)" for each in conditions if each]
    return f" where {' and '.join(said)}" if said else ""


def _order(terms: Sequence[Term]) -> str:
    return ", ".join(map(str, terms))


def _cut(tail: str) -> tuple[str, str]:
    """What stands before ``where``, and what stands behind it."""
    parts = parse(tail).parts
    depth, split = 0, len(parts)
    for index, part in enumerate(parts):
        depth += (part == "(") - (part == ")")
        if depth == 0 and _says(part, *_ENDS):
            raise QueryError(
                f"{_text(part)} does not go with a page", remedy="Say order_by= and size=, or write a whole select."
            )
        if depth == 0 and split == len(parts) and _says(part, "where"):
            split = index
    return "".join(map(_text, parts[:split])), "".join(map(_text, parts[split + 1 :]))


def _says(part: Part, *keywords: str) -> bool:
    """Whether it is one of these keywords, and no column of that name."""
    return is_word(part, *keywords) and not _text(part).startswith('"')


def _text(part: Part) -> str:
    return part if isinstance(part, str) else f":{part.name}" if isinstance(part, Param) else part.text
