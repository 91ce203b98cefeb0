"""What came of something, as plain values that can be compared between databases: without ids, clocks and owners."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from twofold.errors import TwofoldError

LEFT_OUT = frozenset(
    ("store_id", "rate", "lag_seconds", "waited_seconds", "owner", "token", "left_seconds", "places", "__cause__")
)
"""What may differ: whose log it is, times, and who runs something."""

_TIMES = re.compile(r"waited: [0-9.e-]+ s")


def plain(value: Any) -> Any:
    """Any outcome, taken apart."""
    if isinstance(value, BaseException):
        facts = value.facts() if isinstance(value, TwofoldError) else {"message": str(value)}
        return {"raised": type(value).__name__, **_document(facts)}
    if isinstance(value, msgspec.Struct):
        return {"a": type(value).__name__, **_document(msgspec.structs.asdict(value))}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, str):
        return _TIMES.sub("waited: … s", value)
    return type(value).__name__ if callable(value) else value


def _document(facts: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: plain(value) for name, value in facts.items() if name not in LEFT_OUT}
    if found.get("code") == "query" or found.get("reason") == "schema":  # Here the database has the word.
        found["message"] = found["remedy"] = "…"
    if found.get("state") == "stalled":  # Whether it is, depends on how long the test has taken.
        found["state"] = "catching up"
    return found


def difference(found: Any, wanted: Any, at: str = "") -> str:
    """Where two documents differ, one line each."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        names = sorted({*found, *wanted}, key=str)
        lines = [difference(found.get(name), wanted.get(name), f"{at}.{name}") for name in names]
    elif isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        lines = [
            difference(one, other, f"{at}[{number}]")
            for number, (one, other) in enumerate(zip(found, wanted, strict=True))
        ]
    else:
        lines = [] if found == wanted else [f"  {at}: {found!r} instead of {wanted!r}"]
    return "\n".join(filter(None, lines))
