"""The life of a command: decided on the newest state, appended once, and answered the same when repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.deciders.bank import ACCOUNT, ACCOUNTS, Bank, CloseIfEmpty, Deposit, OpenAccount, Transfer
from twofold.deciders.states import Turns
from twofold.errors import ConflictError, InvalidInputError, KeyReusedError, Rejected, UnknownMessageError
from twofold.messages import Command
from twofold.store.port import Append, Page, Verdict
from twofold.testing.memory import MemoryLog


class WatchedLog(MemoryLog):
    """A log that counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[int] = []
        self.batches: list[int] = []

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        self.batches.append(len(batch))
        return await super().append(batch)

    async def read_stream(self, stream: str, *, after: int = 0, **bounds: object) -> Page:
        page = await super().read_stream(stream, after=after, **bounds)  # type: ignore[arg-type]
        self.reads.append(len(page.rows))
        return page


@pytest.fixture
def log() -> WatchedLog:
    return WatchedLog()


@pytest.fixture
def bank(log: WatchedLog) -> Bank:
    return Bank(log)


async def test_a_decision_is_appended_to_its_stream(bank: Bank) -> None:
    receipt = await bank.send(Deposit(account_id="a", amount=5))

    assert (receipt.first, receipt.position, receipt.versions) == (1, 1, {"account-a": 1})
    assert receipt.count == 1
    assert not receipt.replayed
    assert await bank.balance("a") == 5


async def test_a_transfer_appends_to_both_streams_at_once(bank: Bank) -> None:
    await bank.send(Deposit(account_id="a", amount=50))

    receipt = await bank.send(Transfer(source_id="a", target_id="b", amount=30))

    assert receipt.versions == {"account-a": 2, "account-b": 1}
    assert (await bank.balance("a"), await bank.balance("b")) == (20, 30)


async def test_a_transfer_to_oneself_changes_nothing(bank: Bank) -> None:
    await bank.send(Deposit(account_id="a", amount=50))

    receipt = await bank.send(Transfer(source_id="a", target_id="a", amount=30))

    assert receipt.versions == {"account-a": 3}
    assert await bank.balance("a") == 50


async def test_a_rejected_command_appends_nothing(bank: Bank, log: WatchedLog) -> None:
    with pytest.raises(Rejected, match="not enough money") as refused:
        await bank.send(Transfer(source_id="a", target_id="b", amount=1))

    assert refused.value.code == "no-money"
    assert refused.value.details == {"balance": 0}
    assert (await log.head()).position == 0


async def test_a_hot_state_is_not_read_again(bank: Bank, log: WatchedLog) -> None:
    for _ in range(5):
        await bank.send(Deposit(account_id="a", amount=1))

    assert log.reads == [0]


async def test_after_a_conflict_only_the_rivals_events_are_read(bank: Bank, log: WatchedLog) -> None:
    rival = Bank(log)
    for _ in range(3):
        await bank.send(Deposit(account_id="a", amount=1))
    await rival.send(Deposit(account_id="a", amount=10))
    log.reads.clear()

    await bank.send(Deposit(account_id="a", amount=100))

    assert log.reads == [1]
    assert await bank.balance("a") == 113


async def test_rivals_in_many_processes_lose_no_deposit(log: WatchedLog) -> None:
    banks = [Bank(log) for _ in range(8)]

    await asyncio.gather(*(bank.send(Deposit(account_id="a", amount=1)) for bank in banks for _ in range(10)))

    assert await banks[0].balance("a") == 80


async def test_the_last_attempt_raises_the_conflict(log: WatchedLog) -> None:
    bank, rival = Bank(log, attempts_max=1), Bank(log)
    await bank.send(Deposit(account_id="a", amount=1))
    await rival.send(Deposit(account_id="a", amount=1))

    with pytest.raises(ConflictError) as conflict:
        await bank.send(Deposit(account_id="a", amount=1))

    assert (conflict.value.stream, conflict.value.expected, conflict.value.found) == ("account-a", 1, 2)


async def test_a_no_is_never_said_on_an_old_state(log: WatchedLog) -> None:
    bank, rival = Bank(log), Bank(log)
    await bank.balance("a")
    await rival.send(Deposit(account_id="a", amount=50))

    receipt = await bank.send(Transfer(source_id="a", target_id="b", amount=50))

    assert receipt.count == 2


async def test_nothing_to_do_is_never_said_on_an_old_state(log: WatchedLog) -> None:
    bank, rival = Bank(log), Bank(log)
    await bank.send(Deposit(account_id="a", amount=50))
    await rival.send(Transfer(source_id="a", target_id="b", amount=50))

    assert (await bank.send(CloseIfEmpty(account_id="a"))).count == 1


async def test_a_decision_without_events_says_where_the_log_stood(bank: Bank) -> None:
    await bank.send(Deposit(account_id="a", amount=50))

    receipt = await bank.send(CloseIfEmpty(account_id="a"))

    assert (receipt.count, receipt.position, receipt.versions) == (0, 1, {})


async def test_a_repeated_command_gets_the_same_answer_and_changes_nothing(bank: Bank) -> None:
    first = await bank.send(Deposit(account_id="a", amount=5), "id-1")
    again = await bank.send(Deposit(account_id="a", amount=5), "id-1")

    assert again.replayed
    assert (again.first, again.position, again.versions) == (first.first, first.position, first.versions)
    assert await bank.balance("a") == 5


async def test_a_repeated_command_is_not_refused_because_of_its_own_effect(bank: Bank, log: WatchedLog) -> None:
    await bank.send(Deposit(account_id="a", amount=50))
    transfer = Transfer(source_id="a", target_id="b", amount=50)
    first = await bank.send(transfer, "id-1")

    again = await Bank(log).send(transfer, "id-1")

    assert again.replayed
    assert again.position == first.position


async def test_a_repeated_command_that_gave_no_events_gives_none_later_either(bank: Bank) -> None:
    await bank.send(Deposit(account_id="a", amount=50))
    await bank.send(CloseIfEmpty(account_id="a"), "id-1")
    await bank.send(Transfer(source_id="a", target_id="b", amount=50))

    again = await bank.send(CloseIfEmpty(account_id="a"), "id-1")

    assert again.replayed
    assert again.count == 0


async def test_a_used_command_id_with_another_body_is_refused(bank: Bank) -> None:
    await bank.send(Deposit(account_id="a", amount=5), "id-1")

    for other in (Deposit(account_id="a", amount=6), Transfer(source_id="z", target_id="b", amount=9)):
        with pytest.raises(KeyReusedError, match="id-1"):
            await bank.send(other, "id-1")


async def test_a_boundary_holds_over_many_streams(bank: Bank, log: WatchedLog) -> None:
    rival = Bank(log)
    wishes = [
        sender.send(OpenAccount(account_id=f"{number}", customer_id="c"))
        for number in range(10)
        for sender in (bank, rival)
    ]

    answers = await asyncio.gather(*wishes, return_exceptions=True)

    assert sum(not isinstance(answer, Rejected) for answer in answers) == 2
    assert (await log.head()).position == 2


async def test_an_event_of_another_key_is_no_conflict_for_a_boundary(bank: Bank, log: WatchedLog) -> None:
    rival = Bank(log)
    await bank.send(OpenAccount(account_id="1", customer_id="c"))
    await rival.send(OpenAccount(account_id="2", customer_id="other"))
    log.batches.clear()

    await bank.send(OpenAccount(account_id="3", customer_id="c"))

    assert log.batches == [1]


async def test_an_evolve_may_ask_for_the_recorded_event(bank: Bank) -> None:
    await bank.send(CloseIfEmpty(account_id="a"))

    with pytest.raises(Rejected, match="closed_at: 1"):
        await bank.send(Deposit(account_id="a", amount=1))


async def test_what_is_recorded_with_an_event_says_why(bank: Bank, log: WatchedLog) -> None:
    await bank.send(Deposit(account_id="a", amount=1), "id-1", actor="ann", correlation_id="c", headers={"tenant": "t"})
    await bank.send(Deposit(account_id="a", amount=1), "id-2")

    page = await log.read_stream("account-a")
    from tests.deciders.bank import REGISTRY

    first, second = (recorded.metadata for recorded in REGISTRY.page(page.rows))
    assert (first.actor, first.correlation_id, first.causation_id) == ("ann", "c", "id-1")
    assert (first.headers, first.command_id, first.event_id) == ({"tenant": "t"}, "id-1", "id-1:1")
    assert (second.correlation_id, second.causation_id, second.actor) == ("id-2", "id-2", None)


async def test_commands_that_wait_together_share_a_flush(bank: Bank, log: WatchedLog) -> None:
    for _ in range(2):
        await asyncio.gather(*(bank.send(Deposit(account_id=f"{number}", amount=1)) for number in range(20)))

    assert log.batches[-1] == 20


@pytest.mark.parametrize("command_id", ["", "x y", 'a"b', "ü", "x" * 256])
async def test_a_strange_command_id_is_refused(bank: Bank, command_id: str) -> None:
    with pytest.raises(InvalidInputError, match="command id"):
        await bank.send(Deposit(account_id="a", amount=1), command_id)


async def test_an_unknown_command_is_refused_with_what_is_known(bank: Bank) -> None:
    class Nobody(Command):
        pass

    with pytest.raises(UnknownMessageError, match=r"Unknown command: Nobody. Known here: CloseIfEmpty, Deposit"):
        await bank.send(Nobody())


async def test_a_failing_decision_leaves_the_way_free(bank: Bank) -> None:
    with pytest.raises(InvalidInputError):
        await bank.send(Deposit(account_id="a", amount=2**63))
    cancelled = asyncio.ensure_future(bank.send(Deposit(account_id="a", amount=1)))
    waiting = asyncio.ensure_future(bank.send(Deposit(account_id="a", amount=10)))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(cancelled, waiting, return_exceptions=True)

    await bank.send(Deposit(account_id="a", amount=100))

    assert await bank.balance("a") in (100, 101)


async def test_who_is_cancelled_in_the_moment_of_his_turn_leaves_the_way_free() -> None:
    turns, subjects = Turns(), [ACCOUNT.subject(("a",))]
    await turns.take(subjects)
    waiting = asyncio.ensure_future(turns.take(subjects))
    await asyncio.sleep(0)
    waiting.cancel()
    turns.give(subjects)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert turns.take_at_once(subjects)


async def test_a_snapshot_spares_reading_what_it_covers(log: WatchedLog) -> None:
    from twofold.testing.memory import MemorySnapshots

    snapshots = MemorySnapshots()
    bank = Bank(log, snapshots)
    for _ in range(12):
        await bank.send(Deposit(account_id="a", amount=1))
    log.reads.clear()

    assert await Bank(log, snapshots).balance("a") == 12
    assert log.reads == [2]
    assert await snapshots.load_snapshot("account-a", ACCOUNT.code) is not None
    assert await snapshots.load_snapshot("account-a", "other code") is None


class LateLog(MemoryLog):
    """A log whose answers to readers arrive late, like those of a database over a wire."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def read_stream(self, stream: str, **bounds: object) -> Page:
        page = await super().read_stream(stream, **bounds)  # type: ignore[arg-type]
        self.asked.set()
        await self.gate.wait()
        return page


@pytest.mark.parametrize("read_before_the_append", [True, False])
async def test_a_load_during_a_command_folds_no_event_twice(read_before_the_append: bool) -> None:
    log = LateLog()
    bank, rival = Bank(log), Bank(log)
    await bank.send(Deposit(account_id="a", amount=1))
    if not read_before_the_append:
        await rival.balance("a")
        await rival.send(Deposit(account_id="a", amount=1))
    log.gate.clear()
    log.asked.clear()
    loading = asyncio.create_task(bank.balance("a"))
    await log.asked.wait()
    sending = asyncio.create_task(bank.send(Deposit(account_id="a", amount=10)))
    for _ in range(20):
        await asyncio.sleep(0)
    log.gate.set()
    await asyncio.gather(loading, sending)

    expected = 11 if read_before_the_append else 12
    assert await bank.balance("a") == expected
    assert await Bank(log).balance("a") == expected


class LateAnswers(MemoryLog):
    """A log whose answers to appends arrive late: others may read the events before."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()
        self.gate = asyncio.Event()

    async def append(self, batch: Sequence[Append]) -> list[Verdict]:
        verdicts = await super().append(batch)
        self.written.set()
        await self.gate.wait()
        return verdicts


@pytest.mark.parametrize("command", [Deposit(account_id="a", amount=10), OpenAccount(account_id="a", customer_id="c")])
async def test_what_a_load_has_read_already_is_not_folded_again_after_the_append(command: Command) -> None:
    log = LateAnswers()
    bank = Bank(log)
    await bank.balance("a")
    await bank.states.current(ACCOUNTS.subject(["c"]))
    sending = asyncio.create_task(bank.send(command))
    await log.written.wait()
    await bank.balance("a")
    await bank.states.current(ACCOUNTS.subject(["c"]))
    log.gate.set()
    await sending

    for subject in (ACCOUNT.subject(["a"]), ACCOUNTS.subject(["c"])):
        assert (await bank.states.current(subject)).value == (await Bank(log).states.current(subject)).value
