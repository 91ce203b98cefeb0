"""Patience: whatever takes longer than a second says so."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

PATIENCE_SECONDS = 1.0


@contextmanager
def patience(text: str, began: float | None = None) -> Generator[None]:
    """Show on a terminal's stderr what is being waited for, once it has taken a second. For use inside a coroutine.

    ``began`` is when all of it began, on the loop's clock, where this is one step of many.
    """
    if not sys.stderr.isatty():
        yield
        return
    with ExitStack() as shown:
        loop = asyncio.get_running_loop()
        timer = loop.call_at((loop.time() if began is None else began) + PATIENCE_SECONDS, _show, shown, text)
        try:
            yield
        finally:
            timer.cancel()


def _show(shown: ExitStack, text: str) -> None:
    from rich.console import Console

    shown.enter_context(Console(stderr=True).status(text))
