"""Random programs against a log and ``MemoryLog`` at once: the same verdicts, the same rows, whatever comes."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from twofold.store.criteria import Criteria, Item
from twofold.store.port import Append, Condition, EventStore, NewEvent, Page
from twofold.testing.conformance.opened import Logs, OnOneLog
from twofold.testing.memory import MemoryLog

# Few names, so that programs meet themselves: the same streams, tags and keys again and again.
STREAMS = ("a-1", "a-2", "ab-1", "b-a-1")
TYPES = ("A", "B", "C")
TAGS = ("t=1", "t=2", "u=1", "u=10")

T = TypeVar("T")


# What is drawn from stands here by itself: made anew for each draw, hypothesis would take longer to look it through than to draw.
STREAM, TYPE, TAG = st.sampled_from(STREAMS), st.sampled_from(TYPES), st.sampled_from(TAGS)
KEY = st.none() | st.sampled_from(("k1", "k2", "k3", "k4"))
SCHEMA, DATA = st.integers(1, 3), st.sampled_from([b"{}", b'{"a":1}', b'"%s"' % (b"x" * 200)])
TAGS_OF_ONE = st.lists(TAG, max_size=3, unique=True)
ITEM = st.tuples(st.lists(TYPE, max_size=2, unique=True), st.lists(TAG, max_size=2, unique=True))
ITEMS = st.lists(ITEM, min_size=1, max_size=3)
EXPECTED: st.SearchStrategy[dict[str, int]] = st.dictionaries(STREAM, st.sampled_from((0, 0, 0, 0, 1, -1)), max_size=2)
AFTER, DIGEST = st.sampled_from((0, 0, 0, -1, -5)), st.sampled_from((b"body", b"body", b"other"))


# Composites and not ``builds``: hypothesis prints what it built by the calls that built it, which takes for ever here.
@st.composite
def drawn_events(draw: st.DrawFn) -> NewEvent:
    tags, data = draw(TAGS_OF_ONE), draw(DATA)
    return NewEvent(draw(STREAM), draw(TYPE), draw(SCHEMA), data, b"{}", tuple(tags))


@st.composite
def drawn_criteria(draw: st.DrawFn) -> Criteria:
    items = draw(ITEMS)
    return Criteria(tuple(dict.fromkeys(Item(tuple(sorted(one)), tuple(sorted(other))) for one, other in items)))


EVENTS = st.lists(drawn_events(), max_size=4)
CRITERIA = st.lists(drawn_criteria(), max_size=2)


class _Draft(Append, frozen=True):
    """An append whose numbers are distances: of versions from the stream's own, of ``after`` from the head."""

    def placed(self, versions: dict[str, int], head: int) -> Append:
        expected = {stream: max(0, versions.get(stream, 0) + off) for stream, off in self.expected.items()}
        conditions = tuple(Condition(one.criteria, max(0, head + one.after)) for one in self.conditions)
        return Append(self.events, expected, conditions, self.key, self.digest if self.key else b"")


@st.composite
def drawn_appends(draw: st.DrawFn) -> _Draft:
    events, expected = draw(EVENTS), draw(EXPECTED)
    conditions = [Condition(one, draw(AFTER)) for one in draw(CRITERIA)]
    return _Draft(tuple(events), expected, tuple(conditions), draw(KEY), draw(DIGEST))


BACK = st.integers(-2, 20)
"""How far before the head a reader begins; below zero it begins ahead of it."""

COUNTS = st.integers(1, 6)
BYTES = st.sampled_from((1, 250, 500, 1 << 20))


class Programs(OnOneLog):
    programs_share = 1.0
    """How many of the examples that hypothesis' profile allows: less than 1 for a database that is slow to make."""

    async def test_any_program_gets_the_verdicts_and_rows_of_the_memory_log(self, logs: Logs) -> None:
        """Every program runs on a database of its own, so that a failing one can be repeated and made small."""
        numbers = itertools.count(1)

        class OnThese(Program):
            def opens(self) -> EventStore:
                return logs(f"program{next(numbers)}")

        bounds = settings(
            max_examples=math.ceil(settings().max_examples * self.programs_share),
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
        # In a thread, because each program brings an event loop of its own.
        await asyncio.to_thread(run_state_machine_as_test, OnThese, settings=bounds)


class Program(RuleBasedStateMachine):
    """Each rule does one thing to both logs and compares what they say."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.log = self.opens()
        self.model = MemoryLog()
        self.versions: dict[str, int] = {}
        self.head = 0
        self.run(self.log.open())

    def opens(self) -> EventStore:
        """A log on an empty database."""
        raise NotImplementedError

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        # On the loop itself: a runner would set a handler for Ctrl-C each time, a tenth of all the time here.
        return self.runner.get_loop().run_until_complete(doing)

    @initialize(drafts=st.lists(drawn_appends(), max_size=5))
    def begins(self, drafts: Sequence[_Draft]) -> None:
        self.appends(drafts)

    @rule(drafts=st.lists(drawn_appends(), min_size=1, max_size=5))
    def appends(self, drafts: Sequence[_Draft]) -> None:
        batch = [draft.placed(self.versions, self.head) for draft in drafts]
        expected = self.run(self.model.append(batch))
        assert self.run(self.log.append(batch)) == expected
        rows = self.run(self.model.read(after=self.head, count_max=1000)).rows
        self.versions.update({row[1]: row[2] for row in rows})
        self.head += len(rows)
        assert self.run(self.log.head()).position == self.head

    @rule(back=BACK, criteria=drawn_criteria(), category=st.sampled_from((None, "a", "ab")))
    def reads_everything(self, back: int, criteria: Criteria, category: str | None) -> None:
        after = max(0, self.head - back)
        page = self.run(self.log.read(after=after, criteria=criteria, category=category))
        wanted = self.run(self.model.read(after=after, criteria=criteria, category=category))
        assert ([*page.rows], page.reached, page.full) == ([*wanted.rows], wanted.reached, False)

    @rule(
        back=BACK,
        criteria=drawn_criteria(),
        category=st.sampled_from((None, "a", "ab")),
        count_max=COUNTS,
        bytes_max=BYTES,
    )
    def reads_a_page(self, back: int, criteria: Criteria, category: str | None, count_max: int, bytes_max: int) -> None:
        after = max(0, self.head - back)
        page = self.run(
            self.log.read(after=after, criteria=criteria, category=category, count_max=count_max, bytes_max=bytes_max)
        )
        whole = self.run(self.model.read(after=after, criteria=criteria, category=category))
        self.fits(page, whole, count_max, bytes_max)
        hidden = [row for row in whole.rows[len(page.rows) :] if row[0] <= page.reached]
        assert not hidden
        assert page.reached >= (page.rows[-1][0] if page.rows else after)

    @rule(
        stream=st.sampled_from(STREAMS), after=st.integers(0, 5), until=st.none() | st.integers(0, 9),
        backwards=st.booleans(), count_max=COUNTS, bytes_max=BYTES,
    )  # fmt: skip
    def reads_a_stream(
        self, stream: str, after: int, until: int | None, backwards: bool, count_max: int, bytes_max: int
    ) -> None:
        page = self.run(
            self.log.read_stream(
                stream, after=after, until=until, backwards=backwards, count_max=count_max, bytes_max=bytes_max
            )
        )
        whole = self.run(self.model.read_stream(stream, after=after, until=until, backwards=backwards))
        self.fits(page, whole, count_max, bytes_max)
        if page.rows:
            assert page.reached == page.rows[-1][2]

    @rule(now=st.sampled_from((False, False, False, True)))
    def closes_and_opens_again(self, now: bool) -> None:
        if now:  # Not at every turn, because opening takes longer than all the rest.
            self.run(self.log.close())
            self.run(self.log.open())

    def fits(self, page: Page, whole: Page, count_max: int, bytes_max: int) -> None:
        """A page begins what there is, holds one event at least, keeps its bounds, and says if it left any out."""
        count = len(page.rows)
        assert [*page.rows] == [*whole.rows[:count]]
        assert count >= min(1, len(whole.rows))
        assert count <= count_max
        assert count <= 1 or sum(len(row[5]) + len(row[6]) for row in page.rows) <= bytes_max
        assert page.full or count == len(whole.rows)

    def teardown(self) -> None:
        self.run(self.log.close())
        self.runner.close()
