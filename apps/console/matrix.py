"""The egress matrix: scopes as rows, required hosts as columns, a verdict in each cell.

Works on prepared rows only; no rule of Istio lives here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from apps.analysis.models import ScopeVerdicts
from apps.common import badges
from apps.common.badges import Badge
from apps.mesh.hostsets import HTTPS_PORT, key_of

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class HostColumn:
    """A host of the set, under its key. `lead` is what tells it from the others, `rest` what they share.
    `missing` says that no scope has it in its registry."""

    host: str
    name: str
    port: int
    lead: str
    rest: str
    tier: str
    purpose: str
    missing: bool


@dataclass(frozen=True, slots=True)
class Cell:
    verdict: str
    badge: Badge
    url: str
    words: str
    current: bool


@dataclass(frozen=True, slots=True)
class MatrixRow:
    scope: ScopeVerdicts
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Legend:
    badge: Badge
    verdict: str
    count: int


def columns(hostset: Mapping[str, Any], scopes: Sequence[ScopeVerdicts]) -> list[HostColumn]:
    """The hosts in the order of their edition."""
    entries = [entry for entry in hostset.get("hosts", []) if isinstance(entry, Mapping)]
    return [_column(entry, scopes) for entry in entries]


def _column(entry: Mapping[str, Any], scopes: Sequence[ScopeVerdicts]) -> HostColumn:
    port = int(entry.get("port", HTTPS_PORT))
    key = key_of(entry["host"], port)
    return HostColumn(
        host=key,
        name=entry["host"],
        port=port,
        lead=lead(key),
        rest=key.removeprefix(lead(key)),
        tier=str(entry.get("tier", "")),
        purpose=str(entry.get("purpose", "")),
        missing=bool(scopes) and not any(verdict_of(scope, key) == "allowed-registry" for scope in scopes),
    )


def lead(host: str) -> str:
    """The first label, with the wildcard in front of it: `*.s3`, `monitoring`."""
    labels = host.split(".")
    return ".".join(labels[:2]) if labels[0] == "*" else labels[0]


def legend(scopes: Iterable[ScopeVerdicts], hosts: Sequence[HostColumn]) -> list[Legend]:
    """How often each verdict stands in the matrix; those that do not are left out."""
    counts = Counter(verdict_of(scope, column.host) for scope in scopes for column in hosts)
    return [
        Legend(badges.of(badges.VERDICTS, verdict), verdict, counts[verdict])
        for verdict in badges.VERDICTS
        if counts[verdict]
    ]


def rows(
    scopes: Sequence[ScopeVerdicts],
    hosts: Sequence[HostColumn],
    *,
    keep: Mapping[str, str],
    chosen: tuple[str, str],
) -> list[MatrixRow]:
    """Cells with links that keep the filters; `chosen` is (scope key, host) of the open explanation."""
    asked = [(column.host, urlencode({"host": column.host})) for column in hosts]
    found = []
    for scope in scopes:
        address = f"?{urlencode({**keep, 'scope': scope.key})}"
        cells = tuple(
            _cell(scope, host, f"{address}&{ending}", (scope.key, host) == chosen) for host, ending in asked
        )
        found.append(MatrixRow(scope, cells))
    return found


def matches(scope: ScopeVerdicts, text: str, verdict: str) -> bool:
    """Whether a scope is among those that somebody filters for: by namespace, label or workload."""
    words = text.lower().split()
    names = " ".join([scope.namespace, scope.label, *scope.workloads]).lower()
    if verdict and not any(verdict_of(scope, host) == verdict for host in scope.verdicts):
        return False
    return all(word in names for word in words)


def _cell(scope: ScopeVerdicts, host: str, url: str, current: bool) -> Cell:
    verdict = verdict_of(scope, host)
    badge = badges.of(badges.VERDICTS, verdict)
    words = f": {scope.namespace} ({scope.label}) to {host}"
    return Cell(verdict, badge, url, words, current)


def verdict_of(scope: ScopeVerdicts, host: str) -> str:
    """The verdict as it is shown: one that lets out gives way to what stops the connection after it."""
    return badges.STOPPED if host in scope.stopped else str(scope.verdicts.get(host, UNKNOWN))
