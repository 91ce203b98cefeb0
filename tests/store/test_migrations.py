"""Migrations are numbered without gaps and checksummed; a database that disagrees is refused."""

from __future__ import annotations

import pytest

from twofold.errors import DefinitionError, StoreRefusedError
from twofold.store.migrations import Applied, Migration, checksum, load_migrations, refuse_pending, state

ONE, TWO, THREE = (Migration(number, name, checksum(name), name) for number, name in ((1, "a"), (2, "b"), (3, "c")))


def test_an_empty_database_needs_all_of_them() -> None:
    now = state([ONE, TWO], [])
    assert (now.installed, now.shipped, now.pending) == (0, 2, (ONE, TWO))


def test_an_older_database_needs_what_is_missing() -> None:
    assert state([ONE, TWO, THREE], [ONE.applied]).pending == (TWO, THREE)


def test_a_current_database_needs_nothing_in_whatever_order_it_answers() -> None:
    assert state([ONE, TWO], [TWO.applied, ONE.applied]).pending == ()


def test_a_database_that_knows_more_than_we_is_from_the_future() -> None:
    with pytest.raises(StoreRefusedError, match=r"installed: 2, known: 1") as refused:
        state([ONE], [ONE.applied, TWO.applied])
    assert refused.value.reason == "future"


@pytest.mark.parametrize(
    "applied",
    [[Applied(1, "a", "other")], [Applied(1, "other", ONE.checksum)], [TWO.applied]],
    ids=["another script", "another name", "a gap"],
)
def test_a_database_that_ran_something_else_is_refused(applied: list[Applied]) -> None:
    with pytest.raises(StoreRefusedError) as refused:
        state([ONE, TWO], applied)
    assert refused.value.reason == "schema-changed"


def test_who_may_not_migrate_is_told_what_to_run() -> None:
    refuse_pending(state([ONE], [ONE.applied]), "here")
    with pytest.raises(StoreRefusedError, match="twofold db upgrade") as refused:
        refuse_pending(state([ONE], []), "here")
    assert refused.value.reason == "outdated"


def test_line_ends_of_the_checkout_do_not_change_a_checksum() -> None:
    assert checksum("create\r\ntable\r\n") == checksum("create\ntable")
    assert checksum("create table a") != checksum("create table b")


@pytest.mark.parametrize("package", ["twofold.backends.sqlite", "twofold.backends.postgres"])
def test_both_backends_ship_migrations_from_one(package: str) -> None:
    shipped = load_migrations(package)
    assert [migration.number for migration in shipped] == list(range(1, len(shipped) + 1))


def test_a_package_without_migrations_is_a_mistake() -> None:
    with pytest.raises(DefinitionError, match="found: none"):
        load_migrations("twofold.backends", "sqlite")
