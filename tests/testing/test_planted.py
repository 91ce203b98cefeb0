"""The conformance suite is able to fail: it finds every bug that was planted into a log."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.testing.planted import MUTANTS, PositionsBeforeCommit, WakesNobody
from twofold.store.port import EventStore
from twofold.testing.conformance.programs import Program
from twofold.testing.memory import MemoryLog

CONCURRENT = {PositionsBeforeCommit, WakesNobody}
"""Bugs that only show when several do something at once, which a program does not."""


def test_every_planted_bug_is_found_by_a_named_test() -> None:
    file = Path(__file__).with_name("planted.py")
    plugins = ["-pno:cacheprovider", "-pno:xdist", "-ptests.testing.first_failure"]
    command = ["-m", "pytest", str(file), "-q", "--tb=no", "-rf", *plugins]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, cwd=file.parents[2])
    found = set(re.findall(r"^FAILED .*::Test(\w+)::", done.stdout, re.MULTILINE))
    assert {bug.__name__ for bug in MUTANTS} - found == set(), done.stdout[-2000:]


@pytest.mark.parametrize("bug", [bug for bug in MUTANTS if bug not in CONCURRENT])
def test_random_programs_find_it_too(bug: type[MemoryLog]) -> None:
    class OnThis(Program):
        def opens(self) -> EventStore:
            return bug()

    once = settings(max_examples=300, stateful_step_count=15, phases=[Phase.generate], derandomize=True, deadline=None)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(OnThis, settings=once)
