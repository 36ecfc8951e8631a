"""Which DestinationRule holds for a client and a host, merged as istiod merges them.

Follows pilot/pkg/model/push_context.go (setDestinationRules, destinationRule), destination_rule.go
(mergeDestinationRule) and sidecar.go (SidecarScope.DestinationRule). Knows nothing of TLS modes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from apps.mesh.hosts import is_wildcard, most_specific, resolve_short_name
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.traffic import ClientTls, Subset
from apps.mesh.planes import namespace_planes
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import PRIVATE, PUBLIC, in_revision

INPUTS = frozenset({"DestinationRule"})


@dataclass(frozen=True, slots=True)
class MergedRule:
    """The rules of one host and namespace that act as one, the oldest first. `exported` is empty where
    none says anything."""

    rules: tuple[DestinationRule, ...]
    exported: frozenset[str]

    @property
    def selector(self) -> Mapping[str, str] | None:
        return self.rules[0].selector

    @property
    def namespace(self) -> str:
        return self.rules[0].namespace

    @property
    def deciding(self) -> DestinationRule:
        """The rule whose traffic policy counts: the oldest that has one."""
        return next((rule for rule in self.rules if rule.policy_given), self.rules[0])

    def subset(self, name: str) -> tuple[DestinationRule, Subset] | None:
        """A subset with the rule it comes from; of two with one name the older rule's."""
        for rule in self.rules:
            for subset in rule.subsets:
                if subset.name == name:
                    return rule, subset
        return None

    def tls_for(self, port: int, subset: str = "") -> tuple[ClientTls | None, DestinationRule, str]:
        """The client settings of a port, the rule and the field they come from."""
        rule = self.deciding
        found = self.subset(subset) if subset else None
        if found is not None:
            owner, own = found
            base = f"spec.subsets[{owner.subsets.index(own)}].trafficPolicy"
            if port in own.policy.port_tls:
                return own.policy.port_tls[port], owner, f"{base}.portLevelSettings"
            if own.policy.tls is not None:
                return own.policy.tls, owner, f"{base}.tls.mode"
        if port in rule.policy.port_tls:
            return rule.policy.port_tls[port], rule, "spec.trafficPolicy.portLevelSettings"
        return rule.policy.tls, rule, "spec.trafficPolicy.tls.mode"

    def visible_from(self, namespace: str) -> bool:
        return not self.exported or PUBLIC in self.exported or namespace in self.exported


class RuleIndex:
    """The DestinationRules that one control plane reads, by namespace and host."""

    def __init__(self, rules: Iterable[DestinationRule], plane: ControlPlane) -> None:
        self._root = plane.config.root_namespace
        self._local: dict[str, dict[str, list[MergedRule]]] = {}
        self._exported: dict[str, dict[str, list[MergedRule]]] = {}
        self._root_local: dict[str, list[MergedRule]] = {}
        private_default = PRIVATE in plane.config.destination_rule_export_to
        read = [rule for rule in rules if in_revision(rule.labels, plane.revision, plane.tags)]
        for rule in sorted(read, key=lambda item: (item.selector is None, *item.age_key)):
            # A rule with a selector never leaves its namespace.
            exported = frozenset({PRIVATE} if rule.selector is not None else rule.export_to)
            own = {PUBLIC, PRIVATE, rule.namespace}
            if not exported or exported & own:
                _merge(self._local.setdefault(rule.namespace, {}), rule, exported)
            if exported in ({PRIVATE}, {rule.namespace}) or (not exported and private_default):
                if rule.namespace == self._root:
                    _merge(self._root_local, rule, exported)
            else:
                _merge(self._exported.setdefault(rule.namespace, {}), rule, exported)

    def effective(self, client: str, labels: Mapping[str, str], host: str, owner: str) -> MergedRule | None:
        """The rule of a client's proxy (its namespace and labels) for a host of the registry that
        belongs to namespace `owner`; None where there is none."""
        catch_all: MergedRule | None = None
        for merged in self._candidates(client, host, owner):
            if merged.selector is None:
                catch_all = merged
            elif merged.namespace == client and is_subset(merged.selector, labels):
                return merged
        return catch_all

    def acting_in(self, namespace: str) -> Iterator[tuple[MergedRule, ...]]:
        """For each host the rules of a namespace that its own clients find, those that act as one put
        together; of several without a selector the last one counts."""
        yield from map(tuple, self._local.get(namespace, {}).values())

    def _candidates(self, client: str, host: str, owner: str) -> list[MergedRule]:
        """The client's namespace decides first, then the host's, then the root namespace."""
        first = self._root_local if client == self._root else self._local.get(client, {})
        found = _named(first, host)
        if found:
            return found
        for namespace in (owner, self._root):
            exported = _named(self._exported.get(namespace, {}), host)
            visible = [merged for merged in exported if merged.visible_from(client)]
            if visible:
                return visible
        return []


def rule_in_force(
    snapshot: Snapshot, client: str, labels: Mapping[str, str], host: str, owner: str
) -> MergedRule | None:
    """The rule of clients of a namespace with these labels for a host that belongs to namespace `owner`."""
    plane = snapshot.derived(namespace_planes).of(client)
    return snapshot.derived(DestinationRules).of(plane).effective(client, labels, host, owner)


class DestinationRules:
    """The rules of each control plane; ask for it through `snapshot.derived`."""

    INPUTS: ClassVar[frozenset[str]] = INPUTS

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._found: list[tuple[ControlPlane, RuleIndex]] = []

    def of(self, plane: ControlPlane) -> RuleIndex:
        """The index of a control plane, made once. What its MeshConfig says decides too, and is not among
        INPUTS: a plane that says something else has another index."""
        for known, index in self._found:
            if known is plane or known == plane:
                return index
        self._found.append((plane, RuleIndex(self._snapshot.each(DestinationRule), plane)))
        return self._found[-1][1]


def _named(rules: Mapping[str, list[MergedRule]], host: str) -> list[MergedRule]:
    """The rules of the most specific host that holds the name."""
    if host in rules:
        return rules[host]
    best = most_specific(host, (item for item in rules if is_wildcard(item)))
    return rules[best] if best is not None else []


def _merge(into: dict[str, list[MergedRule]], rule: DestinationRule, exported: frozenset[str]) -> None:
    """Rules for one host act as one where they are exported alike and select alike."""
    host = resolve_short_name(rule.host, rule.namespace)
    known = into.setdefault(host, [])
    apart = True
    for place, merged in enumerate(known):
        # As in mergeDestinationRule: what the last of them says about standing apart counts.
        apart = exported != merged.exported
        if apart and not (merged.exported and exported > merged.exported):
            continue
        both = rule.selector is not None and merged.selector is not None
        if both and dict(rule.selector or {}) != dict(merged.selector or {}):
            apart = True
            continue
        if both or (rule.selector is None and merged.selector is None):
            apart = False
        known[place] = MergedRule((*merged.rules, rule), merged.exported)
    if apart:
        known.append(MergedRule((rule,), exported))
