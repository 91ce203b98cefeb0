"""SQL pages: named statements, with room for words about them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from twofold.errors import DefinitionError
from twofold.store.pages import load_page

PAGE = """
-- What the page is about.

-- name: first
-- Why it is shaped so.
select 1
-- in its middle
from there;

-- name: second
create trigger t begin select 2; end;
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of its own that holds the page ``page.sql``."""
    name = f"pages_{abs(hash(tmp_path))}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "page.sql").write_text(PAGE)
    (tmp_path / name / "double.sql").write_text("-- name: a\nselect 1;\n-- name: a\nselect 2;\n")
    (tmp_path / name / "empty.sql").write_text("-- name: a\n-- Nothing follows.\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def test_statements_come_by_name_without_their_comments(package: str) -> None:
    assert load_page(package, "page.sql") == {
        "first": "select 1\nfrom there",
        "second": "create trigger t begin select 2; end",
    }


@pytest.mark.parametrize(
    ("file", "fact"), [("double.sql", "Two statements named a"), ("empty.sql", "No statement named a")]
)
def test_a_name_stands_for_one_statement(package: str, file: str, fact: str) -> None:
    with pytest.raises(DefinitionError, match=fact):
        load_page(package, file)
