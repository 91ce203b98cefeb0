"""Arithmetic on exact numbers that SQLite and its extension lack, with PostgreSQL's digits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import TypeAlias

import apsw

_DIGITS_MAX = 147_455
"""Of PostgreSQL's numeric: 131,072 before the point and 16,383 behind it."""

_EXACT = Context(prec=_DIGITS_MAX, rounding=ROUND_HALF_UP)

# numeric.c counts in groups of four digits; these are its NUMERIC_MIN_SIG_DIGITS, NUMERIC_MAX_DISPLAY_SCALE.
_GROUP = 4
_SIGNIFICANT_MIN = 16
_SCALE_MAX = 1000

Given: TypeAlias = "str | int | float | bytes | None"


def prepare_numbers(connection: apsw.Connection) -> None:
    """Let statements use ``decimal_plus`` and the others below."""
    for name, function in _FUNCTIONS.items():
        connection.create_scalar_function(name, _for_sqlite(function), deterministic=True)


def plus(left: Decimal, right: Decimal) -> Decimal:
    return _EXACT.add(left, right)


def minus(left: Decimal, right: Decimal) -> Decimal:
    return _EXACT.subtract(left, right)


def times(left: Decimal, right: Decimal) -> Decimal:
    return _EXACT.multiply(left, right)


def over(left: Decimal, right: Decimal) -> Decimal:
    """The quotient with as many digits as PostgreSQL gives it, rounded half away from zero."""
    if not right:
        raise apsw.SQLError("division by zero")
    scale = quotient_scale(left, right)
    numerator = abs(_unscaled(left)) * 10 ** (scale + _scale(right))
    quotient, rest = divmod(numerator, abs(_unscaled(right)) * 10 ** _scale(left))
    quotient += 2 * rest >= abs(_unscaled(right)) * 10 ** _scale(left)
    negative = quotient and (left < 0) != (right < 0)
    return Decimal((int(bool(negative)), tuple(map(int, str(quotient))), -scale))


def quotient_scale(left: Decimal, right: Decimal) -> int:
    """Digits behind the point of a quotient: ``select_div_scale`` in PostgreSQL's src/backend/utils/adt/numeric.c.

    At least 16 significant digits, by an estimate that counts groups of four, and no fewer than either number has.
    """
    left_weight, left_first = _first_group(left)
    right_weight, right_first = _first_group(right)
    weight = left_weight - right_weight - (left_first <= right_first)
    return min(max(_SIGNIFICANT_MIN - weight * _GROUP, _scale(left), _scale(right)), _SCALE_MAX)


def rest(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise apsw.SQLError("division by zero")
    return _EXACT.remainder(left, right)


def rounded(value: Decimal, digits: Decimal = Decimal(0)) -> Decimal:
    """Half away from zero."""
    return value.quantize(Decimal((0, (1,), -int(digits))), ROUND_HALF_UP, _EXACT)


_FUNCTIONS: dict[str, Callable[..., Decimal]] = {
    "decimal_plus": plus,
    "decimal_minus": minus,
    "decimal_times": times,
    "decimal_over": over,
    "decimal_rest": rest,
    "decimal_round": rounded,
    "decimal_abs": Decimal.copy_abs,
    "decimal_floor": lambda value: value.to_integral_value(ROUND_FLOOR),
    "decimal_ceil": lambda value: value.to_integral_value(ROUND_CEILING),
}


def _for_sqlite(function: Callable[..., Decimal]) -> Callable[..., str | None]:
    def call(*given: Given) -> str | None:
        if None in given:
            return None
        try:
            found = function(*(Decimal(str(value)) for value in given))
        except InvalidOperation as error:
            raise apsw.SQLError(f"not exact numbers: {', '.join(map(str, given))}") from error
        return format(found if found else found.copy_abs(), "f")

    return call


def _first_group(value: Decimal) -> tuple[int, int]:
    """The place (0: before the point) and value of the first group of four digits that is not zero."""
    if not value:
        return 0, 0
    place = value.adjusted() // _GROUP
    return place, int(value.copy_abs().scaleb(-place * _GROUP, _EXACT))


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _unscaled(value: Decimal) -> int:
    return int(value.scaleb(_scale(value), _EXACT))
