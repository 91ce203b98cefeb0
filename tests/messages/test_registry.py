"""From the log's names and JSON to typed messages, whatever was stored."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from twofold.errors import DefinitionError, UnknownMessageError
from twofold.messages import (
    Command,
    Event,
    OpaqueEvent,
    Registry,
    Tag,
    Upcaster,
    name_of,
    stored_as,
    upcasts,
    version_of,
)


@stored_as("FamilyEnrolled", version=3)
class FamilyWasEnrolled(Event):
    name: Tag[str]
    children: Tag[list[int]] = []
    city: Tag[str | None] = None


class Withdrawn(Event):
    pass


class Enroll(Command):
    name: str
    note: str = ""


@upcasts(FamilyWasEnrolled, from_version=1)
def split_the_name(data: dict[str, Any]) -> dict[str, Any]:
    return {"first": data["full"].split()[0]}


@upcasts(FamilyWasEnrolled, from_version=2)
def call_it_name(data: dict[str, Any]) -> dict[str, Any]:
    return {"name": data["first"], "city": "Graz"}


REGISTRY = Registry(events=[FamilyWasEnrolled, Withdrawn], commands=[Enroll], upcasters=[split_the_name, call_it_name])


def test_a_name_is_what_storage_says_not_the_class() -> None:
    assert (name_of(FamilyWasEnrolled), version_of(FamilyWasEnrolled)) == ("FamilyEnrolled", 3)
    assert (name_of(Withdrawn), version_of(Withdrawn)) == ("Withdrawn", 1)


def test_a_subclass_does_not_inherit_the_name() -> None:
    class Other(FamilyWasEnrolled):
        pass

    assert name_of(Other) == "Other"


def test_an_old_event_is_brought_up_step_by_step() -> None:
    assert REGISTRY.decode("FamilyEnrolled", 1, b'{"full": "Ann Smith"}') == FamilyWasEnrolled(name="Ann", city="Graz")
    assert REGISTRY.decode("FamilyEnrolled", 2, b'{"first": "Bea"}') == FamilyWasEnrolled(name="Bea", city="Graz")


@pytest.mark.parametrize(
    ("type", "schema", "data", "reason"),
    [
        ("Married", 1, b"{}", "no event of that name"),
        ("FamilyEnrolled", 4, b"{}", "schema version 4 is unknown; this code knows up to 3"),
        ("FamilyEnrolled", 3, b"{}", "missing required field `name`"),
        ("FamilyEnrolled", 3, b"not json", "malformed"),
        ("FamilyEnrolled", 1, b"{}", "KeyError"),
    ],
)
def test_what_cannot_be_read_comes_back_opaque(type: str, schema: int, data: bytes, reason: str) -> None:
    event = REGISTRY.decode(type, schema, data)

    assert isinstance(event, OpaqueEvent)
    assert (event.type, event.schema, event.data) == (type, schema, data)
    assert reason in event.reason


def test_a_page_survives_what_it_cannot_read() -> None:
    rows = [(1, "f-1", 1, "Married", 1, b"{}", b"{}"), (2, "f-1", 2, "Withdrawn", 1, b"{}", b"{}")]

    assert [type(recorded.event) for recorded in REGISTRY.page(rows)] == [OpaqueEvent, Withdrawn]


def test_tags_are_the_marked_fields_once_each_and_sorted() -> None:
    _, data, tags = REGISTRY.encode(FamilyWasEnrolled(name="Ann", children=[9, 7, 9]))

    assert tags == ("children=7", "children=9", "name=Ann")
    assert msgspec.json.decode(data) == {"name": "Ann", "children": [9, 7, 9], "city": None}


def test_of_copies_what_has_the_same_name_and_no_more() -> None:
    assert FamilyWasEnrolled.of(Enroll(name="Ann", note="hi"), city="Wien") == FamilyWasEnrolled(
        name="Ann", city="Wien"
    )
    with pytest.raises(TypeError, match="name"):
        FamilyWasEnrolled.of(Withdrawn())


def test_fields_come_in_any_order_and_are_given_by_keyword() -> None:
    class Noted(Event):
        note: str = ""
        name: str

    assert Noted(name="Ann") == Noted(note="", name="Ann")
    with pytest.raises(TypeError):
        Noted("", "Ann")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_messages_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Enroll(name="Ann").name = "Bea"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_an_event_the_app_does_not_know_is_not_written() -> None:
    class Stray(Event):
        pass

    with pytest.raises(UnknownMessageError, match="Unknown event: Stray"):
        REGISTRY.encode(Stray())


def test_a_misspelt_command_gets_a_hint() -> None:
    with pytest.raises(UnknownMessageError, match=r"Did you mean Enroll\?"):
        REGISTRY.command("Enrol", "{}")
    with pytest.raises(UnknownMessageError, match="Known here: none"):
        REGISTRY.query("Anything", "{}")


def test_two_types_under_one_name_are_a_mistake_with_both_places() -> None:
    @stored_as("Withdrawn")
    class Left(Event):
        pass

    with pytest.raises(
        DefinitionError, match=r"Two types under the name Withdrawn \(test_registry.py:\d+, test_"
    ) as wrong:
        Registry(events=[Withdrawn, Left])

    assert len(wrong.value.places) == 2


def test_a_gap_in_the_upcasters_is_a_mistake() -> None:
    with pytest.raises(DefinitionError, match=r"at version 3, but nothing upcasts version 2"):
        Registry(events=[FamilyWasEnrolled], upcasters=[split_the_name])


def test_two_upcasters_of_one_version_are_a_mistake() -> None:
    with pytest.raises(DefinitionError, match="Two upcasters from version 1"):
        Registry(events=[FamilyWasEnrolled], upcasters=[split_the_name, split_the_name, call_it_name])


def test_an_upcaster_of_the_current_version_is_a_mistake() -> None:
    with pytest.raises(DefinitionError, match="which is at version 1"):
        upcasts(Withdrawn, from_version=1)(lambda data: data)


def test_fields_that_cannot_be_json_are_a_mistake() -> None:
    class Strange(Event):
        what: complex

    with pytest.raises(DefinitionError, match="cannot be JSON"):
        Registry(events=[Strange])


@pytest.mark.parametrize(("name", "version"), [("", 1), ("a b", 1), ("1a", 1), ("x" * 101, 1), ("a", 0), ("a", 40_000)])
def test_a_name_is_plain_and_a_version_small(name: str, version: int) -> None:
    with pytest.raises(DefinitionError):
        stored_as(name, version=version)(Withdrawn)


def test_an_upcaster_knows_its_event() -> None:
    assert isinstance(call_it_name, Upcaster)
    assert call_it_name.event_type is FamilyWasEnrolled
