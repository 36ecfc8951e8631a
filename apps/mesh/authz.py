"""Which AuthorizationPolicies stand before a workload, and whether their rules take a caller.

Follows pilot/pkg/model/authorization.go (which policies), pilot/pkg/security/authz/model (how fields
match) and pilot/pkg/security/trustdomain. What a snapshot cannot tell (paths, addresses, tokens) is
answered with None, never with a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from apps.mesh.objects.security import AuthorizationPolicy, AuthorizationRule, Condition, Operation, Source
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.workloads import Workload
from apps.mesh.planes import INPUTS as PLANE_INPUTS
from apps.mesh.planes import namespace_planes
from apps.mesh.selection import WorkloadIndex, label_sets
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import in_revision

INPUTS = PLANE_INPUTS | {"AuthorizationPolicy"}
ALLOW, DENY, CUSTOM, AUDIT = "ALLOW", "DENY", "CUSTOM", "AUDIT"
DRY_RUN = "istio.io/dry-run"
LOCAL_DOMAIN = "cluster.local"
"""In a principal it always means the mesh's own trust domain (trustdomain/trust-domain.go)."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Pods of one service account that connect to a container port, with mutual TLS."""

    namespace: str
    account: str
    port: int
    trust_domains: tuple[str, ...] = (LOCAL_DOMAIN,)

    @property
    def principals(self) -> tuple[str, ...]:
        """The names by which policies may call it: one for each name of the mesh's trust domain."""
        return tuple(f"{domain}/ns/{self.namespace}/sa/{self.account}" for domain in self.trust_domains)


class AuthorizationPolicies:
    """The policies of one snapshot; ask for it through `snapshot.derived`."""

    __slots__ = ("_by_namespace", "_candidates", "_planes", "_workloads")

    def __init__(self, snapshot: Snapshot) -> None:
        self._planes = snapshot.derived(namespace_planes)
        self._workloads = snapshot.derived(WorkloadIndex)
        self._by_namespace: dict[str, list[AuthorizationPolicy]] = {}
        self._candidates: dict[str, tuple[AuthorizationPolicy, ...]] = {}
        for policy in snapshot.each(AuthorizationPolicy):
            self._by_namespace.setdefault(policy.namespace, []).append(policy)

    def before(self, workload: Workload) -> tuple[AuthorizationPolicy, ...]:
        """The policies that are enforced before a workload's own proxy: its namespace's and the root
        namespace's. Those with `targetRefs` belong to gateways and waypoints, dry runs do nothing."""
        found = self._of_namespace(workload.namespace)
        if not found:
            return ()
        labels = label_sets(workload)
        return tuple(
            policy for policy in found if any(is_subset(policy.selector or {}, own) for own in labels)
        )

    def _of_namespace(self, namespace: str) -> tuple[AuthorizationPolicy, ...]:
        """What is enforced in a namespace, whatever it selects."""
        if namespace not in self._candidates:
            plane = self._planes.of(namespace)
            owners = dict.fromkeys((namespace, plane.config.root_namespace))
            self._candidates[namespace] = tuple(
                policy
                for owner in owners
                for policy in self._by_namespace.get(owner, ())
                if in_revision(policy.labels, plane.revision, plane.tags) and enforced(policy)
            )
        return self._candidates[namespace]

    def taken(self, policy: AuthorizationPolicy) -> tuple[Workload, ...]:
        """The workloads that a policy selects, in all namespaces for one of the root namespace."""
        if policy.target_refs:
            return ()
        if policy.namespace != self._planes.of(policy.namespace).config.root_namespace:
            return self._workloads.selected(policy.namespace, policy.selector)
        return self._workloads.anywhere(policy.selector or {})


def enforced(policy: AuthorizationPolicy) -> bool:
    return not policy.target_refs and policy.annotations.get(DRY_RUN, "").lower() not in {"true", "1", "t"}


def text_matches(pattern: str, value: str) -> bool:
    """Istio's match of texts: exact, `prefix*`, `*suffix`, or `*` for any text that is not empty."""
    if pattern == "*":
        return bool(value)
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return pattern == value


def takes(rule: AuthorizationRule, policy_namespace: str, caller: Caller) -> bool | None:
    """Whether a rule takes a caller; None where that rests on what is not known before the call."""
    parts = (
        _any(_source(item, policy_namespace, caller) for item in rule.sources),
        _any(_operation(item, caller) for item in rule.operations),
        _all(_condition(item, caller) for item in rule.conditions),
    )
    return _all(parts)


def _source(source: Source, policy_namespace: str, caller: Caller) -> bool | None:
    unknown = (
        source.request_principals or source.not_request_principals or source.ip_blocks
        or source.not_ip_blocks or source.remote_ip_blocks or source.not_remote_ip_blocks
        or source.trust_domains or source.not_trust_domains
    )  # fmt: skip
    return _all(
        (
            _listed(source.namespaces, source.not_namespaces, (caller.namespace,), _namespace_matches),
            _listed(source.principals, source.not_principals, caller.principals, text_matches),
            _listed(
                qualified(source.service_accounts, policy_namespace),
                qualified(source.not_service_accounts, policy_namespace),
                (f"{caller.namespace}/{caller.account}",),
                text_matches,
            ),
            None if unknown else True,
        )
    )


def qualified(accounts: Iterable[str], namespace: str) -> tuple[str, ...]:
    """Service accounts as `namespace/name`; a name alone is one of the policy's namespace."""
    return tuple(item if "/" in item else f"{namespace}/{item}" for item in accounts)


def _operation(operation: Operation, caller: Caller) -> bool | None:
    unknown = (
        operation.hosts or operation.not_hosts or operation.methods or operation.not_methods
        or operation.paths or operation.not_paths
    )  # fmt: skip
    ports = _listed(operation.ports, operation.not_ports, (str(caller.port),), text_matches)
    return _all((ports, None if unknown else True))


def _condition(condition: Condition, caller: Caller) -> bool | None:
    known: dict[str, tuple[tuple[str, ...], Callable[[str, str], bool]]] = {
        "source.namespace": ((caller.namespace,), _namespace_matches),
        "source.principal": (caller.principals, text_matches),
        "destination.port": ((str(caller.port),), text_matches),
    }
    if condition.key not in known:
        return None
    values, match = known[condition.key]
    return _listed(condition.values, condition.not_values, values, match)


def _listed(
    wanted: Iterable[str],
    refused: Iterable[str],
    values: tuple[str, ...],
    match: Callable[[str, str], bool],
) -> bool:
    """One of `wanted`, where there are any, and none of `refused`."""
    wishes = tuple(wanted)
    found = not wishes or any(match(pattern, value) for pattern in wishes for value in values)
    return found and not any(match(pattern, value) for pattern in refused for value in values)


def _namespace_matches(pattern: str, value: str) -> bool:
    """`*` may stand anywhere in a namespace (generator.go turns it into a regular expression)."""
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == value
    if not value.startswith(head):
        return False
    place = len(head)
    for part in rest[:-1]:
        found = value.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return value.endswith(rest[-1]) and len(value) - len(rest[-1]) >= place


def namespace_matches(pattern: str, names: Iterable[str]) -> bool:
    """Whether one of the namespaces goes by the pattern."""
    return any(_namespace_matches(pattern, name) for name in names)


def _any(answers: Iterator[bool | None]) -> bool | None:
    found = list(answers)
    if not found or True in found:
        return True
    return None if None in found else False


def _all(answers: Iterable[bool | None]) -> bool | None:
    found = list(answers)
    if False in found:
        return False
    return None if None in found else True
