"""Streams, events and read models through the command line, on both databases."""

from __future__ import annotations

import signal
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.bank import Deposit, OpenAccount
from tests.cli.sending import send_all
from tests.cli.terminal import Terminal
from twofold.cli.commands import streams_show


def filled(terminal: Terminal) -> Terminal:
    """Five events: positions 1 to 4 in account-1, 5 in account-2."""
    send_all(
        terminal,
        OpenAccount(account_id="1", owner="ada"),
        *(Deposit(account_id="1", amount=Decimal(amount)) for amount in "123"),
        OpenAccount(account_id="2", owner="grace"),
    )
    return terminal


def positions(terminal: Terminal, *words: str) -> list[int]:
    done = terminal("events", "tail", *words, "--json")
    assert done.code == 0, done.err
    return [event["position"] for event in done.lines]


def test_the_log_is_shown_from_its_end_from_a_position_and_by_what_matches(either: Terminal) -> None:
    filled(either)
    assert positions(either) == [1, 2, 3, 4, 5]
    assert positions(either, "--last", "2") == [4, 5]
    assert positions(either, "--after", "3") == [4, 5]
    assert positions(either, "--after", "9") == []
    assert positions(either, "--type", "AccountOpened") == [1, 5]
    assert positions(either, "--type", "AccountOpened", "--last", "1") == [5]
    assert positions(either, "--type", "AccountOpened", "--type", "Deposited", "--tag", "owner=ada") == [1]
    assert positions(either, "--tag", "owner=ada", "--last", "1") == [1]
    assert positions(either, "--category", "account") == [1, 2, 3, 4, 5]
    assert positions(either, "--category", "other") == []


def test_a_type_that_nobody_knows_gets_a_note_with_a_guess(terminal: Terminal) -> None:
    terminal("db", "init")
    done = terminal("events", "tail", "--type", "deposited")
    assert (done.code, done.out) == (0, "")
    assert "Did you mean Deposited?" in done.err
    assert "Did you mean account?" in terminal("events", "tail", "--category", "acount").err


def test_one_event_is_shown_with_its_metadata_and_its_data_untouched(either: Terminal) -> None:
    event = filled(either)("events", "show", "2", "--json").answer
    assert (event["stream"], event["version"], event["type"], event["schema"]) == ("account-1", 2, "Deposited", 1)
    assert event["data"] == {"amount": "1"}
    assert event["metadata"]["event_id"]


def test_an_event_beyond_the_head_is_not_found(either: Terminal) -> None:
    done = either("events", "show", "7", "--json")
    assert (done.code, done.out, done.error["code"]) == (3, "", "not-found")


def test_a_stream_is_shown_in_order_in_parts_and_backwards(either: Terminal) -> None:
    filled(either)

    def versions(*words: str) -> list[int]:
        return [event["version"] for event in either("streams", "show", "account-1", *words, "--json").lines]

    assert versions() == [1, 2, 3, 4]
    assert versions("--after", "2") == [3, 4]
    assert versions("--limit", "2") == [1, 2]
    assert versions("--backwards", "--limit", "3") == [4, 3, 2]
    assert versions("--after", "9") == []


@pytest.mark.parametrize("page_max", [1, 2, 3])
def test_a_stream_longer_than_a_page_is_shown_without_a_gap(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, page_max: int
) -> None:
    filled(terminal)
    monkeypatch.setattr(streams_show, "PAGE_MAX", page_max)

    def versions(*words: str) -> list[int]:
        return [event["version"] for event in terminal("streams", "show", "account-1", *words, "--json").lines]

    assert versions() == [1, 2, 3, 4]
    assert versions("--backwards") == [4, 3, 2, 1]
    assert versions("--backwards", "--after", "1", "--limit", "2") == [4, 3]


@pytest.mark.parametrize("verb", ["show", "state"])
def test_a_stream_that_is_not_there_is_not_found_and_its_type_guessed(terminal: Terminal, verb: str) -> None:
    terminal("db", "init")
    done = terminal("streams", verb, "acount-1", "--json")
    assert (done.code, done.out) == (3, "")
    assert "Did you mean account-1?" in done.error["remedy"]
    assert terminal("streams", verb, "account-9").code == 3


@pytest.mark.parametrize("name", ["$all", "account", "Account-1", "account-..", "-1"])
@pytest.mark.parametrize("verb", ["show", "state"])
def test_a_name_that_no_stream_can_have_is_a_usage_error(terminal: Terminal, verb: str, name: str) -> None:
    done = terminal("streams", verb, "--json", "--", name)
    assert (done.code, done.out) == (2, "")


def test_a_state_is_shown_now_at_a_version_and_at_a_time(either: Terminal) -> None:
    filled(either)
    assert either("streams", "state", "account-1", "--json").answer == {
        "account_id": "1",
        "opened": True,
        "balance": "6",
    }
    assert either("streams", "state", "account-1", "--at", "2", "--json").answer["balance"] == "1"
    third = either("events", "show", "3", "--json").answer["metadata"]["recorded_at"]
    assert either("streams", "state", "account-1", "--at", third, "--json").answer["balance"] == "3"


def test_a_version_that_does_not_exist_yet_is_not_found(either: Terminal) -> None:
    done = filled(either)("streams", "state", "account-1", "--at", "9", "--json")
    assert (done.code, done.out, done.error["code"]) == (3, "", "not-found")


def test_read_models_are_listed_with_their_place(either: Terminal) -> None:
    filled(either)("ask", "CountAccounts")
    (found,) = either("projections", "ls", "--json").answer
    assert len(found["fingerprint"]) == 16
    assert (found["name"], found["position"], found["head"], found["lag"]) == ("account_view", 5, 5, 0)


def test_a_reader_that_goes_away_ends_the_tail_without_a_word(terminal: Terminal, folder: Path) -> None:
    filled(terminal)
    with terminal.running("events", "tail", "--after", "0", "--follow", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        terminal("send", "Deposit", "account_id=1", "amount=1")  # The next line finds nobody to read it.
        assert process.wait(timeout=30) == 141
        assert "Traceback" not in process.stderr.read()


def test_following_shows_what_comes_and_ends_on_interrupt(either: Terminal) -> None:
    filled(either)
    with either.running("events", "tail", "--last", "1", "--follow", "--json") as process:
        assert process.stdout is not None
        assert '"position":5' in process.stdout.readline()
        either("send", "Deposit", "account_id=1", "amount=1")
        assert '"position":6' in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
