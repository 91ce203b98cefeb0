"""Structs that are made by keyword, in subclasses too, so that a field without default may follow one with."""

from __future__ import annotations

from typing import Any

import msgspec


class KeywordOnly(type(msgspec.Struct)):  # type: ignore[misc]  # msgspec names its metaclass only at run time
    """msgspec's metaclass with ``kw_only`` for every subclass: its own option holds for one class, and type checkers are
    told that it holds for all (``dataclass_transform``)."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        return super().__new__(mcls, name, bases, namespace, **{"kw_only": True, **options})  # pyright: ignore[reportArgumentType]
