"""Ids, and what is recorded with an event."""

from __future__ import annotations

import os
import uuid

from twofold.messages import new_id


def test_an_id_is_a_uuid_of_version_7() -> None:
    found = [uuid.UUID(new_id()) for _ in range(2000)]

    assert {each.version for each in found} == {7}
    assert {each.variant for each in found} == {uuid.RFC_4122}
    assert len(set(found)) == 2000


def test_a_forked_process_does_not_give_its_parents_ids() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, new_id()[14:].encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 100).decode() != new_id()[14:]
    os.close(reading)
    os.close(writing)
