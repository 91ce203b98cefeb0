"""Idempotency keys: the second append under a key gets the first one's answer. And the order in which verdicts fall."""

from __future__ import annotations

from twofold.store.criteria import EVERYTHING
from twofold.store.port import Append, Appended, Condition, CriteriaConflict, EventStore, KeyReused, StreamConflict
from twofold.testing.conformance.opened import Logs, OnOneLog, append, event, filled, opened, positions, verdict

FIRST = Appended(1, 3, {"x-1": 2, "y-1": 1})
AGAIN = Appended(1, 3, {"x-1": 2, "y-1": 1}, replayed=True)


def keyed(digest: bytes = b"body") -> Append:
    """The append that most tests repeat: expects what is true only once."""
    return append(event("x-1"), event("y-1"), event("x-1"), x_1=0, key="k1", digest=digest)


class Keys(OnOneLog):
    async def test_the_same_append_again_gets_the_same_answer_and_writes_nothing(self, log: EventStore) -> None:
        assert await verdict(log, keyed()) == FIRST
        assert await verdict(log, keyed()) == AGAIN
        assert await positions(log) == [1, 2, 3]

    async def test_the_answer_stays_the_same_when_the_streams_have_moved_on(self, log: EventStore) -> None:
        await verdict(log, keyed())
        await filled(log, event("x-1"), event("y-1"))
        assert await verdict(log, keyed()) == AGAIN

    async def test_the_same_key_with_another_body_is_refused(self, log: EventStore) -> None:
        await verdict(log, keyed())
        assert await verdict(log, keyed(digest=b"other")) == KeyReused("k1")
        assert await positions(log) == [1, 2, 3]

    async def test_keys_are_compared_exactly(self, log: EventStore) -> None:
        await verdict(log, append(event("x-1"), key="key"))
        for position, other in enumerate(("KEY", "ke", "key-1", "key%"), start=2):
            assert await verdict(log, append(event("x-1"), key=other)) == Appended(
                position, position, {"x-1": position}
            )

    async def test_digests_are_compared_byte_by_byte(self, log: EventStore) -> None:
        whole = bytes(range(32))
        await verdict(log, append(event("x-1"), key="k1", digest=whole))
        assert await verdict(log, append(event("x-1"), key="k1", digest=whole[:31] + b"\0")) == KeyReused("k1")
        assert await verdict(log, append(event("x-1"), key="k1", digest=whole)) == Appended(1, 1, {"x-1": 1}, True)

    async def test_appends_without_a_key_are_never_the_same(self, log: EventStore) -> None:
        same = append(event("x-1"))
        assert await log.append([same, same]) == [Appended(1, 1, {"x-1": 1}), Appended(2, 2, {"x-1": 2})]

    async def test_a_repetition_inside_one_batch_is_seen(self, log: EventStore) -> None:
        assert await log.append([keyed(), keyed(), keyed(b"other"), keyed()]) == [FIRST, AGAIN, KeyReused("k1"), AGAIN]
        assert await positions(log) == [1, 2, 3]

    async def test_an_append_without_events_records_its_key(self, log: EventStore) -> None:
        await filled(log, event("x-1"), event("x-1"))
        nothing = append(key="k1")
        assert await verdict(log, nothing) == Appended(3, 2, {})
        await filled(log, event("x-1"))
        assert await verdict(log, nothing) == Appended(3, 2, {}, replayed=True)
        assert await verdict(log, append(event("x-1"), key="k1", digest=b"other")) == KeyReused("k1")

    async def test_an_append_without_events_on_an_empty_log_records_its_key(self, log: EventStore) -> None:
        assert await verdict(log, append(key="k1")) == Appended(1, 0, {})
        assert await verdict(log, append(key="k1")) == Appended(1, 0, {}, replayed=True)

    async def test_a_refused_append_does_not_use_up_its_key(self, log: EventStore) -> None:
        refused = append(event("x-1"), x_1=5, key="k1")
        right = append(event("x-1"), x_1=0, key="k1", digest=b"other")
        assert await log.append([refused, right]) == [StreamConflict("x-1", 5, 0), Appended(1, 1, {"x-1": 1})]
        assert await verdict(log, append(event("y-1"), y_1=5, key="k2")) == StreamConflict("y-1", 5, 0)
        assert await verdict(log, append(event("y-1"), y_1=0, key="k2")) == Appended(2, 2, {"y-1": 1})

    async def test_a_key_lives_as_long_as_the_log(self, logs: Logs) -> None:
        async with opened(logs("kept")) as log:
            await verdict(log, keyed())
        async with opened(logs("kept")) as log:
            assert await verdict(log, keyed()) == AGAIN

    async def test_the_key_is_judged_before_the_streams_and_these_before_the_conditions(self, log: EventStore) -> None:
        await verdict(log, keyed())
        judge = [
            Append((event("x-1"),), {"x-1": 9}, (Condition(EVERYTHING, 0),), "k1", b"body"),
            Append((event("x-1"),), {"x-1": 9}, (Condition(EVERYTHING, 0),), "k1", b"other"),
            Append((event("x-1"),), {"x-1": 9}, (Condition(EVERYTHING, 0),), "k2", b"body"),
            Append((event("x-1"),), {"x-1": 2}, (Condition(EVERYTHING, 0),), "k2", b"body"),
        ]
        verdicts = [AGAIN, KeyReused("k1"), StreamConflict("x-1", 9, 2), CriteriaConflict(0, 3)]
        assert [await verdict(log, one) for one in judge] == verdicts
        assert await log.append(judge) == verdicts
