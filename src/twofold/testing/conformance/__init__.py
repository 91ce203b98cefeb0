"""What a backend means, as tests: anyone who writes an ``EventStore`` proves it with six lines.

    class TestMyLog(EventStoreConformance):
        @pytest.fixture
        def logs(self, tmp_path: Path) -> Logs:
            return lambda name: MyLog(tmp_path / f"{name}.db")

``logs(name)`` gives a log that is not yet open. The same name means the same database, so that a test can reopen
it or come from several sides at once; another name means another database, empty at first. Needs pytest,
pytest-asyncio and hypothesis (``pip install "twofold[testing]"``).
"""

from __future__ import annotations

from twofold.testing.conformance.appending import Appending
from twofold.testing.conformance.concurrency import Concurrency
from twofold.testing.conformance.conditions import Conditions
from twofold.testing.conformance.keys import Keys
from twofold.testing.conformance.opened import Logs
from twofold.testing.conformance.programs import Programs
from twofold.testing.conformance.reading import Reading
from twofold.testing.conformance.snapshots import SnapshotStoreConformance
from twofold.testing.conformance.streams import ReadingStreams
from twofold.testing.conformance.waiting import Waiting

__all__ = ["EventStoreConformance", "Logs", "SnapshotStoreConformance"]


class EventStoreConformance(Appending, Conditions, Keys, Reading, ReadingStreams, Waiting, Concurrency, Programs):
    """Everything that a log must do. Subclass it and give it the fixture ``logs``."""
