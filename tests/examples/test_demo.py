"""``twofold demo``: one document for programs, tables for people, nothing left behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from tests.examples.truth import Truth
from twofold.examples.shop.demo import demo


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go during a test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def left_in(folder: Path) -> list[str]:
    return os.listdir(folder)


async def test_the_document_agrees_with_the_file(
    store_url: str, capsys: pytest.CaptureFixture[str], truth_of_the_slice: Truth
) -> None:
    truth = truth_of_the_slice
    assert await demo(store_url, None, Console(file=io.StringIO()), json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["agrees"] is True
    assert Decimal(document["file_total"]) == truth.total
    assert Decimal(document["net_total"]) == truth.net_total
    assert {month["month"][:7]: Decimal(month["net"]) for month in document["months"]} == truth.net
    assert document["refused_returns"] == {"count": truth.refused, "value": str(truth.refused_value)}
    counts = document["counts"]
    assert (counts["lines"], counts["orders"], counts["returns"]) == (
        truth.lines,
        len(truth.order_totals),
        truth.returns,
    )
    assert (counts["write_offs"], counts["broken"]) == (truth.write_offs, 0)
    assert {each["status"]: each["orders"] for each in document["orders_by_status"]} == {
        "placed": len(truth.order_totals) - 1,
        "completed": 1,
    }
    assert set(document["rates"]) >= {"lines_per_second", "commands_per_second", "p50_ms", "p99_ms"}


async def test_people_get_tables_and_the_temporary_store_is_removed(temporary: Path, truth_of_the_slice: Truth) -> None:
    shown = io.StringIO()
    assert await demo(None, None, Console(file=shown, width=150), json=False)
    text = shown.getvalue()
    for wanted in ("SalesByMonth", "OrderStats", "TopItems", "sales_analytics", "CancelOrder was rejected"):
        assert wanted in text
    assert f"{truth_of_the_slice.net_total:,}" in text
    assert not left_in(temporary)


async def test_a_second_demo_on_the_same_store_changes_nothing(
    tmp_path: Path, beginning: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = []
    for _ in range(2):
        assert await demo(f"sqlite:///{tmp_path}/shop.db", beginning, Console(file=io.StringIO()), json=True)
        documents.append(json.loads(capsys.readouterr().out))
    first, second = documents
    assert second["counts"]["replayed"] == first["counts"]["commands"] - first["refused_returns"]["count"]
    for name in ("net_total", "months", "orders_by_status", "top_items", "refused_returns"):
        assert first[name] == second[name]
    assert first["counts"]["events"] == second["counts"]["events"]


class Watched(io.StringIO):
    """A terminal that tells when the first thing is shown on it."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = asyncio.Event()

    def write(self, text: str) -> int:
        self.shown.set()
        return super().write(text)


async def test_a_demo_that_is_stopped_leaves_nothing_behind(temporary: Path) -> None:
    terminal = Watched()
    running = asyncio.create_task(demo(None, None, Console(file=terminal, force_terminal=True), json=False))
    await terminal.shown.wait()
    assert left_in(temporary)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not left_in(temporary)
