"""The row feed through the app: every change of a row after its commit, without a gap from token to token, or a loud end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from twofold import (
    REMOVED,
    Aggregate,
    AllRows,
    App,
    Command,
    Event,
    FeedBrokenError,
    Key,
    Query,
    Reader,
    ReadModel,
    Receipt,
    Removed,
    RowChange,
    answers,
    decide,
    evolve,
    grouped,
    strong,
)
from twofold.errors import DefinitionError, InvalidInputError, StoreRefusedError
from twofold.projections import Advance, define
from twofold.projections.table import Changes
from twofold.sync import sync

BOMBS = {"bomb"}


class Put(Command):
    shelf: str
    things: list[str]


class Clear(Command):
    shelf: str


class ThingPut(Event):
    thing: str


class Cleared(Event):
    pass


class Cupboard(Aggregate):
    shelf: Key[str]

    @decide
    def put(self, command: Put) -> list[ThingPut]:
        return [ThingPut(thing=thing) for thing in command.things]

    @decide
    def clear(self, command: Clear) -> Cleared:
        return Cleared()


@grouped("house")
class Shelf(ReadModel):
    shelf: Key[str]
    things: list[str] = []

    @evolve
    def was_put(self, event: ThingPut) -> None:
        if event.thing in BOMBS:
            raise ValueError("no bombs here")
        self.things.append(event.thing)

    @evolve
    def was_cleared(self, event: Cleared) -> Removed:
        return REMOVED


@grouped("house")
class Tally(ReadModel):
    thing: Key[str]
    put: int = 0
    most: int = 0

    @evolve
    def was_put(self, event: ThingPut) -> None:
        self.put += 1


class Longest(ReadModel):
    kind: Key[str]
    length: int = 0

    @evolve(key=lambda event: "all")
    def was_put(self, event: ThingPut) -> None:
        self.length = max(self.length, len(event.thing))


@strong
class Newest(ReadModel):
    shelf: Key[str]
    thing: str = ""

    @evolve
    def was_put(self, event: ThingPut) -> None:
        self.thing = event.thing


class ThingsOn(Query[list[str]]):
    shelf: str


@answers(cached=True)
async def things_on(query: ThingsOn, read: Reader) -> list[str]:
    found = await read.one(Shelf, "where shelf = :shelf", shelf=query.shelf)
    return found.things if found is not None else []


R = TypeVar("R", bound=ReadModel)


def house(store: str, **settings: Any) -> App:
    return App(Cupboard, Shelf, Tally, Longest, Newest, things_on, store=store, **settings)


async def put(app: App, shelf: str, *things: str) -> Receipt:
    return await app.send(Put(shelf=shelf, things=list(things)))


async def taken(changes: AsyncGenerator[RowChange[R]], count: int) -> list[RowChange[R]]:
    return [await anext(changes) for _ in range(count)]


async def rest(changes: AsyncGenerator[RowChange[R]]) -> list[RowChange[R]]:
    """What is told until the app has stopped."""
    return [change async for change in changes]


def said(changes: Sequence[RowChange[Shelf]]) -> list[tuple[str, list[str] | None, list[str] | None, int]]:
    def things(row: Shelf | None) -> list[str] | None:
        return row.things if row is not None else None

    return [(each.key, things(each.before), things(each.after), each.position) for each in changes]


async def broken(changes: AsyncGenerator[RowChange[Any]]) -> str:
    """Why a feed breaks, after whatever it still tells."""
    with pytest.raises(FeedBrokenError) as error:
        await rest(changes)
    return error.value.reason


async def spoil(app: App, cls: type[ReadModel], *rows: ReadModel, **checkpoint: Any) -> None:
    """Write rows and a checkpoint that no event has led to, as somebody does whom this process does not know."""
    table = define(cls).table
    name = "house" if cls in (Shelf, Tally) else table.name
    at = (await app.reads.checkpoints([name]))[name]
    step = Advance(name, at, replace(at, **checkpoint), [Changes(table, rows)])
    assert await app.reads.save([step]) == [True]


async def test_each_change_tells_the_row_before_and_after_and_where(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Shelf)
        await put(app, "a", "cup")
        await app.settle()
        await put(app, "b", "jug")
        await app.settle()
        await put(app, "a", "pot", "pan")
        await app.settle()
        await app.send(Clear(shelf="b"))
        assert said(await taken(changes, 4)) == [
            ("a", None, ["cup"], 1),
            ("b", None, ["jug"], 2),
            ("a", ["cup"], ["cup", "pot", "pan"], 4),
            ("b", ["jug"], None, 5),
        ]


async def test_it_tells_what_happens_from_the_call_on(store: str) -> None:
    async with house(store) as app:
        before = app.rows(Tally)
        await put(app, "a", "cup")
        await app.settle()
        after = app.rows(Tally)
        await put(app, "a", "jug")
        assert [each.key for each in await taken(before, 2)] == ["cup", "jug"]
        assert [each.key for each in await taken(after, 1)] == ["jug"]


async def test_a_row_that_was_written_as_it_was_has_not_changed(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Longest)
        for thing in ("cup", "jug", "kettle", "pan"):
            await put(app, "a", thing)
            await app.settle()
        await app.stop()
        assert [(each.after.length, each.position) for each in await rest(changes) if each.after] == [(3, 1), (6, 3)]


async def test_what_is_handed_out_is_nobody_elses(store: str) -> None:
    async with house(store) as app:
        one, other = app.rows(Shelf), app.rows(Shelf)
        await put(app, "a", "cup")
        change = await anext(one)
        assert change.after is not None
        change.after.things.append("a mouse")
        await put(app, "a", "jug")
        assert said(await taken(one, 1)) == [("a", ["cup"], ["cup", "jug"], 2)]
        assert said(await taken(other, 2)) == [("a", None, ["cup"], 1), ("a", ["cup"], ["cup", "jug"], 2)]
        assert (await app.all_rows(Shelf)).rows == [Shelf(shelf="a", things=["cup", "jug"])]


async def test_behind_each_token_comes_what_followed_it_and_nothing_else(store: str) -> None:
    """Also in the middle of a step that changed many rows."""
    async with house(store, background=False) as app:
        await app.settle()
        changes = app.rows(Tally)
        await put(app, "a", *(f"thing {number}" for number in range(10)))
        await app.settle()
        await put(app, "b", "thing 1", "thing 5")
        await app.settle()
        seen = await taken(changes, 12)
        for number, change in enumerate(seen):
            behind = app.rows(Tally, after=change.token)
            assert await taken(behind, 11 - number) == seen[number + 1 :]
            await behind.aclose()


async def test_all_rows_and_what_follows_them_are_the_table_while_others_write(store: str) -> None:
    async with house(store) as app:

        async def work(shelf: str) -> None:
            for number in range(20):
                await put(app, shelf, f"{shelf}{number}", "cup")
                if number % 7 == 6:
                    await app.send(Clear(shelf=shelf))

        async def mirror() -> dict[str, Shelf]:
            found = await app.all_rows(Shelf)
            rows = {row.shelf: row for row in found.rows}
            async for change in app.rows(Shelf, after=found.token):
                assert change.before == rows.pop(change.key, None)
                if change.after is not None:
                    rows[change.key] = change.after
            return rows

        mirrors = list[asyncio.Task[dict[str, Shelf]]]()
        async with asyncio.TaskGroup() as working:
            for shelf in "abcd":
                working.create_task(work(shelf))
                mirrors.append(asyncio.create_task(mirror()))
                await asyncio.sleep(0)
        await app.settle()
        table = {row.shelf: row for row in (await app.all_rows(Shelf)).rows}
    assert [await each for each in mirrors] == [table] * 4


async def test_a_token_of_a_change_lets_a_question_include_it(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Shelf)
        await put(app, "a", "cup")
        change = await anext(changes)
        assert await app.ask(ThingsOn(shelf="a"), after=change.token) == ["cup"]


async def test_it_ends_with_the_last_change_when_the_app_stops(store: str) -> None:
    async with house(store) as app:
        waiting, late = app.rows(Shelf), app.rows(Shelf)
        told = asyncio.create_task(rest(waiting))
        await put(app, "a", "cup")
        await app.settle()
    assert said(await told) == said(await rest(late)) == [("a", None, ["cup"], 1)]
    with pytest.raises(StoreRefusedError, match="not started"):
        app.rows(Shelf)


async def test_many_may_follow(store: str) -> None:
    async with house(store) as app:
        following = [asyncio.create_task(rest(app.rows(Shelf))) for _ in range(100)]
        await asyncio.sleep(0)
        for number in range(10):
            await put(app, f"shelf-{number}", "cup")
        await app.settle()
    told = [said(await each) for each in following]
    assert [each[0] for each in told[0]] == [f"shelf-{number}" for number in range(10)]
    assert told == [told[0]] * 100


async def test_who_is_slower_than_what_is_kept_is_told_so(store: str) -> None:
    async with house(store, changes_max=3) as app:
        slow = app.rows(Shelf)
        await put(app, "a", "cup")
        first = await anext(slow)
        for number in range(4):
            await put(app, "a", f"cup {number}")
            await app.settle()
        with pytest.raises(FeedBrokenError) as error:
            await anext(slow)
        facts = error.value.facts()
        assert (facts["read_model"], facts["position"], facts["reason"]) == ("shelf", 1, "slow")
        assert await broken(app.rows(Shelf, after=first.token)) == "forgotten"


async def test_one_step_may_change_more_rows_than_are_kept(store: str) -> None:
    async with house(store, changes_max=3, background=False) as app:
        await app.settle()
        changes = app.rows(Tally)
        await put(app, "a", *(f"thing {number}" for number in range(10)))
        await app.settle()
        assert len(await taken(changes, 10)) == 10


async def test_a_token_outlives_the_process_as_long_as_nothing_was_missed(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Shelf)
        await put(app, "a", "cup")
        token = (await anext(changes)).token
        found = await app.all_rows(Longest)
        await app.settle()
    async with house(store) as app:
        behind, longest = app.rows(Shelf, after=token), app.rows(Longest, after=found.token)
        await put(app, "a", "kettle")
        assert said(await taken(behind, 1)) == [("a", ["cup"], ["cup", "kettle"], 2)]
        assert (await anext(longest)).key == "all"
    async with house(store) as app:
        assert await broken(app.rows(Shelf, after=token)) == "forgotten"


async def test_a_token_outlives_the_process_also_if_others_had_events_meanwhile(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Tally)
        await put(app, "a", "cup")
        token = (await anext(changes)).token
        await app.settle()
    only_tally = App(Cupboard, Longest, Newest, store=store)
    async with only_tally as app:
        await app.send(Clear(shelf="a"))
        await app.settle()
    async with house(store) as app:
        await app.settle()
        longest = await app.all_rows(Longest)
        await put(app, "a", "jug")
        await app.settle()
        assert await broken(app.rows(Tally, after=token)) == "forgotten"  # Clearing is an event of its group.
    async with house(store) as app:
        await app.send(Clear(shelf="a"))  # It concerns the house alone, and moves every checkpoint.
        await app.settle()
        assert await broken(app.rows(Longest, after=longest.token)) == "forgotten"
        longest = await app.all_rows(Longest)
    async with house(store) as app:
        await app.send(Clear(shelf="b"))
        await app.settle()
        behind = app.rows(Longest, after=longest.token)
        await put(app, "a", "chandelier")
        assert (await anext(behind)).position == 6


async def test_a_token_does_not_outlive_what_others_changed_without_an_event(store: str) -> None:
    async with house(store) as app:
        await put(app, "a", "cup")
        await app.settle()
        token = (await app.all_rows(Shelf)).token
    async with house(store, background=False) as app:
        await spoil(app, Shelf, Shelf(shelf="a", things=["mouse"]), epoch=2)
    async with house(store) as app:
        assert await broken(app.rows(Shelf, after=token)) == "forgotten"


async def test_where_another_process_folds_too_it_breaks_instead_of_missing_something(store: str) -> None:
    async with house(store) as app, house(store, background=False) as other:
        await app.settle()
        changes = app.rows(Shelf)
        await put(app, "a", "cup")
        first = await anext(changes)
        await app.engine.give_up(["house"])
        await put(app, "a", "jug")
        await other.engine.step()
        await app.engine.take_up(["house"])
        await put(app, "a", "pot")
        with pytest.raises(FeedBrokenError, match="shelf is broken after position 1: another process") as error:
            await rest(changes)
        assert error.value.reason == "moved"
        assert await broken(app.rows(Shelf, after=first.token)) == "forgotten"


async def test_an_idle_feed_looks_whether_others_have_moved_it(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twofold.projections.row_feed.LOOK_SECONDS", 0.01)
    async with house(store) as app:
        await put(app, "a", "cup")
        await app.settle()
        changes = app.rows(Shelf)
        waiting = asyncio.create_task(broken(changes))
        await asyncio.sleep(0)
        await spoil(app, Shelf, Shelf(shelf="a", things=["mouse"]), epoch=2)
        assert await waiting == "moved"


async def test_it_breaks_when_this_process_gives_up_the_read_model(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twofold.projections.row_feed.LOOK_SECONDS", 0.01)
    async with house(store) as app:
        waiting = asyncio.create_task(broken(app.rows(Shelf)))
        await asyncio.sleep(0)
        await app.control.pause(Shelf)
        assert await waiting == "left"


async def test_a_crash_that_takes_rows_back_breaks_it(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Shelf)
        await put(app, "a", "cup")
        await put(app, "a", "jug")
        await app.settle()
        (at,) = (await app.reads.checkpoints(["house"])).values()
        event = (await app.log.read(count_max=1)).rows[0]
        earlier = {"position": 1, "event_position": 1, "event_id": str(event[6]).split('"event_id":"')[1].split('"')[0]}
        await spoil(app, Shelf, Shelf(shelf="a", things=["cup"]), **earlier)
        app.engine.doubt()
        await put(app, "a", "pot")
        await app.settle()
        assert await broken(changes) == "moved"
        assert (await app.all_rows(Shelf)).rows == [Shelf(shelf="a", things=["cup", "jug", "pot"])]
        assert at.position == 2


async def test_rows_that_are_mended_are_changes_too(store: str) -> None:
    async with house(store) as app:
        await put(app, "a", "cup")
        await put(app, "b", "jug")
        await app.settle()
        await spoil(app, Shelf, Shelf(shelf="a", things=["mouse"]), position=3)
        await spoil(app, Shelf, position=2)
        shelves, tally = app.rows(Shelf), app.rows(Tally)
        assert (await app.verify(Shelf, heal=True)).healed == 1
        await put(app, "b", "pot")
        assert said(await taken(shelves, 2)) == [("a", ["mouse"], ["cup"], 2), ("b", ["jug"], ["jug", "pot"], 3)]
        assert [each.key for each in await taken(tally, 1)] == ["pot"]


async def test_a_key_that_is_let_go_changes_its_row(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(store) as app:
        shelves, tally = app.rows(Shelf), app.rows(Tally)
        await put(app, "a", "cup")
        await app.settle()
        await put(app, "a", "bomb", "jug")
        await app.settle()
        assert await app.ask(ThingsOn(shelf="a")) == ["cup"]
        monkeypatch.setattr("tests.stories.test_row_feed.BOMBS", set())
        (parked,) = await app.dead_letters.parked()
        assert (await app.dead_letters.retry(parked)).unparked
        assert await app.ask(ThingsOn(shelf="a")) == ["cup", "bomb", "jug"]
        await put(app, "a", "pot")
        assert said(await taken(shelves, 3)) == [
            ("a", None, ["cup"], 1),
            ("a", ["cup"], ["cup", "bomb", "jug"], 3),
            ("a", ["cup", "bomb", "jug"], ["cup", "bomb", "jug", "pot"], 4),
        ]
        assert [each.key for each in await taken(tally, 4)] == ["cup", "bomb", "jug", "pot"]


async def test_a_generation_that_takes_the_place_of_another_breaks_it(store: str) -> None:
    async with house(store) as app:
        changes, other = app.rows(Shelf), app.rows(Longest)
        await put(app, "a", "cup")
        await app.rebuild(Shelf)
        assert await broken(changes) == "replaced"
        await put(app, "a", "kettle")
        assert [each.position for each in await taken(other, 2)] == [1, 2]


async def test_being_emptied_for_another_log_breaks_it(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Shelf)
        await put(app, "a", "cup")
        await app.settle()
        await spoil(app, Shelf, event_id="of another log")
        assert await app.accept_rewind(Shelf)
        assert await broken(changes) == "emptied"
        await app.settle()
        assert (await app.all_rows(Shelf)).rows == [Shelf(shelf="a", things=["cup"])]


async def test_strong_rows_change_with_the_appends_of_this_process(store: str) -> None:
    async with house(store, background=False) as app:
        changes = app.rows(Newest)
        for thing in ("cup", "jug"):
            await put(app, "a", thing)
        await app.send(Clear(shelf="a"))
        await put(app, "a", "pot")
        told = [
            (each.before and each.before.thing, each.after and each.after.thing) for each in await taken(changes, 3)
        ]
        assert told == [(None, "cup"), ("cup", "jug"), ("jug", "pot")]


async def test_strong_rows_that_others_append_break_it(store: str) -> None:
    async with house(store, background=False) as app, house(store, background=False) as other:
        changes = app.rows(Newest)
        await put(app, "a", "cup")
        await put(other, "a", "jug")
        await put(app, "a", "pot")
        assert (await anext(changes)).position == 1
        assert await broken(changes) == "moved"


async def test_it_is_refused_at_once_where_the_read_model_is_not_folded(store: str) -> None:
    async with house(store, background=False) as app:
        with pytest.raises(StoreRefusedError, match="This process does not fold shelf") as error:
            app.rows(Shelf)
        assert error.value.reason == "not-folded"
        with pytest.raises(StoreRefusedError):
            await app.all_rows(Shelf)
        await app.settle()
        assert await app.all_rows(Shelf) == AllRows([], 0, (await app.all_rows(Shelf)).token)

        class Unknown(ReadModel):
            shelf: Key[str]

        with pytest.raises(DefinitionError, match="Unknown is no read model of this app"):
            app.rows(Unknown)


async def test_only_tokens_of_the_read_model_are_taken(store: str) -> None:
    async with house(store) as app:
        changes = app.rows(Tally)
        receipt = await put(app, "a", "cup")
        with pytest.raises(InvalidInputError, match="Not a token"):
            app.rows(Shelf, after=receipt.token)
        with pytest.raises(InvalidInputError, match="another read model .token: tally, asked: shelf"):
            app.rows(Shelf, after=(await anext(changes)).token)
    async with house("sqlite://") as another:
        token = (await another.all_rows(Shelf)).token
    async with house(store) as app:
        assert await broken(app.rows(Shelf, after=token)) == "forgotten"


def test_a_script_follows_without_await(store: str) -> None:
    with sync(house(store)) as app:
        everything = app.all_rows(Shelf)
        app.send(Put(shelf="a", things=["cup"]))
        for change in app.rows(Shelf, after=everything.token):
            assert said([change]) == [("a", None, ["cup"], 1)]
            break
