"""Patience: whatever takes longer than a second says so."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

PATIENCE_SECONDS = 1.0


@contextmanager
def patience(text: str) -> Generator[None]:
    """Show on a terminal's stderr what is being waited for, once it has taken a second. For use inside a coroutine."""
    if not sys.stderr.isatty():
        yield
        return
    with ExitStack() as shown:
        timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, _show, shown, text)
        try:
            yield
        finally:
            timer.cancel()


def _show(shown: ExitStack, text: str) -> None:
    from rich.console import Console

    shown.enter_context(Console(stderr=True).status(text))
