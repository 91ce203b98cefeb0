"""get_by_key: microseconds that ``app.ask(GetFamily)`` takes, up to the typed row, against the driver's prepared select."""

# ruff: noqa: S608 - the names in these statements are our own

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any, TypeAlias

import apsw
import asyncpg

from benchmarks import coop
from benchmarks.harness import Claim, Effort, Goal, Side, Sides
from benchmarks.rooms import Room
from twofold.examples.coop.questions import GetFamily
from twofold.examples.coop.read_models import FamilyView

FAMILIES = 10_000
COLUMNS = ", ".join(FamilyView.__struct_fields__)

Get: TypeAlias = Callable[[str], Coroutine[Any, Any, object]]


def claims(effort: Effort) -> list[Claim]:
    families = effort.size(full=FAMILIES, quick=1000)
    return [
        Claim(
            name="get_by_key",
            unit="µs (p50)",
            sides={"product": ours(effort, families), "limit": limit(effort, families)},
            goals={"postgres": [Goal("<=", 2, to="limit")], "sqlite": [Goal("<=", 3, to="limit")]},
            afresh=False,
            notes=lambda: (
                f"{families:,} families, {len(FamilyView.__struct_fields__)} columns; limit: the bare row, no types"
            ),
        )
    ]


def ours(effort: Effort, families: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.filled(room, families=families, events=families * 6) as app:

            async def get(key: str) -> object:
                return await app.ask(GetFamily(family_id=key))

            yield timed(effort, families, get)

    return side


def limit(effort: Effort, families: int) -> Side:
    @asynccontextmanager
    async def side(room: Room) -> Sides:
        async with coop.filled(room, families=families, events=families * 6):
            pass
        async with prepared(room, f"select {COLUMNS} from family_view where family_id = {{place}}") as get:
            yield timed(effort, families, get)

    return side


@asynccontextmanager
async def prepared(room: Room, statement: str) -> AsyncGenerator[Callable[..., Coroutine[Any, Any, object]]]:
    """A statement of the bare driver, prepared once; called with its arguments, it fetches all rows."""
    if room.backend == "sqlite":
        reader = apsw.Connection(str(coop.reads_path(room)), flags=apsw.SQLITE_OPEN_READONLY)

        async def select(*arguments: Any) -> object:
            return reader.execute(statement.format(place="?"), arguments).fetchall()

        yield select
        reader.close()
    else:
        link = await asyncpg.connect(room.dsn, server_settings={"search_path": f"{room.schema}_reads", "jit": "off"})
        yield (await link.prepare(statement.format(place="$1"))).fetch
        await link.close()


def timed(effort: Effort, families: int, get: Get) -> Callable[[], Coroutine[Any, Any, float]]:
    """The median over keys from all over the table."""
    numbers = count()

    async def measure() -> float:
        times: list[float] = []
        deadline = perf_counter() + effort.seconds
        while perf_counter() < deadline:
            key = coop.key_of(next(numbers) * 7919 % families)
            began = perf_counter()
            await get(key)
            times.append(perf_counter() - began)
        return median(times) * 1e6

    return measure
