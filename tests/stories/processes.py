"""Many processes that begin at the same moment, and what each of them says."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

# Forked from a server that has imported everything and opened nothing: forty processes are there within a second.
FORKS = multiprocessing.get_context("forkserver")
ROOMS = [f"twofold.backends.{kind}.{room}" for kind in ("sqlite", "postgres") for room in ("log", "reads", "snapshots")]
FORKS.set_forkserver_preload(
    [
        "tests.stories.appending",
        "tests.stories.theatre",
        "tests.stories.till",
        "tests.stories.ledger",
        "tests.stories.raffle",
        *ROOMS,
    ]
)


def start(work: Callable[..., None], *given: object) -> tuple[ForkServerProcess, Connection]:
    """``work(said, *given)`` in a process of its own, and the end of the pipe where one hears what it says."""
    heard, said = FORKS.Pipe(duplex=False)
    assert isinstance(heard, Connection)
    process = FORKS.Process(target=work, args=(said, *given), daemon=True)
    process.start()
    said.close()  # So that the pipe ends with the process, however that ends.
    return process, heard


class Hand(NamedTuple):
    """A process at work; ``id`` is what it calls itself, if it does."""

    process: ForkServerProcess
    heard: Connection
    id: str = ""

    def send(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()
        self.heard.close()


def together(count: int, work: Callable[..., T], *given: object) -> list[T]:
    """What ``work(number, ready, *given)`` returns in each of so many processes.

    ``ready()`` returns when all of them have called it.
    """
    barrier = FORKS.Barrier(count)
    started = [start(_told, barrier, work, number, *given) for number in range(count)]
    answers = [heard.recv() for _, heard in started]
    for process, heard in started:
        process.join()
        heard.close()
    # The first to fail breaks the barrier for the others, whose errors say no more than that.
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    for failure in sorted(failed, key=lambda error: "BrokenBarrier" in str(error)):
        raise failure
    return answers


def _told(said: Connection, barrier: Barrier, work: Callable[..., Any], number: int, *given: object) -> None:
    try:
        said.send(work(number, barrier.wait, *given))
    except BaseException as error:
        barrier.abort()  # Or the others would wait for ever.
        said.send(RuntimeError(f"process {number} failed: {error!r}"))
        raise
