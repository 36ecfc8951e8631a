"""How many approvals a change needs, and why. Pure: no database, no clock, no people.

Production needs two, anything else one. What widens beyond the asked-for hosts, or cuts workloads
off from something they reach today, needs one more. A revert puts back what once was: what it
closes is shown, and does not raise the bar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

POLICY_VERSION = 1
PRODUCTION = "production"
APPROVALS = {PRODUCTION: 2}
APPROVALS_ELSEWHERE = 1
EVERYBODY = "*"


class Level(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class PolicyItem:
    """One write as the policy sees it. `before`/`after` are whole manifests, None where there is none."""

    cluster: str
    environment: str
    action: str
    kind: str
    namespace: str
    name: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    force: bool = False
    root_namespaces: frozenset[str] = frozenset()

    @property
    def label(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name} on {self.cluster}"


@dataclass(frozen=True, slots=True)
class Loss:
    """An egress scope that would lose `lost` services it reaches through the registry today; `blocked`
    of them would be cut off, the others pass as unknown traffic."""

    cluster: str
    label: str
    workloads: int
    lost: int
    blocked: int


@dataclass(frozen=True, slots=True)
class Risk:
    """One thing a reviewer must see. `raises` says that it costs one more approval."""

    text: str
    level: Level
    raises: bool = False

    @property
    def tone(self) -> str:
        return "bad" if self.level is Level.HIGH else "warn"


@dataclass(frozen=True, slots=True)
class Assessment:
    """The approvals that are required, the level of risk, and the sentences behind both."""

    required: int
    level: Level
    risks: tuple[Risk, ...]
    reasons: tuple[str, ...]


def assess(
    items: Sequence[PolicyItem], *, losses: Sequence[Loss], known_hosts: frozenset[str], revert: bool = False
) -> Assessment:
    """Judges a whole change set. `known_hosts` are the hosts of the edition in force, as written."""
    required, reasons = _base(items)
    risks = [risk for item in items for risk in _risks(item, known_hosts)]
    risks += [_loss(loss, revert) for loss in losses]
    if any(risk.raises for risk in risks):
        required += 1
        reasons.append("One more, because the change widens or breaks something (see the risks).")
    levels = {risk.level for risk in risks}
    level = Level.HIGH if Level.HIGH in levels else Level.MEDIUM if levels else Level.LOW
    return Assessment(required, level, tuple(risks), tuple(reasons))


def quorum_problem(required: int, eligible: Sequence[str]) -> str:
    """Why the approvals can never be reached, "" when they can. `eligible` are display names."""
    if len(eligible) >= required:
        return ""
    who = ", ".join(eligible) if eligible else "nobody"
    return (
        f"{required} approval{'s are' if required > 1 else ' is'} needed and only {len(eligible)} "
        f"{'person' if len(eligible) == 1 else 'people'} may approve this change ({who}). It cannot be "
        "applied until an administrator gives more people the right to approve everywhere it touches."
    )


def _base(items: Iterable[PolicyItem]) -> tuple[int, list[str]]:
    environments = sorted({item.environment for item in items})
    required = max((APPROVALS.get(e, APPROVALS_ELSEWHERE) for e in environments), default=1)
    if PRODUCTION in environments:
        return required, [f"{required} approvals: the change touches production."]
    return required, [f"{required} approval: {', '.join(environments) or 'no'} environment."]


def _loss(loss: Loss, revert: bool) -> Risk:
    who = f"{loss.label} on {loss.cluster}: {loss.workloads} workload{'s' * (loss.workloads != 1)} would"
    if loss.blocked:
        text = (
            f"{who} be cut off from {loss.blocked} service{'s' * (loss.blocked != 1)} that they reach today."
        )
        return Risk(text, Level.MEDIUM if revert else Level.HIGH, raises=not revert)
    text = f"{who} reach {loss.lost} service{'s' * (loss.lost != 1)} as unknown traffic only."
    return Risk(text, Level.MEDIUM)


def _risks(item: PolicyItem, known_hosts: frozenset[str]) -> Iterable[Risk]:
    if item.force:
        yield Risk(f"{item.label}: takes over fields that another manager owns.", Level.HIGH)
    if item.action == "delete":
        yield Risk(f"{item.label} is deleted.", Level.HIGH)
        return
    if item.kind == "ServiceEntry":
        yield from _opened_hosts(item, known_hosts)
    if item.kind == "Sidecar":
        yield from _sidecar(item)
    if item.kind == "Gateway":
        yield Risk(f"{item.label} changes what enters or leaves through a gateway.", Level.MEDIUM)
    if _template(item.before) != _template(item.after) and item.action == "update":
        yield Risk(f"{item.label}: its pod template changes, so its pods are replaced.", Level.MEDIUM)
    yield from _visibility(item)


def _opened_hosts(item: PolicyItem, known_hosts: frozenset[str]) -> Iterable[Risk]:
    added = sorted(_strings(item.after, "hosts") - _strings(item.before, "hosts") - known_hosts)
    wildcards = [host for host in added if "*" in host]
    exact = [host for host in added if "*" not in host]
    if wildcards:
        text = f"{item.label} opens every name below {', '.join(wildcards)}, which no host edition asks for."
        yield Risk(text, Level.HIGH, raises=True)
    if exact:
        text = f"{item.label} opens {', '.join(exact)}, which no host edition asks for."
        yield Risk(text, Level.MEDIUM)


def _sidecar(item: PolicyItem) -> Iterable[Risk]:
    in_root = item.namespace in item.root_namespaces
    new = item.before is None
    selected = bool(_spec(item.after).get("workloadSelector"))
    if in_root:
        text = f"{item.label} lies in the root namespace: it governs every namespace without a Sidecar."
        yield Risk(text, Level.HIGH, raises=True)
    elif new and not selected:
        text = (
            f"{item.label} is new and selects every workload of {item.namespace}: it narrows what they reach."
        )
        yield Risk(text, Level.HIGH, raises=True)
    elif new:
        yield Risk(f"{item.label} is new and narrows what its workloads reach.", Level.MEDIUM)


def _visibility(item: PolicyItem) -> Iterable[Risk]:
    if item.before is None or item.kind not in {"ServiceEntry", "VirtualService", "DestinationRule"}:
        return
    before = _strings(item.before, "exportTo") or {EVERYBODY}
    after = _strings(item.after, "exportTo") or {EVERYBODY}
    if EVERYBODY not in before and after - before:
        more = ", ".join(sorted(after - before))
        yield Risk(f"{item.label} becomes visible to more namespaces ({more}).", Level.HIGH, raises=True)


def _spec(manifest: Mapping[str, Any] | None) -> Mapping[str, Any]:
    spec = (manifest or {}).get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _template(manifest: Mapping[str, Any] | None) -> Any:
    return _spec(manifest).get("template")


def _strings(manifest: Mapping[str, Any] | None, field: str) -> set[str]:
    values = _spec(manifest).get(field)
    return {str(value) for value in values} if isinstance(values, list | tuple) else set()
