"""Reads the Online Retail file: every row becomes a line that can be trusted, or is reported as broken with its number."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias, cast

from msgspec import Struct

from twofold.errors import InvalidInputError
from twofold.examples.shop.events import ANONYMOUS

SLICE = Path(__file__).parent / "data" / "online_retail_2010_12.csv.gz"
"""December 2010, as it ships with this example."""

COLUMNS = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

Owner: TypeAlias = tuple[str, str]
Kind = Literal["sale", "return", "write-off", "bad debt"]


class Line(Struct, frozen=True):
    """One line of one invoice. ``number`` is its line in the file; ``quantity`` has the sign that the file gave it."""

    number: int
    kind: Kind
    invoice: str
    item: str
    description: str
    quantity: int
    at: datetime
    price: Decimal
    customer: str
    country: str

    @property
    def amount(self) -> Decimal:
        return self.quantity * self.price


class Broken(Struct, frozen=True):
    """A row that cannot be imported, and why. ``number`` is its line in the file."""

    number: int
    reason: str


def read(path: Path) -> Iterator[Line | Broken]:
    """Every row of the file, plain or gzip, in order; ``InvalidInputError`` where it is no such file at all."""
    with _opened(path) as file:
        _check_columns(path, file)
        number = 1
        owners: dict[str, Owner] = {}
        try:
            for number, raw in enumerate(file, start=2):
                if not raw.isspace():
                    yield _of_its_owner(_judged(number, raw), owners)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield Broken(number + 1, f"the rest of the file cannot be read: {error}")


def _opened(path: Path) -> BinaryIO:
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        return cast(BinaryIO, gzip.open(path)) if zipped else path.open("rb")
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}", what=str(path), remedy="Name a CSV file.") from error


def _check_columns(path: Path, file: BinaryIO) -> None:
    try:
        found = file.readline(1000).decode("utf-8-sig").strip()
    except (UnicodeDecodeError, EOFError, zlib.error, gzip.BadGzipFile):
        found = ""
    if found != COLUMNS:
        raise InvalidInputError(f"{path} is not Online Retail", what=str(path), remedy=f"Its first line is {COLUMNS}")


def _judged(number: int, raw: bytes) -> Line | Broken:
    try:
        return _line(number, _cells(_text(raw)))
    except (ValueError, csv.Error) as error:
        return Broken(number, str(error))


def _of_its_owner(row: Line | Broken, owners: dict[str, Owner]) -> Line | Broken:
    """An invoice belongs to one customer in one country: those of its first line."""
    if isinstance(row, Line):
        owner = owners.setdefault(row.invoice, (row.customer, row.country))
        if owner != (row.customer, row.country):
            return Broken(row.number, f"{row.invoice} belongs to customer {owner[0]}, {owner[1]}")
    return row


def _text(raw: bytes) -> str:
    """The file is UTF-8 today and was Latin-1 when it came out of a spreadsheet: a line may be either."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _cells(text: str) -> list[str]:
    """A row is one line of text: read by itself, so that a stray quote cannot swallow the rows after it."""
    return next(csv.reader([text], strict=True)) if '"' in text else text.split(",")


def _line(number: int, cells: list[str]) -> Line:
    if len(cells) != 8:
        raise ValueError(f"{len(cells)} columns instead of 8")
    invoice, item, description, quantity, at, price, customer, country = [cell.strip() for cell in cells]
    line = Line(
        number=number,
        kind=_kind(invoice, quantity),
        invoice=invoice.upper(),
        item=_plain("StockCode", item).upper(),
        description=_plain("Description", description) if description else "",
        quantity=int(_shaped("Quantity", _WHOLE, quantity)),
        at=_time(at),
        price=_price(price),
        customer=_shaped("CustomerID", _DIGITS, customer) if customer else ANONYMOUS,
        country=_plain("Country", country),
    )
    _check_sense(line)
    return line


def _kind(invoice: str, quantity: str) -> Kind:
    letter = _shaped("InvoiceNo", _INVOICE, invoice)[0]
    if letter in "Cc":
        return "return"
    if letter in "Aa":
        return "bad debt"
    return "write-off" if quantity.startswith("-") else "sale"


def _check_sense(line: Line) -> None:
    if line.quantity == 0:
        raise ValueError("Quantity is 0")
    if line.kind == "return" and line.quantity > 0:
        raise ValueError(f"{line.invoice} is a cancellation, but Quantity is {line.quantity}")
    if line.kind == "write-off" and (line.price or line.customer != ANONYMOUS):
        raise ValueError(f"Quantity is {line.quantity} and this is no cancellation, yet it has a price or a customer")
    if line.kind != "bad debt" and line.price < 0:
        raise ValueError(f"UnitPrice is {line.price}")


def _shaped(column: str, pattern: re.Pattern[str], text: str) -> str:
    """Python's own int and Decimal also take ``1_000`` and ``１２``: a pattern says what the file may hold."""
    if not pattern.fullmatch(text):
        raise ValueError(f"{column} is {text[:80]!r}")
    return text


def _plain(column: str, text: str) -> str:
    return _shaped(column, _PLAIN, text)


@lru_cache(maxsize=4096)
def _time(text: str) -> datetime:
    """The file says no time zone; its times are taken as UTC."""
    return datetime.fromisoformat(_shaped("InvoiceDate", _TIME, text)).replace(tzinfo=UTC)


@lru_cache(maxsize=4096)
def _price(text: str) -> Decimal:
    return Decimal(_shaped("UnitPrice", _NUMBER, text))


_INVOICE = re.compile(r"[ACac]?[0-9]{1,12}")
_DIGITS = re.compile(r"[0-9]{1,12}")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,6})?")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f]{1,80}")
