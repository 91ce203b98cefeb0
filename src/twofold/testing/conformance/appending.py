"""What a log does with appends: positions, versions, atomicity, expected versions."""

from __future__ import annotations

import pytest

from twofold.store.port import Append, Appended, EventStore, StreamConflict
from twofold.testing.conformance.opened import (
    Logs,
    OnOneLog,
    append,
    event,
    events,
    filled,
    opened,
    positions,
    verdict,
    versions,
    whole,
)


class Appending(OnOneLog):
    async def test_an_empty_log_has_its_head_at_zero(self, log: EventStore) -> None:
        assert (await log.head()).position == 0
        assert await whole(log) == []

    async def test_an_event_comes_back_as_it_went_in_byte_for_byte(self, log: EventStore) -> None:
        odd = event("x-1", "Happened", "a=1", data='{"b": 1.50, "a":"ö \\u00e9 \'", "n":12345678901234567890}'.encode())
        await filled(log, odd)
        (row,) = await whole(log)
        assert tuple(row) == (1, "x-1", 1, "Happened", 1, odd.data, odd.metadata)

    async def test_positions_are_dense_from_one_in_the_order_of_the_appends(self, log: EventStore) -> None:
        for stream in ("x-1", "x-2", "y-1"):
            await filled(log, *events(stream, 2))
        rows = await whole(log)
        assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6]
        assert versions(rows) == [("x-1", 1), ("x-1", 2), ("x-2", 1), ("x-2", 2), ("y-1", 1), ("y-1", 2)]

    async def test_versions_count_inside_each_stream_also_when_one_append_mixes_them(self, log: EventStore) -> None:
        answer = await filled(log, event("x-1"), event("y-1"), event("x-1"), event("z-1"), event("x-1"))
        assert answer == Appended(1, 5, {"x-1": 3, "y-1": 1, "z-1": 1})
        assert versions(await whole(log)) == [("x-1", 1), ("y-1", 1), ("x-1", 2), ("z-1", 1), ("x-1", 3)]

    async def test_the_verdict_names_positions_and_the_versions_of_the_streams_written_to(
        self, log: EventStore
    ) -> None:
        await filled(log, *events("x-1", 3), *events("y-1", 1))
        answer = await verdict(log, append(event("x-1"), event("x-1"), y_1=1))
        assert answer == Appended(5, 6, {"x-1": 5})

    async def test_an_append_of_many_events_is_one_append(self, log: EventStore) -> None:
        assert await filled(log, *events("x-1", 3000)) == Appended(1, 3000, {"x-1": 3000})
        assert await positions(log) == list(range(1, 3001))

    async def test_a_large_event_comes_back_whole(self, log: EventStore) -> None:
        large = b'{"text":"%s"}' % (b"x" * 1_000_000)
        await filled(log, event("x-1", data=large), event("x-1"))
        assert [bytes(row[5]) for row in await whole(log)] == [large, b"{}"]

    async def test_an_append_without_events_writes_nothing_and_says_where_the_log_ends(self, log: EventStore) -> None:
        await filled(log, *events("x-1", 2))
        assert await verdict(log, append(x_1=2)) == Appended(3, 2, {})
        assert (await log.head()).position == 2

    async def test_an_empty_batch_gets_no_verdicts(self, log: EventStore) -> None:
        assert await log.append([]) == []

    async def test_an_event_may_carry_many_tags(self, log: EventStore) -> None:
        await filled(log, event("x-1", "Happened", *(f"tag={number}" for number in range(50))))
        assert await positions(log) == [1]

    @pytest.mark.parametrize(("expected", "found"), [(0, 2), (1, 2), (3, 2), (2**62, 2)])
    async def test_a_stale_or_too_high_expected_version_is_refused_with_the_version_found(
        self, log: EventStore, expected: int, found: int
    ) -> None:
        await filled(log, *events("x-1", 2))
        answer = await verdict(log, append(event("x-1"), x_1=expected))
        assert answer == StreamConflict("x-1", expected, found)
        assert await positions(log) == [1, 2]

    async def test_a_stream_that_nobody_wrote_to_is_at_version_zero(self, log: EventStore) -> None:
        assert await verdict(log, append(event("x-1"), x_1=1)) == StreamConflict("x-1", 1, 0)
        assert await verdict(log, append(event("x-1"), x_1=0)) == Appended(1, 1, {"x-1": 1})

    async def test_a_stream_that_is_only_read_is_held_to_its_version_too(self, log: EventStore) -> None:
        await filled(log, event("x-1"))
        assert await verdict(log, append(event("y-1"), x_1=0)) == StreamConflict("x-1", 0, 1)
        assert await verdict(log, append(event("y-1"), x_1=1)) == Appended(2, 2, {"y-1": 1})

    async def test_of_several_broken_expectations_the_first_is_named(self, log: EventStore) -> None:
        await filled(log, event("x-1"), event("y-1"))
        assert await verdict(log, append(event("z-1"), z_1=0, y_1=3, x_1=4)) == StreamConflict("y-1", 3, 1)
        assert await verdict(log, append(event("z-1"), z_1=0, x_1=4, y_1=3)) == StreamConflict("x-1", 4, 1)

    async def test_a_refused_append_writes_to_none_of_its_streams(self, log: EventStore) -> None:
        await filled(log, event("y-1"))
        answer = await verdict(log, append(event("x-1"), event("y-1"), event("z-1"), x_1=0, y_1=0, z_1=0))
        assert answer == StreamConflict("y-1", 0, 1)
        assert await positions(log) == [1]

    async def test_one_refusal_neither_fails_its_neighbours_nor_leaves_a_gap(self, log: EventStore) -> None:
        batch = [append(event("x-1"), x_1=0), append(event("x-2"), x_2=7), append(event("x-3"), x_3=0)]
        assert await log.append(batch) == [
            Appended(1, 1, {"x-1": 1}),
            StreamConflict("x-2", 7, 0),
            Appended(2, 2, {"x-3": 1}),
        ]
        assert await positions(log) == [1, 2]

    async def test_an_append_sees_those_before_it_in_the_batch(self, log: EventStore) -> None:
        batch = [append(event("x-1"), x_1=0), append(event("x-1"), x_1=0), append(event("x-1"), x_1=1)]
        assert await log.append(batch) == [
            Appended(1, 1, {"x-1": 1}),
            StreamConflict("x-1", 0, 1),
            Appended(2, 2, {"x-1": 2}),
        ]

    async def test_a_refused_append_counts_for_nothing_to_those_after_it(self, log: EventStore) -> None:
        batch = [append(event("x-1"), y_1=5), append(event("x-1"), x_1=0)]
        assert await log.append(batch) == [StreamConflict("y-1", 5, 0), Appended(1, 1, {"x-1": 1})]

    async def test_appends_take_their_positions_in_the_order_of_the_batch(self, log: EventStore) -> None:
        batch = [append(event("x-1"), x_1=0), append(event("x-1"), x_1=1), append(event("y-1"), y_1=0)]
        assert await log.append(batch) == [
            Appended(1, 1, {"x-1": 1}),
            Appended(2, 2, {"x-1": 2}),
            Appended(3, 3, {"y-1": 1}),
        ]

    async def test_two_appends_in_one_batch_may_write_to_one_stream(self, log: EventStore) -> None:
        batch = [Append(events("x-1", 2)), append(event("y-1")), Append(events("x-1", 3))]
        assert await log.append(batch) == [
            Appended(1, 2, {"x-1": 2}),
            Appended(3, 3, {"y-1": 1}),
            Appended(4, 6, {"x-1": 5}),
        ]

    async def test_a_closed_log_keeps_its_events_and_its_identity(self, logs: Logs) -> None:
        async with opened(logs("kept")) as log:
            await filled(log, event("x-1"))
            before = await log.head()
        async with opened(logs("kept")) as log:
            assert await log.head() == before
            assert await verdict(log, append(event("x-1"), x_1=1)) == Appended(2, 2, {"x-1": 2})

    async def test_two_databases_are_two_logs(self, logs: Logs) -> None:
        async with opened(logs("one")) as one, opened(logs("other")) as other:
            await filled(one, event("x-1"))
            assert (await other.head()).position == 0
            assert (await one.head()).store_id != (await other.head()).store_id
