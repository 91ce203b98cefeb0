"""Counters that a process counts up, read models that follow them at different paces, and questions about each."""

from __future__ import annotations

import asyncio
from multiprocessing.connection import Connection
from typing import TypeAlias

from twofold import Aggregate, App, Command, Event, Key, Query, Reader, ReadModel, answers, decide, evolve

COUNTERS = 4
ROUNDS = 15
STRIDE = 10
"""After so many commands the lagging read model takes one page."""

Counted: TypeAlias = tuple[str, int, str]
"""The name of a counter, its value after a command, and that command's token."""


class CountUp(Command):
    counter: str


class CountedUp(Event):
    pass


class Counter(Aggregate):
    counter: Key[str]

    @decide
    def count_up(self, command: CountUp) -> CountedUp:
        return CountedUp()


class Prompt(ReadModel):
    counter: Key[str]
    value: int = 0

    @evolve
    def counted(self, event: CountedUp) -> None:
        self.value += 1


class Lagging(ReadModel):
    counter: Key[str]
    value: int = 0

    @evolve
    def counted(self, event: CountedUp) -> None:
        self.value += 1


class Paused(ReadModel):
    counter: Key[str]
    value: int = 0

    @evolve
    def counted(self, event: CountedUp) -> None:
        self.value += 1


class AskPrompt(Query[int]):
    counter: str


class AskPromptKept(Query[int]):
    counter: str


class AskLagging(Query[int]):
    counter: str


class AskLaggingKept(Query[int]):
    counter: str


class AskPaused(Query[int]):
    counter: str


async def value(model: type[Prompt | Lagging | Paused], counter: str, read: Reader) -> int:
    row = await read.one(model, "where counter = :counter", counter=counter)
    return row.value if row is not None else 0


@answers
async def ask_prompt(query: AskPrompt, read: Reader) -> int:
    return await value(Prompt, query.counter, read)


@answers(cached=True)
async def ask_prompt_kept(query: AskPromptKept, read: Reader) -> int:
    return await value(Prompt, query.counter, read)


@answers
async def ask_lagging(query: AskLagging, read: Reader) -> int:
    return await value(Lagging, query.counter, read)


@answers(cached=True)
async def ask_lagging_kept(query: AskLaggingKept, read: Reader) -> int:
    return await value(Lagging, query.counter, read)


@answers
async def ask_paused(query: AskPaused, read: Reader) -> int:
    return await value(Paused, query.counter, read)


QUESTIONS = (ask_prompt, ask_prompt_kept, ask_lagging, ask_lagging_kept, ask_paused)


def asker(url: str) -> App:
    """It knows every read model and moves none."""
    return App(Counter, Prompt, Lagging, Paused, *QUESTIONS, store=url, background=False)


def keeper(url: str, model: type[Lagging | Paused]) -> App:
    """It moves one read model, when it is told to."""
    return App(Counter, model, store=url, background=False)


def work(said: Connection, url: str) -> None:
    """Count up from many tasks, and say every value with its token."""
    asyncio.run(_work(said, url))


async def _work(said: Connection, url: str) -> None:
    prompt = App(Counter, Prompt, ask_prompt, ask_prompt_kept, store=url)
    async with prompt, keeper(url, Lagging) as lagging:
        done = 0

        async def count(counter: str) -> None:
            nonlocal done
            for _ in range(ROUNDS):
                receipt = await prompt.send(CountUp(counter=counter))
                counted = receipt.versions[f"counter-{counter}"]
                said.send((counter, counted, receipt.token))
                for query in (AskPrompt(counter=counter), AskPromptKept(counter=counter)):
                    if await prompt.ask(query, after=receipt) < counted:
                        raise AssertionError(f"{query} was answered from before {receipt.position}")
                done += 1
                if done % STRIDE == 0:
                    await lagging.engine.step()

        # Two for each counter, so that they also run into each other.
        await asyncio.gather(*(count(str(number % COUNTERS)) for number in range(COUNTERS * 2)))
        await lagging.settle()
        await prompt.settle()
        said.send(None)
