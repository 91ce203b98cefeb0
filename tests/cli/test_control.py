"""Read models are paused, resumed, stepped through and waited for; who runs them, and how late they are, is seen from outside."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.cli.bank import OpenAccount
from tests.cli.sending import send_all
from tests.cli.terminal import Terminal

NAME = "account_view"


@pytest.fixture
def bank(either: Terminal) -> Terminal:
    """A bank with three accounts, whose read model nobody has run yet."""
    send_all(either, *(OpenAccount(account_id=f"a-{number}", owner="ada") for number in range(3)))
    return either


def standing(terminal: Terminal) -> dict[str, Any]:
    (found,) = terminal("projections", "ls", "--json").answer
    return dict(found)


@contextmanager
def working(terminal: Terminal) -> Generator[subprocess.Popen[str]]:
    """A worker that has taken the read model."""
    with terminal.running("run", "worker", "--json") as process:
        while standing(terminal)["owner"] is None:
            pass
        yield process


def test_who_runs_it_is_seen_from_outside_and_that_nobody_does(bank: Terminal) -> None:
    with working(bank) as process:
        assert bank("projections", "wait", NAME, "--timeout", "30s").code == 0
        found = standing(bank)
        assert (found["state"], found["lag"], found["lag_seconds"]) == ("running", 0, 0.0)
        assert found["owner"].split(":")[1] == str(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    found = standing(bank)
    assert (found["state"], found["owner"]) == ("unattended", None)


def test_what_is_paused_stands_still_until_it_is_resumed(bank: Terminal) -> None:
    with working(bank):
        assert bank("projections", "wait", "--all").code == 0
        assert bank("projections", "pause", NAME, "--json").answer == [{"name": NAME, "state": "paused"}]
        bank("send", "Deposit", "account_id=a-1", "amount=5")
        found = standing(bank)
        assert (found["state"], found["owner"], found["position"], found["lag"]) == ("paused", None, 3, 1)
        late = bank("projections", "wait", NAME, "--timeout", "10ms", "--json")
        assert (late.code, late.error["read_model"], late.error["reason"]) == (5, NAME, "paused by an operator")
        assert "twofold projections resume account_view" in late.error["remedy"]
        (resumed,) = bank("projections", "resume", NAME, "--json").answer
        assert resumed["owner"] is not None
        assert bank("projections", "wait", NAME).code == 0
        assert standing(bank)["state"] == "running"


def test_a_paused_one_can_be_stepped_through(bank: Terminal) -> None:
    refused = bank("projections", "step", NAME, "--json")
    assert (refused.code, refused.error["reason"]) == (2, "not-paused")
    bank("projections", "pause", NAME)
    done = bank("projections", "step", NAME, "--json").answer
    assert (done["before"], done["after"], done["events"][0]["type"], done["error"]) == (0, 1, "AccountOpened", None)
    assert bank("projections", "step", NAME, "--events", "5", "--json").answer["after"] == 3
    assert bank("projections", "step", NAME, "--json").answer["events"] == []
    assert len(bank("ask", "ListAccounts", "--json").answer) == 3


def test_a_step_over_an_event_that_the_fold_cannot_take_parks_its_key(bank: Terminal) -> None:
    bank("send", "Deposit", "account_id=a-1", "amount=666")
    bank("projections", "pause", NAME)
    done = bank("projections", "step", NAME, "--events", "4")
    assert (done.code, "Deposited" in done.out) == (0, True)
    assert standing(bank)["parked"] == 1


def test_one_that_stops_at_the_event_says_so(bank: Terminal) -> None:
    bank("send", "Deposit", "account_id=a-1", "amount=666")
    bank("projections", "pause", NAME)
    done = bank("projections", "step", NAME, "--events", "4", "--app", "app:strict", "--json")
    assert (done.code, done.answer["after"]) == (1, 3)
    assert "cannot take Deposited at position 4" in done.answer["error"]


def test_lag_beyond_what_is_allowed_is_an_exit_code(bank: Terminal) -> None:
    assert bank("projections", "ls", "--max-lag", "1h").code == 0
    assert bank("projections", "ls", "--max-lag", "0ms").code == 1
    assert bank("projections", "ls", "--max-lag", "soon").code == 2
    assert bank("projections", "ls", "--watch", "--max-lag", "0").code == 1


def test_watching_goes_on_until_it_is_told_to_stop(bank: Terminal) -> None:
    with bank.running("projections", "ls", "--watch", "--json") as process:
        assert process.stdout is not None
        for _ in range(2):
            assert NAME in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


def test_a_worker_rebuilds_what_is_wished_for(bank: Terminal) -> None:
    with working(bank):
        assert bank("projections", "rebuild", NAME, "--detach", "--json").answer == [{"name": NAME, "state": "wished"}]
        while standing(bank)["generation"] == 1:
            pass
        assert bank("projections", "wait", NAME).code == 0
    assert len(bank("ask", "ListAccounts", "--json").answer) == 3


def test_a_rebuild_that_was_wished_for_can_be_called_off(bank: Terminal) -> None:
    bank("projections", "rebuild", NAME, "--detach")
    assert bank("projections", "cancel", NAME).code == 0
    assert bank("projections", "cancel", NAME).code == 3


@pytest.mark.parametrize("verb", ["pause", "resume", "step", "wait"])
def test_a_name_that_is_none_is_not_found(bank: Terminal, verb: str) -> None:
    done = bank("projections", verb, "acount_view", "--json")
    assert (done.code, done.error["message"]) == (3, "No read model acount_view")
    assert done.error["remedy"] == "Those of this app: account_view."


def test_a_worker_does_as_if_it_were_alone_when_no_other_is_there_and_takes_over_from_a_killed_one(
    bank: Terminal,
) -> None:
    path = bank.folder / "app.py"
    path.write_text(path.read_text().replace('store="sqlite:///bank.db"', 'store="sqlite:///bank.db", lease_seconds=1'))
    with working(bank) as first:
        first.kill()
        first.communicate(timeout=30)
        killed = standing(bank)["owner"]
        with bank.running("run", "worker"):
            while standing(bank)["owner"] in (killed, None):
                pass
            bank("send", "Deposit", "account_id=a-1", "amount=5")
            assert bank("projections", "wait", NAME).code == 0
