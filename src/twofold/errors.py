"""Every error that Twofold raises, in one tree.

    TwofoldError
    ├── DefinitionError            a mistake in the code, found when a class is defined or the app starts
    ├── InvalidInputError          input that no backend accepts: a field, a name, a limit
    │   └── UnknownMessageError    a command, query or stream type that nobody handles
    ├── Rejected                   the domain says no: code, message and facts are the domain's own
    ├── ConflictError              somebody else appended first
    ├── KeyReusedError             the same idempotency key with another body
    ├── NotFoundError              a stream, an event or a row that does not exist
    ├── BehindError                a read model has not yet reached what was asked for
    ├── FeedBrokenError            nobody knows how the rows of a read model go on from here
    ├── NotConfirmedError          workers have not done in time what was wished of them
    ├── FoldError                  an event that a fold could not take
    ├── QueryError                 a question that the read database refused
    └── StoreError                 the database, not the domain
        ├── StoreRefusedError      not ours, from the future, or set up unsafely
        ├── StoreUnavailableError  gone, locked, full or read-only: nothing was written
        └── OutcomeUnknownError    the connection broke while an append was being committed

Each error says the fact, its values and a remedy, in this order; the values are attributes too, and
``code`` is a stable name for programs. ``error.facts()`` gives them as one document.
"""

from __future__ import annotations

import inspect
from pathlib import Path


class TwofoldError(Exception):
    """The root: ``str(error)`` is the fact with its values, then the remedy."""

    code: str = "error"
    remedy: str = ""

    def __init__(self, fact: str, *, remedy: str = "") -> None:
        self.fact = fact
        if remedy:
            self.remedy = remedy
        super().__init__(f"{fact}. {self.remedy}" if self.remedy else fact)

    def facts(self) -> dict[str, object]:
        """The error as a flat document: code, message, remedy and every value it carries."""
        values = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        fact = values.pop("fact", "")
        remedy = values.pop("remedy", self.remedy)
        return {"code": self.code, "message": fact, "remedy": remedy, **values}


def place(thing: object) -> str:
    """``file:line`` of a class or function, for errors about definitions; its name where there is no source."""
    target = inspect.unwrap(thing) if callable(thing) else thing
    try:
        file = inspect.getsourcefile(target)  # type: ignore[arg-type]  # a TypeError is the answer for anything else
        _, line = inspect.getsourcelines(target)  # type: ignore[arg-type]
    except (TypeError, OSError):
        return getattr(thing, "__qualname__", repr(thing))
    return f"{Path(file).name if file else '?'}:{line}"


class DefinitionError(TwofoldError):
    """A mistake in a definition. ``places`` are the ``file:line`` of everything involved."""

    code = "definition"

    def __init__(self, fact: str, *about: object, remedy: str = "") -> None:
        self.places = tuple(place(thing) for thing in about)
        super().__init__(f"{fact} ({', '.join(self.places)})" if about else fact, remedy=remedy)


class InvalidInputError(TwofoldError):
    """Input refused at the edge, with the same verdict on every backend; ``what`` names the offending part."""

    code = "invalid-input"

    def __init__(self, fact: str, *, what: str = "", remedy: str = "") -> None:
        self.what = what
        super().__init__(fact, remedy=remedy)


class UnknownMessageError(InvalidInputError):
    """Nobody in this app handles a message of that name."""

    code = "unknown-message"

    def __init__(self, kind: str, name: str, *, known: tuple[str, ...] = (), remedy: str = "") -> None:
        self.kind = kind
        self.name = name
        self.known = known
        super().__init__(
            f"Unknown {kind}: {name}",
            what=name,
            remedy=remedy or f"Known here: {', '.join(known) or 'none'}. Add the one that handles it to App(...).",
        )


class Rejected(TwofoldError):  # noqa: N818 - the domain's word, not an accident
    """Raised by a decision: the command is refused for a reason of the domain, and nothing is appended.

    ``code`` is the domain's stable name for the reason, ``message`` is for people, and ``details`` holds the
    facts that the decision saw.
    """

    def __init__(self, code: str, message: str = "", **facts: object) -> None:
        self.code = code
        self.message = message or code
        self.details = facts
        values = ", ".join(f"{name}: {value}" for name, value in facts.items())
        super().__init__(f"{self.message} ({values})" if values else self.message)

    def facts(self) -> dict[str, object]:
        return {"code": self.code, "message": self.message, "remedy": self.remedy, **self.details}


class ConflictError(TwofoldError):
    """An append condition did not hold: a stream was at another version, or a matching event exists.

    For a stream, ``expected`` and ``found`` are versions; for criteria, ``expected`` is the position after which
    nothing may match and ``found`` the position of the newest event that does.
    """

    code = "conflict"
    remedy = "Load it again and retry."

    def __init__(self, *, stream: str | None, expected: int, found: int, criteria: str | None = None) -> None:
        self.stream = stream
        self.criteria = criteria
        self.expected = expected
        self.found = found
        super().__init__(
            f"Wrong expected version: {expected} (stream: {stream}, version: {found})"
            if stream is not None
            else f"An event matches the criteria after position {expected} (criteria: {criteria}, position: {found})"
        )


class KeyReusedError(TwofoldError):
    """An idempotency key that was already used for another body."""

    code = "key-reused"
    remedy = "Use a new command id for a new command, and repeat the same command exactly when retrying."

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"The idempotency key was used before with another body (key: {key})")


class NotFoundError(TwofoldError):
    """Something asked for by name does not exist."""

    code = "not-found"

    def __init__(self, kind: str, name: str, *, remedy: str = "") -> None:
        self.kind = kind
        self.name = name
        super().__init__(f"No {kind} {name}", remedy=remedy)


class BehindError(TwofoldError):
    """A read model has not reached the wanted position in time. Positions and ``lag`` count events."""

    code = "behind"
    remedy = "Wait longer (wait_seconds=), or ask without after= and consistent= if an older answer will do."

    def __init__(
        self,
        read_model: str,
        *,
        position: int,
        wanted: int,
        waited_seconds: float,
        reason: str = "",
        remedy: str = "",
    ) -> None:
        self.read_model = read_model
        self.position = position
        self.wanted = wanted
        self.lag = wanted - position
        self.waited_seconds = waited_seconds
        self.reason = reason
        because = f"; {reason}" if reason else ""
        super().__init__(
            f"{read_model} is behind (position: {position}, wanted: {wanted}, lag: {self.lag} events, "
            f"waited: {waited_seconds:g} s{because})",
            remedy=remedy,
        )

    def because(self, reason: str, remedy: str) -> BehindError:
        """The same error for somebody who knows why."""
        return BehindError(
            self.read_model,
            position=self.position,
            wanted=self.wanted,
            waited_seconds=self.waited_seconds,
            reason=reason,
            remedy=remedy,
        )


class FeedBrokenError(TwofoldError):
    """The row feed of a read model cannot go on without a gap; up to ``position`` there was none.

    ``reason`` is a stable word: forgotten, slow, moved, left, replaced or emptied.
    """

    code = "feed-broken"
    remedy = "Read the rows anew, and follow from there: all_rows(), then rows(after=token)."

    def __init__(self, read_model: str, *, position: int, reason: str, because: str) -> None:
        self.read_model = read_model
        self.position = position
        self.reason = reason
        self.because = because
        super().__init__(f"The row feed of {read_model} is broken after position {position}: {because}")


class NotConfirmedError(TwofoldError):
    """A wish was kept, and no worker has made it so in time. ``worker`` is who still runs the subscription, if anybody."""

    code = "not-confirmed"
    remedy = "The wish stays, and is done when the worker looks: see twofold projections ls."

    def __init__(self, subscription: str, *, what: str, worker: str | None, waited_seconds: float) -> None:
        self.subscription = subscription
        self.what = what
        self.worker = worker
        self.waited_seconds = waited_seconds
        super().__init__(
            f"{subscription} is not {what} yet (run by: {worker or 'nobody'}, waited: {waited_seconds:g} s)"
        )


class FoldError(TwofoldError):
    """A fold raised, or met an event that it declares but that cannot be decoded."""

    code = "fold"
    remedy = "Mend the fold, then start again: it resumes at this event."

    def __init__(
        self, read_model: str, *, event_type: str, position: int, key: object, reason: str, remedy: str = ""
    ) -> None:
        self.read_model = read_model
        self.event_type = event_type
        self.position = position
        self.key = key
        self.reason = reason
        fact = f"{read_model} cannot take {event_type} at position {position} (key: {key}): {reason}"
        super().__init__(fact, remedy=remedy)

    def with_remedy(self, remedy: str) -> FoldError:
        """The same error for somebody who has to do something else."""
        error = FoldError(
            self.read_model,
            event_type=self.event_type,
            position=self.position,
            key=self.key,
            reason=self.reason,
            remedy=remedy,
        )
        error.__cause__ = self.__cause__
        return error


class QueryError(TwofoldError):
    """The read database refused a statement, or an answer does not have the promised type."""

    code = "query"


class StoreError(TwofoldError):
    """The database, not the domain."""

    code = "store"


class StoreRefusedError(StoreError):
    """Twofold refuses to use this database; the remedy says what to change. ``reason`` is a stable word."""

    code = "store-refused"

    def __init__(self, fact: str, *, reason: str, remedy: str) -> None:
        self.reason = reason
        super().__init__(fact, remedy=remedy)


class StoreUnavailableError(StoreError):
    """The database cannot do it now, and nothing was written. ``reason``: away, locked, full, read-only, busy."""

    code = "store-unavailable"

    def __init__(self, fact: str, *, reason: str, remedy: str = "Try again when the database is back.") -> None:
        self.reason = reason
        super().__init__(fact, remedy=remedy)


class OutcomeUnknownError(StoreError):
    """The connection broke while an append was being committed: it may or may not have happened."""

    code = "outcome-unknown"
    remedy = "Send the same command again with the same command id: it gives the one true answer."

    def __init__(self, fact: str, *, key: str | None = None) -> None:
        self.key = key
        super().__init__(f"{fact} (command id: {key})" if key else fact)
