"""Workers on a machine whose clock is set hours forwards and backwards, again and again: somebody always folds, and folds right.

What jumps is the clock that leases end by: that of the workers where SQLite keeps them, that of the server where PostgreSQL does.
Without libfaketime (``apt install faketime``) there is nothing here to run.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.own_server import own_server
from tests.stories.fresh_fold import must_be_fresh, must_be_level
from tests.stories.raffle import raffle, sell
from twofold import App

SEED = 7
HOURS_MAX = 12.0
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)

Environment: TypeAlias = Mapping[str, str]


PLACE = """
import select, time
from tests.stories.raffle import raffle

# Python's own sleeps until a moment of the monotonic clock, which libfaketime does not give back as it is: EINVAL now and then.
time.sleep = lambda seconds: select.select([], [], [], seconds)
app = raffle({store!r})
"""


class Clock:
    """The clock of all processes that are started in its environment: so many hours ahead of the true one, or behind."""

    def __init__(self, folder: Path, library: Path) -> None:
        self._file = folder / "clock"
        self.set(0)
        self.environment: Environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # Nobody can set that one.
            "DONT_FAKE_MONOTONIC": "1",
        }

    def set(self, hours: float) -> None:
        """Let it jump there, for everybody at the same moment."""
        new = self._file.with_name("new")
        new.write_text(f"{hours * 3600:+.3f}\n")
        new.replace(self._file)


class Crew:
    """Two workers (``twofold run worker``), of whom one may be killed and another hired."""

    def __init__(self, folder: Path, environment: Environment) -> None:
        self._folder, self._environment = folder, environment
        self.hands: list[subprocess.Popen[str]] = []

    def hire(self) -> None:
        """Returns when it has begun to work."""
        hand = subprocess.Popen(
            [sys.executable, "-m", "twofold.cli", "run", "worker", "--app", "place:app"],
            cwd=self._folder,
            env={**os.environ, **self._environment, "PYTHONPATH": os.pathsep.join([str(self._folder), *sys.path])},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.hands.append(hand)
        assert hand.stderr is not None
        next(line for line in hand.stderr if line.startswith("a worker for"))

    async def share(self, app: App) -> None:
        """Wait until each of them runs something, and nobody else does, whatever the clock says of their leases."""
        pids = {str(hand.pid) for hand in self.hands}
        while {each.worker.split(":")[1] for each in (await app.control.board()).leases.values()} != pids:
            await asyncio.sleep(0.01)

    def lose(self, hand: subprocess.Popen[str]) -> None:
        hand.kill()
        hand.communicate()
        self.hands.remove(hand)


@contextmanager
def crew_at(store: str, folder: Path, environment: Environment) -> Generator[Crew]:
    (folder / "place.py").write_text(PLACE.format(store=store))
    crew = Crew(folder, environment)
    try:
        crew.hire()
        crew.hire()
        yield crew
    finally:
        for hand in list(crew.hands):
            crew.lose(hand)


async def _goes_on(store: str, clock: Clock, crew: Crew, rounds: int) -> None:
    chance, numbers = random.Random(SEED), count()
    async with raffle(store, background=False) as app:
        for _ in range(rounds):
            await crew.share(app)
            selling = asyncio.create_task(sell(app, numbers, 30))
            await asyncio.sleep(chance.uniform(0, 0.05))
            if is_lost := chance.random() < 0.5:  # What it held must end, whatever the clock says then.
                crew.lose(chance.choice(crew.hands))
            clock.set(chance.uniform(-HOURS_MAX, HOURS_MAX))
            await selling
            await must_be_fresh(store, app.registry)
            await must_be_level(app, store)
            if is_lost:
                crew.hire()


if LIBRARY is not None:

    @pytest.mark.timeout(3600)
    async def test_workers_go_on_when_their_clock_jumps_where_it_ends_their_leases(
        tmp_path: Path, campaign: bool
    ) -> None:
        assert LIBRARY is not None
        store, clock = f"sqlite:///{tmp_path}/raffle.db", Clock(tmp_path, LIBRARY)
        async with raffle(store, background=False):
            pass
        with crew_at(store, tmp_path, clock.environment) as crew:
            await _goes_on(store, clock, crew, 30 if campaign else 2)

    @pytest.mark.timeout(3600)
    async def test_workers_go_on_when_the_clock_of_the_server_jumps(
        tmp_path: Path, campaign: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert LIBRARY is not None
        with own_server() as server:
            server.stop()
            clock = Clock(server.data.parent, LIBRARY)
            with monkeypatch.context() as changed:
                for name, value in clock.environment.items():
                    changed.setenv(name, value)
                server.start()
            async with raffle(server.url, background=False):
                pass
            with crew_at(server.url, tmp_path, {}) as crew:
                await _goes_on(server.url, clock, crew, 30 if campaign else 2)
