"""What a shell sees of the command line: its exit code, and nothing but the result on stdout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

BEHIND = "a token that no read model has reached"

CALLS = [
    (0, ("send", "Deposit", "account_id=1", "amount=1")),
    (0, ("ask", "ListAccounts")),
    (0, ("streams", "show", "account-1")),
    (0, ("streams", "state", "account-1")),
    (0, ("events", "tail")),
    (0, ("events", "show", "1")),
    (0, ("projections", "ls")),
    (0, ("doctor",)),
    (0, ("db", "current")),
    (1, ("send", "Withdraw", "account_id=1", "amount=99")),
    (2, ("send", "Nothing")),
    (2, ("ask", "ListAccounts", "--nonsense")),
    (2, ("ask", "ListAccounts", "--app", "nowhere:app")),
    (3, ("events", "show", "99")),
    (3, ("streams", "show", "account-9")),
    (4, ("send", "Deposit", "account_id=1", "amount=2", "--id", "first")),
    (5, ("ask", "ListAccounts", "--after", BEHIND, "--wait", "0.2", "--app", "app:strict")),
]


@pytest.fixture
def used(folder: Path) -> tuple[Terminal, str]:
    """A bank that was used, and the token of a write that its read model cannot take."""
    terminal = Terminal(folder)
    terminal("send", "Deposit", "account_id=1", "amount=1", "--id", "first")
    return terminal, terminal("send", "Deposit", "account_id=2", "amount=666", "--app", "app:strict", "--json").answer[
        "token"
    ]


@pytest.mark.parametrize(
    ("code", "words"), CALLS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_the_exit_code_tells_and_stdout_has_the_result_or_nothing(
    used: tuple[Terminal, str], code: int, words: tuple[str, ...]
) -> None:
    terminal, token = used
    done = terminal.process(*(token if word == BEHIND else word for word in words), "--json")
    assert done.code == code, done.err
    assert bool(done.out) == (code == 0)
    documents = [json.loads(line) for line in (*done.out.splitlines(), *done.err.splitlines())]
    assert ("code" in documents[-1]) == (code != 0)


def test_a_mistake_in_the_code_is_told_apart_from_a_no(folder: Path) -> None:
    path = folder / "app.py"
    path.write_text(path.read_text().replace('raise Rejected("overdrawn"', 'raise KeyError("overdrawn"'))
    done = Terminal(folder).process("send", "Withdraw", "account_id=1", "amount=99", "--json")
    assert (done.code, done.out) == (70, "")
    assert json.loads(done.err.splitlines()[1])["code"] == "bug"
    assert "app.py" in done.err
