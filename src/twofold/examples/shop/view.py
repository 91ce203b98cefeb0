"""What the demo shows on a terminal: how far the import is, and the answers as tables."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from twofold.examples.screen import money, pace, table
from twofold.examples.shop.importer import Import
from twofold.examples.shop.outcome import Outcome


def numbers_of(progress: Import) -> Text:
    """How far the import is."""
    if not progress.wishes:
        return Text(f"Reading the file: {progress.lines:,} lines")
    return Text(f"{progress.lines:,} lines → {pace(progress)} · {progress.refused:,} returns refused")


def answers_of(outcome: Outcome) -> list[Table]:
    """A table for each question."""
    return [_months(outcome), _statuses(outcome), _items(outcome), _orders(outcome), _order(outcome)]


def _months(outcome: Outcome) -> Table:
    shown = table("SalesByMonth", ["month"], ["orders", "sold", "returned", "adjusted", "net"])
    for month in outcome.months:
        amounts = map(money, (month.sold, month.returned, month.adjusted, month.net))
        shown.add_row(f"{month.month:%Y-%m}", f"{month.orders:,}", *amounts)
    shown.add_section()
    shown.add_row("all", f"{sum(month.orders for month in outcome.months):,}", "", "", "", money(outcome.net_total))
    return shown


def _statuses(outcome: Outcome) -> Table:
    shown = table("OrderStats", ["status"], ["orders", "total"])
    for each in outcome.orders_by_status:
        shown.add_row(each.status, f"{each.orders:,}", money(each.total))
    return shown


def _items(outcome: Outcome) -> Table:
    shown = table("TopItems", ["item", "description"], ["sold", "returned", "revenue"])
    for item in outcome.top_items:
        shown.add_row(item.item, item.description, f"{item.sold:,}", f"{item.returned:,}", money(item.revenue))
    return shown


def _orders(outcome: Outcome) -> Table:
    shown = table("CustomerOrders, newest first", ["order", "customer", "placed", "status"], ["items", "total"])
    for each in outcome.customer_orders:
        placed = f"{each.placed_at:%Y-%m-%d %H:%M}"
        items = f"{each.item_count:,}"
        shown.add_row(each.order_id, each.customer_id, placed, each.status, items, money(each.total))
    return shown


def _order(outcome: Outcome) -> Table:
    shown = table("GetOrder", ["item", "description"], ["quantity", "price", "amount"])
    for line in outcome.order.lines if outcome.order else ():
        shown.add_row(line.item, line.description, str(line.quantity), money(line.price), money(line.amount))
    return shown


def verdict_of(outcome: Outcome) -> Text:
    """Whether the read models agree with the file's own arithmetic."""
    refused = outcome.refused_returns
    verdict = "✓ as they should" if outcome.agrees else "✗ which is something else"
    return Text(
        f"The file adds up to {money(outcome.file_total)}; {refused.count:,} returns worth {money(refused.value)} were refused; "
        f"the read models show {money(outcome.net_total)} {verdict}.",
        style="green" if outcome.agrees else "bold red",
    )
