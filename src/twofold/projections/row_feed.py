"""The row feed: the changed rows of a read model, after each commit, without a gap from one token to the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from twofold.errors import DefinitionError, FeedBrokenError, InvalidInputError, StoreError, StoreRefusedError
from twofold.projections.audience import Audience
from twofold.projections.group import Group
from twofold.projections.port import ReadStore
from twofold.projections.projection import Projection
from twofold.projections.row_change import AllRows, R, RowChange, RowToken
from twofold.projections.stretch import Place, Round, Stretch, place_of
from twofold.projections.table import Table
from twofold.store.criteria import Criteria
from twofold.store.port import EventStore, Head
from twofold.store.token import decoded
from twofold.subscriptions import Checkpoint

LOOK_SECONDS = 1.0
"""How often it is looked whether others have moved what is followed: they may change rows without any event."""

ATTEMPTS_MAX = 10
"""How often all rows are read again because nobody knows what follows them."""


class RowFeed:
    """The rows of an app's read models, for whoever follows them in this process.

    ``folds`` says whether this process runs a subscription now.
    """

    def __init__(
        self,
        log: EventStore,
        reads: ReadStore,
        groups: Collection[Group],
        audience: Audience,
        *,
        folds: Callable[[str], bool],
    ) -> None:
        self._log, self._reads, self._audience, self._folds = log, reads, audience, folds
        self._groups: Mapping[type[Any], Group] = {each.cls: group for group in groups for each in group.projections}
        self._projections = {each.cls: each for group in groups for each in group.projections}
        self._watching: asyncio.Task[None] | None = None
        self._start: Checkpoint

    def begin(self, head: Head) -> None:
        """Which log it is, known when it has been opened."""
        self._start = Checkpoint.start(head)

    async def close(self) -> None:
        """Let everybody come to the end of what was told."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)  # It only looked.
        self._audience.close()

    def rows(self, cls: type[R], after: str | None = None) -> AsyncGenerator[RowChange[R]]:
        """The changes from this call on, or behind a token. It ends when the app stops.

        Raises ``StoreRefusedError`` where this process does not fold the read model, and ``InvalidInputError`` for what is
        no token of it. The iteration raises ``FeedBrokenError`` where nobody knows what comes next.
        """
        projection = self._folded(cls)
        stretch = self._follow(projection)
        if after is None:
            return self._changes(projection, stretch, stretch.next)
        token = decoded(after, RowToken, remedy="Pass the token of a row change, or of all rows, unchanged.")
        if token.read_model != projection.name:
            raise InvalidInputError(
                f"The token is of another read model (token: {token.read_model}, asked: {projection.name})",
                what="after",
                remedy="Follow the read model that it is of.",
            )
        return self._changes_behind(projection, token)

    async def all_rows(self, cls: type[R]) -> AllRows[R]:
        """Every row as it is now, with the token from which the changes go on. Errors as of ``rows``, and the database's."""
        projection = self._folded(cls)
        for _ in range(ATTEMPTS_MAX):
            stretch, rows, at = await self._survey(projection)
            if stretch.ending is None and stretch.goes_on_behind(stretch.life, place_of(at), 0):
                return AllRows(rows, at.position, str(_token(projection, stretch, at)))
        raise _broken(projection, 0, "moved")

    async def look(self, projection: Projection) -> None:
        """See where a read model stands that is followed, and whether it does so by what was told here."""
        stretch = self._audience.follow(projection)
        is_folded = self._folds(projection.subscription)
        if not stretch.read(await self._checkpoint(projection) if is_folded else None):
            self._audience.lose(stretch, "moved" if is_folded else "left")

    def _folded(self, cls: type[Any]) -> Projection:
        projection = self._projections.get(cls)
        if projection is None:
            raise DefinitionError(f"{cls.__name__} is no read model of this app", cls, remedy="Add it to App(...).")
        if self._groups[cls].partitions > 1:
            raise StoreRefusedError(
                f"The rows of {projection.name} cannot be followed: it is partitioned, and each partition moves by itself",
                reason="partitioned",
                remedy="Follow one that is not, or ask for its rows (app.watch).",
            )
        if not self._folds(projection.subscription):
            raise StoreRefusedError(
                f"This process does not fold {projection.name}",
                reason="not-folded",
                remedy="Follow it where it is folded: in a worker, in App(background=True), or once it was turned by hand "
                "(settle). While it is built anew, wait for builds_done().",
            )
        return projection

    def _follow(self, projection: Projection) -> Stretch:
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return self._audience.follow(projection)

    async def _watch(self) -> None:
        """One look at a time serves all who wait."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for projection in self._projections.values():
                if projection.name in self._audience.followed:
                    with suppress(StoreError):  # It is there again next time, and the status says it until then.
                        await self.look(projection)

    async def _begin(self, projection: Projection, stretch: Stretch) -> None:
        """Learn where what is told begins, unless it was told."""
        if stretch.end is None:
            stretch.read(await self._checkpoint(projection))

    async def _checkpoint(self, projection: Projection) -> Checkpoint:
        name = projection.subscription
        return (await self._reads.checkpoints([name])).get(name, self._start)

    async def _survey(self, projection: Projection) -> tuple[Stretch, list[Any], Checkpoint]:
        """The rows at one moment, and what is told from before it on."""
        stretch, rows = self._follow(projection), list[Any]()
        await self._begin(projection, stretch)

        def take(_: Table, some: Sequence[Any]) -> None:
            rows.extend(some)

        survey = await self._reads.survey(projection.table, (), take)
        return stretch, rows, survey.checkpoints.get(projection.subscription, self._start)

    async def _changes_behind(self, projection: Projection, token: RowToken) -> AsyncGenerator[RowChange[Any]]:
        stretch = self._follow(projection)
        await self._begin(projection, stretch)
        if not await self._goes_on(projection, stretch, token):
            raise _broken(projection, token.position, "forgotten")
        async for change in self._changes(projection, stretch, stretch.first, token.place, token.left):
            yield change

    async def _goes_on(self, projection: Projection, stretch: Stretch, token: RowToken) -> bool:
        """Whether everything behind a token is known; also if that is nothing, because no event for it has come since."""
        if (token.store_id, token.epoch) != (self._start.store_id, self._start.log_epoch):
            return False
        if stretch.goes_on_behind(token.life, token.place, token.left):
            return True
        born = stretch.born
        if token.life == stretch.life or born is None or token.fence != born.epoch or token.position > born.position:
            return False
        types = self._groups[projection.cls].types
        page = await self._log.read(after=token.position, criteria=Criteria.of(types=types), count_max=1)
        is_quiet = not page.rows or page.rows[0][0] > born.position
        return is_quiet and stretch.goes_on_behind(token.life, place_of(born), token.left)

    async def _changes(
        self, projection: Projection, stretch: Stretch, number: int, place: Place = (0, 0), left: int = 0
    ) -> AsyncGenerator[RowChange[Any]]:
        """The changes of the rounds from ``number`` on that come behind a place."""
        await self._begin(projection, stretch)
        position = place[0]
        while True:
            while number < stretch.next:
                if number < stretch.first:
                    raise _broken(projection, position, "slow")
                round = stretch.round(number)
                for change in _told(projection, stretch, round, place, left):
                    yield change
                number, position = number + 1, round.end.position
            if stretch.ending is not None:
                raise _broken(projection, position, stretch.ending)
            if stretch.is_closed:
                return
            await stretch.news.wait()


def _told(projection: Projection, stretch: Stretch, round: Round, place: Place, left: int) -> Iterator[RowChange[Any]]:
    """The rows of a round in copies of their own: whoever gets them may change them."""
    rows = round.behind(place, left)
    for index, each in enumerate(rows, 1):
        before = projection.copied(each.before) if each.before is not None else None
        after = projection.copied(each.after) if each.after is not None else None
        token = _token(projection, stretch, round.end, left=len(rows) - index)
        yield RowChange(each.key, before, after, round.end.position, str(token))


def _token(projection: Projection, stretch: Stretch, at: Checkpoint, left: int = 0) -> RowToken:
    return RowToken(at.store_id, at.log_epoch, at.position, projection.name, at.epoch, left, stretch.life)


def _broken(projection: Projection, position: int, reason: str) -> FeedBrokenError:
    return FeedBrokenError(projection.name, position=position, reason=reason, because=_BECAUSE[reason])


_BECAUSE = {
    "forgotten": "what followed is not known here any more",
    "slow": "changes came faster than they were taken, and only the last changes_max are kept",
    "moved": "another process has moved its checkpoint, or a crash has",
    "left": "this process does not fold it any more",
    "replaced": "another generation has taken its place",
    "emptied": "it was emptied, to be filled again",
}
