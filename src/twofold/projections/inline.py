"""Strong read models at work: what an append means for their rows, folded and written in its own transaction."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import msgspec

from twofold.errors import FoldError, StoreRefusedError
from twofold.messages import Event, Recorded, Registry
from twofold.projections.audience import Audience, commit_of
from twofold.projections.deployment import superseded
from twofold.projections.folding import Folding
from twofold.projections.group import Group, Page
from twofold.projections.port import Advance, AppendTransaction
from twofold.projections.stretch import Commit
from twofold.store.effects import rows_of
from twofold.store.port import Append, Head, Verdict
from twofold.subscriptions import Checkpoint

GAP_MAX = 200
"""How many events that others appended without a read model are made up for inside an append. Further behind, it catches
up in the background first: appends must stay short."""

Moved: TypeAlias = Callable[[Mapping[str, Checkpoint]], None]
Left: TypeAlias = Callable[[Collection[str]], None]


class Step(msgspec.Struct, frozen=True):
    """What a flush means for one group: its rows, and where it stands then."""

    group: Group
    page: Page
    advance: Advance


class Inline:
    """The strong groups of an app. A log calls it inside each append; one flush at a time.

    ``take_effect`` writes; then ``kept`` or ``undone`` says what became of the transaction, and ``tell`` passes it on:
    ``left`` hears which groups the append has left behind (too far back, or made by other code), the ``audience`` what
    became of rows, and then ``moved`` where the groups stand. It remembers at most ``rows_max`` rows.
    """

    def __init__(
        self,
        groups: Collection[Group],
        registry: Registry,
        head: Head,
        *,
        moved: Moved,
        audience: Audience | None = None,
        left: Left = lambda names: None,
        rows_max: int = 50_000,
        gap_max: int = GAP_MAX,
    ) -> None:
        self._groups = sorted(groups, key=lambda group: group.name)
        self._types = frozenset[str]().union(*(group.types for group in groups))
        self._registry = registry
        self._start = Checkpoint.start(head)
        self._moved, self._audience, self._left = moved, audience or Audience(), left
        self._gap_max = gap_max
        projections = [each for group in groups for each in group.projections]
        self._folding = Folding(projections, rows_max=rows_max, followed=self._audience.followed)
        self._stands: dict[str, Checkpoint] = {}
        self._steps: list[Step] = []
        self._left_behind: Collection[str] = ()
        self._to_tell: deque[Told] = deque()
        self._unfit: dict[str, int] = {}

    async def take_effect(
        self, transaction: AppendTransaction, batch: Sequence[Append], verdicts: Sequence[Verdict]
    ) -> None:
        """Fold what the batch appended, and write the rows.

        ``FoldError`` for an event that cannot be folded, ``StoreRefusedError`` for a row that cannot be kept: nothing of
        the transaction may be committed then.
        """
        appended = rows_of(batch, verdicts)
        if not appended:
            return
        before, last = appended[0][0] - 1, appended[-1][0]
        events = self._registry.page([row for row in appended if row[3] in self._types])
        level = [group for group in self._groups if self._stood_at(group) == before]
        self._steps = await self._go_on(transaction, level, events, last)
        done = {step.group.name for step in self._steps}
        for group in self._groups:
            if group.name not in done:
                await self._go_on_from_there(transaction, group, events, Span(before, last))
        done = {step.group.name for step in self._steps}
        self._left_behind = [group.name for group in self._groups if group.name not in done]

    def kept(self) -> None:
        """The transaction was committed: the rows are as they were left."""
        for step in self._steps:
            self._folding.keep(step.page)
            self._stands[step.group.name] = step.advance.end
        self._to_tell.append(Told([commit_of(step.advance, step.page) for step in self._steps], self._left_behind))
        self._steps, self._left_behind = [], ()

    def undone(self) -> None:
        """The transaction was not committed, or nobody knows: forget what was made of the rows.

        If it was committed all the same, it has left some behind, and no second attempt would find that out.
        """
        if self._left_behind:
            self._to_tell.append(Told((), self._left_behind))
        for group in self._groups:
            self._forget(group)
        self._steps, self._left_behind = [], ()

    def tell(self) -> None:
        """Say what was kept. Apart from that, for a log that appends on another thread."""
        while self._to_tell:
            told = self._to_tell.popleft()
            if told.left:
                self._left(told.left)
            for commit in told.commits:
                self._audience.tell(commit)
            self._moved({commit.subscription: commit.end for commit in told.commits})

    def _stood_at(self, group: Group) -> int:
        stands = self._stands.get(group.name)
        return -1 if stands is None else stands.position

    async def _go_on(
        self, transaction: AppendTransaction, level: Sequence[Group], events: Sequence[Recorded[Event]], last: int
    ) -> list[Step]:
        """The groups that still stand where this process has left them. Their checkpoints move first.

        Until those have, nobody knows whose rows the tables hold by now, or of which columns.
        """
        starts = [self._stands[group.name] for group in level]
        moves = [
            Advance(group.name, start, start.moved(last, _of(group, events)))
            for group, start in zip(level, starts, strict=True)
        ]
        saved = await transaction.save(moves) if moves else []
        steps = []
        for group, move, is_saved in zip(level, moves, saved, strict=True):
            if is_saved:
                with _refusing():
                    page, changes = await self._folding.changed(transaction, group, _of(group, events))
                await transaction.write(changes)
                steps.append(Step(group, page, msgspec.structs.replace(move, changes=changes)))
        return steps

    async def _go_on_from_there(
        self, transaction: AppendTransaction, group: Group, events: Sequence[Recorded[Event]], span: Span
    ) -> None:
        """The slow way, from what the database says: somebody else has moved the group, or appended without it."""
        while True:
            self._forget(group)
            if superseded(group, await transaction.generations([group.name])):
                return
            start = (await transaction.checkpoints([group.name])).get(group.name, self._start)
            if not self._may_go_on(group, start, span):
                return
            missed = await self._missed(transaction, group, start, span)
            if missed is None:
                return
            taken = [*missed, *_of(group, events)]
            with _refusing():
                page, changes = await self._folding.changed(transaction, group, taken)
            advance = Advance(group.name, start, start.moved(span.last, taken), changes)
            if await self._saved(transaction, advance, missed):
                self._steps.append(Step(group, page, advance))
                return

    def _may_go_on(self, group: Group, start: Checkpoint, span: Span) -> bool:
        """Whether the group is of this log and not too far behind. If not, it is the engine's to follow or to stop."""
        ours = (start.store_id, start.log_epoch) == (self._start.store_id, self._start.log_epoch)
        gap = span.before - start.position
        return ours and 0 <= gap <= self._gap_max and self._unfit.get(group.name) != start.position

    async def _missed(
        self, transaction: AppendTransaction, group: Group, start: Checkpoint, span: Span
    ) -> Sequence[Recorded[Event]] | None:
        """The events that were appended without the group; None if they cannot be folded, which is not this append's fault."""
        if start.position == span.before:
            return ()
        rows = await transaction.events_between(start.position, span.before)
        missed = _of(group, self._registry.page(rows))
        try:
            await self._folding.changed(transaction, group, missed)
        except FoldError:
            self._unfit[group.name] = start.position
            return None
        finally:
            self._forget(group)
        return missed

    async def _saved(self, transaction: AppendTransaction, advance: Advance, missed: Sequence[Recorded[Event]]) -> bool:
        try:
            [is_saved] = await transaction.save([advance])
        except StoreRefusedError:
            if missed:  # Perhaps it is theirs: the next attempt leaves the group behind.
                self._unfit[advance.name] = advance.start.position
            raise
        return is_saved

    def _forget(self, group: Group) -> None:
        self._folding.forget(group)
        self._stands.pop(group.name, None)


class Told(msgspec.Struct, frozen=True):
    """What became of a flush: the step of each group, and who was left behind."""

    commits: Sequence[Commit]
    left: Collection[str]


class Span(msgspec.Struct, frozen=True):
    """The positions before and at the end of what a flush appended."""

    before: int
    last: int


@contextmanager
def _refusing() -> Generator[None]:
    """Say of an event that cannot be folded that it is not in the log, unlike those that an engine meets."""
    try:
        yield
    except FoldError as error:
        raise error.with_remedy("Nothing was appended: mend the command or the fold, and send it again.") from error


def _of(group: Group, events: Sequence[Recorded[Event]]) -> Sequence[Recorded[Event]]:
    types = group.types
    return [event for event in events if event.type in types]
