"""Help is there for every command, and asking for it imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from twofold.cli.group import LazyGroup
from twofold.cli.root import ROOT, outcome, twofold

HEAVY = ("asyncio", "msgspec", "rich", "apsw", "asyncpg", "twofold.app", "twofold.messages", "sqlite3")


def leaves(group: LazyGroup, *path: str) -> list[tuple[str, ...]]:
    """The words of every command below a group."""
    context = click.Context(group)
    found: list[tuple[str, ...]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found += leaves(command, *path, name) if isinstance(command, LazyGroup) else [(*path, name)]
    return found


def test_help_imports_none_of_what_takes_long() -> None:
    code = f"import sys; from twofold.cli.root import outcome; outcome(['--help']); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_tree_has_every_command() -> None:
    assert set(leaves(twofold)) == {
        ("demo",), ("run", "worker"), ("send",), ("ask",), ("doctor",), ("streams", "show"), ("streams", "state"),
        ("events", "tail"), ("events", "show"), ("projections", "ls"), ("projections", "rebuild"), ("projections", "switch"), ("projections", "rollback"), ("projections", "cancel"), ("projections", "verify"),
        ("projections", "pause"), ("projections", "resume"), ("projections", "step"), ("projections", "wait"),
        ("projections", "accept-rewind"), ("dead", "ls"), ("dead", "show"), ("dead", "retry"), ("dead", "skip"),
        ("dead", "export"), ("db", "init"), ("db", "upgrade"), ("db", "current"),
    }  # fmt: skip


@pytest.mark.parametrize("words", leaves(twofold), ids=" ".join)
def test_every_command_has_help_with_the_common_options(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(twofold, [*words, "--help"])
    assert done.exit_code == 0
    for option in ("--app", "--store", "--json"):
        assert option in done.output


@pytest.mark.parametrize("name", list(ROOT))
def test_the_list_shows_a_summary_for_each(name: str) -> None:
    assert f"  {name}" in CliRunner().invoke(twofold, ["--help"]).output


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(["--version"]) == 0
    assert capsys.readouterr().out.startswith("twofold ")


@pytest.mark.parametrize("arguments", [[], ["streams"]])
def test_nothing_asked_is_a_usage_error_with_the_help_on_stderr(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Commands:" in err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["sned"], "send"),
        (["streams", "shwo"], "show"),
        (["events", "tail", "--folow"], "--follow"),
        (["send", "X", "--aktor", "me"], "--actor"),
    ],
)
def test_a_mistyped_command_or_option_gets_a_guess(
    arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(arguments) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["events", "show", "0"],
        ["events", "show", "-1"],
        ["events", "show", "１２"],
        ["events", "show", "1_000"],
        ["events", "tail", "--after", "x"],
        ["events", "tail", "--last", "0"],
        ["streams", "state", "account-1", "--at", "yesterday"],
        ["streams", "state", "account-1", "--at", "2010-12-01T00:00:00"],
        ["ask", "X", "--wait", "nan"],
        ["ask", "X", "--wait", "-1"],
        ["send"],
    ],
)
def test_an_argument_that_is_none_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(arguments) == 2
    assert capsys.readouterr().out == ""
