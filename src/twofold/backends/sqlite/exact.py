"""Statements whose exact numbers stay exact: SQLite by itself would add and multiply them as floats.

Expressions are read as far as arithmetic, comparisons and calls go; all else passes as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import msgspec

from twofold.backends.sqlite.calls import Argument, Value, call, cast, compared, computed, negated, wrapped
from twofold.backends.sqlite.columns import Columns, Holds
from twofold.backends.sqlite.cursor import Cursor
from twofold.queries.relations import KEYWORDS
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
    divides_sums = "sum" in statement.words and "/" in statement.parts
    if not (columns.are_exact or divides_sums or "decimal_sum" in statement.words):
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


class _Expressions(Cursor):
    """One reading of a statement, from left to right."""

    def __init__(self, parts: Sequence[Part], columns: Columns) -> None:
        super().__init__(parts)
        self._columns = columns
        self._in_from = False
        self._last_word = ""
        self.named_more = False

    def all(self) -> list[Part]:
        found = self._group().parts
        while self.peek() is not None:  # A bracket too many is SQLite's to complain of.
            found += [self.take(), *self._group().parts]
        return found

    # --- Between brackets -----------------------------------------------------------------------------------------

    def _group(self) -> _Group:
        """Everything up to the closing bracket, or the end."""
        found = _Group()
        outer, self._in_from = self._in_from, False
        self._last_word = ""
        while (part := self.peek()) is not None and part != ")":
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
        found.parts.append(self.take())

    def _note_alias(self, value: Value) -> None:
        """Remember the name that is given to an exact number, as in ``… as total`` or ``… total``."""
        following = list(islice(self.significant(), 2))
        name = following[-1] if following and is_word(following[0], "as") else following[0] if following else None
        if value.holds == "decimal" and not self._in_from and isinstance(name, Word) and not self._is_keyword(name):
            self._note([name.name])

    def _note(self, names: Sequence[str]) -> None:
        for name in names:
            self.named_more = self._columns.named(name) or self.named_more

    # --- Operators ------------------------------------------------------------------------------------------------

    def _comparison(self) -> Value:
        left = self._sum()
        while operator := self.operator(*_COMPARISONS):
            left = compared(left, operator, self._sum()) if self._value_follows() else Value([*left.parts, *operator])
        return left

    def _sum(self) -> Value:
        left = self._product()
        while operator := self.operator("+", "-"):
            left = computed(left, operator, self._product())
        return left

    def _product(self) -> Value:
        left = self._joined()
        while operator := self.operator("*", "/", "%"):
            left = computed(left, operator, self._joined())
        return left

    def _joined(self) -> Value:
        left = self._signed()
        while operator := self.operator(*_JOINED):
            left = Value([*left.parts, *operator, *self._signed().parts])
        return left

    def _signed(self) -> Value:
        blanks = self.blanks()
        part = self.peek()
        if part in ("-", "+"):
            sign = self.take()
            value = self._signed()
            value = negated(value) if sign == "-" else value
        else:
            value = self._value()
        while collation := self.operator("collate"):
            value = Value([*value.parts, *collation, *self.blanks(), self.take()], value.holds)
        return msgspec.structs.replace(value, parts=[*blanks, *value.parts])

    # --- Values ---------------------------------------------------------------------------------------------------

    def _value(self) -> Value:
        part = self.peek()
        if part is None or part == ")":
            return Value([])
        if part == "(":
            return self._bracketed()
        taken = self.take()
        if isinstance(taken, str):
            return Value([taken], "number" if _is_number(taken) else "other")
        if isinstance(taken, Param):
            return Value([taken])
        return self._case(taken) if is_word(taken, "case") else self._named(taken)

    def _bracketed(self) -> Value:
        single = not self._in_from and self._last_word not in _ROWS_FOLLOW
        opening = self.take()
        group = self._group()
        parts = [opening, *group.parts, *self.closing()]
        if group.selects:
            one = single and group.outputs.get(0) == "decimal"
            return wrapped(parts) if one else Value(parts, outputs=group.outputs)
        return Value(parts, group.values[0].holds if len(group.values) == 1 and not group.commas else "other")

    def _case(self, case: Part) -> Value:
        parts: list[Part] = [case]
        kinds: set[Holds] = set()
        while (part := self.peek()) is not None and part != ")" and not is_word(part, "end"):
            group = self._branch()
            parts += group.parts
            if is_word(part, "then", "else"):
                kinds |= {value.holds for value in group.values[:1]}
        if self.peek() is not None:
            parts.append(self.take())
        return Value(parts, "float") if "float" in kinds else wrapped(parts) if "decimal" in kinds else Value(parts)

    def _branch(self) -> _Group:
        """A word of a ``case`` and what follows up to the next such word."""
        found = _Group([self.take()])
        while (part := self.peek()) is not None and part != ")" and not is_word(part, "when", "then", "else", "end"):
            self._read(found, part)
        return found

    def _named(self, word: Word) -> Value:
        """A column, ``table.column``, ``table.*``, or a call."""
        if self.peek() == ".":
            dot, column = self.take(), self.take()
            name = column.name if isinstance(column, Word) else ""
            return Value([word, dot, column], self._columns.holds(name, word.name))
        spaces = self.operator("(")
        return self._call(word, spaces) if spaces else Value([word], self._columns.holds(word.name))

    def _call(self, name: Word, opening: list[Part]) -> Value:
        if name.name == "cast":
            value = self._comparison()
            kind = self._group()
            return cast(name, opening, value, kind.parts, self.closing())
        arguments = [self._argument()]
        while self.peek() == ",":
            self.take()
            arguments.append(self._argument())
        closing = self.closing()
        return call(name, opening, arguments, closing, self._suffix())

    def _argument(self) -> Argument:
        found = _Group()
        outer, self._in_from = self._in_from, False
        distinct: list[Part] = []
        while (part := self.peek()) is not None and part not in (")", ","):
            if is_word(part, "distinct", "all") and not found.values:
                distinct = [*found.parts, self.take()]
                found.parts.clear()
            else:
                self._read(found, part)
        self._in_from = outer
        return Argument(found.parts, found.values[0].holds if len(found.values) == 1 else "other", distinct)

    def _suffix(self) -> list[Part]:
        """``filter (…)``, ``over (…)`` or ``over name`` behind a call."""
        found: list[Part] = []
        while suffix := self.operator("filter", "over", "within"):
            group = self.operator("group")
            bracket = self.operator("(")
            inside = [*self._group().parts, *self.closing()] if bracket else [*self.blanks(), self.take()]
            found += [*suffix, *group, *bracket, *inside]
        return found

    def _value_follows(self) -> bool:
        return self._begins_value(next(self.significant(), ","))

    def _begins_value(self, part: Part) -> bool:
        if isinstance(part, Word):
            return is_word(part, "case", "cast") or not self._is_keyword(part)
        return isinstance(part, Param) or part in ("(", "-", "+") or part[0] == "'" or _is_number(part)

    def _is_keyword(self, word: Word) -> bool:
        return word.text[0] != '"' and word.name in KEYWORDS and word.name not in self._columns


def _is_number(part: str) -> bool:
    return part[0].isdigit() or (part[0] == "." and part != ".")
