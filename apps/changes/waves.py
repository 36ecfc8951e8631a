"""Waves: which clusters of a change are written together, what has to pass between two of them, and what a
failure stops. Pure: no database, no clock.

A plan is part of what is approved. Without waves of its own a change is one wave of all its clusters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any

import msgspec
from msgspec import Meta

SOAK_LIMIT = 7 * 24 * 60  # minutes
Name = Annotated[str, Meta(min_length=1, max_length=63)]
# The order in which a change is usually let through; what is not named comes before production.
ORDER = ("lab", "development", "staging")
LAST = "production"


class OnFailure(StrEnum):
    """What the first failure stops: everything, or only what comes after this wave and this cluster."""

    STOP = "stop"
    FINISH_WAVE = "finish-wave"


class Suggestion(StrEnum):
    """Plans that the console makes out of environments."""

    ONE = "one"
    ENVIRONMENT = "environment"
    CANARY = "canary"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Suggestion.ONE: "All clusters in one wave",
    Suggestion.ENVIRONMENT: "By environment, production last",
    Suggestion.CANARY: "One cluster first, then by environment",
}


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`waves` are names of clusters. Between two waves `soak_minutes` pass at least, and with `wait` somebody
    has to continue."""

    waves: tuple[tuple[Name, ...], ...] = ()
    soak_minutes: Annotated[int, Meta(ge=0, le=SOAK_LIMIT)] = 0
    wait: bool = False
    on_failure: OnFailure = OnFailure.STOP

    @property
    def count(self) -> int:
        return max(len(self.waves), 1)

    def clusters(self, wave: int) -> frozenset[str] | None:
        """The clusters of a wave, counted from 1; None for all of them."""
        return frozenset(self.waves[wave - 1]) if self.waves else None

    def wave_of(self, cluster: str) -> int:
        """The wave that a cluster is in."""
        return next((n for n, names in enumerate(self.waves, start=1) if cluster in names), 1)


@dataclass(frozen=True, slots=True)
class Member:
    """A cluster as a suggestion sees it."""

    name: str
    environment: str


class PlanError(ValueError):
    """A plan that cannot be used; the message is a sentence."""


def read(content: Mapping[str, Any]) -> Plan:
    """The plan out of plain JSON. Raises PlanError."""
    try:
        return msgspec.convert(content, Plan)
    except msgspec.ValidationError as error:
        raise PlanError(f"{str(error).replace('$.', '')}.") from error


def plain(plan: Plan) -> dict[str, Any]:
    """The plan as JSON that `read` reads; what has its default is left out."""
    made: dict[str, Any] = msgspec.to_builtins(plan)
    return made


def checked(plan: Plan, clusters: Collection[str]) -> Plan:
    """The plan in its canonical form. Raises PlanError unless its waves name each of the clusters once."""
    named = list(chain.from_iterable(plan.waves))
    twice = next((name for name in named if named.count(name) > 1), None)
    if twice is not None:
        raise PlanError(f"{twice} is in two waves.")
    if strange := sorted(set(named) - set(clusters)):
        raise PlanError(f"{', '.join(strange)}: nothing is written there.")
    if plan.waves and (left := sorted(set(clusters) - set(named))):
        raise PlanError(f"{', '.join(left)}: name the wave in which it is written.")
    return fitted(plan, clusters)


def made(
    members: Sequence[Member],
    *,
    suggestion: str = "",
    groups: Sequence[Sequence[str]] = (),
    soak_minutes: int = 0,
    wait: bool = False,
    on_failure: str = OnFailure.STOP,
) -> Plan:
    """A plan for these clusters as somebody asked for it: the waves of a suggestion, or those that are named.
    Raises PlanError."""
    waves = suggested(members, Suggestion(suggestion)) if suggestion else groups
    pause = {"soak_minutes": soak_minutes, "wait": wait, "on_failure": on_failure}
    return checked(read({"waves": waves, **pause}), {member.name for member in members})


def fitted(plan: Plan, clusters: Collection[str]) -> Plan:
    """The plan for exactly these clusters: others are left out, and new ones come in the last wave."""
    kept = [sorted(set(wave) & set(clusters)) for wave in plan.waves]
    kept = [wave for wave in kept if wave]
    if kept:
        kept[-1] = sorted({*kept[-1], *(set(clusters) - set(chain.from_iterable(kept)))})
    if len(kept) < 2:
        return Plan(on_failure=plan.on_failure)
    return msgspec.structs.replace(plan, waves=tuple(tuple(wave) for wave in kept))


def reversed_for(plan: Plan, clusters: Collection[str]) -> Plan:
    """How a change with this plan is put back on these clusters: the last wave first, without a pause."""
    back = Plan(waves=tuple(reversed(plan.waves)), on_failure=plan.on_failure)
    return fitted(back, clusters)


def suggested(members: Sequence[Member], suggestion: Suggestion) -> tuple[tuple[str, ...], ...]:
    """The waves of a suggestion; none where they would be one."""
    if suggestion is Suggestion.ONE:
        return ()
    groups = [_names(group) for group in _by_environment(members)]
    if suggestion is Suggestion.CANARY and groups:
        first, *rest = groups[0]
        groups = [(first,), *([tuple(rest)] if rest else []), *groups[1:]]
    return tuple(groups) if len(groups) > 1 else ()


def told(plan: Plan) -> str:
    """The plan in words."""
    if plan.count == 1:
        how = "All in one wave."
    else:
        minutes = f"{plan.soak_minutes} minute{'s' * (plan.soak_minutes != 1)}"
        pause = f"at least {minutes} between them" if plan.soak_minutes else ""
        hand = "somebody continues after each" if plan.wait else ""
        how = ", ".join(part for part in (f"{plan.count} waves", pause, hand) if part) + "."
    if plan.on_failure is OnFailure.FINISH_WAVE:
        return f"{how} A failure lets the other clusters of its wave finish."
    return f"{how} The first failure stops everything."


def _names(members: Iterable[Member]) -> tuple[str, ...]:
    return tuple(sorted(member.name for member in members))


def _by_environment(members: Sequence[Member]) -> list[list[Member]]:
    environments = sorted({member.environment for member in members}, key=_rank)
    return [[m for m in members if m.environment == environment] for environment in environments]


def _rank(environment: str) -> tuple[int, str]:
    if environment in ORDER:
        return ORDER.index(environment), ""
    return len(ORDER) + (environment == LAST), environment
