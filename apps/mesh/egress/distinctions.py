"""What sets workloads apart that import the same. Builds nothing of Envoy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from apps.mesh.egress.registry import Registry
from apps.mesh.objects.networking import RouteMatch, Sidecar, VirtualService
from apps.mesh.visibility import visible_to


def names_own_namespace(sidecar: Sidecar | None) -> bool:
    """Whether an egress host stands for the workload's own namespace."""
    listeners = sidecar.egress if sidecar is not None else ()
    return any(host.lstrip("~").startswith("./") for listener in listeners for host in listener.hosts)


def singular_namespaces(registry: Registry, routes: Sequence[VirtualService]) -> frozenset[str]:
    """Namespaces whose workloads may be treated unlike others that import the same: those that own a
    host which others own too, or an alias with its short names, or that a route asks for by name, or leads to
    though they do not export it to themselves."""
    tangled = (item for host in registry.tangled for item in registry.by_host.get(host, ()))
    found = {item.namespace for item in tangled if item.alias_of}
    for _, items in registry.shared():
        owners = {item.namespace for item in items}
        if len(owners) > 1:
            found |= owners
    for route in routes:
        for part in (*route.http, *route.tls, *route.tcp):
            found.update(match.source_namespace for match in part.matches if match.source_namespace)
            goals = [item for goal in part.destinations for item in registry.by_host.get(goal.host, ())]
            owned = ((item.exported, item.namespace) for item in goals)
            found.update(owner for exported, owner in owned if not visible_to(exported, owner, owner))
    return frozenset(found)


def source_label_keys(routes: Sequence[VirtualService]) -> frozenset[str]:
    """The labels of callers that routes ask for."""
    matches: list[RouteMatch] = [
        match for route in routes for part in (*route.http, *route.tls, *route.tcp) for match in part.matches
    ]
    return frozenset(key for match in matches for key in match.source_labels)


def opaque(routes: Iterable[VirtualService]) -> frozenset[int]:
    """The identities of those that route TLS or TCP."""
    return frozenset(id(route) for route in routes if route.tls or route.tcp)
