"""Read models are built anew by an operator: rebuilt, switched, rolled back, cancelled; what is there serves meanwhile."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.bank import OpenAccount
from tests.cli.sending import send_all
from tests.cli.terminal import Terminal


@pytest.fixture
def bank(either: Terminal) -> Terminal:
    """A bank with three accounts, whose read model has seen them."""
    send_all(either, *(OpenAccount(account_id=f"a-{number}", owner="ada") for number in range(3)))
    assert either("ask", "CountAccounts", "--consistent").code == 0
    return either


def shout(folder: Path) -> None:
    """Change the fold of the bank's read model."""
    path = folder / "app.py"
    path.write_text(path.read_text().replace("self.owner = event.owner", "self.owner = event.owner.upper()"))


def owners(terminal: Terminal) -> set[str]:
    return {row["owner"] for row in terminal("ask", "ListAccounts", "--wait", "0.01", "--json").answer}


def standing(terminal: Terminal) -> tuple[str, int]:
    (found,) = terminal("projections", "ls", "--json").answer
    return found["state"], found["generation"]


def test_a_changed_fold_is_rebuilt_and_rolled_back(bank: Terminal, folder: Path) -> None:
    shout(folder)
    assert standing(bank) == ("held", 1)
    done = bank("projections", "rebuild", "account_view", "--verify", "--json")
    assert (done.code, done.answer) == (0, [{"name": "account_view", "generation": 2, "state": "active"}])
    assert owners(bank) == {"ADA"}
    done = bank("projections", "rollback", "account_view", "--json")
    assert done.answer == {"name": "account_view", "generation": 1, "rejected": 2, "followed": False}
    assert owners(bank) == {"ada"}
    assert standing(bank) == ("held", 1)


def test_a_dry_run_says_how_much_it_is_and_builds_nothing(bank: Terminal) -> None:
    (found,) = bank("projections", "rebuild", "--all", "--dry-run", "--json").answer
    assert (found["subscription"], found["events"], found["rows"]) == ("account_view", 3, 3)
    assert found["seconds"] < 60
    assert standing(bank)[1] == 1


def test_what_is_built_to_wait_is_listed_and_switched(bank: Terminal) -> None:
    done = bank("projections", "rebuild", "account_view", "--switch", "manual")
    assert "waits: twofold projections switch account_view" in done.err
    assert "next one 100%" in bank("projections", "ls").out
    (found,) = bank("projections", "ls", "--json").answer
    assert found["building"] == {"generation": 2, "position": 3}
    assert bank("projections", "switch", "account_view").code == 0
    assert standing(bank)[1] == 2


def test_what_is_built_to_wait_can_be_given_up(bank: Terminal) -> None:
    bank("projections", "rebuild", "account_view", "--switch", "manual")
    done = bank("projections", "cancel", "account_view", "--json")
    assert done.answer == [{"name": "account_view", "generation": 2, "state": "cancelled"}]
    assert standing(bank)[1] == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("rebuild account_veiw", 3, "Those of this app: account_view"),
        ("rebuild", 2, "Name the read models, or say --all."),
        ("rebuild --all account_view", 2, "Name the read models, or say --all."),
        ("switch account_view", 3, "rebuild account_view --switch manual"),
        ("rollback account_view", 3, "No retired generation of account_view"),
        ("cancel account_view", 3, "No unfinished generation of account_view"),
    ],
)
def test_what_cannot_be_done_says_what_can(bank: Terminal, words: str, code: int, said: str) -> None:
    done = bank("projections", *words.split())
    assert done.code == code
    assert said in done.err


WITH_A_VIEW = """
from app import Account, AccountView, Deposited
from twofold import App, SetProjection

seen = SetProjection(
    "seen",
    Deposited,
    schema="create table seen (n int); create view all_seen as select n from seen",
    statement="insert into seen (n) select position from events",
)
app = App(Account, AccountView, seen, store="sqlite:///bank.db")
"""


def test_what_was_built_is_told_also_where_the_next_one_cannot_be(bank: Terminal) -> None:
    (bank.folder / "counting.py").write_text(WITH_A_VIEW)
    done = Terminal(bank.folder, *bank.arguments, "--app", "counting:app")("projections", "rebuild", "--all")
    assert done.code == 2
    served, failed = (
        done.err.index("of account_view serves."),
        done.err.index("Error: seen cannot be built beside itself"),
    )
    assert served < failed


def test_a_rebuild_that_is_interrupted_says_how_to_go_on_and_goes_on(terminal: Terminal, folder: Path) -> None:
    send_all(terminal, *(OpenAccount(account_id=f"a-{number}", owner="ada") for number in range(3)))
    path = folder / "app.py"
    slow = "        import time; print('folds', flush=True); time.sleep(0.5)\n        self.owner = event.owner"
    path.write_text(path.read_text().replace("        self.owner = event.owner", slow))
    with terminal.running("projections", "rebuild", "account_view") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "folds\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "twofold projections rebuild account_view" in err
    assert terminal("projections", "rebuild", "account_view").code == 0
    assert standing(terminal)[1] == 2
