"""Finds the app: ``--app``, then ``TWOFOLD_APP``, then ``[tool.twofold]`` in pyproject.toml, then app.py."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from twofold.errors import InvalidInputError

VARIABLE = "TWOFOLD_APP"
REMEDY = (
    'Say --app module:attr, set TWOFOLD_APP, write app = "module:attr" under [tool.twofold] in pyproject.toml, '
    "or put the app into app.py as app."
)


class Found(NamedTuple):
    """Where the app is: ``module`` and ``attribute``, looked for from ``directory``; ``source`` says who said so."""

    module: str
    attribute: str
    directory: Path
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


def find(option: str | None, environment: Mapping[str, str], directory: Path) -> Found:
    """The app that was named, by the first of the four ways that names one.

    Raises ``InvalidInputError`` where none does, or where the one that does names no ``module:attr``.
    """
    if option:
        return _parsed(option, directory, "--app")
    if named := environment.get(VARIABLE):
        return _parsed(named, directory, VARIABLE)
    return _in_pyproject(directory) or _in_app_py(directory) or _nowhere(directory)


def _in_pyproject(directory: Path) -> Found | None:
    """From the nearest pyproject.toml upwards that has the table, as other tools look for theirs."""
    for folder in (directory, *directory.parents):
        path = folder / "pyproject.toml"
        table = _table(path) if path.is_file() else None
        if table is not None and "app" in table:
            return _parsed(table["app"], folder, f"[tool.twofold] in {path}")
    return None


def _table(path: Path) -> dict[str, object] | None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", what=str(path), remedy="Mend the file.") from error
    tool = document.get("tool")
    table = tool.get("twofold") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _in_app_py(directory: Path) -> Found | None:
    path = directory / "app.py"
    return Found("app", "app", directory, path.name) if path.is_file() else None


def _nowhere(directory: Path) -> Found:
    raise InvalidInputError(f"No app found (looked in: {directory})", what="app", remedy=REMEDY)


def _parsed(target: object, directory: Path, source: str) -> Found:
    text = target if isinstance(target, str) else ""
    module, colon, attribute = text.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        example = "shop.app:app" if "/" not in text else "shop.app:app, with dots and without .py"
        raise InvalidInputError(
            f"{source} is not module:attr (value: {target!r})", what=source, remedy=f"Write it like {example}."
        )
    return Found(module, attribute, directory, source)
