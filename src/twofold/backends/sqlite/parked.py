"""Parked keys and their letters, beside the rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import apsw
import msgspec

from twofold.projections.parking import Letter, Parked
from twofold.projections.port import Unparking
from twofold.store.pages import load_page


class Undone(Exception):  # noqa: N818 - it is no error, and nobody outside sees it
    """Ends a transaction that is not to have happened."""


_SQL = load_page("twofold.backends.sqlite", "reads.sql")


def park(connection: apsw.Connection, parked: Sequence[Parked], letters: Sequence[Letter]) -> None:
    """Keep what is parked, and what is not taken."""
    if parked:
        connection.executemany(_SQL["park"], [msgspec.structs.astuple(each) for each in parked])
    if letters:
        connection.executemany(_SQL["keep_letters"], [msgspec.structs.astuple(each) for each in letters])


def forget_parked(connection: apsw.Connection, read_model: str) -> None:
    """Nothing is parked of a table that is filled anew."""
    for name in ("forget_every_parked", "forget_every_letter"):
        connection.execute(_SQL[name], (read_model,))


def parked_of(connection: apsw.Connection, read_models: Collection[str]) -> list[Parked]:
    wanted = msgspec.json.encode(list(read_models)).decode()
    return [Parked(*fields) for fields in connection.execute(_SQL["parked"], (wanted,))]


def skipped_of(connection: apsw.Connection, read_models: Collection[str]) -> list[Letter]:
    wanted = msgspec.json.encode(list(read_models)).decode()
    return [Letter(*fields) for fields in connection.execute(_SQL["skipped"], (wanted,))]


def letters_of(connection: apsw.Connection, read_model: str, key: str) -> list[int]:
    return [position for (position,) in connection.execute(_SQL["letters"], (read_model, key))]


def let_go(connection: apsw.Connection, unparking: Unparking) -> bool:
    """Take a key and its letters out, if they are what was expected."""
    about = unparking.read_model, unparking.key
    connection.execute(_SQL["fence"], (unparking.subscription, unparking.epoch))
    if connection.changes() != 1 or letters_of(connection, *about) != list(unparking.letters):
        return False
    connection.execute(_SQL["unpark"], about)
    if connection.changes() != 1:
        return False
    connection.execute(_SQL["forget_letters"], about)
    connection.executemany(_SQL["skip"], [(*about, position, unparking.reason) for position in unparking.skipped])
    return True
