"""The reference task runs as it stands, on PostgreSQL, and is as short as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import twofold.examples.reference as reference

LINES_MAX = 80


def test_the_reference_task_runs_and_counts_its_own_lines(postgres_url: str, tmp_path: Path) -> None:
    command = [sys.executable, reference.__file__, postgres_url]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    row, count = done.stdout.splitlines()
    assert row.startswith("FamilyView(family_id='f-1', name='Smith'")
    assert "total_paid=Decimal('150.00'), last_paid_on=datetime.date(2026, 9, 15)" in row
    said = [line for line in Path(reference.__file__).read_text().splitlines() if line.strip()]
    assert count == f"{len(said)} lines, blank ones not counted"
    assert len(said) <= LINES_MAX
