"""How arithmetic, comparisons and calls are spelled where exact numbers meet in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from twofold.backends.sqlite.columns import Holds
from twofold.errors import QueryError
from twofold.queries.relations import is_blank, significant
from twofold.queries.statement import Part, Word


class Value(msgspec.Struct, frozen=True):
    """An expression: its parts, and what it gives.

    ``names`` are those between the brackets of a call, ``outputs`` what each column of a ``(select …)`` gives.
    """

    parts: list[Part]
    holds: Holds = "other"
    names: tuple[str, ...] = ()
    outputs: Mapping[int, Holds] = {}


class Argument(msgspec.Struct, frozen=True):
    """One argument of a call, without its ``distinct``, and what it gives if it is one expression."""

    parts: list[Part]
    holds: Holds
    distinct: list[Part]


_OPERATORS = {"+": "decimal_plus", "-": "decimal_minus", "*": "decimal_times", "/": "decimal_over", "%": "decimal_rest"}

_SCALARS = {
    "abs": "decimal_abs", "round": "decimal_round", "floor": "decimal_floor", "ceil": "decimal_ceil",
    "ceiling": "decimal_ceil",
}  # fmt: skip

_GIVE_ONE_OF_THEIRS = (
    "min", "max", "coalesce", "nullif", "ifnull", "lag", "lead", "first_value", "last_value", "nth_value",
)  # fmt: skip

_INEXACT = (
    "total", "sqrt", "power", "pow", "mod", "exp", "ln", "log", "log10", "log2", "trunc", "sign", "stddev",
    "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp", "median",
)  # fmt: skip

_LITERAL_DIGITS_MAX = 15
"""SQLite reads longer numbers as the nearest float."""


def wrapped(parts: Sequence[Part]) -> Value:
    """An exact number that is compared and sorted as one, also with numbers that are none: as a text is not."""
    return Value(["cast(", *parts, " as text) collate decimal"], "decimal")


def _has_fraction(left: Value, right: Value) -> bool:
    """Whether a literal like 0.1, which is exact in SQL and a float in SQLite, meets another one or an int."""
    both = (left, right)
    return all(value.holds in ("number", "int", "whole") for value in both) and any(
        value.holds == "number" and "." in str(part) for value in both for part in value.parts
    )


def _int(both: set[Holds]) -> Holds:
    return "int" if both <= {"int", "number"} else "other"


def negated(value: Value) -> Value:
    if value.holds == "decimal":
        return wrapped(["decimal_minus('0', ", *value.parts, ")"])
    if value.holds == "number" and "-" in value.parts:
        return Value([part for part in value.parts if part != "-"], "number")
    return Value(["-", *value.parts], value.holds)


def computed(left: Value, operator: list[Part], right: Value) -> Value:
    """``left operator right``; the operator may have white space before it."""
    both: set[Holds] = {left.holds, right.holds}
    divides = operator[-1] == "/"
    if "float" in both:
        return Value([*left.parts, *operator, *right.parts], "float")
    if "decimal" not in both and not (divides and "whole" in both) and not _has_fraction(left, right):
        return Value([*left.parts, *operator, *right.parts], "whole" if "whole" in both else _int(both))
    function = _OPERATORS[str(operator[-1])]
    return wrapped([f"{function}(", *_exact(left), ", ", *_exact(right), ")"])


def compared(left: Value, operator: list[Part], right: Value) -> Value:
    """The same for a comparison: an integer column or a long number would turn it into one of floats."""
    both = {left.holds, right.holds}
    if "decimal" in both and (both & {"int", "whole"} or _is_long(left) or _is_long(right)):
        left, right = wrapped(_exact(left)), wrapped(_exact(right))
    return Value([*left.parts, *operator, *right.parts])


def cast(name: Part, opening: list[Part], value: Value, type_: list[Part], closing: list[Part]) -> Value:
    """``cast(value as type)``, where ``type_`` begins with ``as``."""
    to = [part.name for part in type_ if isinstance(part, Word)][1:2]
    given = [name, *opening, *value.parts, *type_, *closing]
    if to in (["numeric"], ["decimal"]):
        if "(" in type_:
            raise QueryError("A cast to numeric with digits is not exact here", remedy="Use round(…, digits).")
        return wrapped(_exact(value))
    if to in (["float"], ["real"], ["double"], ["float8"]):
        return Value(given, "float")
    if value.holds == "decimal" and to in (["int"], ["integer"], ["bigint"]):
        return Value([name, *opening, "decimal_round(", *value.parts, ")", *type_, *closing])
    return Value(given)


def call(
    name: Word, opening: list[Part], arguments: Sequence[Argument], closing: list[Part], suffix: list[Part]
) -> Value:
    """A call with what follows it (``filter``, ``over``). ``QueryError`` for a function that SQLite has in floats only."""
    holds: set[Holds] = {argument.holds for argument in arguments}
    first = arguments[0]
    if name.name == "avg" and first.holds in ("decimal", "int"):
        return _averaged(first, suffix)
    if name.name == "decimal_sum" or ("decimal" in holds and "float" not in holds):
        if name.name in ("sum", "decimal_sum"):
            return _summed(first, suffix)
        if name.name in _SCALARS:
            return wrapped([_SCALARS[name.name], *opening, *_listed([argument.parts for argument in arguments]), ")"])
        if name.name in _GIVE_ONE_OF_THEIRS:
            exact = [[*each.distinct, *_exact(Value(each.parts, each.holds))] for each in arguments]
            return wrapped([name, *opening, *_listed(exact), *closing, *suffix])
        if name.name in _INEXACT:
            raise QueryError(
                f"{name.name}(…) of an exact number is not exact on every database",
                remedy="Compute it in Python, or cast the number to float first.",
            )
    given = _listed([[*argument.distinct, *argument.parts] for argument in arguments])
    return Value([name, *opening, *given, *closing, *suffix], _given(name.name, holds), _names(arguments))


def _summed(argument: Argument, suffix: list[Part]) -> Value:
    """The sum, which is NULL where there is nothing but NULL: the extension says 0 then."""
    count = _aggregate("count", argument, suffix)
    return wrapped(["case when ", *count, " > 0 then ", *_aggregate("decimal_sum", argument, suffix), " end"])


def _averaged(argument: Argument, suffix: list[Part]) -> Value:
    summed = _aggregate("decimal_sum" if argument.holds == "decimal" else "sum", argument, suffix)
    return wrapped(["decimal_over(", *summed, ", nullif(", *_aggregate("count", argument, suffix), ", 0))"])


def _aggregate(name: str, argument: Argument, suffix: list[Part]) -> list[Part]:
    return [f"{name}(", *argument.distinct, *argument.parts, ")", *suffix]


def _given(name: str, holds: set[Holds]) -> Holds:
    if name == "sum" and holds == {"int"}:
        return "whole"
    if name in _GIVE_ONE_OF_THEIRS and holds <= {"whole", "int", "number"}:
        return "whole" if "whole" in holds else _int(holds)
    return "float" if "float" in holds and name in ("sum", "avg", *_SCALARS, *_GIVE_ONE_OF_THEIRS) else "other"


def _names(arguments: Sequence[Argument]) -> tuple[str, ...]:
    """The names between the brackets, if nothing else stands there."""
    parts = [significant(argument.parts) for argument in arguments]
    return tuple(each[0].name for each in parts if len(each) == 1 and isinstance(each[0], Word))


def _listed(each: Sequence[Sequence[Part]]) -> list[Part]:
    found: list[Part] = []
    for parts in each:
        found += [*([","] if found else []), *parts]
    return found


def _exact(value: Value) -> list[Part]:
    """An operand as a function of exact numbers takes it."""
    if value.holds == "decimal":
        return value.parts
    blanks = [part for part in value.parts if is_blank(part)]
    if value.holds == "number":
        digits = "".join(str(part) for part in value.parts if not is_blank(part) and part not in ("(", ")"))
        return [*blanks[:1], f"'{digits}'"]
    return ["cast(", *value.parts, " as text)"]


def _is_long(value: Value) -> bool:
    return value.holds == "number" and sum(len(str(part)) for part in value.parts) > _LITERAL_DIGITS_MAX
