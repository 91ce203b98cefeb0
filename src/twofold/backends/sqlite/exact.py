"""Statements whose exact numbers stay exact: SQLite by itself would add and multiply them as floats.

Expressions are read as far as arithmetic, comparisons and calls go; all else passes as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec

from twofold.backends.sqlite.calls import Argument, Value, call, cast, compared, computed, negated, wrapped
from twofold.backends.sqlite.columns import Columns, Holds
from twofold.queries.relations import KEYWORDS, is_blank
from twofold.queries.statement import Param, Part, Statement, Word, is_word

_COMPARISONS = ("=", "==", "<", ">", "<=", ">=", "<>", "!=")
_JOINED = ("||", "->", "->>")
_TABLE_FOLLOWS = ("from", "join")
_EXPRESSION_FOLLOWS = (
    "select",
    "where",
    "on",
    "using",
    "group",
    "order",
    "having",
    "limit",
    "set",
    "returning",
    "union",
)
_ROWS_FOLLOW = ("in", "exists", "as", "materialized", "values", "union", "all", "except", "intersect", "lateral")
"""Words after which a ``(select …)`` is no single value."""


def exact(statement: Statement, columns: Columns) -> Statement:
    """The statement in words that keep exact numbers exact. ``QueryError`` for what cannot be exact."""
    if not columns.are_exact and "decimal_sum" not in statement.words:
        return statement
    expressions = _Expressions(statement.parts, columns)
    parts = expressions.all()
    while expressions.named_more:  # A name may be used before the place where it is given.
        expressions = _Expressions(statement.parts, columns)
        parts = expressions.all()
    return msgspec.structs.replace(statement, parts=tuple(parts))


class _Group(msgspec.Struct):
    """What stands between two brackets, or up to the end: its parts, its values, the commas between them.

    ``outputs`` says what each column of its ``select`` gives, which is ``listed`` up to the ``from``.
    """

    parts: list[Part] = []
    values: list[Value] = []
    commas: int = 0
    selects: bool = False
    listed: bool = False
    outputs: dict[int, Holds] = {}


class _Expressions:
    """One reading of a statement, from left to right."""

    def __init__(self, parts: Sequence[Part], columns: Columns) -> None:
        self._parts = parts
        self._columns = columns
        self._at = 0
        self._in_from = False
        self._last_word = ""
        self.named_more = False

    def all(self) -> list[Part]:
        found = self._group().parts
        while self._at < len(self._parts):  # A bracket too many is SQLite's to complain of.
            found += [self._take(), *self._group().parts]
        return found

    # --- Between brackets -----------------------------------------------------------------------------------------

    def _group(self) -> _Group:
        """Everything up to the closing bracket, or the end."""
        found = _Group()
        outer, self._in_from = self._in_from, False
        self._last_word = ""
        while (part := self._peek()) is not None and part != ")":
            self._read(found, part)
        self._in_from = outer
        return found

    def _read(self, found: _Group, part: Part) -> None:
        """One expression more, or one part that is in none."""
        if not self._begins_value(part):
            self._plain(found, part)
            return
        after_as = self._last_word in ("as", "materialized")
        value = self._comparison()
        if after_as and value.outputs and found.values:  # with t (a, b) as (select …)
            names = found.values[-1].names
            self._note([name for at, name in enumerate(names) if value.outputs.get(at) == "decimal"])
        self._note_alias(value)
        if found.selects and not found.listed:
            found.outputs.setdefault(found.commas, value.holds)
        found.parts += value.parts
        found.values.append(value)
        self._last_word = ""

    def _plain(self, found: _Group, part: Part) -> None:
        """A part that is in no expression: a keyword, a comma, white space."""
        if isinstance(part, Word):
            self._last_word = part.name
            found.selects = found.selects or part.name == "select"
            found.listed = found.listed or part.name == "from"
            self._in_from = part.name in _TABLE_FOLLOWS or (self._in_from and part.name not in _EXPRESSION_FOLLOWS)
        elif part == ",":
            found.commas += 1
            self._last_word = ""
        found.parts.append(self._take())

    def _note_alias(self, value: Value) -> None:
        """Remember the name that is given to an exact number, as in ``… as total`` or ``… total``."""
        following = list(islice(self._significant(), 2))
        name = following[-1] if following and is_word(following[0], "as") else following[0] if following else None
        if value.holds == "decimal" and not self._in_from and isinstance(name, Word) and not self._is_keyword(name):
            self._note([name.name])

    def _note(self, names: Sequence[str]) -> None:
        for name in names:
            self.named_more = self._columns.named(name) or self.named_more

    # --- Operators ------------------------------------------------------------------------------------------------

    def _comparison(self) -> Value:
        left = self._sum()
        while operator := self._operator(*_COMPARISONS):
            left = compared(left, operator, self._sum()) if self._value_follows() else Value([*left.parts, *operator])
        return left

    def _sum(self) -> Value:
        left = self._product()
        while operator := self._operator("+", "-"):
            left = computed(left, operator, self._product())
        return left

    def _product(self) -> Value:
        left = self._joined()
        while operator := self._operator("*", "/", "%"):
            left = computed(left, operator, self._joined())
        return left

    def _joined(self) -> Value:
        left = self._signed()
        while operator := self._operator(*_JOINED):
            left = Value([*left.parts, *operator, *self._signed().parts])
        return left

    def _signed(self) -> Value:
        blanks = self._blanks()
        part = self._peek()
        if part in ("-", "+"):
            sign = self._take()
            value = self._signed()
            value = negated(value) if sign == "-" else value
        else:
            value = self._value()
        while collation := self._operator("collate"):
            value = Value([*value.parts, *collation, *self._blanks(), self._take()], value.holds)
        return msgspec.structs.replace(value, parts=[*blanks, *value.parts])

    def _operator(self, *names: str) -> list[Part]:
        """One of these, if it follows, with the white space before it."""
        at = self._at
        blanks = self._blanks()
        part = self._peek()
        if part is not None and (part in names or (is_word(part, *names))):
            return [*blanks, self._take()]
        self._at = at
        return []

    # --- Values ---------------------------------------------------------------------------------------------------

    def _value(self) -> Value:
        part = self._peek()
        if part is None or part == ")":
            return Value([])
        if part == "(":
            return self._bracketed()
        taken = self._take()
        if isinstance(taken, str):
            return Value([taken], "number" if _is_number(taken) else "other")
        if isinstance(taken, Param):
            return Value([taken])
        return self._case(taken) if is_word(taken, "case") else self._named(taken)

    def _bracketed(self) -> Value:
        single = not self._in_from and self._last_word not in _ROWS_FOLLOW
        opening = self._take()
        group = self._group()
        parts = [opening, *group.parts, *self._closing()]
        if group.selects:
            one = single and group.outputs.get(0) == "decimal"
            return wrapped(parts) if one else Value(parts, outputs=group.outputs)
        return Value(parts, group.values[0].holds if len(group.values) == 1 and not group.commas else "other")

    def _case(self, case: Part) -> Value:
        parts: list[Part] = [case]
        kinds: set[Holds] = set()
        while (part := self._peek()) is not None and part != ")" and not is_word(part, "end"):
            group = self._branch()
            parts += group.parts
            if is_word(part, "then", "else"):
                kinds |= {value.holds for value in group.values[:1]}
        if self._peek() is not None:
            parts.append(self._take())
        return Value(parts, "float") if "float" in kinds else wrapped(parts) if "decimal" in kinds else Value(parts)

    def _branch(self) -> _Group:
        """A word of a ``case`` and what follows up to the next such word."""
        found = _Group([self._take()])
        while (part := self._peek()) is not None and part != ")" and not is_word(part, "when", "then", "else", "end"):
            self._read(found, part)
        return found

    def _named(self, word: Word) -> Value:
        """A column, ``table.column``, ``table.*``, or a call."""
        if self._peek() == ".":
            dot, column = self._take(), self._take()
            name = column.name if isinstance(column, Word) else ""
            return Value([word, dot, column], self._columns.holds(name, word.name))
        spaces = self._operator("(")
        return self._call(word, spaces) if spaces else Value([word], self._columns.holds(word.name))

    def _call(self, name: Word, opening: list[Part]) -> Value:
        if name.name == "cast":
            value = self._comparison()
            kind = self._group()
            return cast(name, opening, value, kind.parts, self._closing())
        arguments = [self._argument()]
        while self._peek() == ",":
            self._take()
            arguments.append(self._argument())
        closing = self._closing()
        return call(name, opening, arguments, closing, self._suffix())

    def _argument(self) -> Argument:
        found = _Group()
        outer, self._in_from = self._in_from, False
        distinct: list[Part] = []
        while (part := self._peek()) is not None and part not in (")", ","):
            if is_word(part, "distinct", "all") and not found.values:
                distinct = [*found.parts, self._take()]
                found.parts.clear()
            else:
                self._read(found, part)
        self._in_from = outer
        return Argument(found.parts, found.values[0].holds if len(found.values) == 1 else "other", distinct)

    def _suffix(self) -> list[Part]:
        """``filter (…)``, ``over (…)`` or ``over name`` behind a call."""
        found: list[Part] = []
        while suffix := self._operator("filter", "over", "within"):
            group = self._operator("group")
            bracket = self._operator("(")
            inside = [*self._group().parts, *self._closing()] if bracket else [*self._blanks(), self._take()]
            found += [*suffix, *group, *bracket, *inside]
        return found

    # --- Parts ----------------------------------------------------------------------------------------------------

    def _peek(self) -> Part | None:
        return self._parts[self._at] if self._at < len(self._parts) else None

    def _take(self) -> Part:
        part = self._parts[self._at] if self._at < len(self._parts) else ""
        self._at += 1
        return part

    def _closing(self) -> list[Part]:
        return [self._take()] if self._peek() == ")" else []

    def _blanks(self) -> list[Part]:
        found: list[Part] = []
        while (part := self._peek()) is not None and is_blank(part):
            found.append(self._take())
        return found

    def _significant(self) -> Iterator[Part]:
        return (part for part in self._parts[self._at :] if not is_blank(part))

    def _value_follows(self) -> bool:
        return self._begins_value(next(self._significant(), ","))

    def _begins_value(self, part: Part) -> bool:
        if isinstance(part, Word):
            return is_word(part, "case", "cast") or not self._is_keyword(part)
        return isinstance(part, Param) or part in ("(", "-", "+") or part[0] == "'" or _is_number(part)

    def _is_keyword(self, word: Word) -> bool:
        return word.text[0] != '"' and word.name in KEYWORDS and word.name not in self._columns


def _is_number(part: str) -> bool:
    return part[0].isdigit() or (part[0] == "." and part != ".")
