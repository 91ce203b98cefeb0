"""Imports the app that was found, and says what is wrong where that fails."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from twofold.cli.finder import Found, find
from twofold.cli.guess import guess
from twofold.cli.options import Settings
from twofold.cli.output import note
from twofold.errors import InvalidInputError, TwofoldError

if TYPE_CHECKING:
    from twofold.app import App


def app_for(settings: Settings) -> App:
    """The app of this call, over ``--store`` and ``--reads`` if these were given; stderr says which one it is and who named it.

    Raises ``InvalidInputError`` where there is none, or where it cannot be imported.
    """
    found = find(settings.app, os.environ, Path.cwd())
    app = load(found)
    note(f"app {found}, by {found.source}", as_json=settings.json)
    return app.at(settings.store, reads=settings.reads)


def load(found: Found) -> App:
    """Import the module and take the attribute."""
    from twofold.app import App

    if str(found.directory) not in sys.path:
        sys.path.insert(0, str(found.directory))
    app = _attribute(found, _module(found))
    if not isinstance(app, App):
        kind = type(app).__name__
        raise InvalidInputError(f"{found} is not an App but {kind}", what=str(found), remedy="Name an App(...).")
    return app


def _module(found: Found) -> object:
    try:
        return import_module(found.module)
    except TwofoldError:
        raise
    except Exception as error:  # The app's own code runs here and may raise anything; none of it is a bug of ours.
        raise InvalidInputError(_fact(found, error), what=found.module, remedy=_remedy(found, error)) from error


def _attribute(found: Found, module: object) -> object:
    thing = module
    for name in found.attribute.split("."):
        if not hasattr(thing, name):
            raise InvalidInputError(
                f"{found.module} has no {name} (looked for: {found}, by {found.source})",
                what=str(found),
                remedy=guess(name, tuple(vars(thing))) or "Name the attribute that holds the App.",
            )
        thing = getattr(thing, name)
    return thing


def _fact(found: Found, error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    places = [f"{frame.filename}:{frame.lineno}" for frame in last if "importlib" not in frame.filename]
    place = f", at {places[0]}" if places else ""
    return f"{found.module} cannot be imported: {type(error).__name__}: {error} (named by: {found.source}{place})"


def _remedy(found: Found, error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{found.module}.".startswith(f"{error.name}."):
        return f"Check the name; modules are looked for in {found.directory} and in what is installed."
    return f"Mend it; python -c 'import {found.module}' in {found.directory} shows where it comes from."
