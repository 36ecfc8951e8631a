"""What an egress listener names: `namespace/host`, by namespace.

Follows pilot/pkg/model/sidecar.go (convertIstioListenerToWrapper, hostClassification), with Istio 1.31's
exclusions. Knows no services.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.egress.visible import ANY_NAMESPACE
from apps.mesh.hosts import is_wildcard, matches, subset_of
from apps.mesh.objects.networking import EgressListener

EXCLUDE = "~"


@dataclass(slots=True)
class HostImports:
    """The hosts that a listener names for one namespace (or for `*`)."""

    exact: set[str] = field(default_factory=set)
    everything: list[str] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    def takes(self, host: str) -> bool:
        """Whether a service is imported: equality, or the service's host inside an imported wildcard."""
        if host in self.exact:
            return True
        return any(is_wildcard(item) and subset_of(host, item) for item in self.everything)

    def takes_route(self, host: str) -> bool:
        """For a VirtualService's host overlap is enough, in either direction. For a route of the Gateway
        API it is not: ask `takes`."""
        if host in self.exact:
            return True
        loose = is_wildcard(host)
        return any((loose or is_wildcard(item)) and matches(host, item) for item in self.everything)

    def excludes(self, host: str) -> bool:
        return any(subset_of(host, item) for item in self.excluded)


def host_imports(listener: EgressListener, namespace: str) -> dict[str, HostImports]:
    """The listener's `namespace/host` entries by namespace; `.` is the workload's own."""
    found: dict[str, HostImports] = {}
    for entry in listener.hosts:
        if entry.count("/") != 1:
            continue
        owner, _, host = entry.partition("/")
        excluded = owner.startswith(EXCLUDE)
        if excluded:
            owner = owner.removeprefix(EXCLUDE) or ANY_NAMESPACE
        imports = found.setdefault(namespace if owner == "." else owner, HostImports())
        if excluded:
            imports.excluded.append(host.lower())
            continue
        if not is_wildcard(host):
            imports.exact.add(host.lower())
        imports.everything.append(host.lower())
    return found


def names_exactly(imports: Mapping[str, HostImports]) -> bool:
    """Whether nothing but exact hosts of named namespaces is imported."""
    if ANY_NAMESPACE in imports and imports[ANY_NAMESPACE].everything:
        return False
    return not any(is_wildcard(host) for found in imports.values() for host in found.everything)
