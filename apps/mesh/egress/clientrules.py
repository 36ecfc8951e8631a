"""The DestinationRules that a control plane reads, as its proxies find them.

What holds for a client and a host is worked out in `destinationrules`. Knows nothing of what a rule says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from apps.mesh.destinationrules import MergedRule, RuleIndex
from apps.mesh.egress.imports import ScopeImports
from apps.mesh.egress.services import RegistryService
from apps.mesh.meshconfig import ControlPlane
from apps.mesh.objects.networking import DestinationRule
from apps.mesh.objects.selectors import is_subset
from apps.mesh.refs import ResourceRef


class ClientRules:
    """`have_subsets` is whether any rule has some."""

    __slots__ = ("_index", "_selecting", "have_subsets")

    def __init__(self, rules: Sequence[DestinationRule], plane: ControlPlane) -> None:
        self._index = RuleIndex(rules, plane)
        self._selecting: dict[str, list[DestinationRule]] = {}
        for rule in rules:
            if rule.selector is not None:
                self._selecting.setdefault(rule.namespace, []).append(rule)
        self.have_subsets = any(rule.subsets for rule in rules)

    def of(self, namespace: str, labels: Mapping[str, str], service: RegistryService) -> MergedRule | None:
        """The rule in force for a service at a proxy of the namespace with these labels."""
        return self._index.effective(namespace, labels, service.host, service.namespace)

    def selecting(self, namespace: str, labels: Mapping[str, str]) -> tuple[ResourceRef, ...]:
        """Those that hold for some proxies of the namespace only, these among them."""
        rules = self._selecting.get(namespace, ())
        return tuple(rule.ref for rule in rules if is_subset(rule.selector or {}, labels))

    def has_subset(self, imports: ScopeImports, labels: Mapping[str, str], host: str, name: str) -> bool:
        """Whether the rule in force for a host at a proxy of a scope has a subset of that name."""
        service = imports.shared.service(host)
        rule = self.of(imports.namespace, labels, service) if service is not None else None
        return rule is not None and rule.subset(name) is not None
