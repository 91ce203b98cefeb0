"""SQL lives on its own pages: files of statements, each under a line ``-- name: …`` and a comment that says why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from twofold.errors import DefinitionError

_NAME = re.compile(r"^-- name: *(\S+) *$", re.MULTILINE)


@cache
def load_page(package: str, file: str) -> Mapping[str, str]:
    """The statements of one ``.sql`` file inside a package, by name, without comment lines and the closing ``;``.

    What stands above the first name is for the reader only. ``DefinitionError`` on a double or an empty statement.
    """
    text = files(package).joinpath(file).read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    statements: dict[str, str] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        statement = _without_comments(body)
        if not statement or name in statements:
            raise DefinitionError(
                f"{'Two statements' if statement else 'No statement'} named {name} in {package}/{file}"
            )
        statements[name] = statement
    return MappingProxyType(statements)


def _without_comments(body: str) -> str:
    lines = [line for line in body.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().removesuffix(";")
