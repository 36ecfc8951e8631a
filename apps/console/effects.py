"""A predicted difference in figures and words: what opens, what closes, what would break.

Reads `apps.mesh.whatif.Prediction` as the plain JSON it is kept in; computes nothing about meshes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_HOSTS = 24
MOST_FINDINGS = 12
MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class HostEffect:
    """A host that opens or closes: for how many scopes and workloads."""

    host: str
    port: int
    protocol: str
    scopes: int
    workloads: int


@dataclass(frozen=True, slots=True)
class Loss:
    """Workloads that would lose services they reach today; `blocked` of the `lost` are cut off."""

    cluster: str
    namespace: str
    label: str
    workloads: int
    lost: int
    blocked: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindingEffect:
    cluster: str
    code: str
    title: str
    ref: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does over all its clusters. `opened` and `closed` count cells (scope and host)."""

    clusters: tuple[str, ...]
    opened: int
    closed: int
    changed: int
    unchanged: int
    hosts_opened: tuple[HostEffect, ...]
    hosts_closed: tuple[HostEffect, ...]
    scopes_opened: int
    workloads_opened: int
    losses: tuple[Loss, ...]
    appear: tuple[FindingEffect, ...]
    disappear: tuple[FindingEffect, ...]

    @property
    def workloads_lost(self) -> int:
        """Workloads that would be cut off from at least one service."""
        return sum(loss.workloads for loss in self.losses if loss.blocked)

    @property
    def breaks(self) -> bool:
        return any(loss.blocked for loss in self.losses)

    @property
    def quiet(self) -> bool:
        """Whether no verdict turns, nothing is lost, and no finding comes or goes."""
        return not (
            self.opened or self.closed or self.changed or self.losses or self.appear or self.disappear
        )

    @property
    def findings(self) -> str:
        """The change in the number of findings, with its sign."""
        change = len(self.appear) - len(self.disappear)
        return f"+{change}" if change > 0 else f"{MINUS}{-change}" if change else "0"


def effect(predictions: Mapping[str, Mapping[str, Any]]) -> Effect:
    """The sum over clusters; a cluster maps to its prediction."""
    opened = [(name, cell) for name, cell in _cells(predictions, "opened")]
    closed = [(name, cell) for name, cell in _cells(predictions, "closed")]
    scopes = {(name, cell["scope_key"]): int(cell["workloads"]) for name, cell in opened}
    return Effect(
        clusters=tuple(sorted(predictions)),
        opened=len(opened),
        closed=len(closed),
        changed=sum(1 for _ in _cells(predictions, "changed")),
        unchanged=sum(int(difference(one).get("unchanged", 0)) for one in predictions.values()),
        hosts_opened=_hosts(opened),
        hosts_closed=_hosts(closed),
        scopes_opened=len(scopes),
        workloads_opened=sum(scopes.values()),
        losses=tuple(_loss(name, loss) for name, loss in _cells(predictions, "newly_broken")),
        appear=_findings(predictions, "findings_appear"),
        disappear=_findings(predictions, "findings_disappear"),
    )


def difference(prediction: Mapping[str, Any]) -> Mapping[str, Any]:
    """The difference inside a prediction, or the mapping itself when it is one already."""
    inner = prediction.get("difference", prediction)
    return inner if isinstance(inner, Mapping) else {}


def _cells(
    predictions: Mapping[str, Mapping[str, Any]], kind: str
) -> Iterable[tuple[str, Mapping[str, Any]]]:
    for name in sorted(predictions):
        for cell in difference(predictions[name]).get(kind, ()):
            yield name, cell


def _hosts(cells: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[HostEffect, ...]:
    grouped: dict[tuple[str, int, str], dict[tuple[str, str], int]] = {}
    for name, cell in cells:
        key = (str(cell["host"]), int(cell["port"]), str(cell["protocol"]))
        grouped.setdefault(key, {})[(name, str(cell["scope_key"]))] = int(cell["workloads"])
    return tuple(HostEffect(*key, len(scopes), sum(scopes.values())) for key, scopes in grouped.items())


def _loss(cluster: str, loss: Mapping[str, Any]) -> Loss:
    return Loss(
        cluster=cluster,
        namespace=str(loss.get("namespace", "")),
        label=str(loss.get("label", "")),
        workloads=int(loss.get("workloads", 0)),
        lost=int(loss.get("lost", 0)),
        blocked=int(loss.get("blocked", loss.get("lost", 0))),
        examples=tuple(str(one) for one in loss.get("examples", ())),
    )


def _findings(predictions: Mapping[str, Mapping[str, Any]], kind: str) -> tuple[FindingEffect, ...]:
    return tuple(
        FindingEffect(name, str(one.get("code", "")), str(one.get("title", "")), _ref(one.get("ref")))
        for name, one in _cells(predictions, kind)
    )[:MOST_FINDINGS]


def _ref(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value or "")
    path = (
        f"{value.get('namespace')}/{value.get('name')}" if value.get("namespace") else value.get("name", "")
    )
    return f"{value.get('kind', '')} {path}"
