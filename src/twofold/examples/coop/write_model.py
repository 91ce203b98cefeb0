"""What the co-op decides: what a family may do, seen from its events so far. Pure functions, no clock and no database."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from twofold import Aggregate, Key, Rejected, decide, evolve
from twofold.examples.coop.account import Account
from twofold.examples.coop.commands import (
    AddChild,
    AssignCoordinator,
    ChargeTuition,
    EnrollFamily,
    LogVolunteerHours,
    ReceivePayment,
    RecordAttendance,
    RecordContact,
    RecordLogin,
    UpdateEngagementScore,
    UpdateRiskScore,
    WithdrawFamily,
)
from twofold.examples.coop.events import (
    AttendanceRecorded,
    ChildAdded,
    ContactRecorded,
    CoordinatorAssigned,
    EngagementScoreUpdated,
    FamilyEnrolled,
    FamilyWithdrawn,
    LoginRecorded,
    PaymentReceived,
    RiskScoreUpdated,
    TuitionCharged,
    VolunteerHoursLogged,
)

CENT = Decimal("0.01")
DAY_HOURS = 24


class Family(Aggregate):
    family_id: Key[str]
    enrolled_on: date | None = None
    withdrawn: bool = False
    children: set[str] = set()
    months_charged: set[date] = set()
    account: Account = Account()
    coordinator: str = ""

    @decide
    def enroll(self, command: EnrollFamily) -> FamilyEnrolled:
        if self.enrolled_on:
            raise Rejected("already-enrolled", f"family {self.family_id} is enrolled already")
        return FamilyEnrolled.of(command)

    @decide
    def add_child(self, command: AddChild) -> ChildAdded:
        self.must_be_active(command.date)
        if command.child_name in self.children:
            raise Rejected("already-added", f"{command.child_name} is a child of family {self.family_id} already")
        if command.birth_date > command.date:
            raise Rejected("not-born", "a child is born before it is added", born=command.birth_date)
        return ChildAdded.of(command)

    @decide
    def charge(self, command: ChargeTuition) -> TuitionCharged:
        self.must_be_active(command.due_date)
        must_be_money(command.amount)
        return TuitionCharged.of(
            command,
            from_credit=self.account.covered(command.amount),
            first_of_month=command.due_date.replace(day=1) not in self.months_charged,
        )

    @decide
    def receive(self, command: ReceivePayment) -> PaymentReceived:
        self.must_be_active(command.date)
        must_be_money(command.amount)
        after = self.account.paid(command.amount)
        return PaymentReceived.of(
            command,
            days_late=self.account.days_late(command.date),
            settled=list(self.account.settled_by(command.amount)),
            owed=after.owed,
            credit=after.credit,
        )

    @decide
    def contact(self, command: RecordContact) -> ContactRecorded:
        self.must_be_active(command.date)
        return ContactRecorded.of(command)

    @decide
    def log_in(self, command: RecordLogin) -> LoginRecorded:
        self.must_be_active(command.logged_in_at.date())
        return LoginRecorded.of(command)

    @decide
    def volunteer(self, command: LogVolunteerHours) -> VolunteerHoursLogged:
        self.must_be_active(command.date)
        if not 0 < command.hours <= DAY_HOURS:
            raise Rejected("impossible-hours", "a day has more than 0 and at most 24 hours", hours=command.hours)
        return VolunteerHoursLogged.of(command)

    @decide
    def attend(self, command: RecordAttendance) -> AttendanceRecorded:
        self.must_be_active(command.date)
        return AttendanceRecorded.of(command)

    @decide
    def engage(self, command: UpdateEngagementScore) -> EngagementScoreUpdated:
        self.must_be_active()
        return EngagementScoreUpdated.of(command)

    @decide
    def assess(self, command: UpdateRiskScore) -> RiskScoreUpdated:
        self.must_be_active(command.date)
        if len(set(command.risk_factors)) < len(command.risk_factors):
            raise Rejected("same-factor", "a risk factor counts once", factors=command.risk_factors)
        return RiskScoreUpdated.of(command)

    @decide
    def assign(self, command: AssignCoordinator) -> CoordinatorAssigned | None:
        self.must_be_active()
        return None if command.coordinator == self.coordinator else CoordinatorAssigned.of(command)

    @decide
    def withdraw(self, command: WithdrawFamily) -> FamilyWithdrawn:
        self.must_be_active(command.date)
        return FamilyWithdrawn.of(command)

    def must_be_active(self, on: date | None = None) -> None:
        """Refuse what concerns a family that is not here: not yet, no more, or not on that day."""
        if self.enrolled_on is None:
            raise Rejected("not-enrolled", f"family {self.family_id} is not enrolled")
        if self.withdrawn:
            raise Rejected("withdrawn", f"family {self.family_id} has left")
        if on is not None and on < self.enrolled_on:
            raise Rejected("before-enrollment", "the family was not here yet", enrolled=self.enrolled_on, on=on)

    @evolve
    def was_enrolled(self, event: FamilyEnrolled) -> None:
        self.enrolled_on = event.enrollment_date

    @evolve
    def has_child(self, event: ChildAdded) -> None:
        self.children.add(event.child_name)

    @evolve
    def was_charged(self, event: TuitionCharged) -> None:
        self.months_charged.add(event.due_date.replace(day=1))
        self.account = self.account.charged(event.amount, event.due_date)

    @evolve
    def has_paid(self, event: PaymentReceived) -> None:
        self.account = self.account.paid(event.amount)

    @evolve
    def was_assigned(self, event: CoordinatorAssigned) -> None:
        self.coordinator = event.coordinator

    @evolve
    def has_left(self, event: FamilyWithdrawn) -> None:
        self.withdrawn = True


def must_be_money(amount: Decimal) -> None:
    """Refuse what nobody can pay: nothing, less than nothing, parts of a cent."""
    if amount <= 0:
        raise Rejected("not-positive", "an amount is more than nothing", amount=amount)
    if amount % CENT:
        raise Rejected("not-cents", "an amount is whole cents", amount=amount)
