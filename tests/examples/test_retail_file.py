"""Reading the file: its real oddities are taken, broken rows are reported with their line, and the rest goes on."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from twofold.errors import InvalidInputError
from twofold.examples.shop.retail_file import COLUMNS, SLICE, Broken, Line, read

GOOD = "536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom"


def rows_of(folder: Path, *rows: str | bytes) -> list[Line | Broken]:
    path = folder / "retail.csv"
    path.write_bytes(b"".join((row.encode() if isinstance(row, str) else row) + b"\n" for row in (COLUMNS, *rows)))
    return list(read(path))


def only_line(folder: Path, row: str | bytes) -> Line:
    (line,) = rows_of(folder, row)
    assert isinstance(line, Line), line
    return line


def test_a_plain_row_becomes_a_line(tmp_path: Path) -> None:
    line = only_line(tmp_path, GOOD)
    assert (line.number, line.kind, line.invoice, line.item, line.quantity) == (2, "sale", "536365", "85123A", 6)
    assert (line.at, line.price) == (datetime(2010, 12, 1, 8, 26, tzinfo=UTC), Decimal("2.55"))
    assert (line.customer, line.country, line.amount) == ("17850", "United Kingdom", Decimal("15.30"))


@pytest.mark.parametrize(
    ("row", "kind", "amount"),
    [
        ("C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527,United Kingdom", "return", "-27.50"),
        ("A563186,B,Adjust bad debt,1,2011-08-12 14:51:00,-11062.06,,United Kingdom", "bad debt", "-11062.06"),
        ("536589,21777,,-10,2010-12-01 16:50:00,0,,United Kingdom", "write-off", "0"),
        ("536414,22139,,56,2010-12-01 11:52:00,0,,United Kingdom", "sale", "0"),
    ],
)
def test_invoice_and_quantity_say_what_a_line_is(tmp_path: Path, row: str, kind: str, amount: str) -> None:
    line = only_line(tmp_path, row)
    assert (line.kind, line.amount) == (kind, Decimal(amount))


def test_a_missing_customer_is_anonymous_and_a_missing_description_empty(tmp_path: Path) -> None:
    line = only_line(tmp_path, "536414,22139,,56,2010-12-01 11:52:00,0,,United Kingdom")
    assert (line.customer, line.description) == ("anonymous", "")


@pytest.mark.parametrize(("code", "item"), [("85123a", "85123A"), ("BANK CHARGES", "BANK CHARGES"), (" m ", "M")])
def test_stock_codes_are_taken_in_upper_case(tmp_path: Path, code: str, item: str) -> None:
    assert only_line(tmp_path, GOOD.replace("85123A", code)).item == item


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_line_is_utf_8_or_latin_1(tmp_path: Path, encoding: str) -> None:
    assert only_line(tmp_path, GOOD.replace("WHITE", "£1").encode(encoding)).description == "£1 HANGING HEART"


def test_commas_and_quotes_inside_quotes_are_text(tmp_path: Path) -> None:
    line = only_line(tmp_path, GOOD.replace("WHITE HANGING HEART", '"FRAME 7"", SINGLE"'))
    assert line.description == 'FRAME 7", SINGLE'


def test_the_same_line_twice_is_two_lines(tmp_path: Path) -> None:
    assert len(rows_of(tmp_path, GOOD, GOOD)) == 2


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",6,", ",six,", "Quantity is 'six'"),
        (",6,", ",１２,", "Quantity is '１２'"),
        (",6,", ",1_000,", "Quantity is '1_000'"),
        (",6,", ",0,", "Quantity is 0"),
        (",6,", ",-6,", "no cancellation"),
        ("536365", "C536365", "is a cancellation"),
        ("536365", "", "InvoiceNo is ''"),
        ("536365", "X536365", "InvoiceNo is 'X536365'"),
        ("85123A", "", "StockCode is ''"),
        ("85123A", "8\x005", "StockCode is"),
        ("2010-12-01", "2010-13-01", "month must be in 1..12"),
        ("2010-12-01 08:26:00", "yesterday", "InvoiceDate is 'yesterday'"),
        ("2.55", "NaN", "UnitPrice is 'NaN'"),
        ("2.55", "1e99", "UnitPrice is '1e99'"),
        ("2.55", "-2.55", "UnitPrice is -2.55"),
        ("17850", "Smith", "CustomerID is 'Smith'"),
        ("United Kingdom", "", "Country is ''"),
        (",United Kingdom", "", "7 columns instead of 8"),
        ("WHITE", "WHITE,RED", "9 columns instead of 8"),
        ("WHITE HANGING HEART", '"WHITE HANGING HEART', "unexpected end of data"),
    ],
)
def test_a_broken_row_is_reported_with_its_line_and_the_rest_is_read(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    before, broken, after = rows_of(tmp_path, GOOD, GOOD.replace(old, new, 1), GOOD)
    assert isinstance(before, Line)
    assert isinstance(after, Line)
    assert isinstance(broken, Broken)
    assert broken.number == 3
    assert reason in broken.reason


def test_a_file_that_was_cut_off_gives_what_is_there_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(SLICE.read_bytes()[:100_000])
    *lines, last = read(path)
    assert isinstance(last, Broken)
    assert last.number == len(lines) + 2
    assert "the rest of the file cannot be read" in last.reason
    assert len(lines) > 1000


@pytest.mark.parametrize("content", [b"", b"name,age\n", b"\x1f\x8bnot really gzip", b"\xff\xfe\x00"])
def test_another_file_is_refused_with_the_columns_that_it_should_have(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match="Its first line is InvoiceNo,StockCode"):
        list(read(path))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read"):
        list(read(tmp_path / "nothing.csv"))


def test_a_byte_order_mark_is_no_part_of_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "marked.csv.gz"
    path.write_bytes(gzip.compress(f"\ufeff{COLUMNS}\n{GOOD}\n".encode()))
    assert len(list(read(path))) == 1


def test_the_slice_that_ships_has_no_broken_row() -> None:
    rows = list(read(SLICE))
    assert not [row for row in rows if isinstance(row, Broken)]
    assert len({row.invoice for row in rows if isinstance(row, Line)}) == 2_025
