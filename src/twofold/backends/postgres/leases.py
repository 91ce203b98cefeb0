"""Leases beside the read models: who runs which subscription, on the database's clock."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from twofold.backends.postgres.connection import Connection, Connections
from twofold.store.pages import load_page
from twofold.subscriptions import Board, Lease, Report, Verb, Wish
from twofold.subscriptions.leases import LONGER_MAX

_SQL = load_page("twofold.backends.postgres", "leases.sql")

LEASE_TABLES = (_SQL["create_workers"], _SQL["create_leases"], _SQL["create_wishes"])
"""What makes the tables, where they are missing."""


class PostgresLeases:
    """``Leases`` in the schema of the read models, over their connections."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def sign(self, worker: str, knows: Collection[str], reports: Sequence[Report], *, seconds: float) -> Board:
        async with self._connections.transaction() as connection:
            await connection.execute(_SQL["sign"], worker, sorted(knows), seconds)
            for said in ("shorten", "shorten_leases"):
                await connection.execute(_SQL[said], seconds, seconds * LONGER_MAX)
            await connection.execute(_SQL["renew"], worker, seconds)
            if reports:
                told = zip(*map(msgspec.structs.astuple, reports), strict=True)
                await connection.execute(_SQL["report"], worker, *map(list, told))
            return await _board(connection)

    async def take(self, worker: str, names: Collection[str], *, seconds: float, fence: bool = True) -> frozenset[str]:
        async with self._connections.transaction() as connection:
            if fence:
                # Whoever was frozen had renewed his lease within the last quarter of one.
                await connection.execute(_SQL["cut_off"], list(names), seconds / 2)
            taken = [name for (name,) in await connection.fetch(_SQL["take"], worker, seconds, list(names))]
            if fence:
                await connection.execute(_SQL["fence"], taken)
            return frozenset(taken)

    async def give_back(self, worker: str, names: Collection[str]) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(_SQL["give_back"], worker, list(names))

    async def sign_out(self, worker: str) -> None:
        async with self._connections.transaction() as connection:
            await connection.execute(_SQL["give_all_back"], worker)
            await connection.execute(_SQL["sign_out"], worker)

    async def board(self) -> Board:
        async with self._connections.transaction(read_only=True, isolation="repeatable_read") as connection:
            return await _board(connection)

    async def wish(self, wish: Wish) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(_SQL["wish"], *msgspec.structs.astuple(wish))

    async def unwish(self, name: str, verbs: Collection[Verb]) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(_SQL["unwish"], name, list(verbs))

    async def fence(self, names: Collection[str]) -> None:
        async with self._connections.connection() as connection:
            await connection.execute(_SQL["fence"], list(names))


async def _board(connection: Connection) -> Board:
    leases = msgspec.convert([tuple(row) for row in await connection.fetch(_SQL["leases"])], list[tuple[object, ...]])
    return Board(
        {str(name): msgspec.convert(_named(name, fields), Lease) for name, *fields in leases},
        {worker: tuple(knows) for worker, knows in await connection.fetch(_SQL["workers"])},
        [msgspec.convert(dict(row), Wish) for row in await connection.fetch(_SQL["wishes"])],
    )


def _named(name: object, fields: Sequence[object]) -> dict[str, object]:
    return dict(zip(Lease.__struct_fields__, (name, *fields), strict=True))
