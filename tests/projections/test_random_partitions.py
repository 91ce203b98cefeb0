"""Random logs through partitioned read models: each partition holds what a naive fold of its own keys gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.postgres_server import in_own_schemas
from tests.projections.naive import PLENTY, Naive
from tests.projections.shapes import EVENTS, REGISTRY, Added, Cancelled, Left, Named, Placed, histories, made_up
from tests.read_stores import log_of, read_store
from twofold.errors import BehindError
from twofold.messages import Event
from twofold.projections import Group, Projector, ReadModel, define, groups_of, partitioned
from twofold.projections.parking import key_text
from twofold.projections.partitions import place_of
from twofold.projections.repartitioning import Repartitioning
from twofold.subscriptions import Engine
from twofold.subscriptions.partition import count_of, partition_names
from twofold.testing.memory_reads import MemoryReads

FREE = {
    Placed: st.integers(2, 4),
    Named: st.integers(0, 3),
    Left: st.integers(0, 1),
    Added: st.integers(0, 3),
    Cancelled: st.integers(0, 1),
}
"""Ways to fold each event in which rows do not depend on each other."""

assert set(FREE) < set(EVENTS)
models = st.builds(made_up, st.fixed_dictionaries({}, optional=FREE).filter(len), st.booleans(), st.just(False))
Turn: TypeAlias = tuple[int, int, bool, frozenset[int]]
"""An engine: how many partitions it would like, how many pages it takes, whether it splits what it finds as it would like
it, and which partitions it leaves to others."""

turns: st.SearchStrategy[list[Turn]] = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 3, 4, 6]), st.integers(0, 3), st.booleans(), st.frozensets(st.integers(2, 6), max_size=3)
    ),
    min_size=1,
    max_size=5,
)
"""One after the other, while those before live on."""


class Some(Projector):
    """Leaves some partitions to others."""

    left: frozenset[int] = frozenset()

    @property
    def interests(self) -> Mapping[str, frozenset[str]]:
        return {name: types for name, types in super().interests.items() if _number(name) not in self.left}


def _number(name: str) -> int:
    return int(name.partition("#")[2].partition("/")[0] or 1)


async def _case(
    reads: Any,
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    counts: Sequence[Turn],
    parked_max: int,
) -> None:
    log = await log_of(history)

    def projector(group: Group) -> Some:
        return Some(reads, group.projections, groups=[group], rows_max=rows_max, parked_max=parked_max)

    def group_of(count: int) -> Group:
        (group,) = groups_of([define(partitioned(count)(model))])
        return group

    await reads.open()
    try:
        await reads.install([define(model).table])
        engines = list[Engine]()
        for count, steps, splits, left in counts:
            group = group_of(count)
            some = projector(group)
            some.left = left
            engines.append(Engine(log, REGISTRY, some, page_max=page_max))
            if splits:
                await Repartitioning(log, REGISTRY, reads, projector=projector).arrange(group)
            for step in range(steps):
                for each in engines[step:]:
                    await each.step()
        everything = Engine(log, REGISTRY, projector(group_of(2)), page_max=page_max)
        await asyncio.gather(*map(_settle, [*engines, everything]))
        await _check(reads, REGISTRY.page((await log.read()).rows), model, parked_max)
    finally:
        await reads.close()


async def _settle(engine: Engine) -> None:
    with suppress(BehindError):  # A fold that raised: the naive one of that partition stopped at the same event.
        await engine.settle()


async def _check(reads: Any, recorded: Any, model: type[ReadModel], parked_max: int) -> None:
    name, table = "made_up", define(model).table
    stand = await reads.checkpoints([name])
    count = count_of(stand)
    assert sorted(stand) == (sorted(partition_names(name, count)) if count else [])
    rows, letters = dict[str, bytes](), dict[tuple[str, str], list[int]]()
    for place, part in enumerate(partition_names(name, count) if count else ()):
        expected = Naive(
            {name: model},
            parked_max=PLENTY if parked_max else 0,
            wanted=_owned_by(place, count),
        )
        has_ended = expected.run(recorded)
        assert stand[part].position == (len(recorded) if has_ended else expected.position)
        rows |= expected.rows[name]
        letters |= {(read_model, key_text(key)): found for (read_model, key), found in expected.letters.items()}
    assert {row.id: msgspec.json.encode(row) for row in await reads.select(table, "", {})} == rows
    parked = await reads.parked([name])
    assert {(e.read_model, e.key): [*await reads.letters(e.read_model, e.key)] for e in parked} == letters


def _owned_by(place: int, count: int) -> Callable[[str], bool]:
    return lambda key: place_of(key, count) == place


CASES = given(
    history=histories,
    model=models,
    page_max=st.integers(1, 50),
    rows_max=st.integers(0, 20),
    counts=turns,
    parked_max=st.sampled_from([0, 1000]),
)


@CASES
def test_partitions_on_sqlite_hold_what_a_naive_fold_gives(
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    counts: Sequence[Turn],
    parked_max: int,
) -> None:
    asyncio.run(_case(read_store("sqlite://"), history, model, page_max, rows_max, counts, parked_max))


@CASES
def test_partitions_in_memory_hold_what_a_naive_fold_gives(
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    counts: Sequence[Turn],
    parked_max: int,
) -> None:
    asyncio.run(_case(MemoryReads(), history, model, page_max, rows_max, counts, parked_max))


@settings(max_examples=settings().max_examples // 3)
@CASES
def test_partitions_on_postgres_hold_what_a_naive_fold_gives(
    postgres_server_url: str,
    history: list[tuple[str, Event]],
    model: type[ReadModel],
    page_max: int,
    rows_max: int,
    counts: Sequence[Turn],
    parked_max: int,
) -> None:
    asyncio.run(
        in_own_schemas(
            postgres_server_url,
            lambda url: _case(read_store(url), history, model, page_max, rows_max, counts, parked_max),
        )
    )
