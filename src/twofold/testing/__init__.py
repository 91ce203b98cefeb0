"""What an application's tests need: nothing here sleeps, and nothing needs a server.

given, on, project   rules as examples: given(…).when(…).then(…), and the rows of a read model
deterministic        whether read models fold a history to the same rows each time
InMemoryApp          the whole app on a private database; every question sees every command before it
MemoryLog            a log in a list, and MemorySnapshots
MemoryReads          a read store in dicts, and MemoryLeases
conformance          what any EventStore must do, as a suite of tests (twofold.testing.conformance)

The pytest plugin comes with the package; its fixture ``in_memory`` starts an ``InMemoryApp`` for a test.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twofold.testing.app import InMemoryApp
    from twofold.testing.determinism import deterministic
    from twofold.testing.history import on
    from twofold.testing.memory import MemoryLog, MemorySnapshots
    from twofold.testing.memory_leases import MemoryLeases
    from twofold.testing.memory_reads import MemoryReads
    from twofold.testing.rows import project
    from twofold.testing.scenario import given

__all__ = [
    "InMemoryApp",
    "MemoryLeases",
    "MemoryLog",
    "MemoryReads",
    "MemorySnapshots",
    "deterministic",
    "given",
    "on",
    "project",
]

_HOME_OF = {
    "InMemoryApp": "app",
    "MemoryLeases": "memory_leases",
    "MemoryLog": "memory",
    "MemoryReads": "memory_reads",
    "MemorySnapshots": "memory",
    "deterministic": "determinism",
    "given": "scenario",
    "on": "history",
    "project": "rows",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for: the plugin costs nothing to those who do not use it."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'twofold.testing' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"twofold.testing.{_HOME_OF[name]}"), name)
    return found
