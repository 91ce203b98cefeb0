"""What went wrong becomes an exit code, and a message that says fact, values and remedy."""

from __future__ import annotations

import json

import click
import pytest

from twofold import errors
from twofold.cli.exits import exit_code
from twofold.cli.failures import report
from twofold.cli.guess import guess

CASES = [
    (errors.Rejected("not-held", "more than held", held=3), 1),
    (errors.DefinitionError("twice"), 2),
    (errors.InvalidInputError("bad"), 2),
    (errors.UnknownMessageError("command", "PlaceOrdr", known=("PlaceOrder",)), 2),
    (errors.StoreUnavailableError("gone", reason="away"), 2),
    (errors.OutcomeUnknownError("broke", key="k"), 2),
    (click.UsageError("no"), 2),
    (errors.NotFoundError("stream", "order-1"), 3),
    (errors.ConflictError(stream="order-1", expected=3, found=5), 4),
    (errors.KeyReusedError("k"), 4),
    (errors.BehindError("orders", position=1, wanted=3, waited_seconds=1.0), 5),
    (TimeoutError(), 5),
    (ZeroDivisionError("a bug"), 70),
]


@pytest.mark.parametrize(("error", "code"), CASES, ids=lambda case: type(case).__name__)
def test_every_error_has_its_exit_code_and_one_document(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(error) == code
    assert report(error, as_json=True) == code
    out, err = capsys.readouterr()
    document = json.loads(err.splitlines()[0])
    assert out == ""
    assert document["code"]
    assert document["message"]
    assert "remedy" in document


def test_the_values_of_an_error_are_in_its_document(capsys: pytest.CaptureFixture[str]) -> None:
    report(errors.ConflictError(stream="order-1", expected=3, found=5), as_json=True)
    document = json.loads(capsys.readouterr().err)
    assert (document["stream"], document["expected"], document["found"]) == ("order-1", 3, 5)


def test_people_read_the_fact_first_and_then_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    report(errors.NotFoundError("stream", "order-1", remedy="Check the id."), as_json=False)
    assert capsys.readouterr().err == "Error: No stream order-1\n  Check the id.\n"


def test_control_characters_of_an_error_do_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    report(errors.Rejected("no", "ring\x07 and \x1b[2J"), as_json=False)
    assert capsys.readouterr().err == "Error: ring\\x07 and \\x1b[2J\n"


@pytest.mark.parametrize(("name", "hint"), [("placeordr", "PlaceOrder"), ("PLACEORDER", "PlaceOrder")])
def test_a_guess_looks_past_case_and_typing(name: str, hint: str) -> None:
    assert guess(name, ("CancelOrder", "PlaceOrder")).startswith(f"Did you mean {hint}")


def test_there_is_no_guess_where_nothing_is_close() -> None:
    assert guess("zzz", ("PlaceOrder",)) == ""
