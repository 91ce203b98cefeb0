"""Random logs through read models of every shape: every store holds what a naive fold of one event after the other gives, live and rebuilt."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres_server import in_own_schemas
from tests.projections.naive import PLENTY, Naive
from tests.projections.shapes import REGISTRY, UNLUCKY, Customer, histories, models
from tests.read_stores import log_of, read_store
from twofold.errors import BehindError, FoldError
from twofold.messages import Event
from twofold.projections import Projector, ReadModel, ReadStore, define, groups_of
from twofold.projections.generations import Generation
from twofold.projections.group import Group
from twofold.projections.parking import key_text
from twofold.projections.rebuild import Rebuild
from twofold.subscriptions import Engine
from twofold.testing.memory import MemoryLog


async def _case(
    url: str,
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    steps: int,
    parked_max: int,
    unlucky: set[object],
) -> None:
    """A live fold of it all, and a rebuild beside it."""
    log = await log_of(history)
    recorded = REGISTRY.page((await log.read()).rows)
    projections = [define(Customer), define(model)]
    reads = read_store(url)
    await reads.open()
    UNLUCKY.update(unlucky)
    try:
        await _run(log, reads, projections, page_max, rows_max, steps, parked_max)
        for group in groups_of(projections):
            expected = Naive(
                {each.name: each.cls for each in group.projections}, parked_max=PLENTY if parked_max else 0
            )
            end = len(recorded) if expected.run(recorded) else expected.position
            built = await _rebuilt(log, reads, group, page_max, rows_max, steps, parked_max)
            for one in (group, built):
                assert await _told(reads, one, group) == (expected.rows, _texts(expected), end)
    finally:
        UNLUCKY.difference_update(unlucky)
        await reads.close()


async def _told(reads: ReadStore, built: Group, group: Group) -> tuple[object, object, int]:
    """The rows of a group's generation, what is parked of it with its letters, and where it stands."""
    names = {one.name: other.name for one, other in zip(built.projections, group.projections, strict=True)}
    rows = {names[each.name]: await reads.select(each.table, "", {}) for each in built.projections}
    parked = [(each, await reads.letters(each.read_model, each.key)) for each in await reads.parked(list(names))]
    assert all(each.since == letters[0] for each, letters in parked)
    checkpoint = (await reads.checkpoints([built.name])).get(built.name)
    return (
        {name: {row.id: msgspec.json.encode(row) for row in kept} for name, kept in rows.items()},
        {(names[each.read_model], each.key): [*letters] for each, letters in parked},
        checkpoint.position if checkpoint else 0,
    )


def _texts(expected: Naive) -> dict[tuple[str, str], list[int]]:
    return {(name, key_text(key)): found for (name, key), found in expected.letters.items()}


async def _rebuilt(
    log: MemoryLog, reads: ReadStore, group: Group, page_max: int, rows_max: int, steps: int, parked_max: int
) -> Group:
    """Build it beside: a first process is killed after some pages, and another goes on."""
    generation = Generation(group.name, 2, "code", "building", tuple(each.name for each in group.projections))
    await reads.enter(generation, [each.table for each in group.projections])
    given: Any = {"page_max": page_max, "rows_max": 1 + rows_max, "parked_max": parked_max}
    first, second = [Rebuild(log, REGISTRY, reads, group, generation, **given) for _ in range(2)]
    with suppress(FoldError):  # The naive one stopped at the same event.
        for _ in range(steps):
            await first._filling._step()
        await second.catch_up()
    return second.beside


async def _run(
    log: MemoryLog, reads: Any, projections: Any, page_max: int, rows_max: int, steps: int, parked_max: int
) -> None:
    """Fill the tables: a first engine dies after some pages, and two others fight over the rest."""

    def engine() -> Engine:
        return Engine(
            log, REGISTRY, Projector(reads, projections, rows_max=rows_max, parked_max=parked_max), page_max=page_max
        )

    first, second, third = engine(), engine(), engine()
    await reads.install([each.table for each in projections])
    for _ in range(steps):
        await first.step()
    await asyncio.gather(*(_settle(each) for each in (second, third)))


async def _settle(engine: Engine) -> None:
    with suppress(BehindError):  # A fold that raised: the naive one stopped at the same event.
        await engine.settle()


CASES = given(
    history=histories,
    model=models,
    page_max=st.integers(1, 50),
    rows_max=st.integers(0, 20),
    steps=st.integers(0, 5),
    parked_max=st.sampled_from([0, 1000]),
    unlucky=st.sets(st.sampled_from(["x", "y"])),
)


@CASES
def test_sqlite_holds_what_a_naive_fold_gives_whatever_the_shape(
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    steps: int,
    parked_max: int,
    unlucky: set[object],
) -> None:
    asyncio.run(_case("sqlite://", history, model, page_max, rows_max, steps, parked_max, unlucky))


@settings(max_examples=settings().max_examples // 3)
@CASES
def test_postgres_holds_what_a_naive_fold_gives_whatever_the_shape(
    postgres_server_url: str,
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    steps: int,
    parked_max: int,
    unlucky: set[object],
) -> None:
    asyncio.run(
        in_own_schemas(
            postgres_server_url, lambda url: _case(url, history, model, page_max, rows_max, steps, parked_max, unlucky)
        )
    )
