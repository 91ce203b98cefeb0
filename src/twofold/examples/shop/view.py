"""What the demo shows on a terminal: the import while it runs, and the answers as tables."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from time import perf_counter

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from twofold.examples.shop.importer import Import
from twofold.examples.shop.outcome import Outcome
from twofold.subscriptions.status import SubscriptionStatus


def while_importing(progress: Import, read_models: Sequence[SubscriptionStatus]) -> RenderableType:
    """One frame of the live view."""
    return Group(_numbers(progress), _bar(progress), _lags(read_models))


def _bar(progress: Import) -> Table:
    row = Table.grid(expand=True)  # The bar alone would not end its line.
    row.add_row(ProgressBar(total=max(progress.wishes, 1), completed=progress.done))
    return row


def _numbers(progress: Import) -> Text:
    if not progress.wishes:
        return Text(f"Reading the file: {progress.lines:,} lines")
    seconds = progress.seconds or perf_counter() - progress.started
    return Text(
        f"{progress.lines:,} lines → {progress.done:,} of {progress.wishes:,} commands · "
        f"{progress.done / max(seconds, 1e-9):,.0f} commands/s · "
        f"p50 {progress.latency_ms(0.5, of_last=2000):.1f} ms · p99 {progress.latency_ms(0.99, of_last=2000):.1f} ms · "
        f"{progress.refused:,} returns refused"
    )


def _lags(read_models: Sequence[SubscriptionStatus]) -> Table:
    table = Table("read model", "state", box=None, pad_edge=False)
    for name in ("position", "lag", "events/s"):
        table.add_column(name, justify="right", min_width=9)
    for each in read_models:
        table.add_row(each.name, each.state, f"{each.position:,}", f"{each.lag:,}", f"{each.rate:,.0f}")
    return table


def answers_of(outcome: Outcome) -> list[Table]:
    """A table for each question."""
    return [_months(outcome), _statuses(outcome), _items(outcome), _orders(outcome), _order(outcome)]


def _months(outcome: Outcome) -> Table:
    table = _table("SalesByMonth", ["month"], ["orders", "sold", "returned", "adjusted", "net"])
    for month in outcome.months:
        amounts = map(_money, (month.sold, month.returned, month.adjusted, month.net))
        table.add_row(f"{month.month:%Y-%m}", f"{month.orders:,}", *amounts)
    table.add_section()
    table.add_row("all", f"{sum(month.orders for month in outcome.months):,}", "", "", "", _money(outcome.net_total))
    return table


def _statuses(outcome: Outcome) -> Table:
    table = _table("OrderStats", ["status"], ["orders", "total"])
    for each in outcome.orders_by_status:
        table.add_row(each.status, f"{each.orders:,}", _money(each.total))
    return table


def _items(outcome: Outcome) -> Table:
    table = _table("TopItems", ["item", "description"], ["sold", "returned", "revenue"])
    for item in outcome.top_items:
        table.add_row(item.item, item.description, f"{item.sold:,}", f"{item.returned:,}", _money(item.revenue))
    return table


def _orders(outcome: Outcome) -> Table:
    table = _table("CustomerOrders, newest first", ["order", "customer", "placed", "status"], ["items", "total"])
    for each in outcome.customer_orders:
        placed = f"{each.placed_at:%Y-%m-%d %H:%M}"
        items = f"{each.item_count:,}"
        table.add_row(each.order_id, each.customer_id, placed, each.status, items, _money(each.total))
    return table


def _order(outcome: Outcome) -> Table:
    table = _table("GetOrder", ["item", "description"], ["quantity", "price", "amount"])
    for line in outcome.order.lines if outcome.order else ():
        table.add_row(line.item, line.description, str(line.quantity), _money(line.price), _money(line.amount))
    return table


def _table(title: str, texts: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(*texts, title=title, title_justify="left")
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _money(amount: Decimal) -> str:
    return f"{amount.normalize():,f}" if amount % Decimal("0.01") else f"{amount:,.2f}"


def verdict_of(outcome: Outcome) -> Text:
    """Whether the read models agree with the file's own arithmetic."""
    refused = outcome.refused_returns
    verdict = "✓ as they should" if outcome.agrees else "✗ which is something else"
    return Text(
        f"The file adds up to {_money(outcome.file_total)}; {refused.count:,} returns worth {_money(refused.value)} were refused; "
        f"the read models show {_money(outcome.net_total)} {verdict}.",
        style="green" if outcome.agrees else "bold red",
    )
