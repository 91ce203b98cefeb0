"""Leases beside the read models: who runs which subscription, on the clock of the machine that holds the file."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import apsw
import msgspec

from twofold.backends.sqlite.connection import Database
from twofold.backends.sqlite.transaction import transaction
from twofold.store.pages import load_page
from twofold.subscriptions import Board, Lease, Report, Verb, Wish
from twofold.subscriptions.leases import LONGER_MAX

_SQL = load_page("twofold.backends.sqlite", "leases.sql")


class SqliteLeases:
    """``Leases`` in the file of the read models."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sign(self, worker: str, knows: Collection[str], reports: Sequence[Report], *, seconds: float) -> Board:
        def work(connection: apsw.Connection) -> Board:
            with transaction(connection):
                connection.execute(_SQL["sign"], (worker, _json(sorted(knows)), seconds))
                for said in ("shorten", "shorten_leases"):
                    connection.execute(_SQL[said], (seconds, seconds * LONGER_MAX))
                connection.execute(_SQL["renew"], (worker, seconds))
                told = [(*msgspec.structs.astuple(report), worker) for report in reports]
                connection.executemany(_SQL["report"], told)
                return _board(connection)

        return await self._database.run(work)

    async def take(self, worker: str, names: Collection[str], *, seconds: float, fence: bool = True) -> frozenset[str]:
        def work(connection: apsw.Connection) -> frozenset[str]:
            with transaction(connection):
                found = connection.execute(_SQL["take"], (worker, seconds, _json(sorted(names)))).fetchall()
                taken = frozenset(str(name) for (name,) in found)
                if fence:
                    connection.execute(_SQL["fence"], (_json(sorted(taken)),))
                return taken

        return await self._database.run(work)

    async def give_back(self, worker: str, names: Collection[str]) -> None:
        await self._write("give_back", worker, _json(list(names)))

    async def sign_out(self, worker: str) -> None:
        def work(connection: apsw.Connection) -> None:
            with transaction(connection):
                connection.execute(_SQL["give_all_back"], (worker,))
                connection.execute(_SQL["sign_out"], (worker,))

        await self._database.run(work)

    async def board(self) -> Board:
        def work(connection: apsw.Connection) -> Board:
            connection.execute("begin")  # One moment for the three selects.
            try:
                return _board(connection)
            finally:
                connection.execute("rollback")

        return await self._database.read(work)

    async def wish(self, wish: Wish) -> None:
        await self._write("wish", *msgspec.structs.astuple(wish))

    async def unwish(self, name: str, verbs: Collection[Verb]) -> None:
        await self._write("unwish", name, _json(list(verbs)))

    async def fence(self, names: Collection[str]) -> None:
        await self._write("fence", _json(list(names)))

    async def _write(self, name: str, *values: str) -> None:
        def work(connection: apsw.Connection) -> None:
            with transaction(connection):
                connection.execute(_SQL[name], values)

        await self._database.run(work)


def _board(connection: apsw.Connection) -> Board:
    leases = [dict(zip(Lease.__struct_fields__, row, strict=True)) for row in connection.execute(_SQL["leases"])]
    workers = connection.execute(_SQL["workers"]).fetchall()
    wishes = [dict(zip(Wish.__struct_fields__, row, strict=True)) for row in connection.execute(_SQL["wishes"])]
    return Board(
        {str(lease["name"]): msgspec.convert(lease, Lease) for lease in leases},
        {str(worker): msgspec.json.decode(str(knows), type=tuple[str, ...]) for worker, knows in workers},
        msgspec.convert(wishes, list[Wish]),
    )


def _json(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()
