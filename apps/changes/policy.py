"""What is risky about a change, and how many approvals that takes. Pure: no database, no clock, no people.

The risks are found here; what each of them costs is said by the policy in force (`changes.policies`). A
revert puts back what once was: what it closes is shown as a risk of its own, which costs nothing unless
a rule says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apps.changes.policies import BUILT_IN, Level, Policy, RiskCode, Ruling, Subject, evaluate

EVERYBODY = "*"


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
    """One thing a reviewer must see. `raises` says that it costs an approval."""

    code: RiskCode
    text: str
    level: Level
    raises: bool = False

    @property
    def tone(self) -> str:
        return "bad" if self.level is Level.HIGH else "warn"


@dataclass(frozen=True, slots=True)
class Assessment:
    """The risks, their level, what the policy makes of them, and what it looked at."""

    level: Level
    risks: tuple[Risk, ...]
    ruling: Ruling
    subjects: tuple[Subject, ...]

    @property
    def required(self) -> int:
        return self.ruling.required


def assess(
    items: Sequence[PolicyItem],
    *,
    losses: Sequence[Loss],
    known_hosts: frozenset[str],
    revert: bool = False,
    policy: Policy = BUILT_IN,
) -> Assessment:
    """Judges a whole change set. `known_hosts` are the hosts of the edition in force, as written. What
    would be lost on a cluster is a risk of everything that is written there."""
    lost: dict[str, list[Risk]] = {}
    for loss in losses:
        lost.setdefault(loss.cluster, []).append(_loss(loss, revert))
    found = [(item, tuple(_risks(item, known_hosts))) for item in items]
    subjects = tuple(_subject(item, (*own, *lost.get(item.cluster, ()))) for item, own in found)
    ruling = evaluate(policy, subjects)
    risks = [risk for _, own in found for risk in own] + [risk for some in lost.values() for risk in some]
    return Assessment(
        level=_worst(risks),
        risks=tuple(replace(risk, raises=risk.code in ruling.raising) for risk in risks),
        ruling=ruling,
        subjects=subjects,
    )


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


def _subject(item: PolicyItem, risks: Sequence[Risk]) -> Subject:
    codes = frozenset(risk.code.value for risk in risks)
    return Subject(item.environment, item.cluster, item.namespace, item.kind, _worst(risks), codes)


def _worst(risks: Iterable[Risk]) -> Level:
    levels = {risk.level for risk in risks}
    return Level.HIGH if Level.HIGH in levels else Level.MEDIUM if levels else Level.LOW


def _loss(loss: Loss, revert: bool) -> Risk:
    who = f"{loss.label} on {loss.cluster}: {loss.workloads} workload{'s' * (loss.workloads != 1)} would"
    if loss.blocked:
        text = (
            f"{who} be cut off from {loss.blocked} service{'s' * (loss.blocked != 1)} that they reach today."
        )
        code, level = (RiskCode.CUT_OFF_BY_REVERT, Level.MEDIUM) if revert else (RiskCode.CUT_OFF, Level.HIGH)
        return Risk(code, text, level)
    text = f"{who} reach {loss.lost} service{'s' * (loss.lost != 1)} as unknown traffic only."
    return Risk(RiskCode.UNKNOWN_TRAFFIC, text, Level.MEDIUM)


def _risks(item: PolicyItem, known_hosts: frozenset[str]) -> Iterable[Risk]:
    if item.force:
        yield Risk(
            RiskCode.TAKE_OVER, f"{item.label}: takes over fields that another manager owns.", Level.HIGH
        )
    if item.action == "delete":
        yield Risk(RiskCode.DELETE, f"{item.label} is deleted.", Level.HIGH)
        return
    if item.kind == "ServiceEntry":
        yield from _opened_hosts(item, known_hosts)
    if item.kind == "Sidecar":
        yield from _sidecar(item)
    if item.kind == "PeerAuthentication":
        yield from _plaintext(item)
    if item.kind == "Gateway":
        yield Risk(
            RiskCode.GATEWAY, f"{item.label} changes what enters or leaves through a gateway.", Level.MEDIUM
        )
    if _template(item.before) != _template(item.after) and item.action == "update":
        yield Risk(
            RiskCode.POD_TEMPLATE,
            f"{item.label}: its pod template changes, so its pods are replaced.",
            Level.MEDIUM,
        )
    yield from _visibility(item)


def _opened_hosts(item: PolicyItem, known_hosts: frozenset[str]) -> Iterable[Risk]:
    added = sorted(_strings(item.after, "hosts") - _strings(item.before, "hosts") - known_hosts)
    wildcards = [host for host in added if "*" in host]
    exact = [host for host in added if "*" not in host]
    if wildcards:
        text = f"{item.label} opens every name below {', '.join(wildcards)}, which no host edition asks for."
        yield Risk(RiskCode.WILDCARD_HOST, text, Level.HIGH)
    if exact:
        text = f"{item.label} opens {', '.join(exact)}, which no host edition asks for."
        yield Risk(RiskCode.UNASKED_HOST, text, Level.MEDIUM)


def _sidecar(item: PolicyItem) -> Iterable[Risk]:
    in_root = item.namespace in item.root_namespaces
    new = item.before is None
    selected = bool(_spec(item.after).get("workloadSelector"))
    if in_root:
        text = f"{item.label} lies in the root namespace: it governs every namespace without a Sidecar."
        yield Risk(RiskCode.ROOT_SIDECAR, text, Level.HIGH)
    elif new and not selected:
        text = (
            f"{item.label} is new and selects every workload of {item.namespace}: it narrows what they reach."
        )
        yield Risk(RiskCode.BARE_SIDECAR, text, Level.HIGH)
    elif new:
        yield Risk(
            RiskCode.NEW_SIDECAR, f"{item.label} is new and narrows what its workloads reach.", Level.MEDIUM
        )


def _plaintext(item: PolicyItem) -> Iterable[Risk]:
    before, after = _open_ports(item.before), _open_ports(item.after)
    if more := sorted(after - before):
        text = f"{item.label} lets {', '.join(more)} take calls without mutual TLS."
        yield Risk(RiskCode.PLAINTEXT, text, Level.HIGH)


def _open_ports(manifest: Mapping[str, Any] | None) -> frozenset[str]:
    """What a PeerAuthentication makes take plaintext as well, or nothing else."""
    spec = _spec(manifest)
    modes = {"all ports": spec.get("mtls")}
    if isinstance(by_port := spec.get("portLevelMtls"), Mapping):
        modes |= {f"port {port}": mode for port, mode in by_port.items()}
    open_modes = {"PERMISSIVE", "DISABLE"}
    found = (
        key for key, mode in modes.items() if isinstance(mode, Mapping) and mode.get("mode") in open_modes
    )
    return frozenset(found)


def _visibility(item: PolicyItem) -> Iterable[Risk]:
    if item.before is None or item.kind not in {"ServiceEntry", "VirtualService", "DestinationRule"}:
        return
    before = _strings(item.before, "exportTo") or {EVERYBODY}
    after = _strings(item.after, "exportTo") or {EVERYBODY}
    if EVERYBODY not in before and after - before:
        more = ", ".join(sorted(after - before))
        text = f"{item.label} becomes visible to more namespaces ({more})."
        yield Risk(RiskCode.VISIBILITY, text, Level.HIGH)


def _spec(manifest: Mapping[str, Any] | None) -> Mapping[str, Any]:
    spec = (manifest or {}).get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _template(manifest: Mapping[str, Any] | None) -> Any:
    return _spec(manifest).get("template")


def _strings(manifest: Mapping[str, Any] | None, field: str) -> set[str]:
    values = _spec(manifest).get(field)
    return {str(value) for value in values} if isinstance(values, list | tuple) else set()
