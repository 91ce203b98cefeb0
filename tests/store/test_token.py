"""The token: opaque text that says where in which log."""

from __future__ import annotations

import pytest

from twofold.errors import InvalidInputError
from twofold.store.token import Token, parse_token


def test_a_token_comes_back_from_its_text() -> None:
    token = Token("0d9e", 3, 2**40)

    assert parse_token(str(token)) == token
    assert str(token).isascii()


@pytest.mark.parametrize("text", ["", "x", "!!!", "WyJhIl0", str(Token("a", 1, 1))[:-3], "ü"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="Not a token"):
        parse_token(text)
