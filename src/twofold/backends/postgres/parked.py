"""Parked keys and their letters, beside the rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from twofold.backends.postgres.connection import Connection
from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Unparking
from twofold.store.pages import load_page


class Undone(Exception):  # noqa: N818 - it is no error, and nobody outside sees it
    """Ends a transaction that is not to have happened."""


_SQL = load_page("twofold.backends.postgres", "reads.sql")


async def park(connection: Connection, parked: Sequence[Parked], letters: Sequence[Letter]) -> None:
    """Keep what is parked, and what is not taken."""
    for each in parked:
        await connection.execute(_SQL["park"], *msgspec.structs.astuple(each))
    if letters:
        columns = zip(*map(msgspec.structs.astuple, letters), strict=True)
        await connection.execute(_SQL["keep_letters"], *map(list, columns))


async def parked_of(connection: Connection, read_models: Collection[str]) -> list[Parked]:
    return [Parked(*fields) for fields in await connection.fetch(_SQL["parked"], list(read_models))]


async def skipped_of(connection: Connection, read_models: Collection[str]) -> list[Letter]:
    return [Letter(*fields) for fields in await connection.fetch(_SQL["skipped"], list(read_models))]


async def letters_of(connection: Connection, read_model: str, key: str) -> list[int]:
    return [position for (position,) in await connection.fetch(_SQL["letters"], read_model, key)]


async def let_go(connection: Connection, unparking: Unparking) -> bool:
    """Take a key and its letters out, if they are what was expected."""
    about = unparking.read_model, unparking.key
    if await connection.execute(_SQL["fence"], unparking.subscription, unparking.epoch) != "UPDATE 1":
        return False
    if await letters_of(connection, *about) != list(unparking.letters):
        return False
    if await connection.execute(_SQL["unpark"], *about) != "DELETE 1":
        return False
    await connection.execute(_SQL["forget_letters"], *about)
    for position in unparking.skipped:
        await connection.execute(_SQL["skip"], *about, position, unparking.reason)
    return True
