"""``twofold demo``: one document for programs, tables for people, nothing left behind."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
from decimal import Decimal
from itertools import chain
from pathlib import Path

import pytest
from rich.console import Console

from tests.examples.coop_truth import Truth
from tests.examples.truth import Truth as TruthOfTheShop
from tests.examples.truth import truth_of
from twofold.examples.coop.generator import cohorts_of
from twofold.examples.demo import EXAMPLES, demo


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go during a test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def run(
    *examples: str,
    store_url: str | None = None,
    console: Console | None = None,
    full: Path | None = None,
    families: int = 60,
) -> bool:
    """The demo, as a document unless there is a console for it."""
    shown = console or Console(file=io.StringIO())
    return await demo(examples, store_url, shown, full=full, families=families, json=console is None)


def left_in(folder: Path) -> list[str]:
    return os.listdir(folder)


async def test_the_document_agrees_with_the_file(
    store_url: str, capsys: pytest.CaptureFixture[str], truth_of_the_slice: TruthOfTheShop
) -> None:
    truth = truth_of_the_slice
    assert await run("shop", store_url=store_url)
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


async def test_people_get_tables_and_the_temporary_store_is_removed(temporary: Path, beginning: Path) -> None:
    shown = io.StringIO()
    assert await run("shop", console=Console(file=shown, width=150), full=beginning)
    text = shown.getvalue()
    for wanted in ("SalesByMonth", "OrderStats", "TopItems", "sales_analytics", "CancelOrder was rejected"):
        assert wanted in text
    assert f"{truth_of(beginning).net_total:,}" in text
    assert not left_in(temporary)


async def test_a_second_demo_on_the_same_store_changes_nothing(
    tmp_path: Path, beginning: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = []
    for _ in range(2):
        assert await run("shop", store_url=f"sqlite:///{tmp_path}/shop.db", full=beginning)
        documents.append(json.loads(capsys.readouterr().out))
    first, second = documents
    assert second["counts"]["replayed"] == first["counts"]["commands"] - first["refused_returns"]["count"]
    for name in ("net_total", "months", "orders_by_status", "top_items", "refused_returns"):
        assert first[name] == second[name]
    assert first["counts"]["events"] == second["counts"]["events"]


async def test_the_answers_of_the_co_op_agree_with_what_was_sent(
    store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    truth = Truth(wish.command for wish in chain.from_iterable(cohorts_of(60)))
    assert await run("coop", store_url=store_url)
    document = json.loads(capsys.readouterr().out)
    assert document["agrees"] is True
    collected = sum(row["collected"] for row in truth.months.values())
    assert Decimal(document["paid"]) == Decimal(document["collected"]) == collected
    assert {row["family_id"] for row in document["at_risk"]} <= set(truth.at_risk)
    active = [row for row in truth.families.values() if row["status"] == "active"]
    assert sum(row["families"] for row in document["tiers"]) == len(active)
    assert sum(row["families"] for row in document["enrollments"]) == 60
    assert document["family"]["last_contact_date"] == "2025-07-31"
    assert document["counts"]["refused"] == truth.refused


async def test_people_get_tables_of_the_co_op(temporary: Path) -> None:
    shown = io.StringIO()
    assert await run("coop", console=Console(file=shown, width=80))
    text = shown.getvalue()
    for wanted in ("GetPaymentAnalytics", "EnrollmentReport", "family_view", "EnrollFamily was rejected", "✓"):
        assert wanted in text
    assert "…" not in text
    assert not left_in(temporary)


async def test_a_second_demo_of_the_co_op_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = []
    for _ in range(2):
        assert await run("coop", store_url=f"sqlite:///{tmp_path}/coop.db", families=5)
        documents.append(json.loads(capsys.readouterr().out))
    first, second = documents
    assert second["counts"]["replayed"] == first["counts"]["commands"] - first["counts"]["refused"]
    for document in documents:
        del document["rates"], document["counts"]["replayed"]
    assert first == second


async def test_both_examples_fit_into_one_document_and_one_store(
    store_url: str, beginning: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(*EXAMPLES, store_url=store_url, full=beginning, families=5)
    document = json.loads(capsys.readouterr().out)
    assert {name: document[name]["agrees"] for name in document} == {"shop": True, "coop": True}


class Watched(io.StringIO):
    """A terminal that tells when the first thing is shown on it."""

    def __init__(self) -> None:
        super().__init__()
        self.shown = asyncio.Event()

    def write(self, text: str) -> int:
        self.shown.set()
        return super().write(text)


@pytest.mark.parametrize("example", EXAMPLES)
async def test_a_demo_that_is_stopped_leaves_nothing_behind(temporary: Path, example: str) -> None:
    terminal = Watched()
    running = asyncio.create_task(run(example, console=Console(file=terminal, force_terminal=True)))
    await terminal.shown.wait()
    assert left_in(temporary)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not left_in(temporary)
