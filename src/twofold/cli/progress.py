"""Progress: whatever takes longer than a second says how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from twofold.cli.waiting import PATIENCE_SECONDS


@contextmanager
def progress(text: str) -> Generator[Callable[[float], None]]:
    """A bar on a terminal's stderr, which is told the share that is done, from 0 to 1."""
    if not sys.stderr.isatty():
        yield lambda share: None
        return
    with ExitStack() as shown:
        yield _Bar(text, shown).tell


class _Bar:
    def __init__(self, text: str, shown: ExitStack) -> None:
        self._text, self._shown = text, shown
        self._began = time.monotonic()
        self._move: Callable[[float], None] | None = None

    def tell(self, share: float) -> None:
        if self._move is None and time.monotonic() - self._began >= PATIENCE_SECONDS:
            self._move = self._begin()
        if self._move is not None:
            self._move(share)

    def _begin(self) -> Callable[[float], None]:
        from rich.console import Console
        from rich.progress import Progress

        bar = self._shown.enter_context(Progress(console=Console(stderr=True), transient=True))
        task = bar.add_task(self._text, total=1.0)
        return lambda share: bar.update(task, completed=share)
