"""Bugs in the handling of commands, and in the engine that follows the log."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.simulation.mutants.registry import Wrong, mutant, nothing
from twofold.deciders.states import States
from twofold.store.appender import Appender
from twofold.subscriptions import checkpoint, cohort, elsewhere
from twofold.subscriptions.cohort import Cohort
from twofold.subscriptions.engine import Engine
from twofold.subscriptions.member import Member
from twofold.subscriptions.pages import Pages

# Commands.


@mutant
def every_caller_gets_the_first_verdict() -> Wrong:
    """Of appends that were flushed together, each gets the answer to the first."""
    right = Appender._flush

    async def flush(self: Appender, batch: Any) -> Any:
        judged = await right(self, batch)
        return [(future, judged[0][1]) for future, _ in judged]

    return Appender, "_flush", flush


@mutant
def states_stay_old_after_a_conflict() -> Wrong:
    """A command is decided again on the state that was in the way."""
    return States, "refresh", nothing


# The engine.


@mutant
def cursor_one_too_far() -> Wrong:
    """Of each page, the next begins one event too late."""
    right = Pages._read

    async def read(self: Pages, position: int, types: frozenset[str]) -> Any:
        return await right(self, position + 1 if position else 0, types)

    return Pages, "_read", read


@mutant
def page_read_ahead_is_always_used() -> Wrong:
    """What was read ahead is taken, though the checkpoint is elsewhere since."""
    right = Pages._batch

    async def batch(self: Pages, position: int, types: frozenset[str]) -> Any:
        if self._ahead is not None:
            self._ahead = (position, types, self._ahead[2])
        return await right(self, position, types)

    return Pages, "_batch", batch


@mutant
def laggard_taken_for_level() -> Wrong:
    """Whoever joins a cohort gets only what the foremost has not had."""
    right = cohort._deliveries

    def deliveries(members: list[Member], batch: Any) -> Any:
        first = max(member.position for member in members)
        return [
            msgspec.structs.replace(each, events=[event for event in each.events if event.position > first])
            for each in right(members, batch)
        ]

    return cohort, "_deliveries", deliveries


@mutant
def fenced_worker_does_not_follow() -> Wrong:
    """Whoever was fenced tries the same again, for ever."""
    return Cohort, "_follow_others", nothing


@mutant
def reach_returns_early() -> Wrong:
    """Waiters are told one event too soon."""
    return Member, "_has", lambda self, position: self.position >= position - 1


@mutant
def reach_elsewhere_returns_early() -> Wrong:
    """Those who wait for another process are content with one of several."""
    right = elsewhere._late

    async def late(store: Any, head: Any, names: Any, position: int) -> dict[str, int]:
        found = await right(store, head, names, position)
        return found if len(found) == len(names) else {}

    return elsewhere, "_late", late


@mutant
def crashes_not_noticed() -> Wrong:
    """After a crash of the read side everybody relies on what was seen before."""
    return Engine, "doubt", lambda self: None


@mutant
def deliveries_in_doubt() -> Wrong:
    """A page that was read during a crash of the read side is delivered all the same."""
    right = Cohort._deliver

    async def take(self: Cohort, head: int) -> int:
        self.members += self._joining
        self._joining = []
        await self._look_again([member for member in self.members if member.doubt is not None])
        if self.inline and await self._was_moved_to(head):
            return head
        types = frozenset[str]().union(*(member.types for member in self.members))
        batch = await self._pages.after(self.position, types)
        await right(self, self.members, batch)
        return batch.reached

    return Cohort, "_take_a_page", take


@mutant
def old_head_contradicts() -> Wrong:
    """A start that another worker overtakes takes the log for another one."""
    right = checkpoint.disagreement

    async def disagreement(log: Any, head: Any, found: Any) -> str:
        return "overtaken" if found.position > head.position else await right(log, head, found)

    return checkpoint, "disagreement", disagreement


@mutant
def news_wake_nobody() -> list[Wrong]:
    """Whoever has come to the head stays there, whatever is appended."""
    return [(Engine, "_watch", nothing), (Engine, "look", nothing)]
