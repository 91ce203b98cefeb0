"""Importing the app that was found, and what is said where that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal


def test_stderr_says_which_app_and_who_named_it(terminal: Terminal, folder: Path) -> None:
    done = terminal("ask", "CountAccounts")
    assert "app app:app, by app.py" in done.err


def test_the_variable_names_the_app(folder: Path) -> None:
    (folder / "app.py").rename(folder / "bank.py")
    done = Terminal(folder).process("ask", "CountAccounts", TWOFOLD_APP="bank:app")
    assert (done.code, done.out) == (0, "0\n")
    assert "by TWOFOLD_APP" in done.err


def test_pyproject_names_the_app_from_a_folder_below(folder: Path) -> None:
    (folder / "app.py").rename(folder / "bank.py")
    (folder / "pyproject.toml").write_text('[tool.twofold]\napp = "bank:app"\n')
    (folder / "below").mkdir()
    done = Terminal(folder / "below")("ask", "CountAccounts")
    assert (done.code, done.out) == (0, "0\n")


@pytest.mark.parametrize("before", [True, False])
def test_the_option_stands_before_or_after_the_command(folder: Path, before: bool) -> None:
    (folder / "app.py").rename(folder / "bank.py")
    words = ["--app", "bank:app", "ask", "CountAccounts"] if before else ["ask", "CountAccounts", "--app", "bank:app"]
    assert Terminal(folder)(*words).out == "0\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no app"),
        ("appp = 3", "Did you mean appp?"),
        ("app = 3", "is not an App but int"),
        ("import nowhere_at_all", "No module named 'nowhere_at_all'"),
        ("1 / 0", "ZeroDivisionError"),
        ("def (", "SyntaxError"),
    ],
)
def test_an_app_that_cannot_be_loaded_is_said_with_the_reason(folder: Path, text: str, says: str) -> None:
    (folder / "app.py").write_text(text)
    done = Terminal(folder).process("ask", "CountAccounts")
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_an_error_inside_the_app_names_its_line(folder: Path) -> None:
    (folder / "app.py").write_text("\n\nraise RuntimeError('no')\n")
    assert f"{folder / 'app.py'}:3" in Terminal(folder).process("ask", "CountAccounts").err


def test_a_module_that_is_not_there_is_said_with_where_it_was_looked_for(terminal: Terminal, folder: Path) -> None:
    done = terminal("ask", "CountAccounts", "--app", "nowhere:app")
    assert done.code == 2
    assert str(folder) in done.err


def test_no_app_at_all_is_said_with_the_ways_to_name_one(tmp_path: Path) -> None:
    done = Terminal(tmp_path)("ask", "CountAccounts", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.error["code"] == "invalid-input"
    assert "TWOFOLD_APP" in done.error["remedy"]
