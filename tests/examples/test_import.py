"""The shop end to end on each database: what it shows is what the file's own arithmetic says."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest

from tests.examples.truth import Truth, truth_of
from twofold import App, Command, Receipt
from twofold.errors import StoreUnavailableError
from twofold.examples.shop.app import shop
from twofold.examples.shop.importer import Import, import_file
from twofold.examples.shop.questions import CustomerOrders, GetOrder, OrderStats, SalesByMonth, TopItems
from twofold.examples.shop.read_models import ItemSales
from twofold.examples.shop.retail_file import COLUMNS, SLICE


async def must_agree(app: App, done: Import, truth: Truth) -> None:
    """Every answer against the independent computation."""
    assert (done.lines, done.amount, done.broken) == (truth.lines, truth.total, [])
    assert (done.refused, done.refused_amount) == (truth.refused, truth.refused_value)
    months = await app.ask(SalesByMonth(), after=done.token, wait_seconds=300)
    assert {f"{each.month:%Y-%m}": each.net for each in months} == truth.net
    await must_agree_on_orders(app, done, truth)
    await must_agree_on_items(app, done, truth)


async def must_agree_on_orders(app: App, done: Import, truth: Truth) -> None:
    (placed,) = await app.ask(OrderStats(), after=done.token)
    assert (placed.status, placed.orders) == ("placed", len(truth.order_totals))
    assert placed.total == sum(truth.order_totals.values())
    for country in ("United Kingdom", "EIRE"):
        months = await app.ask(SalesByMonth(country=country), after=done.token)
        assert sum(each.net for each in months) == truth.net_by_country[country]
    busiest = max(truth.orders_of, key=lambda customer: (customer != "anonymous") * len(truth.orders_of[customer]))
    orders = await app.ask(CustomerOrders(customer_id=busiest, count=1000), after=done.token)
    assert {each.order_id for each in orders} == truth.orders_of[busiest]
    assert [each.placed_at for each in orders] == sorted((each.placed_at for each in orders), reverse=True)
    longest = max(truth.order_lines, key=lambda order: truth.order_lines[order])
    details = await app.ask(GetOrder(order_id=longest), after=done.token)
    assert details is not None
    assert (len(details.lines), details.total) == (truth.order_lines[longest], truth.order_totals[longest])


async def must_agree_on_items(app: App, done: Import, truth: Truth) -> None:
    items: list[ItemSales] = await app.ask(TopItems(count=1000), after=done.token)
    revenues = [each.revenue for each in items]
    assert revenues == sorted(truth.revenue.values(), reverse=True)[: len(items)]
    for each in items:
        assert (each.sold, each.returned) == (truth.sold[each.item], truth.returned[each.item])
        assert (each.written_off, each.revenue) == (truth.written_off[each.item], truth.revenue[each.item])


@pytest.fixture
def file(campaign: bool, beginning: Path) -> Path:
    """The beginning will do for every day: the demo takes the whole slice on both databases."""
    return SLICE if campaign else beginning


async def test_a_file_comes_out_as_its_own_arithmetic_says_and_importing_it_twice_changes_nothing(
    app: App, file: Path
) -> None:
    truth = truth_of(file)
    first = await import_file(app, file)
    await must_agree(app, first, truth)
    head = await app.head()
    second = await import_file(app, file)
    assert await app.head() == head
    assert second.replayed == sum(second.accepted.values()) == sum(first.accepted.values())
    await must_agree(app, second, truth)


class GoesAway:
    """The app of a database that goes away after so many commands."""

    def __init__(self, app: App, *, after: int) -> None:
        self._app, self._left = app, after

    async def send(self, command: Command, *, command_id: str) -> Receipt:
        self._left -= 1
        if self._left < 0:
            raise StoreUnavailableError("The database is gone", reason="away")
        return await self._app.send(command, command_id=command_id)


async def test_an_import_that_was_broken_off_goes_on_where_it_was(app: App, beginning: Path) -> None:
    with pytest.raises(StoreUnavailableError):
        await import_file(cast(App, GoesAway(app, after=500)), beginning)
    done = await import_file(app, beginning)
    assert 300 < done.replayed <= 500
    await must_agree(app, done, truth_of(beginning))


ROWS = [
    "1,85123A,HEART,6,2010-12-01 08:26:00,2.55,17850,EIRE",
    "1,85123A,HEART,six,2010-12-01 08:26:00,2.55,17850,EIRE",
    "C2,85123A,HEART,-6,2010-12-02 08:26:00,2.55,17850,EIRE",
    "C2,85123A,HEART,-1,2010-12-02 08:26:00,2.55,17850,EIRE",
    "1,22423,PLATE,1,2010-12-01 08:26:00,12.75,13047,EIRE",
    "3,22423,PLATE",
    "4,22423,PLATE,2,2010-12-03 08:26:00,12.75,,EIRE",
]


async def test_broken_rows_are_reported_by_line_and_the_rest_is_imported(app: App, tmp_path: Path) -> None:
    path = tmp_path / "broken.csv"
    path.write_text("\n".join([COLUMNS, *ROWS]))
    done = await import_file(app, path)
    reasons = {broken.number: broken.reason for broken in done.broken}
    assert sorted(reasons) == [3, 6, 7]
    assert reasons[3] == "Quantity is 'six'"
    assert reasons[6] == "1 belongs to customer 17850, EIRE"
    assert reasons[7] == "3 columns instead of 8"
    assert (done.refused, done.refused_amount) == (1, Decimal("-2.55"))
    (month,) = await app.ask(SalesByMonth(), after=done.token)
    assert (month.sold, month.returned, month.net) == (Decimal("40.80"), Decimal("15.30"), Decimal("25.50"))
    assert month.net == done.amount - done.refused_amount


async def test_an_invoice_that_was_mended_after_its_import_is_reported_and_stays_as_it_was(
    app: App, tmp_path: Path
) -> None:
    path = tmp_path / "mended.csv"
    path.write_text("\n".join([COLUMNS, ROWS[0], ROWS[1]]))
    await import_file(app, path)
    path.write_text("\n".join([COLUMNS, ROWS[0], ROWS[1].replace("six", "6")]))
    done = await import_file(app, path)
    assert [broken.number for broken in done.broken] == [2, 3]
    assert "was used before with another body" in done.broken[0].reason
    assert done.amount == 0


async def test_both_databases_hold_the_same_events(tmp_path: Path, postgres_url: str, beginning: Path) -> None:
    found: list[Counter[tuple[str, bytes]]] = []
    for url in (f"sqlite:///{tmp_path}/shop.db", postgres_url):
        async with shop(url) as app:
            await import_file(app, beginning)
            # Customers go in concurrently, so only what each event says is the same, not the order.
            found.append(Counter([(recorded.type, recorded.data) async for recorded in app.events()]))
    assert found[0] == found[1]


@pytest.mark.campaign
@pytest.mark.timeout(1800)
async def test_the_whole_file_comes_out_as_its_own_arithmetic_says(
    app: App, whole_file: Path, truth_of_the_whole_file: Truth
) -> None:
    done = await import_file(app, whole_file)
    await app.settle(timeout_seconds=300)
    await must_agree(app, done, truth_of_the_whole_file)
    assert (await import_file(app, whole_file)).refused == truth_of_the_whole_file.refused
