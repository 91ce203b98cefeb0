"""What a store URL means."""

from __future__ import annotations

from pathlib import Path

import pytest

from twofold.config import PostgresURL, SqliteURL, parse_url
from twofold.errors import InvalidInputError


@pytest.mark.parametrize(
    ("url", "path", "reads"),
    [
        ("sqlite:///shop.db", "shop.db", "shop.reads.db"),
        ("sqlite:////var/lib/shop.sqlite", "/var/lib/shop.sqlite", "/var/lib/shop.reads.sqlite"),
        ("sqlite:///my%20shop", "my shop", "my shop.reads.db"),
    ],
)
def test_a_sqlite_url_names_the_log_and_with_it_the_read_models(url: str, path: str, reads: str) -> None:
    found = parse_url(url)

    assert found == SqliteURL(Path(path))
    assert isinstance(found, SqliteURL)
    assert found.reads_path == Path(reads)


def test_no_file_means_in_memory() -> None:
    assert parse_url("sqlite://") == SqliteURL(None)


def test_a_postgres_url_may_name_the_schemas_and_leaves_the_rest_to_the_driver() -> None:
    found = parse_url("postgresql://ann@h/shop?host=/run/pg&schema=log&read_schema=views")

    assert found == PostgresURL("postgresql://ann@h/shop?host=/run/pg", "log", "views")
    assert parse_url("postgres://h/shop") == PostgresURL("postgresql://h/shop", "twofold", "public")


def test_a_password_is_never_shown() -> None:
    found = parse_url("postgresql://ann:s3cret@h/shop")

    assert "s3cret" not in f"{found} {found!r}"
    assert "ann:***@h" in str(found)
    with pytest.raises(InvalidInputError) as refused:
        parse_url("mysql://ann:s3cret@h/shop")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["", "shop.db", "sqlite:shop.db", "sqlite://shop.db", "sqlite:///a?mode=ro", "mysql://h/d"]
)
def test_anything_else_is_refused_with_examples(url: str) -> None:
    with pytest.raises(InvalidInputError, match="Use sqlite:///shop.db"):
        parse_url(url)


@pytest.mark.parametrize("name", ["A", "a-b", "1a", "a;drop", "x" * 64])
def test_a_schema_is_a_plain_identifier(name: str) -> None:
    with pytest.raises(InvalidInputError, match="no plain identifier"):
        parse_url(f"postgresql://h/d?schema={name}")
