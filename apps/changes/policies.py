"""The approval policy as data: rules in order, windows and freezes, and what they ask of a change.

Pure: no database, no clock, no people. Every rule that matches counts, and the most restrictive one wins;
what no rule gives a number of approvals falls back to the built-in rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from apps.changes.openings import Window, window_problem

BUILT_IN_VERSION = 1
ANY = "*"
RULES_LIMIT = 100
Glob = Annotated[str, Meta(pattern=r"^[A-Za-z0-9*?.-]{1,63}$")]
Words = Annotated[str, Meta(min_length=1, max_length=200)]


class Level(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class RiskCode(StrEnum):
    """Why something is a risk; rules name these. The sentences are those of `changes.policy`."""

    TAKE_OVER = "take-over"
    DELETE = "delete"
    WILDCARD_HOST = "wildcard-host"
    UNASKED_HOST = "unasked-host"
    GATEWAY = "gateway"
    POD_TEMPLATE = "pod-template"
    ROOT_SIDECAR = "root-sidecar"
    BARE_SIDECAR = "bare-sidecar"
    NEW_SIDECAR = "new-sidecar"
    VISIBILITY = "visibility"
    CUT_OFF = "cut-off"
    CUT_OFF_BY_REVERT = "cut-off-by-revert"
    UNKNOWN_TRAFFIC = "unknown-traffic"
    PLAINTEXT = "plaintext"


class Freeze(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """From `begins` to before `ends` nothing is applied there, but for emergencies."""

    reason: Words
    begins: Annotated[datetime, Meta(tz=True)]
    ends: Annotated[datetime, Meta(tz=True)]
    environment: Glob = ANY
    cluster: Glob = ANY
    namespace: Glob = ANY


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where and when it matches, and what it then asks for. `level` is the least risk, `risks` any of the
    codes; `more` comes on top of the approvals; one approval has to come from each of `groups`;
    `emergency` is the number of approvals when the glass was broken."""

    name: Words
    environment: Glob = ANY
    cluster: Glob = ANY
    namespace: Glob = ANY
    kind: Glob = ANY
    level: Level = Level.LOW
    risks: tuple[RiskCode, ...] = ()
    approvals: Annotated[int, Meta(ge=1, le=10)] | None = None
    more: Annotated[int, Meta(ge=0, le=5)] = 0
    groups: tuple[Words, ...] = ()
    windows: tuple[Window, ...] = ()
    emergency: Annotated[int, Meta(ge=0, le=10)] | None = None


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole of a version."""

    rules: Annotated[tuple[Rule, ...], Meta(max_length=RULES_LIMIT)] = ()
    freezes: Annotated[tuple[Freeze, ...], Meta(max_length=RULES_LIMIT)] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """One write as the rules see it. For a question before there is one, "" stands for any."""

    environment: str
    cluster: str
    namespace: str
    kind: str
    level: Level = Level.LOW
    risks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy asks. `windows` holds one set for each rule that has some, with the rule's name: a
    moment has to lie in each of them. `raising` are the risks that cost an approval."""

    required: int
    groups: tuple[str, ...]
    emergency: int
    windows: tuple[tuple[str, tuple[Window, ...]], ...]
    freezes: tuple[Freeze, ...]
    reasons: tuple[str, ...]
    raising: frozenset[str]


BUILT_IN = Policy(
    rules=(
        Rule(name="Everywhere", approvals=1),
        Rule(name="Production", environment="production", approvals=2),
        Rule(
            name="Widens or breaks",
            risks=(
                RiskCode.WILDCARD_HOST,
                RiskCode.ROOT_SIDECAR,
                RiskCode.BARE_SIDECAR,
                RiskCode.VISIBILITY,
                RiskCode.CUT_OFF,
            ),
            more=1,
        ),
    )
)
_RANK = {Level.LOW: 0, Level.MEDIUM: 1, Level.HIGH: 2}


class PolicyError(ValueError):
    """A policy that cannot be used; the message is a sentence that names the place."""


def read(content: Mapping[str, Any]) -> Policy:
    """The policy out of plain JSON. Raises PolicyError."""
    try:
        policy = msgspec.convert(content, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{str(error).replace('$.', '')}.") from error
    names = sorted(rule.name for rule in policy.rules)
    twice = next((a for a, b in pairwise(names) if a == b), None)
    if twice is not None:
        raise PolicyError(f"Two rules have the name «{twice}».")
    for rule in policy.rules:
        for window in rule.windows:
            if problem := window_problem(window):
                raise PolicyError(f"Rule «{rule.name}»: {problem}")
        if rule == _blank(rule):
            raise PolicyError(f"Rule «{rule.name}» asks for nothing.")
    for freeze in policy.freezes:
        if freeze.ends <= freeze.begins:
            raise PolicyError(f"The freeze «{freeze.reason}» ends before it begins.")
    return policy


def plain(policy: Policy) -> dict[str, Any]:
    """The policy as JSON that `read` reads; what has its default is left out."""
    made: dict[str, Any] = msgspec.to_builtins(policy)
    return made


def evaluate(policy: Policy, subjects: Sequence[Subject]) -> Ruling:
    """Judges all writes of a change together."""
    by_subject = [_matching(policy, subject) for subject in subjects]
    met = list(dict.fromkeys(rule for rules in by_subject for rule in rules))
    numbered = [rule for rule in met if rule.approvals is not None]
    required = max((rule.approvals or 1 for rule in numbered), default=1)
    extra = max((rule.more for rule in met), default=0)
    costly = [rule for rule in met if rule.more]
    return Ruling(
        required=required + extra,
        groups=tuple(sorted({group for rule in met for group in rule.groups})),
        emergency=max((_emergency(rules) for rules in by_subject), default=1),
        windows=tuple((rule.name, rule.windows) for rule in met if rule.windows),
        freezes=tuple(f for f in policy.freezes if any(_lies_in(f, subject) for subject in subjects)),
        reasons=tuple(_reasons(numbered, required, costly, extra, met)),
        raising=frozenset(code for rule in costly for code in rule.risks),
    )


def _matching(policy: Policy, subject: Subject) -> list[Rule]:
    """The rules that match, in their order, and the built-in ones where none gives a number."""
    own = [rule for rule in policy.rules if matches(rule, subject)]
    if any(rule.approvals is not None for rule in own):
        return own
    return own + [rule for rule in BUILT_IN.rules if matches(rule, subject)]


def _emergency(rules: Sequence[Rule]) -> int:
    return max((rule.emergency for rule in rules if rule.emergency is not None), default=1)


def matches(rule: Rule, subject: Subject) -> bool:
    """Whether the rule has something to say about this write."""
    return (
        _lies_in(rule, subject)
        and _fits(subject.kind, rule.kind)
        and _RANK[subject.level] >= _RANK[rule.level]
        and (not rule.risks or any(code in subject.risks for code in rule.risks))
    )


def _lies_in(where: Rule | Freeze, subject: Subject) -> bool:
    return (
        _fits(subject.environment, where.environment)
        and _fits(subject.cluster, where.cluster)
        and _fits(subject.namespace, where.namespace)
    )


def _fits(value: str, glob: str) -> bool:
    return not value or fnmatchcase(value, glob)


def _reasons(
    numbered: Sequence[Rule], required: int, costly: Sequence[Rule], extra: int, met: Sequence[Rule]
) -> Iterable[str]:
    deciding = [rule.name for rule in numbered if rule.approvals == required]
    yield f"{required} approval{'s' * (required != 1)}: rule {_quoted(deciding)}."
    if extra:
        names = _quoted(rule.name for rule in costly if rule.more == extra)
        yield f"{extra} more: rule {names} (see the risks)."
    for rule in met:
        for group in rule.groups:
            yield f"One of them from the group {group}: rule «{rule.name}»."
        if rule.windows:
            yield f"Applied in a window only: rule «{rule.name}»."


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"«{name}»" for name in names)


def _blank(rule: Rule) -> Rule:
    """The rule without what it asks for."""
    return msgspec.structs.replace(rule, approvals=None, more=0, groups=(), windows=(), emergency=None)
