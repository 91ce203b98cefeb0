"""Dead letters through the command line, on both databases: looking, retrying, skipping, exporting."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.bank import Deposit
from tests.cli.sending import send_all
from tests.cli.terminal import Done, Terminal

POISON = "event.amount == 666"


def pay(terminal: Terminal, *payments: tuple[str, int]) -> None:
    send_all(terminal, *(Deposit(account_id=account, amount=Decimal(amount)) for account, amount in payments))


def change(folder: Path, old: str, new: str) -> None:
    """Change the code of the app, from the next call on."""
    path = folder / "app.py"
    path.write_text(path.read_text().replace(old, new))


@pytest.fixture
def poisoned(either: Terminal) -> Terminal:
    """Accounts a and c are parked, since positions 2 and 5; b is not."""
    pay(either, ("a", 5), ("a", 666), ("b", 7), ("a", 8), ("c", 666), ("c", 1))
    either("ask", "CountAccounts")
    return either


@pytest.fixture
def mended(poisoned: Terminal, folder: Path) -> Terminal:
    """The same, but the code can take everything now."""
    change(folder, POISON, "False")
    return poisoned


def parked(terminal: Terminal) -> list[str]:
    return [each["key"] for each in terminal("dead", "ls", "--json").answer]


def balances(terminal: Terminal) -> dict[str, str]:
    """The rows as they are, whoever will make them anew."""
    found = terminal("ask", "ListAccounts", "--wait", "0", "--json").answer
    return {row["account_id"]: row["balance"] for row in found}


# --- ls, show, export -----------------------------------------------------------------------------------------------


def test_parked_keys_are_listed_with_what_could_not_be_folded(poisoned: Terminal) -> None:
    first, second = poisoned("dead", "ls", "--json").answer
    assert (first["key"], first["since"], first["event_type"]) == ("a", 2, "Deposited")
    assert first["reason"] == "ValueError: a number that this view cannot take"
    assert first["place"].endswith(" was_deposited")
    assert (second["key"], second["since"], second["group"]) == ("c", 5, first["group"])
    lines = poisoned("dead", "ls", "account_view").out.splitlines()
    assert lines[0].split() == ["read", "model", "key", "since", "event", "type", "error", "place", "group"]
    assert lines[2].split()[:4] == ["account_view", "a", "2", "Deposited"]


def test_what_failed_alike_is_one_group(poisoned: Terminal) -> None:
    (group,) = poisoned("dead", "ls", "--group", "--json").answer
    assert (group["count"], group["read_model"], group["first_key"]) == (2, "account_view", "a")
    assert (group["event_type"], group["error"]) == ("Deposited", "ValueError")
    assert f"{group['group']}   2 " in poisoned("dead", "ls", "--group").out


def test_nothing_parked_is_an_empty_list_and_a_note(either: Terminal) -> None:
    pay(either, ("a", 5))
    assert either("dead", "ls", "--json").answer == []
    done = either("dead", "ls")
    assert (done.code, done.out) == (0, "")
    assert "Nothing is parked." in done.err
    assert either("dead", "retry", "--all").code == 0


def test_a_parked_key_is_shown_with_its_events(poisoned: Terminal) -> None:
    found = poisoned("dead", "show", "account_view", "a", "--json").answer
    assert [(each["position"], each["data"]) for each in found["letters"]] == [(2, {"amount": "666"}), (4, {"amount": "8"})]  # fmt: skip
    lines = poisoned("dead", "show", "account_view", '"a"').out.splitlines()
    assert lines[1].split() == ["key", "a"]
    assert lines[-1].endswith('account-a@3  Deposited  {"amount":"8"}')


def test_an_export_has_everything_that_is_known_of_each_key(poisoned: Terminal) -> None:
    (group,) = poisoned("dead", "ls", "--group", "--json").answer
    for arguments in ((), ("--group", group["group"])):
        first, second = poisoned("dead", "export", *arguments).lines
        assert (first["key"], first["error"], len(first["events"])) == ("a", "ValueError", 2)
        assert [event["data"] for event in second["events"]] == [{"amount": "666"}, {"amount": "1"}]


# --- retry ----------------------------------------------------------------------------------------------------------


def test_a_dry_run_shows_both_rows_and_changes_nothing(mended: Terminal) -> None:
    (found,) = mended("dead", "retry", "a", "--dry-run", "--json").lines
    assert (found["before"]["balance"], found["after"]["balance"], found["unparked"]) == ("5", "679", False)
    said = mended("dead", "retry", "a", "--dry-run").out
    assert said.startswith("account_view a: 2 events, could be taken (dry run: nothing was changed)\n")
    assert said.splitlines()[-1].split() == ["balance", "5", "679"]
    assert parked(mended) == ["a", "c"]
    assert balances(mended) == {"a": "5", "b": "7"}


def test_a_retry_lets_the_key_go(mended: Terminal) -> None:
    done = mended("dead", "retry", "a")
    assert (done.code, done.out.splitlines()[0]) == (0, "account_view a: 2 events, taken")
    assert parked(mended) == ["c"]
    assert balances(mended) == {"a": "679", "b": "7"}


@pytest.mark.parametrize("which", ["group", "all", "read model"])
def test_many_are_retried_at_once(mended: Terminal, which: str) -> None:
    (group,) = mended("dead", "ls", "--group", "--json").answer
    arguments = {"group": ["--group", group["group"]], "all": ["--all"], "read model": ["--all", "--read-model", "account_view"]}  # fmt: skip
    done = mended("dead", "retry", *arguments[which], "--json")
    assert (done.code, [each["unparked"] for each in done.lines]) == (0, [True, True])
    assert parked(mended) == []
    assert balances(mended) == {"a": "679", "b": "7", "c": "667"}


def test_a_key_that_stays_parked_is_a_no(poisoned: Terminal) -> None:
    done = poisoned("dead", "retry", "--all")
    assert done.code == 1
    assert done.out.splitlines() == ["account_view a: 2 events, stays parked", "account_view c: 2 events, stays parked"]
    assert "account_view cannot take Deposited at position 5 (key: c)" in done.err
    (document, _) = poisoned("dead", "retry", "--all", "--json").lines
    assert (document["unparked"], document["error"]["position"]) == (False, 2)


def test_one_that_cannot_be_taken_keeps_nobody_else(poisoned: Terminal, folder: Path) -> None:
    change(folder, POISON, 'event.amount == 666 and self.account_id == "a"')
    done = poisoned("dead", "retry", "--all", "--json")
    assert (done.code, [each["unparked"] for each in done.lines]) == (1, [False, True])
    assert parked(poisoned) == ["a"]


# --- skip -----------------------------------------------------------------------------------------------------------


def test_an_event_is_skipped_and_those_after_it_are_taken(poisoned: Terminal) -> None:
    done = poisoned("dead", "skip", "a", "--reason", "a typing error")
    assert (done.code, done.out.splitlines()[0]) == (0, "account_view a: 1 event, taken")
    assert parked(poisoned) == ["c"]
    assert balances(poisoned) == {"a": "13", "b": "7"}


def test_a_skip_is_refused_when_a_later_event_fails_too(poisoned: Terminal) -> None:
    pay(poisoned, ("a", 666))
    poisoned("ask", "CountAccounts")
    done = poisoned("dead", "skip", "a", "--reason", "a typing error", "--json")
    assert (done.code, done.answer["unparked"], done.answer["error"]["position"]) == (1, False, 7)
    assert parked(poisoned) == ["a", "c"]


def test_a_skip_without_a_reason_is_a_usage_error(poisoned: Terminal) -> None:
    assert poisoned("dead", "skip", "a").code == 2
    assert poisoned("dead", "skip", "a", "--reason", " ", "--json").error["code"] == "invalid-input"
    assert parked(poisoned) == ["a", "c"]


# --- which is meant -------------------------------------------------------------------------------------------------

SECOND = """
from twofold import stored_as

@stored_as("by_amount")
class ByAmount(ReadModel):
    amount: Key[int]
    times: int = 0

    @evolve(key=lambda event: int(event.amount))
    def was_deposited(self, event: Deposited) -> None:
        if event.amount == 666:
            raise ValueError("no")
        self.times += 1

app = App(Account, AccountView, ByAmount, list_accounts, count_accounts, store="sqlite:///bank.db")
"""


def test_a_key_of_several_read_models_must_say_of_which(terminal: Terminal, folder: Path) -> None:
    path = folder / "app.py"
    path.write_text(path.read_text() + SECOND)
    pay(terminal, ("666", 666))
    terminal("ask", "CountAccounts")
    done = terminal("dead", "retry", "666", "--json")
    assert (done.code, done.error["code"]) == (2, "invalid-input")
    assert done.error["message"] == "The key 666 is parked in account_view and by_amount"
    assert done.error["remedy"] == "Say which: --read-model account_view."
    assert [each["key"] for each in terminal("dead", "ls", "--json").answer] == ["666", 666]
    assert terminal("dead", "retry", '"666"', "--json").answer["read_model"] == "account_view"
    assert terminal("dead", "skip", "666", "--read-model", "by_amount", "--reason", "a test", "--json").answer[
        "unparked"
    ]


def refusals() -> list[tuple[tuple[str, ...], int, str]]:
    return [
        (("dead", "retry"), 2, "Say which"),
        (("dead", "retry", "a", "--all"), 2, "Say which"),
        (("dead", "retry", "aa"), 3, "Did you mean a?"),
        (("dead", "retry", "--group", "nosuch"), 3, "See twofold dead ls --group."),
        (("dead", "show", "account_view", "b"), 3, "See twofold dead ls."),
        (("dead", "show", "accounts", "a"), 3, "There are: account_view."),
        (("dead", "ls", "accounts"), 3, "There are: account_view."),
        (("dead", "skip", "b", "--reason", "why"), 3, "See twofold dead ls."),
        (("dead", "export", "--group", "nosuch"), 3, "See twofold dead ls --group."),
    ]


def test_every_refusal_says_what_to_do(poisoned: Terminal) -> None:
    def told(done: Done) -> str:
        return json.dumps(done.error)

    for arguments, code, hint in refusals():
        done = poisoned(*arguments, "--json")
        assert (done.code, done.out) == (code, ""), arguments
        assert hint in told(done), arguments
