"""A log is restored from an older backup: what was folded from the other one stops, names both facts, and begins again by a yes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from tests.stories.worker import CANNOT_TAKE, Count, Counted, Counter
from twofold import App, Key, NotFoundError, ReadModel, Recorded, Writer, evolve, grouped, projects, strong
from twofold.config import PostgresURL, parse_url
from twofold.projections.port import Advance
from twofold.subscriptions import SubscriptionStatus

Restore = Callable[[], Awaitable[None]]


@grouped("numbers")
class Totals(ReadModel):
    counter: Key[str]
    total: int = 0

    @evolve
    def counted(self, event: Counted) -> None:
        if event.number in CANNOT_TAKE:
            raise ValueError(f"{event.number} is no number for me")
        self.total += event.number


@grouped("numbers")
class Times(ReadModel):
    number: Key[int]
    times: int = 0

    @evolve
    def counted(self, event: Counted) -> None:
        self.times += 1


@strong
class Newest(ReadModel):
    counter: Key[str]
    number: int = 0

    @evolve
    def counted(self, event: Counted) -> None:
        self.number = event.number


@projects("sums", schema="create table sums (total bigint not null)")
async def sums(events: Sequence[Recorded[Counted]], write: Writer) -> None:
    for recorded in events:
        await write.execute("insert into sums (total) values (:number)", number=recorded.event.number)


def counters(url: str, *, background: bool = False) -> App:
    return App(Counter, Totals, Times, Newest, sums, store=url, background=background)


async def count(app: App, *numbers: int, counter: str = "c") -> None:
    for number in numbers:
        await app.send(Count(counter=counter, number=number))


async def backup(url: str) -> Restore:
    """Save the log, which nobody uses now, as it is."""
    place = parse_url(url)
    return await _postgres_backup(place) if isinstance(place, PostgresURL) else _sqlite_backup(Path(str(place.path)))


def _sqlite_backup(path: Path) -> Restore:
    saved = path.read_bytes()

    async def restore() -> None:
        await asyncio.to_thread(path.write_bytes, saved)

    return restore


async def _postgres_backup(place: PostgresURL) -> Restore:
    """As ``pg_restore`` leaves it: what came after the backup is not there."""

    async def run(*statements: str) -> Any:
        connection = await asyncpg.connect(place.dsn)
        try:
            await connection.execute(f'set search_path to "{place.schema}"')
            return [await connection.fetch(statement) for statement in statements]
        finally:
            await connection.close()

    [[(head,)]] = await run("select coalesce(max(position), 0) from events")

    async def restore() -> None:
        tables = ("events", "event_tags", "receipts")
        off = [f"alter table {table} disable trigger append_only" for table in tables]
        on = [f"alter table {table} enable always trigger append_only" for table in tables]
        gone = [f"delete from {table} where position > {head}" for table in tables[:2]]
        await run(*off, *gone, f"delete from receipts where last > {head}", *on)

    return restore


async def status_of(app: App) -> dict[str, SubscriptionStatus]:
    return {each.name: each for each in await app.status()}


async def everything(app: App) -> dict[str, Any]:
    return {
        "totals": sorted((row.counter, row.total) for row in await app.reads.select(_table(app, Totals), "", {})),
        "times": sorted((row.number, row.times) for row in await app.reads.select(_table(app, Times), "", {})),
        "sums": [total for (total,) in (await app.reads.query("select total from sums order by total", {})).rows],
    }


def _table(app: App, cls: type[ReadModel]) -> Any:
    return next(each.table for each in app.parts.projections if each.cls is cls)


async def test_every_read_model_that_has_seen_more_stops_and_begins_again_by_a_yes(store: str) -> None:
    async with counters(store) as app:
        await count(app, 1, 2)
    restore = await backup(store)
    async with counters(store) as app:
        await count(app, 3, 666)
        await app.settle()
        assert len(await app.dead_letters.parked()) == 1
    await restore()
    async with counters(store, background=True) as app:
        stopped = await status_of(app)
        # On SQLite a strong read model is in the log's own file, and was restored with it.
        disagree = {"numbers", "sums"} | ({"newest"} if store.startswith("postgresql") else set())
        assert {name for name, each in stopped.items() if each.state == "stopped"} == disagree
        facts = stopped["numbers"].facts
        assert facts is not None
        assert (facts["code"], facts["reason"]) == ("store-refused", "log-disagrees")
        assert "built up to position 4, but the log ends at 2" in facts["message"]
        assert facts["remedy"].endswith("twofold projections accept-rewind numbers")

        assert "the log ends at 2" in await app.accept_rewind(Totals, dry_run=True)
        assert (await status_of(app))["numbers"].state == "stopped"
        for name in disagree:
            assert "the log ends at 2" in await app.accept_rewind(name)
        await count(app, 10)
        await app.settle()
        assert await everything(app) == {
            "totals": [("c", 13)], "times": [(1, 1), (2, 1), (10, 1)], "sums": [1, 2, 10],
        }  # fmt: skip
        assert list(await app.dead_letters.parked()) == []
        for cls in (Totals, Times, Newest):
            assert (await app.verify(cls)).is_right
            assert await app.accept_rewind(cls) == ""


async def test_a_log_that_has_grown_again_is_found_out_by_the_event_that_was_there(store: str) -> None:
    async with counters(store) as app:
        await count(app, 1)
    restore = await backup(store)
    async with counters(store) as app:
        await count(app, 2)
        await app.settle()
    await restore()
    async with App(Counter, store=store, background=False) as writing:
        await count(writing, 3, 4)
    async with counters(store) as app:
        reason = await app.accept_rewind("sums", dry_run=True)
        assert reason.startswith("built with event ")
        assert "at position 2, but the log holds event " in reason
        for name in ("numbers", "sums", "newest"):
            await app.accept_rewind(name)
        await app.settle()
        assert await everything(app) == {
            "totals": [("c", 8)], "times": [(1, 1), (3, 1), (4, 1)], "sums": [1, 3, 4],
        }  # fmt: skip


async def test_a_read_model_that_had_not_come_that_far_goes_on(store: str) -> None:
    async with counters(store) as app:
        await count(app, 1)
        await app.settle()
    restore = await backup(store)
    async with App(Counter, store=store, background=False) as writing:
        await count(writing, 2)
    await restore()
    async with counters(store) as app:
        assert await app.accept_rewind("sums") == ""
        await count(app, 3)
        await app.settle()
        assert (await everything(app))["sums"] == [1, 3]


async def test_a_worker_that_still_holds_a_page_of_the_other_log_can_never_write_it(store: str) -> None:
    async with counters(store) as app:
        await count(app, 1)
    restore = await backup(store)
    async with counters(store) as app:
        await count(app, 2)
        await app.settle()
        held = (await app.reads.checkpoints(["sums"]))["sums"]
    await restore()
    async with counters(store) as app:
        await app.accept_rewind("sums")
        await app.accept_rewind("numbers")
        await app.accept_rewind("newest")
        await count(app, 3)
        await app.settle()
        assert (await app.reads.checkpoints(["sums"]))["sums"].position == held.position
        assert await app.reads.save([Advance("sums", held, replace(held, position=9))]) == [False]


async def test_a_name_that_is_none_is_refused(store: str) -> None:
    async with counters(store) as app:
        with pytest.raises(NotFoundError, match="No read model nothing"):
            await app.accept_rewind("nothing")
