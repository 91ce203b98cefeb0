"""What came of a command, and what should have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twofold.errors import InvalidInputError, Rejected
from twofold.messages.codec import validated
from twofold.messages.message import Event
from twofold.testing.difference import difference, listed

if TYPE_CHECKING:
    from twofold.testing.scenario import Given


class Outcome:
    """The events of a decision, each with its role, or its refusal.

    Every ``then…`` gives the history with what came of it, so that a story can go on with the next ``when``.
    """

    def __init__(
        self, after: Given, decided: Sequence[tuple[str, Event]], refusal: Rejected | InvalidInputError | None = None
    ) -> None:
        self._after, self._decided, self._refusal = after, decided, refusal

    @property
    def events(self) -> list[Event]:
        """What was decided, in order."""
        return [event for _, event in self._decided]

    def then(self, *events: Event, **by_role: Sequence[Event]) -> Given:
        """Exactly these events, in this order; or by role, where the decision is one over several states."""
        __tracebackhide__ = True
        self._must_be_accepted()
        if events or not by_role:
            _must_be_equal(self.events, events)
        for role, expected in by_role.items():
            _must_be_equal([event for name, event in self._decided if name == role], expected, role)
        return self._after

    def then_nothing(self) -> Given:
        """The command is accepted, and nothing happens."""
        __tracebackhide__ = True
        return self.then()

    def then_rejected(self, code: str, **facts: object) -> Given:
        """The domain says no, for the reason ``code``, and the refusal tells these facts (others may be there too)."""
        __tracebackhide__ = True
        refusal = self._refusal
        if not isinstance(refusal, Rejected):
            raise AssertionError(f"It should be rejected ({code}), but {self._told()}")
        found = {name: refusal.details.get(name) for name in facts}
        if (refusal.code, found) != (code, facts):
            raise AssertionError(
                f"It is rejected for another reason:\n{difference([code, facts], [refusal.code, found])}\n({refusal})"
            )
        return self._after

    def then_invalid(self, what: str) -> Given:
        """The command is refused before anybody decides on it, because of its field ``what``."""
        __tracebackhide__ = True
        if not isinstance(self._refusal, InvalidInputError):
            raise AssertionError(f"Its {what} should be invalid, but {self._told()}")
        if self._refusal.what != what:
            raise AssertionError(f"It is invalid in its {self._refusal.what}, not in its {what}: {self._refusal}")
        return self._after

    def _must_be_accepted(self) -> None:
        __tracebackhide__ = True
        if self._refusal is not None:
            raise AssertionError(f"It should be accepted, but {self._told()}") from self._refusal

    def _told(self) -> str:
        if self._refusal is not None:
            return f"it is refused: {self._refusal.code}: {self._refusal}"
        return f"this is decided:\n{listed(self.events)}" if self._decided else "it is accepted and nothing happens"


def _must_be_equal(found: Sequence[Event], expected: Sequence[Event], role: str = "") -> None:
    __tracebackhide__ = True
    wanted = [validated(event)[0] for event in expected]
    if wanted != found:
        about = f" for {role}" if role else ""
        raise AssertionError(f"Something else is decided{about}:\n{difference(wanted, found)}")
