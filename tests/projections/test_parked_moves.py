"""Rows that move to other keys, where keys are parked: what comes of it does not depend on the size of pages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.projections.shapes import EVENTS, Added, Named, Placed, Renumbered, made_up
from tests.read_stores import log_of, registry_of
from twofold.messages import Event, Indexed, Key, evolve, stored_as
from twofold.projections import Projector, ReadModel, Table, define, groups_of
from twofold.projections.generations import Generation
from twofold.projections.rebuild import Rebuild
from twofold.subscriptions import Engine
from twofold.testing.memory_reads import MemoryReads

ORDERS = define(made_up({Placed: 2, Added: 0, Renumbered: 1}, always=False, group=False))


class Kept:
    """What has become of some events, folded so many at a time."""

    async def fold(self, history: Sequence[tuple[str, Event]], page_max: int) -> None:
        self.log, self.reads = await log_of(history), MemoryReads()
        await self.reads.install([ORDERS.table])
        projector = Projector(self.reads, [ORDERS], parked_max=10)
        await Engine(self.log, registry_of(*EVENTS), projector, page_max=page_max).settle()

    async def rows(self, table: Table = ORDERS.table) -> dict[str, ReadModel]:
        return {ORDERS.row_key(row): row for row in await self.reads.select(table, "", {})}

    async def parked(self, name: str = ORDERS.name) -> dict[str, int]:
        return {each.key: each.since for each in await self.reads.parked([name])}


@pytest.mark.parametrize("page_max", [1, 2, 100])
async def test_a_row_may_move_to_a_key_that_is_parked_only_later(page_max: int) -> None:
    kept = Kept()
    await kept.fold(
        [
            ("o-1", Placed(customer="a")),
            ("o-1", Renumbered(to="2")),
            ("o-2", Added(amount=13)),
            ("o-2", Added(amount=1)),
        ],
        page_max,
    )
    assert (await kept.rows()).keys() == {"2"}
    assert await kept.parked() == {'"2"': 3}


@pytest.mark.parametrize("page_max", [1, 2, 3, 100])
@pytest.mark.parametrize("also", [[], [("o-3", Placed(customer="a")), ("o-3", Renumbered(to="9"))]])
async def test_a_row_that_cannot_move_is_parked_from_there_on_and_no_earlier(
    page_max: int, also: list[tuple[str, Event]]
) -> None:
    kept = Kept()
    await kept.fold(
        [
            ("o-2", Placed(customer="a")),
            ("o-1", Placed(customer="a")),
            ("o-1", Added(amount=1)),
            ("o-1", Renumbered(to="2")),
            *also,
        ],
        page_max,
    )
    assert {"1", "2"} <= (await kept.rows()).keys()
    assert await kept.parked() == {'"1"': 4}


@pytest.mark.parametrize("unlucky", [[], [("o-9", Placed(customer="z")), ("c-9", Named(name="z"))]])
async def test_what_fails_only_because_a_row_seemed_to_move_is_not_parked(unlucky: list[tuple[str, Event]]) -> None:
    """The row cannot move to the key of another, which is only seen in the end; until then the event seems to be for both."""

    @stored_as("made_up")
    class Orders(ReadModel):
        id: Key[str]
        customer: Indexed[str] = ""

        @evolve
        def was_placed(self, event: Placed) -> None:
            self.customer = event.customer

        @evolve(moves=True)
        def was_renumbered(self, event: Renumbered) -> None:
            self.id = event.to

        @evolve(where="customer", key=lambda event: event.name)
        def was_named(self, event: Named) -> None:
            if self.id != "1":
                raise ValueError("only the first")

    orders, reads = define(Orders), MemoryReads()
    begun = [*unlucky, ("o-2", Placed(customer="b")), ("o-1", Placed(customer="a"))]
    log = await log_of([*begun, ("o-1", Renumbered(to="2")), ("c-1", Named(name="a"))])
    await reads.install([orders.table])
    engine = Engine(log, registry_of(*EVENTS), Projector(reads, [orders], parked_max=10), page_max=len(begun))
    await engine.settle()
    assert [each.key for each in await reads.parked([orders.name])] == ['"9"'] * (len(unlucky) > 0) + ['"1"']


@pytest.mark.parametrize("page_max", [1, 2, 3, 100])
async def test_a_row_that_moves_to_where_one_is_still_to_be_written_spoils_nothing_in_a_rebuild(page_max: int) -> None:
    kept = Kept()
    await kept.fold(
        [
            ("o-1", Placed(customer="a")),
            ("o-2", Placed(customer="b")),
            ("o-1", Added(amount=1)),
            ("o-1", Renumbered(to="2")),
        ],
        page_max,
    )
    (group,) = groups_of([ORDERS])
    generation = Generation(group.name, 2, "code", "building", (ORDERS.name,))
    await kept.reads.enter(generation, [ORDERS.table])
    registry = registry_of(*EVENTS)
    rebuild = Rebuild(kept.log, registry, kept.reads, group, generation, page_max=page_max, parked_max=10)
    await rebuild.catch_up()
    (built,) = rebuild.beside.projections
    assert await kept.rows(built.table) == await kept.rows()
    assert await kept.parked(built.name) == await kept.parked() == {'"1"': 4}
