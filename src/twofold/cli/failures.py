"""Errors on stderr: the fact, its values, a remedy, and a guess at what was meant."""

from __future__ import annotations

import sys
import traceback

import click
import msgspec

from twofold.cli.exits import BUG, exit_code
from twofold.cli.guess import guess
from twofold.cli.plain import printable
from twofold.errors import TwofoldError, UnknownMessageError


def report(error: Exception, *, as_json: bool) -> int:
    """Say the error on stderr, as text or as one JSON document; the exit code it ends with."""
    code = exit_code(error)
    document = described(error)
    if as_json:
        click.echo(msgspec.json.encode(document, enc_hook=str), err=True)
    else:
        # A no of the domain has its values beside its message; for people they stand in one sentence.
        click.echo(readable(document | {"message": getattr(error, "fact", document["message"])}), err=True)
    if code == BUG:
        # A bug is nobody's input: whoever mends it needs the place.
        traceback.print_exception(error, file=sys.stderr)
    return code


def described(error: Exception) -> dict[str, object]:
    """The error as one flat document: code, message, remedy, values."""
    if isinstance(error, UnknownMessageError):
        return _with_guess(error.facts(), error.name, error.known)
    if isinstance(error, TwofoldError):
        return error.facts()
    if isinstance(error, click.ClickException):
        return {"code": "usage", "message": error.format_message(), "remedy": _where_to_read(error)}
    if isinstance(error, TimeoutError):
        return {"code": "timed-out", "message": str(error) or "It took too long", "remedy": "Wait longer."}
    return {
        "code": "bug",
        "message": f"{type(error).__name__}: {error}",
        "remedy": "Please report it with what follows.",
    }


def readable(document: dict[str, object]) -> str:
    """The document for people: the fact on the first line, the remedy on the next."""
    lines = [f"Error: {document['message']}", document.get("hint"), document.get("remedy")]
    return "\n  ".join(printable(str(line)) for line in lines if line)


def _with_guess(document: dict[str, object], name: str, known: tuple[str, ...]) -> dict[str, object]:
    hint = guess(name, known)
    known_already = not hint or "Did you mean" in str(document["remedy"])
    return document if known_already else document | {"hint": hint}


def _where_to_read(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    return f"See {ctx.command_path} --help." if ctx else "See twofold --help."
