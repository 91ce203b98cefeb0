"""Random logs through read models of every shape: every store holds what a naive fold of one event after the other gives."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres_server import in_own_schemas
from tests.projections.naive import PLENTY, Naive
from tests.projections.shapes import REGISTRY, Customer, histories, models
from tests.read_stores import log_of, read_store
from twofold.errors import BehindError
from twofold.messages import Event
from twofold.projections import Projector, ReadModel, define
from twofold.projections.parking import key_text
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
) -> None:
    log = await log_of(history)
    recorded = REGISTRY.page((await log.read()).rows)
    projections = [define(Customer), define(model)]
    reads = read_store(url)
    await reads.open()
    try:
        await _run(log, reads, projections, page_max, rows_max, steps, parked_max)
        for group in {each.subscription for each in projections}:
            together = [each for each in projections if each.subscription == group]
            expected = Naive({each.name: each.cls for each in together}, parked_max=PLENTY if parked_max else 0)
            has_ended = expected.run(recorded)
            for each in together:
                kept = await reads.select(each.table, "", {})
                assert {row.id: msgspec.json.encode(row) for row in kept} == expected.rows[each.name]
            checkpoint = (await reads.checkpoints([group])).get(group)
            assert (checkpoint.position if checkpoint else 0) == (len(recorded) if has_ended else expected.position)
            parked = await reads.parked([each.name for each in together])
            letters = {each: await reads.letters(each.read_model, each.key) for each in parked}
            assert {(each.read_model, each.key): [*found] for each, found in letters.items()} == {
                (name, key_text(key)): found for (name, key), found in expected.letters.items()
            }
    finally:
        await reads.close()


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
)


@CASES
def test_sqlite_holds_what_a_naive_fold_gives_whatever_the_shape(
    history: list[tuple[str, Event]], model: type[ReadModel], page_max: int, rows_max: int, steps: int, parked_max: int
) -> None:
    asyncio.run(_case("sqlite://", history, model, page_max, rows_max, steps, parked_max))


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
) -> None:
    asyncio.run(
        in_own_schemas(
            postgres_server_url, lambda url: _case(url, history, model, page_max, rows_max, steps, parked_max)
        )
    )
