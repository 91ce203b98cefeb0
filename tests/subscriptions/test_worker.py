"""Workers: each runs its share and nothing else, takes over what others leave, and does what operators wish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.read_stores import append
from tests.subscriptions.notebook import RANG, Notebook, Rang, engine
from twofold.backends.sqlite.reads import SqliteReads
from twofold.errors import StoreError
from twofold.subscriptions import Checkpoint, Engine, Leases, Wish, Worker
from twofold.testing.memory import MemoryLog

NAMES = ("a", "b", "c", "d")
NEVER = 3600.0


class Crew:
    """Workers over one log and one set of checkpoints; each looks only when it is told to."""

    def __init__(self, leases: Leases, stack: AsyncExitStack) -> None:
        self.log, self.leases, self._stack = MemoryLog(), leases, stack
        self.notebook = Notebook(**dict.fromkeys(NAMES, RANG))

    async def worker(
        self,
        id: str,
        *,
        shared: bool = True,
        build: Callable[[Wish], Awaitable[None]] | None = None,
        help: Callable[[str], Awaitable[None]] | None = None,
    ) -> tuple[Worker, Engine]:
        runner = engine(self.log, self.notebook)
        found = Worker(
            runner,
            self.leases,
            lambda: NAMES,
            shared=shared,
            id=id,
            lease_seconds=NEVER,
            look_seconds=NEVER,
            codes={"a": "code"},
            build=build,
            help=help,
        )
        await found.start()
        self._stack.push_async_callback(found.stop)
        return found, runner

    async def ends(self, id: str) -> None:
        """The leases of a worker end, and so does its life, unless it says that it lives."""
        await self.leases.sign(id, NAMES, [], seconds=-1.0)

    async def ring(self) -> int:
        return await append(self.log, "bell-1", Rang(number=1))


@pytest.fixture
async def crew() -> AsyncGenerator[Crew]:
    reads = SqliteReads(None)
    await reads.open()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(reads.close)
        yield Crew(reads.leases, stack)


@asynccontextmanager
async def delivering(notebook: Notebook) -> AsyncGenerator[None]:
    """While a page is being delivered."""
    notebook.gate.clear()
    notebook.entered.clear()
    try:
        yield
    finally:
        notebook.gate.set()


async def test_one_worker_runs_everything(crew: Crew) -> None:
    _, alone = await crew.worker("w1")
    assert alone.names == set(NAMES)
    await crew.ring()
    await alone.settle()
    assert crew.notebook.seen == {key: [1] for key in NAMES}


async def test_a_second_one_gets_its_share_when_the_first_has_looked(crew: Crew) -> None:
    first, one = await crew.worker("w1")
    second, two = await crew.worker("w2")
    assert (len(one.names), len(two.names)) == (4, 0), "nothing is taken from a worker that lives"
    await first.look()
    await second.look()
    assert (len(one.names), len(two.names)) == (2, 2)
    assert one.names | two.names == set(NAMES)
    await crew.ring()
    await one.settle()
    assert crew.notebook.seen == {key: [1] for key in NAMES}


async def test_whoever_stops_gives_everything_back_at_once(crew: Crew) -> None:
    first, _ = await crew.worker("w1")
    second, two = await crew.worker("w2")
    await first.stop()
    await second.look()
    assert two.names == set(NAMES)


async def test_what_a_dead_worker_held_is_taken_over_when_its_lease_has_ended(crew: Crew) -> None:
    first, one = await crew.worker("w1")
    await crew.ends("w1")
    _, two = await crew.worker("w2")
    assert one.names == two.names == set(NAMES), "the first does not know that its leases have ended"
    await first.look()
    assert one.names == set()


async def test_a_late_worker_gives_up_what_it_finds_moved(crew: Crew) -> None:
    _, one = await crew.worker("w1")
    async with delivering(crew.notebook):
        await crew.ring()
        await crew.notebook.entered.wait()
        await crew.ends("w1")
        await crew.leases.take("w2", NAMES, seconds=NEVER)
        for name in NAMES:  # Another worker has taken over, and was faster, while that page was on its way.
            crew.notebook.kept[name] = await _checkpoint(crew)
    while one.names:
        await asyncio.sleep(0)
    assert crew.notebook.seen == {key: [] for key in NAMES}, "nothing of it was kept"


async def test_a_question_that_waits_here_goes_on_waiting_where_the_subscription_went(crew: Crew) -> None:
    worker, runner = await crew.worker("w1")
    waiting = asyncio.create_task(runner.reach(["a"], 1, timeout_seconds=60))
    await asyncio.sleep(0)
    await crew.leases.wish(Wish("a", "pause"))
    await worker.look()
    await crew.ring()
    await runner.reach(["b"], 1, timeout_seconds=60)
    assert not waiting.done()
    crew.notebook.kept["a"] = await _checkpoint(crew)
    await waiting


async def test_nobody_runs_what_is_paused(crew: Crew) -> None:
    worker, runner = await crew.worker("w1")
    await crew.leases.wish(Wish("b", "pause"))
    await worker.look()
    assert runner.names == {"a", "c", "d"}
    board = await crew.leases.board()
    assert (board.holder("b"), sorted(board.paused)) == (None, ["b"])
    await crew.leases.unwish("b", ["pause"])
    await worker.look()
    assert runner.names == set(NAMES)


async def test_what_is_paused_is_let_go_when_the_page_in_hand_is_done(crew: Crew) -> None:
    worker, _ = await crew.worker("w1")
    async with delivering(crew.notebook):
        await crew.ring()
        await crew.notebook.entered.wait()
        await crew.leases.wish(Wish("b", "pause"))
        looking = asyncio.create_task(worker.look())
        while not (await crew.leases.board()).paused:
            await asyncio.sleep(0)
        assert (await crew.leases.board()).holder("b") == "w1"
    await looking
    assert ((await crew.leases.board()).holder("b"), crew.notebook.seen["b"]) == (None, [1])


async def test_one_that_does_not_share_runs_everything_whoever_else_does(crew: Crew) -> None:
    _, one = await crew.worker("w1", shared=False)
    second, two = await crew.worker("w2", shared=False)
    await second.look()
    assert one.names == two.names == set(NAMES)
    assert (await crew.leases.board()).held_by("w1") == set(NAMES), "but only one is said to"
    third, three = await crew.worker("w3")
    await third.look()
    assert three.names == set()


async def test_one_that_does_not_share_leaves_out_what_is_paused(crew: Crew) -> None:
    worker, runner = await crew.worker("w1", shared=False)
    await crew.leases.wish(Wish("b", "pause"))
    await worker.look()
    assert runner.names == {"a", "c", "d"}


async def test_where_one_has_stopped_another_may_go_on(crew: Crew) -> None:
    first, one = await crew.worker("w1")
    crew.notebook.stops_at["a"] = 1
    await crew.ring()
    while "a" not in one.stopped:
        await asyncio.sleep(0)
    await first.look()
    assert (await crew.leases.board()).holder("a") is None
    await first.look()
    assert (await crew.leases.board()).holder("a") is None, "it does not take again what it cannot go on with"
    del crew.notebook.stops_at["a"]
    second, two = await crew.worker("w2")
    await second.look()
    await two.reach(["a"], 1, timeout_seconds=60)
    await first.look()
    await one.reach(["a"], 1, timeout_seconds=60)


async def test_reports_say_what_is_so(crew: Crew) -> None:
    worker, one = await crew.worker("w1")
    crew.notebook.stops_at["a"] = 1
    await crew.ring()
    await one.reach(["b"], 1, timeout_seconds=60)
    await worker.look()
    assert (await crew.leases.board()).leases["b"].state == "running"


async def test_a_rebuild_that_is_wished_for_is_done_once_by_a_worker_of_that_code(crew: Crew) -> None:
    built: list[str] = []

    async def build(wish: Wish) -> None:
        built.append(wish.name)

    first, _ = await crew.worker("w1", build=build)
    second, _ = await crew.worker("w2", build=build)
    await crew.leases.wish(Wish("a", "rebuild", "code"))
    await crew.leases.wish(Wish("b", "rebuild", "other code"))
    await first.look()
    await second.look()
    while any(wish.name == "a" for wish in (await crew.leases.board()).wishes):
        await asyncio.sleep(0)
    assert built == ["a"]
    assert [wish.name for wish in (await crew.leases.board()).wishes] == ["b"]


async def test_a_build_that_fails_is_said_and_not_tried_again_by_this_worker(crew: Crew) -> None:
    tried: list[str] = []

    async def build(wish: Wish) -> None:
        tried.append(wish.name)
        raise StoreError("no room is left")

    worker, _ = await crew.worker("w1", build=build)
    await crew.leases.wish(Wish("a", "rebuild", "code"))
    await worker.look()
    while not tried:
        await asyncio.sleep(0)
    await worker.look()
    await worker.look()
    lease = (await crew.leases.board()).leases["a@next"]
    assert (tried, lease.state, lease.error) == (["a"], "stopped", "no room is left")
    await crew.leases.unwish("a", ["rebuild"])
    await worker.look()
    assert (await crew.leases.board()).holder("a@next") is None
    await crew.leases.wish(Wish("a", "rebuild", "code"))
    await worker.look()
    while len(tried) < 2:
        await asyncio.sleep(0)


async def test_whoever_has_failed_to_build_makes_room_for_other_code(crew: Crew) -> None:
    async def build(wish: Wish) -> None:
        raise StoreError("no room is left")

    worker, _ = await crew.worker("w1", build=build)
    await crew.leases.wish(Wish("a", "rebuild", "code"))
    await worker.look()
    while (await crew.leases.board()).leases["a@next"].state != "stopped":
        await worker.look()
    await crew.leases.wish(Wish("a", "rebuild", "newer code"))
    await worker.look()
    assert (await crew.leases.board()).holder("a@next") is None


async def _checkpoint(crew: Crew) -> Checkpoint:
    head = await crew.log.head()
    return Checkpoint(head.position, head.store_id, head.epoch, epoch=2)


async def test_what_is_held_for_a_build_is_not_given_back_at_the_next_look(crew: Crew) -> None:
    worker, _ = await crew.worker("one")
    async with worker.building("a"):
        for _ in range(3):
            await worker.look()
        assert (await crew.leases.board()).holder("a@next") == "one"
    assert (await crew.leases.board()).holder("a@next") is None


async def test_whoever_has_failed_to_build_is_not_waited_for(crew: Crew) -> None:
    async def build(wish: Wish) -> None:
        raise StoreError("no room is left")

    one, _ = await crew.worker("one", build=build)
    two, _ = await crew.worker("two")
    await crew.leases.wish(Wish("a", "rebuild", "code"))
    await one.look()
    while (await crew.leases.board()).leases["a@next"].state != "stopped":
        await one.look()
    async with asyncio.timeout(10), two.building("a"):
        assert (await crew.leases.board()).holder("a@next") == "one"


async def test_two_do_not_hold_the_same(crew: Crew) -> None:
    one, _ = await crew.worker("one")
    two, _ = await crew.worker("two")
    async with one.holding("a@2#1/2") as is_mine, two.holding("a@2#1/2") as is_its:
        assert (is_mine, is_its) == (True, False)
    async with two.holding("a@2#1/2") as is_its:
        assert is_its


async def test_a_worker_helps_with_what_another_builds_of_its_code_as_long_as_that_is_at_it(crew: Crew) -> None:
    helped = list[str]()
    again = asyncio.Event()

    async def help(name: str) -> None:
        helped.append(name)
        again.set()

    one, _ = await crew.worker("one")
    two, _ = await crew.worker("two", help=help)
    async with one.building("a"), one.building("b"):  # The second is not of its code.
        for count in (1, 2):
            again.clear()
            await two.look()
            await again.wait()
            assert helped == ["a"] * count
            await asyncio.sleep(0)
    await two.look()
    await asyncio.sleep(0)
    assert helped == ["a", "a"]


async def test_a_worker_that_could_not_help_leaves_that_build_to_others(crew: Crew) -> None:
    helped = list[str]()

    async def help(name: str) -> None:
        helped.append(name)
        raise ValueError("a bug")

    one, _ = await crew.worker("one")
    two, _ = await crew.worker("two", help=help)
    for count in (1, 2):
        async with one.building("a"):
            for _ in range(3):
                await two.look()
                await asyncio.sleep(0)
            assert helped == ["a"] * count
        await two.look()
