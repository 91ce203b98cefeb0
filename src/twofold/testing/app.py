"""The whole app in memory, for tests that never sleep: a question sees every command that was sent before it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from twofold.app import App
from twofold.clock import Clock
from twofold.deciders import Receipt
from twofold.messages import Query
from twofold.queries import Answer

A = TypeVar("A")


class InMemoryApp(App):
    """The same parts as ``app`` on a private database in memory, without anything in the background.

    ``ask`` and ``answer`` first bring the read models to the head, so no test waits for one, or misses that one has stopped
    (``BehindError`` says why): it stops at the first event that its fold cannot take, unless ``parked_max`` says otherwise.
    A ``clock`` of the test's own makes recorded times repeatable.
    """

    def __init__(self, app: App, *, clock: Clock | None = None, parked_max: int = 0) -> None:
        vars(self).update(vars(app.at("sqlite://", background=False)))
        self.settings = msgspec.structs.replace(
            self.settings, clock=clock or self.settings.clock, parked_max=parked_max
        )

    async def ask(
        self,
        query: Query[A],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> A:
        """The answer to a query, with everything that was appended so far."""
        await self.settle()
        return await super().ask(query, after=after, consistent=consistent, wait_seconds=wait_seconds)

    async def answer(
        self,
        query: Query[A],
        *,
        after: Receipt | str | None = None,
        consistent: bool = False,
        wait_seconds: float = 5.0,
    ) -> Answer[A]:
        """The same, with how fresh it is."""
        await self.settle()
        return await super().answer(query, after=after, consistent=consistent, wait_seconds=wait_seconds)
