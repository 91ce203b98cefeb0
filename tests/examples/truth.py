"""What must come out of the Online Retail file, computed with nothing but csv and Decimal: no line of Twofold is used.

The lines are taken in the order of the file. A cancel line of a customer is refused if it returns more than the positive
lines of that customer and item above it hold, less the returns that were accepted.
"""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path


@dataclass
class Truth:
    """``net`` is by month (``2010-12``), ``units`` and ``revenue`` by item, and so on."""

    lines: int = 0
    total: Decimal = Decimal(0)
    cancel_lines: int = 0
    cancel_lines_of_customers: int = 0
    refused: int = 0
    refused_value: Decimal = Decimal(0)
    net: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    net_by_country: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    order_totals: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    order_lines: Counter[str] = field(default_factory=Counter)
    orders_of: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    returns: int = 0
    write_offs: int = 0
    sold: Counter[str] = field(default_factory=Counter)
    returned: Counter[str] = field(default_factory=Counter)
    written_off: Counter[str] = field(default_factory=Counter)
    revenue: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    @property
    def net_total(self) -> Decimal:
        return sum(self.net.values(), Decimal(0))


def truth_of(path: Path) -> Truth:
    truth = Truth()
    held: Counter[tuple[str, str]] = Counter()
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            _count(truth, held, row)
    return truth


def _count(truth: Truth, held: Counter[tuple[str, str]], row: dict[str, str]) -> None:
    quantity, item, customer = int(row["Quantity"]), row["StockCode"].upper(), row["CustomerID"]
    amount = quantity * Decimal(row["UnitPrice"])
    truth.lines += 1
    truth.total += amount
    letter = row["InvoiceNo"][0]
    if letter == "C":
        truth.cancel_lines += 1
        truth.cancel_lines_of_customers += bool(customer)
        if customer and -quantity > held[customer, item]:
            truth.refused += 1
            truth.refused_value += amount
            return
        held[customer, item] += quantity
        truth.returns += 1
        truth.returned[item] -= quantity
    elif letter == "A":
        pass
    elif quantity < 0:
        truth.write_offs += 1
        truth.written_off[item] -= quantity
    else:
        held[customer, item] += quantity
        truth.sold[item] += quantity
        truth.order_totals[row["InvoiceNo"]] += amount
        truth.order_lines[row["InvoiceNo"]] += 1
        truth.orders_of[customer or "anonymous"].add(row["InvoiceNo"])
    truth.net[row["InvoiceDate"][:7]] += amount
    truth.net_by_country[row["Country"]] += amount
    if letter != "A":
        truth.revenue[item] += amount
