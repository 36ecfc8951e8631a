"""The versions of the approval policy: which one is in force, the history, and what no-one could meet.

Reads only; versions are proposed and decided on by `actions.propose_policy` and `actions.decide_policy`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, QuerySet

from apps.accounts.permissions import Permission
from apps.accounts.selectors import eligible, group_names, known_groups
from apps.changes.models import PolicyVersion
from apps.changes.policies import (
    BUILT_IN,
    BUILT_IN_VERSION,
    Level,
    Policy,
    RiskCode,
    Subject,
    evaluate,
    read,
)
from apps.clusters.models import Cluster


@dataclass(frozen=True, slots=True)
class Active:
    """The policy in force. `since` is None for the built-in one."""

    number: int
    policy: Policy
    since: datetime | None = None


def active() -> Active:
    """The newest approved version, or the built-in one; one query."""
    row = PolicyVersion.objects.filter(approved=True).order_by("-number").first()
    if row is None:
        return Active(BUILT_IN_VERSION, BUILT_IN)
    return Active(row.number, read(row.content), row.decided_at)


def history() -> QuerySet[PolicyVersion]:
    """Every version that was ever proposed, newest first; the built-in one is no row."""
    return PolicyVersion.objects.select_related("author", "decided_by").order_by("-number")


def content_of(number: int) -> Policy | None:
    """What a version says; None when there is no such version."""
    if number == BUILT_IN_VERSION:
        return BUILT_IN
    row = PolicyVersion.objects.filter(number=number).first()
    return read(row.content) if row is not None else None


def next_number() -> int:
    """The number of the next proposal."""
    highest = PolicyVersion.objects.aggregate(highest=Max("number"))["highest"] or BUILT_IN_VERSION
    return int(highest) + 1


def problems(policy: Policy) -> tuple[str, ...]:
    """What nobody could meet, in sentences: groups that do not exist or have nobody who may approve, and
    clusters with fewer people than the policy could ask for. The author of a change is not counted off."""
    known = known_groups()
    named = sorted({group for rule in policy.rules for group in rule.groups})
    found = [f"There is no group «{group}»." for group in named if group not in known]
    for cluster in Cluster.objects.order_by("name"):
        people = eligible(Permission.APPROVE, [(cluster.environment, cluster.name, "")])
        ruling = evaluate(policy, [_worst_case(cluster)])
        if len(people) < ruling.required:
            found.append(
                f"{cluster.name}: a change may need {ruling.required} approvals, and "
                f"{len(people)} {'person' if len(people) == 1 else 'people'} may approve everywhere there."
            )
        present = {name for names in group_names(p.pk for p in people).values() for name in names}
        found += [
            f"{cluster.name}: nobody of the group «{group}» may approve everywhere there."
            for group in ruling.groups
            if group in known and group not in present
        ]
    return tuple(found)


def _worst_case(cluster: Cluster) -> Subject:
    """A write on which every rule for this cluster has something to say, whatever its kind; "" as
    namespace matches every one."""
    codes = frozenset(code.value for code in RiskCode)
    return Subject(cluster.environment, cluster.name, "", "", Level.HIGH, codes)
