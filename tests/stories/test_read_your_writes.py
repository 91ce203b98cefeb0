"""One process appends and folds, another asks: never an answer from before the token, and never one that goes back."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable
from multiprocessing.connection import Connection

import pytest

from tests.stories.counters import (
    COUNTERS,
    ROUNDS,
    AskLagging,
    AskLaggingKept,
    AskPaused,
    AskPrompt,
    AskPromptKept,
    Counted,
    Paused,
    asker,
    keeper,
    work,
)
from tests.stories.processes import start
from twofold import App, BehindError, Query
from twofold.store.token import parse_token

Ask = Callable[[str], Query[int]]

ASKED: list[Ask] = [
    lambda name: AskPrompt(counter=name),
    lambda name: AskPromptKept(counter=name),
    lambda name: AskLagging(counter=name),
    lambda name: AskLaggingKept(counter=name),
]


async def counted(heard: Connection) -> AsyncGenerator[Counted]:
    """What the other process says, until it is done."""
    while (told := await asyncio.to_thread(heard.recv)) is not None:
        yield told


async def check(app: App, ask: Ask, name: str, value: int, token: str) -> None:
    """The answer includes the write, and says so."""
    answer = await app.answer(ask(name), after=token, wait_seconds=60)
    assert answer.value >= value, f"{ask(name)} was answered from before {parse_token(token).position}"
    assert answer.position >= parse_token(token).position


async def check_paused(app: App, name: str, value: int, token: str, reached: int) -> None:
    """It answers what it has reached, and refuses what it has not."""
    position = parse_token(token).position
    asking = app.answer(AskPaused(counter=name), after=token, wait_seconds=0)
    if position <= reached:
        assert (await asking).value >= value
        return
    with pytest.raises(BehindError) as late:
        await asking
    facts = late.value.read_model, late.value.position, late.value.wanted, late.value.lag
    assert facts == ("paused", reached, position, position - reached)


class Client:
    """Carries the token of its last answer into the next question, whichever read model that is about."""

    def __init__(self, app: App, name: str) -> None:
        self._app, self._name = app, name
        self._token: str | None = None
        self._position = 0
        self._values: dict[int, int] = defaultdict(int)
        self.is_done = False

    async def run(self) -> None:
        while not self.is_done:
            for number, ask in enumerate(ASKED):
                answer = await self._app.answer(ask(self._name), after=self._token, wait_seconds=60)
                assert answer.position >= self._position, "the position went back"
                assert answer.value >= self._values[number], "the value went back"
                self._token, self._position = answer.token, answer.position
                self._values[number] = answer.value
            await asyncio.sleep(0)  # Answers from a file need no waiting, and the others must come to their turn.


@pytest.mark.timeout(300)
async def test_answers_include_the_write_and_never_go_back(store: str) -> None:
    async with asker(store) as app:
        process, heard = start(work, store)
        clients = [Client(app, str(number)) for number in range(COUNTERS)]
        running = [asyncio.create_task(client.run()) for client in clients]
        checks, last = [], dict[str, Counted]()
        async for name, value, token in counted(heard):
            checks += [asyncio.create_task(check(app, ask, name, value, token)) for ask in ASKED]
            last[name] = max(last.get(name, ("", 0, "")), (name, value, token), key=lambda each: each[1])
        await asyncio.gather(*checks)
        for client in clients:
            client.is_done = True
        await asyncio.gather(*running)
        assert len(checks) == COUNTERS * 2 * ROUNDS * len(ASKED)
        assert [value for _, value, _ in last.values()] == [2 * ROUNDS] * COUNTERS
        assert app.questions()["AskPromptKept"].hits > 0
    await asyncio.to_thread(process.join)
    heard.close()


@pytest.mark.timeout(300)
async def test_a_paused_read_model_is_late_and_never_old_until_it_goes_on(store: str) -> None:
    async with asker(store) as app, keeper(store, Paused) as paused:
        process, heard = start(work, store)
        reached = 0
        tokens: dict[str, tuple[int, str]] = {}
        async for name, value, token in counted(heard):
            tokens[name] = max(tokens.get(name, (0, "")), (value, token))
            position = parse_token(token).position
            if position % 29 == 0:
                await paused.settle()
                reached = (await app.answer(AskPaused(counter=name))).position
            await check_paused(app, name, value, token, reached)
        waiting = [
            asyncio.create_task(check(app, lambda name: AskPaused(counter=name), name, value, token))
            for name, (value, token) in tokens.items()
        ]
        await paused.settle()
        await asyncio.gather(*waiting)
    await asyncio.to_thread(process.join)
    heard.close()
