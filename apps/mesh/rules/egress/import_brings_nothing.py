"""An egress host of a Sidecar names something that the mesh does not know under that name.

`namespace/host` imports a service when the two are the same text, or when the service's host lies inside
an imported wildcard, never the other way round: `shop/www.x.com` does not import a ServiceEntry for
`*.x.com` (Kiali says it does), and `*.x.com` does not import `x.com`. The namespace is that of the Service
or ServiceEntry object, and it has to export the object to the Sidecar's. Short names are not completed:
`./cart` is nothing, `./cart.shop.svc.cluster.local` is the Service. In a listener with a port only services
with that port count. Istio reports none of this; what is not imported is unreachable under
`REGISTRY_ONLY`, and elsewhere passes without the settings that were made for it.

See pilot/pkg/model/sidecar.go (selectServices, matchingService). A VirtualService of that name counts too.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.blockages import Cause
from apps.mesh.derived import EachNamespace
from apps.mesh.egress.services import RegistryService
from apps.mesh.egress.visible import ANY_NAMESPACE
from apps.mesh.egresshosts import EgressHost, egress_hosts
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard, matches, service_host, service_names, subset_of
from apps.mesh.needs import INPUTS
from apps.mesh.objects.networking import Service, ServiceEntry, Sidecar, VirtualService
from apps.mesh.rules.base import OneByOne, Rule, RuleContext
from apps.mesh.rules.wording import counted, listed
from apps.mesh.snapshot import Snapshot
from apps.mesh.visibility import is_namespace_name, visible_to

EVERYTHING = "*"
MAX_EXPLAINED = 3


def judge(context: RuleContext, sidecar: Sidecar) -> Iterator[Finding]:
    """One finding, whatever the number of items that bring nothing."""
    dead = [
        (item, why)
        for item in egress_hosts(sidecar)
        if item.readable and not item.excluded and (why := _why_nothing(context, sidecar, item))
    ]
    dead = [found for found in dead if not _told_elsewhere(context, sidecar, found[0])] if dead else []
    if dead:
        yield _finding(sidecar, dead)


def _why_nothing(context: RuleContext, sidecar: Sidecar, item: EgressHost) -> str:
    """What is wrong with an item; "" for one that imports something, or may."""
    owner = item.owner_in(sidecar.namespace)
    if (owner != ANY_NAMESPACE and not is_namespace_name(owner)) or _wider_beside(item):
        return ""
    if not context.whole and owner not in context.snapshot.derived(_owners):
        return ""
    if owner != ANY_NAMESPACE and context.whole and context.namespace_exists(owner) is False:
        return f"there is no namespace {owner}"
    if item.host == EVERYTHING or not item.host or (item.owner == "." and _of_the_mesh(context, sidecar)):
        return ""
    if any(context.snapshot.missing(kind) for kind in ("Service", "ServiceEntry", "VirtualService")):
        return ""
    named = [found for found in _named(context, sidecar, item) if owner in (found.namespace, ANY_NAMESPACE)]
    anybody = _of_the_mesh(context, sidecar)
    seen: list[RegistryService] = []
    for found in named:
        if _sees(sidecar.namespace, found, anybody):
            if not item.port or found.port(item.port) is not None:
                return ""
            seen.append(found)
    if _is_route(context.snapshot, owner, item.host):
        return ""
    if seen:
        return f"{listed(sorted({found.ref.path for found in seen}))} has no port {item.port}"
    if named:
        hidden = named[0]
        return f"{hidden.ref} is not exported to {sidecar.namespace}"
    return _near(context, sidecar, item, owner)


def _named(context: RuleContext, sidecar: Sidecar, item: EgressHost) -> tuple[RegistryService, ...]:
    """What goes by the name, in whatever namespace."""
    return context.hosts.taken(item.host, sidecar.namespace)


def _wider_beside(item: EgressHost) -> bool:
    """Whether the listener imports all of the namespace anyway."""
    everything = {f"{item.owner}/*", "*/*"} - {item.text}
    return not everything.isdisjoint(item.listener.hosts)


def _of_the_mesh(context: RuleContext, sidecar: Sidecar) -> bool:
    """Whether a Sidecar is the default of namespaces that have none."""
    root = context.mesh_config(sidecar.namespace).root_namespace
    return sidecar.namespace == root and sidecar.workload_selector is None


def _sees(namespace: str, found: RegistryService, anybody: bool) -> bool:
    """Whether the Sidecar's workloads see a service; for the default of the mesh, whether any may."""
    return bool(found.exported) if anybody else visible_to(found.exported, found.namespace, namespace)


def _near(context: RuleContext, sidecar: Sidecar, item: EgressHost, owner: str) -> str:
    """Why a name that nothing has looks as if something had it."""
    registry = context.hosts.registry(sidecar.namespace)
    meant = service_names(item.host, "" if owner == ANY_NAMESPACE else owner)
    full = service_host(*meant) if meant is not None else ""
    if full != item.host and full in registry.by_host and meant is not None:
        return f"short names are not completed here: write {meant[1]}/{full}"
    others = sorted({found.namespace for found in registry.by_host.get(item.host, ())})
    if others:
        return f"it is in {listed(others)}: write {others[0]}/{item.host}"
    above = sorted(
        {
            (found.namespace, found.host)
            for found in context.hosts.holding(item.host, sidecar.namespace)
            if is_wildcard(found.host) and owner in (found.namespace, ANY_NAMESPACE)
        }
    )
    if above:
        namespace, host = above[0]
        return f"a ServiceEntry names {host}, which only {namespace}/{host} (or wider) imports"
    apex = item.host.removeprefix("*.")
    if is_wildcard(item.host) and apex in registry.by_host:
        return f"{apex} itself is not one of the names below it"
    return "nothing goes by that name"


@EachNamespace
def _owns(snapshot: Snapshot, namespace: str) -> bool:
    return bool(snapshot.each_in(Service, namespace) or snapshot.each_in(ServiceEntry, namespace))


def _owners(snapshot: Snapshot) -> frozenset[str]:
    """The namespaces that services are known of."""
    return frozenset(name for name, owns in snapshot.parts(_owns).items() if owns)


def _is_route(snapshot: Snapshot, owner: str, host: str) -> bool:
    routes = snapshot.derived(_route_hosts)
    found = routes.get(EVERYTHING if owner == ANY_NAMESPACE else owner, ())
    return any(matches(host, name) if is_wildcard(host) else subset_of(host, name) for name in found)


def _route_hosts(snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """The hosts of VirtualServices by namespace, and of all of them under `*`."""
    found: dict[str, list[str]] = {EVERYTHING: []}
    for route in snapshot.each(VirtualService):
        found.setdefault(route.namespace, []).extend(route.hosts)
        found[EVERYTHING].extend(route.hosts)
    return {namespace: tuple(hosts) for namespace, hosts in found.items()}


def _told_elsewhere(context: RuleContext, sidecar: Sidecar, item: EgressHost) -> bool:
    """Whether what is missing is a host of Speedscale that its own checks report as not imported, or as
    not exported."""
    return any(
        blocked.host.host == item.host
        for blocked in context.blockages
        if blocked.cause is Cause.HIDDEN
        or (blocked.sidecar is not None and blocked.sidecar.ref == sidecar.ref)
    )


def _finding(sidecar: Sidecar, dead: list[tuple[EgressHost, str]]) -> Finding:
    reasons = "; ".join(f"{item.text}: {why}" for item, why in dead[:MAX_EXPLAINED])
    rest = len(dead) - MAX_EXPLAINED
    more = f"; and {rest} more" if rest > 0 else ""
    return RULE.finding(
        f"{counted(len(dead), 'egress host')} of this Sidecar "
        f"{'imports' if len(dead) == 1 else 'import'} nothing ({reasons}{more}). What was meant stays "
        "unknown to its workloads. Write the namespace and the full host of the Service or ServiceEntry, or "
        "take it out.",
        sidecar.ref,
        api_version=sidecar.api_version,
        path=dead[0][0].path,
    )


RULE = Rule(
    code="MC110",
    name="import-brings-nothing",
    severity=Severity.WARNING,
    title="An egress host of the Sidecar imports nothing",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=OneByOne(Sidecar, judge),
    references=("KIA1004",),
    no_remedy="Whether the host is a slip or what it names is still to come cannot be seen.",
)
