"""What the console promises about a change, as a model that knows nothing of how it is done.

It keeps who had a hand in which change and who decided what on which content, and says from that alone
who may decide and when a change may be written.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from apps.changes.lifecycle import State
from apps.changes.waves import Plan

# Nothing of a change in one of these states may be on the cluster by the console's doing.
UNWRITTEN = frozenset(
    {
        *(State.DRAFT, State.VALIDATING, State.PENDING, State.APPROVED, State.STALE, State.FAILED),
        *(State.REJECTED, State.WITHDRAWN, State.EXPIRED, State.CANCELED),
    }
)
OPEN = frozenset({State.PENDING, State.APPROVED})


@dataclass(slots=True)
class People:
    """Who is there now: the names of the roles that everybody holds, and who may sign in."""

    roles: dict[str, set[str]]
    active: set[str]

    def may(self, name: str, role: str) -> bool:
        return name in self.active and role in self.roles[name]


@dataclass(slots=True)
class Verdict:
    """A decision: on which digest, and which way."""

    digest: str
    approves: bool


@dataclass(slots=True)
class Modelled:
    """One change as the promises see it."""

    author: str
    number: int = 1
    editors: set[str] = field(default_factory=set)
    submitters: set[str] = field(default_factory=set)  # of any revision
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    # After which waves the pause went by, and after which somebody entitled continued or resumed it.
    soaked: set[int] = field(default_factory=set)
    continued: set[int] = field(default_factory=set)

    @property
    def hands(self) -> set[str]:
        return {self.author, *self.editors, *self.submitters}

    def may_decide(
        self, name: str, people: People, state: State, current: str, seen: tuple[int, str]
    ) -> bool:
        """Whether this person may decide on what was on the screen, now."""
        entitled = people.may(name, "approver") and name not in self.hands
        return entitled and state in OPEN and bool(current) and seen == (self.number, current)

    def may_follow(self, done: int, plan: Plan) -> bool:
        """Whether the wave after `done` of them may begin, as far as the pause goes."""
        soaked = not plan.soak_minutes or done in self.soaked
        return done == 0 or (soaked and (not plan.wait or done in self.continued))

    def approvals(self, people: People, digest: str) -> set[str]:
        """Whose approvals of this digest count now."""
        return {
            name
            for name, verdict in self.verdicts.items()
            if verdict.approves
            and verdict.digest == digest
            and people.may(name, "approver")
            and name not in self.hands
        }
