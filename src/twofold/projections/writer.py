"""The open transaction in which a SQL projection writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from twofold.projections.table import Table


class Writer(Protocol):
    """The open transaction in which a SQL projection writes. What it raises undoes the whole page."""

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """Whose SQL is spoken, where that matters."""
        ...

    async def execute(self, sql: str, /, **params: object) -> None:
        """Run one statement, with parameters as ``:name``."""
        ...

    async def rows(self, sql: str, /, **params: object) -> list[dict[str, Any]]:
        """What a statement finds, as this transaction sees it; values as the driver gives them."""
        ...

    async def execute_over(self, sql: str, table: Table, rows: Sequence[Any]) -> None:
        """Run one statement that finds these rows in a table of that name."""
        ...
