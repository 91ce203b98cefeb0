"""Random logs through read models of every shape: what a row feed tells, put over the rows at its beginning, is the table.

That holds after every page, whoever turns the engine, however pages are cut, and whatever is begun anew because it was
said to be broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres_server import in_own_schemas
from tests.projections.shapes import REGISTRY, Customer, histories, models
from tests.read_stores import log_of, read_store
from twofold.errors import FeedBrokenError
from twofold.messages import Event
from twofold.projections import (
    Audience,
    DeadLetters,
    Projection,
    Projector,
    ReadModel,
    ReadStore,
    RowChange,
    RowFeed,
    define,
    groups_of,
)
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog

Row = bytes | None


def text(row: Any) -> Row:
    return msgspec.json.encode(row) if row is not None else None


class Mirror:
    """A copy of a table that lives on what the feed tells. ``begun`` counts how often it had to read all rows."""

    def __init__(self, feed: RowFeed, projection: Projection) -> None:
        self._feed, self._projection = feed, projection
        self.rows: dict[Any, Row] = {}
        self.begun = 0
        self.token = ""
        self._changes: AsyncGenerator[RowChange[Any]]
        self._next: asyncio.Task[RowChange[Any]] | None = None

    async def begin(self) -> None:
        found = await self._feed.all_rows(self._projection.cls)
        self.rows = {self._projection.row_key(row): text(row) for row in found.rows}
        self.token, self._next = found.token, None
        self._changes = self._feed.rows(self._projection.cls, found.token)
        self.begun += 1

    async def go_on_behind_token(self) -> None:
        """As somebody does who was away."""
        await self.end()
        self._changes = self._feed.rows(self._projection.cls, self.token)

    async def listen(self) -> None:
        """Take everything that was told by now; begin anew where the feed is broken."""
        while True:
            self._next = self._next or asyncio.create_task(self._following())
            for _ in range(5):
                await asyncio.sleep(0)
            if not self._next.done():
                return
            try:
                change = self._next.result()
            except FeedBrokenError:
                await self.begin()
            else:
                self._take(change)
            self._next = None

    async def end(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
        self._next = None
        await self._changes.aclose()

    async def _following(self) -> RowChange[Any]:
        return await anext(self._changes)

    def _take(self, change: RowChange[Any]) -> None:
        assert text(change.before) == self.rows.pop(change.key, None)
        if change.after is not None:
            self.rows[change.key] = text(change.after)
        assert change.before is not None or change.after is not None
        self.token = change.token


class Case:
    """A read database, an engine whose audience mirrors follow, and another one that nobody here hears of."""

    def __init__(self, log: MemoryLog, reads: ReadStore, projections: Sequence[Projection], **settings: int) -> None:
        self.log, self.reads, self.projections = log, reads, projections
        self.audience = Audience(changes_max=settings["changes_max"])
        self.feed = RowFeed(log, reads, groups_of(projections), self.audience, folds=lambda name: True)
        self.engine = self._engine(self.audience, settings)
        self.stranger = self._engine(Audience(), settings)
        self.has_strangers = False
        self.mirrors = [Mirror(self.feed, each) for each in projections]

    def _engine(self, audience: Audience, settings: dict[str, int]) -> Engine:
        parked_max, rows_max = settings["parked_max"], settings["rows_max"]
        projector = Projector(self.reads, self.projections, audience=audience, rows_max=rows_max, parked_max=parked_max)
        return Engine(self.log, REGISTRY, projector, page_max=settings["page_max"])

    async def run(self, turns: Sequence[str]) -> None:
        self.has_strangers = "stranger" in turns
        self.feed.begin(await self.log.head())
        for mirror in self.mirrors:
            await mirror.begin()
        for turn in turns:
            if turn == "return":
                for mirror in self.mirrors:
                    await mirror.go_on_behind_token()
            else:
                await (self.engine if turn == "ours" else self.stranger).step()
            if turn != "stranger":
                await self.compare()
        while await self.engine.step():
            await self.compare()
        await self.compare()

    async def let_go(self) -> None:
        """Leave out what parked keys cannot take, and let them take the rest."""
        dead = DeadLetters(self.log, REGISTRY, self.reads, self.projections, audience=self.audience)
        for parked in await dead.parked():
            await dead.retry(parked, skip_reason="a test")
            await self.compare()

    async def compare(self) -> None:
        for mirror, projection in zip(self.mirrors, self.projections, strict=True):
            await mirror.listen()
            kept = await self.reads.select(projection.table, "", {})
            table = {projection.row_key(row): text(row) for row in kept}
            if mirror.rows != table:  # Nobody has told what strangers did, until somebody looks.
                assert self.has_strangers
                await self.feed.look(projection)
                await self.feed.look(projection)
                await mirror.listen()
            assert mirror.rows == table
            assert mirror.begun == 1 or self.has_strangers

    async def close(self) -> None:
        for mirror in self.mirrors:
            await mirror.end()
        await self.feed.close()


async def _case(
    url: str, history: list[tuple[str, Event]], model: type[ReadModel], turns: list[str], settings: dict[str, int]
) -> None:
    log = await log_of(history)
    projections = [define(Customer), define(model)]
    reads = read_store(url)
    await reads.open()
    try:
        groups_of(projections)
        await reads.install([each.table for each in projections])
        case = Case(log, reads, projections, **settings)
        try:
            await case.run(turns)
            await case.let_go()
        finally:
            await case.close()
    finally:
        await reads.close()


CASES = given(
    history=histories,
    model=models,
    turns=st.lists(st.sampled_from(["ours", "ours", "ours", "return"]), max_size=20)
    | st.lists(st.sampled_from(["ours", "ours", "stranger", "return"]), max_size=20),
    limits=st.fixed_dictionaries(
        {
            "page_max": st.integers(1, 20),
            "rows_max": st.integers(0, 20),
            "parked_max": st.sampled_from([0, 1000]),
            "changes_max": st.sampled_from([1, 1000]),
        }
    ),
)


@CASES
def test_on_sqlite_what_the_feed_tells_is_the_table(
    history: list[tuple[str, Event]], model: type[ReadModel], turns: list[str], limits: dict[str, int]
) -> None:
    asyncio.run(_case("sqlite://", history, model, turns, limits))


@settings(max_examples=settings().max_examples // 3)
@CASES
def test_on_postgres_what_the_feed_tells_is_the_table(
    postgres_server_url: str,
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    turns: list[str],
    limits: dict[str, int],
) -> None:
    asyncio.run(in_own_schemas(postgres_server_url, lambda url: _case(url, history, model, turns, limits)))
