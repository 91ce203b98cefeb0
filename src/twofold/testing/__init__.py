"""What an application's tests need, with nothing that sleeps and nothing that needs a server.

    given, on, project     rules as examples: given(…).when(…).then(…), rows of a read model
    in_memory              the whole app on a private database; every question sees every command
    MemoryLog              an EventStore in a list
    conformance            what any EventStore must do, as a suite of tests (imported by name: it needs pytest)

The pytest plugin (``twofold.testing.plugin``) comes with the package and brings the fixture ``in_memory_app``.
"""

from twofold.testing.history import on
from twofold.testing.memory import MemoryLog, MemorySnapshots
from twofold.testing.rows import project
from twofold.testing.scenario import given

__all__ = ["MemoryLog", "MemorySnapshots", "given", "on", "project"]
