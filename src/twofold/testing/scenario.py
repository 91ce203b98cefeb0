"""Given/when/then: the rules of a domain, written down as examples that run. No database, no event loop.

    given(Family, FamilyEnrolled(…)).when(ReceivePayment(…)).then(PaymentReceived(…))
    given(Family).when(ReceivePayment(…)).then_rejected("not-enrolled")
    given(transfer, source=[MoneyPaidIn(amount=100)]).when(TransferMoney(…)).then(MoneyDebited(…), MoneyCredited(…))
    given(FamilyView, on("family-f-1", FamilyEnrolled(…))).when(PaymentReceived(…)).then(FamilyView(…))

Events pass the same checks as on their way into the log, and reach a state by the same rules: an aggregate folds its
own stream (that which the command names, unless ``on`` says another), a boundary folds what matches its criteria.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

from twofold.deciders.aggregate import Aggregate, Boundary
from twofold.deciders.decision import Decision, by_command, decision_over, decisions_of, definition_of, is_decider
from twofold.deciders.definition import Subject
from twofold.deciders.states import State
from twofold.deciders.wish import Wish, decided_by
from twofold.errors import InvalidInputError, Rejected, UnknownMessageError
from twofold.messages.codec import validated
from twofold.messages.markers import TAG, marked
from twofold.messages.message import Command, Event
from twofold.messages.metadata import Context, Recorded
from twofold.messages.naming import name_of
from twofold.messages.registry import Registry, tags_of
from twofold.projections import ReadModel
from twofold.testing.difference import difference
from twofold.testing.history import RECORDED_AT, History, On
from twofold.testing.outcome import Outcome
from twofold.testing.rows import GivenRows

R = TypeVar("R", bound=ReadModel)


@overload
def given(about: type[R], /, *events: Event | On) -> GivenRows[R]: ...
@overload
def given(about: type[Aggregate] | type[Boundary], /, *events: Event | On) -> Given: ...
@overload
def given(about: Callable[..., Any], /, **events: Sequence[Event | On]) -> Given: ...
def given(about: Any, /, *events: Event | On, **by_role: Sequence[Event | On]) -> GivenRows[Any] | Given:
    """What has happened before.

    ``about`` is a decider class, a read model class, or a function marked ``@decides``; for that one the events are
    given by its parameters: ``given(transfer, source=[…], target=[…])``.
    """
    if isinstance(about, type) and issubclass(about, ReadModel):
        return GivenRows(about, events)
    if is_decider(about):
        return Given(by_command(decisions_of(definition_of(about))), [("", each) for each in events])
    roles = list(inspect.signature(about).parameters)[1:]
    if unknown := [name for name in by_role if name not in roles]:
        raise TypeError(f"{about.__name__} decides over {', '.join(roles)}, not over {', '.join(unknown)}")
    past = [(name, each) for name, events in by_role.items() for each in events]
    return Given(by_command([decision_over(about, {})]), past, roles)


class Given:
    """What has happened: ``past`` names for each event the role whose stream it is in, unless ``on`` says another."""

    def __init__(
        self,
        decisions: Mapping[type[Command], Decision],
        past: Sequence[tuple[str, Event | On]],
        roles: Sequence[str] = ("",),
    ) -> None:
        Registry(commands=decisions)  # A message that cannot be JSON is a mistake of its class, not of a command.
        self._decisions, self._past, self._roles = decisions, past, roles

    def when(self, command: Command) -> Outcome:
        """Decide on a command.

        Raises ``UnknownMessageError`` where nobody here decides on it, and whatever a decision or fold raises that is
        no answer; ``AssertionError`` where a decision changes the state or a fold is not deterministic.
        """
        decision = self._decisions.get(type(command))
        if decision is None:
            known = tuple(name_of(each) for each in self._decisions)
            raise UnknownMessageError("command", name_of(type(command)), known=known, remedy="Ask its own decider.")
        try:
            valid, data = validated(command)
            subjects = [role.subject(valid) for role in decision.roles]
            streams = [subject.stream for subject in subjects]
        except InvalidInputError as refusal:
            return Outcome(self, [], refusal)
        wish = Wish(decision, valid, data, None, Context(), RECORDED_AT)
        return self._decide(wish, subjects, dict(zip(self._roles, streams, strict=True)))

    def _decide(self, wish: Wish, subjects: Sequence[Subject], streams: Mapping[str, str]) -> Outcome:
        history = History()
        log = [
            recorded for role, part in self._past for recorded in history.record([part], stream=streams.get(role, ""))
        ]
        states, again = _states(subjects, log), _states(subjects, log)
        try:
            decided = decided_by(wish, states)
        except Rejected as refusal:
            return Outcome(self, [], refusal)
        finally:
            _must_be_pure(wish, states, again)
        happened = [(self._roles[states.index(owner)], owner.stream, validated(event)[0]) for owner, event in decided]
        past = [("", On(recorded.stream, (recorded.event,))) for recorded in log]
        after = [*past, *(("", On(stream, (event,))) for _, stream, event in happened)]
        return Outcome(Given(self._decisions, after, self._roles), [(role, event) for role, _, event in happened])


def _states(subjects: Sequence[Subject], log: Sequence[Recorded[Event]]) -> list[State]:
    known: dict[str, State] = {}  # One state where two roles are about the same one, as in the app.
    for subject in subjects:
        if subject.stream not in known:
            state = known[subject.stream] = State(subject, subject.new())
            state.take(recorded for recorded in log if _concerns(state, recorded))
    return [known[subject.stream] for subject in subjects]


def _concerns(state: State, recorded: Recorded[Event]) -> bool:
    if state.is_boundary:
        cls = type(recorded.event)
        return state.criteria.matches(recorded.type, tags_of(recorded.event, marked(cls, TAG)))
    return recorded.stream == state.stream


def _must_be_pure(wish: Wish, states: Sequence[State], again: Sequence[State]) -> None:
    """The state after the decision is the one that the same events fold to a second time, or something is not pure."""
    __tracebackhide__ = True
    found, fresh = [state.value for state in states], [state.value for state in again]
    if found != fresh:
        raise AssertionError(
            f"Deciding on {name_of(type(wish.command))} changes the state, or a fold is not deterministic:\n"
            f"{difference(fresh, found)}"
        )
