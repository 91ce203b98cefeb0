"""What was expected beside what came, field by field, for the failures of given/when/then."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

import msgspec


def difference(expected: Sequence[object], found: Sequence[object]) -> str:
    """Lines that begin with ``-`` were expected and did not come, those with ``+`` came and were not expected."""
    before = [line for each in expected for line in _lines(each)]
    after = [line for each in found for line in _lines(each)]
    return "\n".join(line.rstrip() for line in difflib.ndiff(before, after) if not line.startswith("?"))


def listed(found: Sequence[object]) -> str:
    """The same lines without comparison."""
    return "\n".join(f"  {line}" for each in found for line in _lines(each))


def _lines(value: Any) -> list[str]:
    if not isinstance(value, msgspec.Struct):
        return [repr(value)]
    fields = [f"    {name}={getattr(value, name)!r}," for name in value.__struct_fields__]
    return [f"{type(value).__name__}(", *fields, ")"] if fields else [f"{type(value).__name__}()"]
