"""Commands and questions through the command line, on both databases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


def opened(terminal: Terminal, account: str = "1", owner: str = "ada") -> Terminal:
    assert terminal("send", "OpenAccount", f"account_id={account}", f"owner={owner}").code == 0
    return terminal


def test_a_command_is_sent_and_the_next_question_knows_it(either: Terminal) -> None:
    opened(either)
    sent = either("send", "Deposit", '{"account_id": "1", "amount": "2.50"}', "--json")
    assert sent.code == 0
    assert sent.answer["versions"] == {"account-1": 2}
    asked = either("ask", "ListAccounts", "--json")
    assert asked.answer == [{"account_id": "1", "owner": "ada", "balance": "2.50"}]


def test_a_question_after_a_receipt_includes_it(either: Terminal) -> None:
    token = either("send", "OpenAccount", "account_id=1", "owner=ada", "--json").answer["token"]
    assert either("ask", "CountAccounts", "--after", token, "--json").answer == 1


def test_a_consistent_question_includes_everything_or_fails(either: Terminal) -> None:
    opened(either)
    assert either("ask", "CountAccounts", "--consistent", "--json").answer == 1


def test_a_token_of_another_log_is_refused(terminal: Terminal, tmp_path: Path) -> None:
    token = opened(terminal)("send", "Deposit", "account_id=1", "amount=1", "--json").answer["token"]
    done = terminal("ask", "CountAccounts", "--after", token, "--store", "sqlite:///other.db")
    assert (done.code, done.out) == (2, "")


def test_a_command_with_an_id_is_done_once(either: Terminal) -> None:
    opened(either)
    words = ("send", "Deposit", "account_id=1", "amount=5", "--id", "d-1", "--json")
    first, second = either(*words), either(*words)
    assert not first.answer["replayed"]
    assert second.answer["replayed"]
    assert second.answer["position"] == first.answer["position"]
    assert either("ask", "ListAccounts", "--json").answer[0]["balance"] == "5"


def test_an_id_used_again_for_something_else_is_a_conflict(either: Terminal) -> None:
    either("send", "Deposit", "account_id=1", "amount=5", "--id", "d-1")
    done = either("send", "Deposit", "account_id=1", "amount=6", "--id", "d-1", "--json")
    assert (done.code, done.out) == (4, "")
    assert done.error["code"] == "key-reused"


def test_a_no_of_the_domain_is_exit_code_one_with_its_facts(either: Terminal) -> None:
    done = either("send", "Withdraw", "account_id=1", "amount=5", "--json")
    assert (done.code, done.out) == (1, "")
    assert (done.error["code"], done.error["balance"]) == ("overdrawn", "0")


def test_the_actor_is_recorded(either: Terminal) -> None:
    opened(either)("send", "Deposit", "account_id=1", "amount=5", "--actor", "ada")
    assert either("events", "show", "2", "--json").answer["metadata"]["actor"] == "ada"


def test_data_comes_from_a_file_and_from_stdin(terminal: Terminal, folder: Path) -> None:
    raw = '{"account_id": "1", "owner": "ada"}'
    (folder / "open.json").write_text(raw)
    assert terminal("send", "OpenAccount", "--data", "@open.json").code == 0
    assert terminal.process("send", "OpenAccount", "--data", "@-", given=raw.replace("1", "2")).code == 0
    assert terminal("ask", "CountAccounts").out == "2\n"


@pytest.mark.parametrize(
    ("verb", "name", "hint"), [("send", "Depositt", "Deposit"), ("ask", "listaccounts", "ListAccounts")]
)
def test_an_unknown_message_is_a_usage_error_with_a_guess(terminal: Terminal, verb: str, name: str, hint: str) -> None:
    done = terminal(verb, name, "--json")
    assert (done.code, done.out) == (2, "")
    assert f"Did you mean {hint}?" in json.dumps(done.error)


@pytest.mark.parametrize(
    "body",
    [
        '{"account_id": "1", "amount": 1, "amount": 2}',
        '{"account_id": "1", "amount": NaN}',
        '{"account_id": "1\\u0000", "amount": 1}',
        '{"account_id": "\\ud800", "amount": 1}',
        '{"account_id": "..", "amount": 1}',
        '{"account_id": "1"}',
        '{"account_id": "1", "amount": 1, "colour": "red"}',
        '{"account_id": "1", "amount": "many"}',
        "[1]",
        "{",
    ],
)
def test_a_bad_body_is_refused_and_nothing_is_written(terminal: Terminal, body: str) -> None:
    done = terminal("send", "Deposit", body, "--json")
    assert (done.code, done.out) == (2, "")
    assert done.error["message"]
    assert terminal("events", "tail").out == ""


def test_a_question_that_is_late_is_exit_code_five(terminal: Terminal) -> None:
    opened(terminal)
    token = terminal("send", "Deposit", "account_id=1", "amount=666", "--app", "app:strict", "--json").answer["token"]
    done = terminal("ask", "ListAccounts", "--after", token, "--wait", "0.2", "--app", "app:strict", "--json")
    assert (done.code, done.out) == (5, "")
    assert done.error["read_model"] == "account_view"


def test_a_question_without_a_token_is_answered_as_well_as_can_be_with_a_note(terminal: Terminal) -> None:
    opened(terminal)("send", "Deposit", "account_id=1", "amount=666", "--app", "app:strict")
    done = terminal("ask", "ListAccounts", "--wait", "0.2", "--app", "app:strict", "--json")
    assert done.code == 0
    assert done.answer[0]["balance"] == "0"
    assert "behind" in done.err


def test_people_get_a_table(terminal: Terminal) -> None:
    opened(opened(terminal), "2", "grace")
    lines = terminal("ask", "ListAccounts").out.splitlines()
    assert lines[0].split() == ["account_id", "owner", "balance"]
    assert lines[-1].split() == ["2", "grace", "0"]
