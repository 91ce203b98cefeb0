"""The independent computation against the figures that are known about the file."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.examples.truth import Truth


@pytest.mark.campaign
def test_all_lines_of_the_whole_file_add_up_exactly(truth_of_the_whole_file: Truth) -> None:
    assert truth_of_the_whole_file.lines == 541_909
    assert truth_of_the_whole_file.total == Decimal("9747747.934")


@pytest.mark.campaign
def test_1387_of_8905_cancel_lines_return_more_than_was_held(truth_of_the_whole_file: Truth) -> None:
    assert truth_of_the_whole_file.cancel_lines == 9_288
    assert truth_of_the_whole_file.cancel_lines_of_customers == 8_905
    assert truth_of_the_whole_file.refused == 1_387
    assert truth_of_the_whole_file.refused_value == Decimal("-142593.90")
    assert truth_of_the_whole_file.net_total == Decimal("9890341.834")


def test_the_slice_is_december_2010(truth_of_the_slice: Truth) -> None:
    assert truth_of_the_slice.lines == 42_481
    assert list(truth_of_the_slice.net) == ["2010-12"]


@pytest.mark.campaign
def test_the_slice_is_the_beginning_of_the_whole_file(
    truth_of_the_slice: Truth, truth_of_the_whole_file: Truth
) -> None:
    assert truth_of_the_slice.net["2010-12"] == truth_of_the_whole_file.net["2010-12"]
