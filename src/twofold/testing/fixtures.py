"""The fixtures that come with the package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeAlias

import pytest_asyncio

if TYPE_CHECKING:
    from twofold.app import App
    from twofold.testing.app import InMemoryApp

StartInMemory: TypeAlias = "Callable[[App], Awaitable[InMemoryApp]]"


@pytest_asyncio.fixture
async def in_memory() -> AsyncIterator[StartInMemory]:
    """``app = await in_memory(shop.app)``: that app, started on an empty private database until the test ends."""
    from twofold.testing.app import InMemoryApp

    async with AsyncExitStack() as stack:

        async def start(app: App) -> InMemoryApp:
            return await stack.enter_async_context(InMemoryApp(app))

        yield start
