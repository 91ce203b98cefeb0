"""Verifying read models from the command line, and beginning again with a log that was restored, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from tests.cli.bank import AccountView, Deposit, OpenAccount
from tests.cli.sending import app_of, send_all
from tests.cli.terminal import Terminal
from twofold import Writer
from twofold.projections import Changes, define
from twofold.projections.port import Advance


def filled(terminal: Terminal) -> Terminal:
    """Two accounts, and their read model at position 3."""
    send_all(
        terminal,
        OpenAccount(account_id="1", owner="Ada"),
        OpenAccount(account_id="2", owner="Bob"),
        Deposit(account_id="1", amount=Decimal("10.50")),
    )
    terminal("ask", "CountAccounts")
    return terminal


def spoil(terminal: Terminal, *rows: AccountView, removed: Sequence[str] = ()) -> None:
    """Write rows that no event has made."""
    step_of(terminal, "account_view", changes=[Changes(define(AccountView).table, rows, removed)])


def step_of(terminal: Terminal, subscription: str, **step: Any) -> None:
    """Write something at the checkpoint of a subscription, which stays where it is."""

    async def write() -> None:
        async with app_of(terminal) as opened:
            at = (await opened.reads.checkpoints([subscription]))[subscription]
            assert await opened.reads.save([Advance(subscription, at, at, **step)]) == [True]

    asyncio.run(write())


def test_rows_that_are_right_are_said_to_be(either: Terminal) -> None:
    done = filled(either)("projections", "verify", "account_view")
    assert (done.code, done.out) == (0, "account_view: 2 keys compared at position 3, none different\n")


def test_what_differs_is_told_by_key_and_column_until_it_is_mended(either: Terminal) -> None:
    spoil(filled(either), AccountView(account_id="1", owner="Ada", balance=Decimal("11.5")), removed=["2"])
    found = either("projections", "verify", "account_view", "--json")
    assert (found.code, found.answer) == (
        1,
        [
            {
                "read_model": "account_view", "is_right": False, "position": 3, "keys": 2, "different": 2, "healed": 0,
                "parked": 0, "unsure": [], "failing": [],
                "differences": [
                    {"key": "1", "kind": "different", "columns": {"balance": {"kept": "11.5", "folded": "10.50"}}},
                    {"key": "2", "kind": "missing", "columns": {}},
                ],
            }
        ],
    )  # fmt: skip
    mended = either("projections", "verify", "account_view", "--heal")
    assert mended.code == 0
    assert mended.out.splitlines()[2:] == [
        "1     different   balance   11.5   10.50",
        "2     missing",
        "account_view: 2 keys compared at position 3, 2 different, 2 mended",
    ]
    assert either("projections", "verify", "account_view", "--sample", "1", "--json").answer[0]["keys"] == 1
    assert [row["balance"] for row in either("ask", "ListAccounts", "--json").answer] == ["10.50", "0"]


def test_parked_keys_are_counted_and_are_no_difference(either: Terminal) -> None:
    filled(either)("send", "Deposit", "account_id=2", "amount=666")
    either("ask", "CountAccounts")
    done = either("projections", "verify", "account_view")
    assert (done.code, done.out) == (0, "account_view: 1 keys compared at position 4, none different, 1 parked\n")


def test_a_name_that_is_none_and_options_that_contradict_are_refused(terminal: Terminal) -> None:
    done = filled(terminal)("projections", "verify", "other", "--json")
    assert (done.code, done.error["code"], done.error["name"]) == (3, "not-found", "other")
    assert terminal("projections", "verify", "account_view", "--all", "--sample", "3").code == 2
    assert terminal("projections", "verify").code == 2


def test_nothing_is_emptied_while_the_log_agrees(either: Terminal) -> None:
    done = filled(either)("projections", "accept-rewind", "account_view", "--yes")
    assert (done.code, done.out) == (1, "account_view  agrees with the log\n")
    assert either("ask", "CountAccounts").out == "2\n"


def test_a_log_that_was_restored_is_accepted_only_by_a_yes(terminal: Terminal) -> None:
    filled(terminal)
    backup = (terminal.folder / "bank.db").read_bytes()
    terminal("send", "Deposit", "account_id=1", "amount=5")
    terminal("ask", "CountAccounts")
    (terminal.folder / "bank.db").write_bytes(backup)
    (stopped,) = terminal("projections", "ls", "--json").answer
    assert (stopped["state"], stopped["facts"]["reason"]) == ("stopped", "log-disagrees")
    assert "twofold projections accept-rewind account_view" in stopped["error"]

    asked = terminal.process("projections", "accept-rewind", "account_view", given="n\n")
    assert (asked.code, asked.out) == (130, "")
    assert "account_view: built up to position 4, but the log ends at 3" in asked.err
    assert terminal("projections", "ls", "--json").answer[0]["state"] == "stopped"

    accepted = terminal.process("projections", "accept-rewind", "account_view", given="y\n")
    assert (accepted.code, accepted.out) == (0, "account_view  emptied, to be filled again\n")
    assert terminal("ask", "ListAccounts", "--json").answer[0]["balance"] == "10.50"
    assert terminal("projections", "verify", "account_view").code == 0


COUNTS = '''
from app import Account, Deposited
from twofold import App, SetProjection

counts = SetProjection(
    "counts",
    Deposited,
    schema="create table counts (account text primary key, deposits int not null)",
    statement="""
        insert into counts (account, deposits) select stream, count(*) from events group by stream
        on conflict (account) do update set deposits = counts.deposits + excluded.deposits
    """,
)
app = App(Account, counts, store="sqlite:///bank.db")
'''


def test_what_sql_has_written_is_told_with_its_table(either: Terminal) -> None:
    filled(either)
    (either.folder / "counting.py").write_text(COUNTS)
    counting = Terminal(either.folder, *either.arguments, "--app", "counting:app")
    counting("projections", "rebuild", "counts")
    right = counting("projections", "verify", "counts")
    assert (right.code, right.out) == (0, "counts: 1 keys compared at position 3, none different\n")

    async def spoil(write: Writer) -> None:
        await write.execute("update counts set deposits = 9")

    step_of(either, "counts", work=spoil)
    wrong = counting("projections", "verify", "counts", "--json").answer[0]
    (difference,) = wrong["differences"]
    assert (wrong["is_right"], difference["table"], difference["kind"]) == (False, "counts", "different")
    assert difference["columns"] == {"deposits": {"kept": "9", "folded": "1"}}
    assert counting("projections", "verify", "counts").out.splitlines()[0].split() == [
        "table", "key", "row", "column", "kept", "folded"
    ]  # fmt: skip
    refused = counting("projections", "verify", "counts", "--heal")
    assert (refused.code, "twofold projections rebuild counts" in refused.err) == (2, True)
