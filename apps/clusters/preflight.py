"""What a connection turns out to be, before it is kept: who we are there, what is served, what we may.

Asks through the gateway only; decides nothing and stores nothing. A permission that is missing is a
sentence, not a failure; no answer or a refused credential is a failure (GatewayError).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.clusters import rbac
from apps.clusters.gateway import AccessCheck, ClusterGateway, Identity, Resource, ServerVersion

GROUPS = tuple(dict.fromkeys(need.group for need in (*rbac.READ, *rbac.APPLY)))


@dataclass(frozen=True, slots=True)
class PermissionRow:
    """`sentence`: "The console can see pods." or "The console cannot see pods: …". `purpose` is read
    or apply. `served` is False when the cluster has no such kind, so that nothing is missing."""

    group: str
    plural: str
    verb: str
    purpose: str
    allowed: bool
    served: bool
    sentence: str

    @property
    def missing(self) -> bool:
        return self.served and not self.allowed


@dataclass(frozen=True, slots=True)
class Preflight:
    """`served`: group → versions, preferred first ("" is the core group)."""

    version: ServerVersion
    identity: Identity
    served: Mapping[str, tuple[str, ...]]
    permissions: tuple[PermissionRow, ...]

    @property
    def missing_to_read(self) -> tuple[PermissionRow, ...]:
        return tuple(row for row in self.permissions if row.missing and row.purpose == "read")

    @property
    def missing_to_apply(self) -> tuple[PermissionRow, ...]:
        return tuple(row for row in self.permissions if row.missing and row.purpose == "apply")

    @property
    def has_istio(self) -> bool:
        return rbac.ISTIO in self.served


def run(gateway: ClusterGateway) -> Preflight:
    """Asks the cluster. Raises GatewayError."""
    version = gateway.version()
    identity = gateway.identity()
    resources = gateway.resources(GROUPS)
    needs = [(need, "read") for need in rbac.READ] + [(need, "apply") for need in rbac.APPLY]
    known = {(resource.group, resource.plural) for resource in resources}
    asked = [(need, purpose) for need, purpose in needs if (need.group, need.plural) in known]
    answers = gateway.allowed([AccessCheck(need.verb, need.group, need.plural) for need, _ in asked])
    allowed = {
        (need.group, need.plural, need.verb): answer for (need, _), answer in zip(asked, answers, strict=True)
    }
    rows = tuple(
        _row(need, purpose, allowed.get((need.group, need.plural, need.verb)))
        for need, purpose in needs
        if need.needed or (need.group, need.plural) in known
    )
    return Preflight(version, identity, served_versions(resources), rows)


def served_versions(resources: Sequence[Resource]) -> dict[str, tuple[str, ...]]:
    """Group → versions in the order in which the server prefers them."""
    found: dict[str, list[str]] = {}
    for resource in resources:
        versions = found.setdefault(resource.group, [])
        if resource.version not in versions:
            versions.append(resource.version)
    return {group: tuple(versions) for group, versions in found.items()}


def _row(need: rbac.Need, purpose: str, allowed: bool | None) -> PermissionRow:
    if allowed is None:
        kind = f"{need.plural}.{need.group}" if need.group else need.plural
        sentence = f"The cluster does not serve {kind}, so there is nothing to {need.words.split()[0]}."
    elif allowed:
        sentence = f"The console can {need.words}."
    else:
        sentence = f"The console cannot {need.words}: {need.without}."
    return PermissionRow(
        need.group, need.plural, need.verb, purpose, allowed is True, allowed is not None, sentence
    )
