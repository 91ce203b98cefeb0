"""Logs with one bug each. The conformance suite must fail for every one of them: see ``test_planted.py``."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

import msgspec
import pytest

from twofold.store.criteria import EVERYTHING, Criteria, Item
from twofold.store.port import (
    Append,
    Appended,
    Condition,
    CriteriaConflict,
    Page,
    Share,
    StreamConflict,
    Verdict,
)
from twofold.testing.conformance import Logs
from twofold.testing.conformance.appending import Appending
from twofold.testing.conformance.concurrency import Concurrency
from twofold.testing.conformance.conditions import Conditions
from twofold.testing.conformance.keys import Keys
from twofold.testing.conformance.reading import Reading
from twofold.testing.conformance.streams import ReadingStreams
from twofold.testing.conformance.waiting import Waiting
from twofold.testing.memory import MemoryLog


@pytest.mark.timeout(3)  # Some bugs show by never coming to an end.
class Planted(Appending, Conditions, Keys, Reading, ReadingStreams, Waiting, Concurrency):
    """The suite's named tests on a log with a bug."""

    log_type = MemoryLog

    @pytest.fixture
    def logs(self) -> Logs:
        return functools.cache(lambda name: self.log_type())


class Careless(MemoryLog):
    """Does not look at expected versions."""

    def _stream_conflict(self, append: Append) -> StreamConflict | None:
        return None


class OnlyWhatItWrites(MemoryLog):
    """Does not look at streams that are only read."""

    def _stream_conflict(self, append: Append) -> StreamConflict | None:
        written = {event.stream for event in append.events}
        kept = {stream: version for stream, version in append.expected.items() if stream in written}
        return super()._stream_conflict(msgspec.structs.replace(append, expected=kept))


class ToleratesAhead(MemoryLog):
    """Takes a version that is higher than the stream's."""

    def _stream_conflict(self, append: Append) -> StreamConflict | None:
        conflict = super()._stream_conflict(append)
        return conflict if conflict and conflict.found > conflict.expected else None


class JudgesTogether(MemoryLog):
    """Holds conditions against the log as it was before the batch."""

    before = 0

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        self.before = len(self._rows)
        return await super().append(batch)

    def _newest_match(self, condition: Condition) -> int | None:
        found = super()._newest_match(condition)
        return found if found is not None and found <= self.before else None


class OffByOne(MemoryLog):
    """Takes ``after`` as inclusive in conditions."""

    def _newest_match(self, condition: Condition) -> int | None:
        return super()._newest_match(Condition(condition.criteria, max(condition.after - 1, 0)))


class OldestMatch(MemoryLog):
    """Names the oldest match instead of the newest."""

    def _newest_match(self, condition: Condition) -> int | None:
        for position in range(condition.after + 1, len(self._rows) + 1):
            if condition.criteria.matches(self._rows[position - 1][3], self._tags[position - 1]):
                return position
        return None


class ConditionsFirst(MemoryLog):
    """Judges conditions before streams."""

    def _judge(self, append: Append) -> Verdict:
        if append.key is not None and append.key in self._receipts:
            return self._again(append.key, append.digest)
        return self._criteria_conflict(append) or self._stream_conflict(append) or self._write(append)


class StreamsBeforeKey(MemoryLog):
    """Judges streams before the key, so that a repeated command meets its own effect."""

    def _judge(self, append: Append) -> Verdict:
        return self._stream_conflict(append) or super()._judge(append)


class AnyBody(MemoryLog):
    """Gives the old answer to another body."""

    def _again(self, key: str, digest: bytes) -> Verdict:
        return super()._again(key, self._receipts[key][0])


class VersionsOfNow(MemoryLog):
    """Answers a repetition with the versions that the streams have by now."""

    def _again(self, key: str, digest: bytes) -> Verdict:
        verdict = super()._again(key, digest)
        if not isinstance(verdict, Appended):
            return verdict
        return msgspec.structs.replace(verdict, versions={each: self._versions[each] for each in verdict.versions})


class KeyOfTheRefused(MemoryLog):
    """Uses up the key of an append that it refused."""

    def _judge(self, append: Append) -> Verdict:
        verdict = super()._judge(append)
        if append.key is not None and isinstance(verdict, (StreamConflict, CriteriaConflict)):
            self._receipts[append.key] = (append.digest, Appended(1, 0, {}))
        return verdict


class KeyWithoutEvents(MemoryLog):
    """Forgets the key of an append without events."""

    def _write(self, append: Append) -> Appended:
        return super()._write(append if append.events else msgspec.structs.replace(append, key=None))


class HalfWritten(MemoryLog):
    """Writes the first event of an append that it then refuses."""

    def _judge(self, append: Append) -> Verdict:
        verdict = super()._judge(append)
        if isinstance(verdict, StreamConflict) and append.events:
            self._add(append.events[0])
        return verdict


class Backwards(MemoryLog):
    """Takes the appends of a batch from its end."""

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        return (await super().append(batch[::-1]))[::-1]


class PositionsBeforeCommit(MemoryLog):
    """Shows an event a little later than its position, as a sequence without a lock does."""

    hidden = 0

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        verdicts = await super().append(batch)
        self.hidden = len(self._rows)
        await asyncio.sleep(0)
        self.hidden = 0
        return verdicts

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        page = await super().read(
            after=after, criteria=criteria, category=category, count_max=count_max, bytes_max=bytes_max, share=share
        )
        return Page([row for row in page.rows if row[0] != self.hidden], page.reached, page.full)


class Overruns(MemoryLog):
    """Says that a page reaches to the head when a bound has ended it."""

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        page = await super().read(
            after=after, criteria=criteria, category=category, count_max=count_max, bytes_max=bytes_max, share=share
        )
        filtered = criteria != EVERYTHING or category is not None
        return Page(page.rows, len(self._rows), page.full) if filtered else page


class StaysBehind(MemoryLog):
    """Lets an empty page reach nowhere, so that a reader whose filter hides everything never gets on."""

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        page = await super().read(
            after=after, criteria=criteria, category=category, count_max=count_max, bytes_max=bytes_max, share=share
        )
        return page if page.rows else Page([], after, False)


class AnyTag(MemoryLog):
    """Finds events with any of an item's tags."""

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        loose = [Item(item.types, (tag,)) for item in criteria.items for tag in item.tags]
        wide = Criteria((*loose, *(item for item in criteria.items if not item.tags)))
        return await super().read(
            after=after, criteria=wide, category=category, count_max=count_max, bytes_max=bytes_max, share=share
        )


class PrefixCategory(MemoryLog):
    """Takes a category for a prefix of the stream's name."""

    async def read(
        self, *, after: int = 0, criteria: Criteria = EVERYTHING, category: str | None = None,
        count_max: int = 1000, bytes_max: int = 8 << 20, share: Share | None = None,
    ) -> Page:  # fmt: skip
        page = await super().read(after=after, criteria=criteria, share=share)
        rows = [row for row in page.rows if row[1].startswith(category or "")][:count_max]
        return Page(rows, page.reached, False)


class NothingLarge(MemoryLog):
    """Gives an empty page where the first event is larger than the bound."""

    async def read_stream(
        self, stream: str, *, after: int = 0, until: int | None = None, backwards: bool = False,
        count_max: int = 1000, bytes_max: int = 8 << 20,
    ) -> Page:  # fmt: skip
        page = await super().read_stream(
            stream, after=after, until=until, backwards=backwards, count_max=count_max, bytes_max=bytes_max
        )
        small = [row for row in page.rows if len(row[5]) + len(row[6]) <= bytes_max]
        return Page(small, page.reached, page.full)


class IgnoresAfterBackwards(MemoryLog):
    """Reads a stream backwards to its very beginning."""

    async def read_stream(
        self, stream: str, *, after: int = 0, until: int | None = None, backwards: bool = False,
        count_max: int = 1000, bytes_max: int = 8 << 20,
    ) -> Page:  # fmt: skip
        return await super().read_stream(
            stream, after=0 if backwards else after, until=until, backwards=backwards,
            count_max=count_max, bytes_max=bytes_max,
        )  # fmt: skip


class WakesNobody(MemoryLog):
    """Answers at once, whether there is news or not."""

    async def wait(self, after: int, *, timeout_seconds: float) -> int:
        await asyncio.sleep(0)
        return len(self._rows)


MUTANTS = sorted(
    (
        bug
        for bug in globals().values()
        if isinstance(bug, type) and issubclass(bug, MemoryLog) and bug is not MemoryLog
    ),
    key=lambda bug: bug.__name__,
)

for bug in MUTANTS:
    globals()[f"Test{bug.__name__}"] = type(
        f"Test{bug.__name__}", (Planted,), {"log_type": bug, "__module__": __name__}
    )
