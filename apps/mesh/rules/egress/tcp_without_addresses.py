"""A ServiceEntry declares a TCP port without addresses, and so opens that port to every address.

Plain TCP carries no name. The proxy can tell the traffic of such an entry from other traffic only by the
destination address, and without `addresses` any address will do: under `REGISTRY_ONLY` the entry lets
everything out on its port, to hosts that nobody listed, whatever its `resolution`. A port without a
protocol is the same for all that is not plaintext HTTP. Next to hosts that are declared as HTTP on the
port it also swallows what is not HTTP.

Give the addresses, or declare `TLS` if clients speak it, as most do today, databases included: the server
name of the handshake then tells hosts apart. istioctl reports the same as IST0134. Entries whose
addresses istiod allocates, with DNS capture in the proxies, are not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.egress.registry import Registry
from apps.mesh.egress.services import AUTO, RegistryService, ServicePort
from apps.mesh.findings import Finding, Severity
from apps.mesh.hosts import is_wildcard
from apps.mesh.knownhosts import INPUTS
from apps.mesh.meshconfig import ALLOW_ANY
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.planes import at_least, namespace_planes
from apps.mesh.refs import ResourceRef
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each ServiceEntry; a hint where unknown hosts pass anyway."""
    found: dict[ResourceRef, tuple[Registry, dict[int, None]]] = {}
    for registry in context.registries:
        for item in registry.services:
            if item.kubernetes or item.has_address or not item.exported - {"~"}:
                continue
            if _allocated_unseen(context, item):
                continue
            ports = [port.number for port in item.ports if _open(context, item, port)]
            if ports:
                found.setdefault(item.ref, (registry, {}))[1].update(dict.fromkeys(ports))
    http = {id(registry): _http_hosts(registry) for registry in context.registries if found}
    for ref in sorted(found):
        registry, numbers = found[ref]
        entry = context.snapshot.get(ref)
        if isinstance(entry, ServiceEntry):
            yield _finding(context, entry, list(numbers), http[id(registry)])


def _allocated_unseen(context: RuleContext, item: RegistryService) -> bool:
    """Whether istiod may give it an address that stands in no status: before 1.25 it kept them to itself
    (pilot/pkg/serviceregistry/serviceentry/auto_allocation.go), and a manifest in a file has no status."""
    plane = context.snapshot.derived(namespace_planes).of(item.namespace)
    to_itself = plane.config.dns_allocation and not at_least(plane, 1, 25)
    possible = item.resolution != "NONE" and not is_wildcard(item.host)
    return plane.config.dns_capture and possible and (to_itself or not context.whole)


def _open(context: RuleContext, item: RegistryService, port: ServicePort) -> bool:
    if port.tcp and not port.tls:
        return True
    if port.protocol != AUTO:
        return False
    entry = context.snapshot.get(item.ref)  # a protocol that Istio does not know is another finding
    given = entry.ports if isinstance(entry, ServiceEntry) else ()
    return any(one.number == port.number and not one.protocol for one in given)


def _http_hosts(registry: Registry) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for item in registry.services:
        for port in item.ports:
            if port.http and not item.kubernetes:
                found.setdefault(port.number, []).append(item.host)
    return found


def _finding(
    context: RuleContext, entry: ServiceEntry, numbers: list[int], http: dict[int, list[str]]
) -> Finding:
    index = next(i for i, port in enumerate(entry.ports) if port.number == numbers[0])
    mesh = context.mesh_config(entry.namespace).outbound
    open_mesh = mesh is not None and mesh.mode == ALLOW_ANY
    several = len(numbers) > 1
    beside = dict.fromkeys(host for number in numbers for host in http.get(number, ()))
    clash = f" HTTP for {listed(beside)} shares it; what is not HTTP goes here." if beside else ""
    return RULE.finding(
        f"Port{'s' if several else ''} {listed(map(str, numbers))} {'are' if several else 'is'} plain TCP "
        f"and the entry has no addresses, so that every address is reached on "
        f"{'them' if several else 'it'}, not only {listed(entry.hosts)}.{clash} Give the addresses, or "
        "declare TLS if that is what clients speak.",
        entry.ref,
        api_version=entry.api_version,
        severity=Severity.INFO if open_mesh else Severity.WARNING,
        path=f"spec.ports[{index}]",
    )


RULE = Rule(
    code="MC122",
    name="tcp-without-addresses",
    severity=Severity.WARNING,
    title="A TCP port without addresses is open to every address",
    inputs=INPUTS,
    doc=__doc__ or "",
    check=check,
    references=("IST0134",),
    no_remedy="Which addresses are meant is known to the owner alone; closing the port may cut somebody off.",
)
