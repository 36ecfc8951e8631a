"""A VirtualService is bound to a Gateway whose servers do not take its hosts.

A Gateway hands over only requests for the hosts of its servers, and `namespace/host` there narrows them to
VirtualServices of one namespace (`./host`: the Gateway's own). What no server takes is answered with 404 or
not accepted at all (pilot/pkg/networking/core/gateway.go). Either side may be the wildcard. With several
gateways a host has to be at one of them only, and with `mesh` among them a host may be for sidecars alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from apps.mesh.destinations import for_sidecars, gateway_takes, gateways_of
from apps.mesh.findings import Finding, Severity
from apps.mesh.inforce import INPUTS, in_force
from apps.mesh.objects.networking import Gateway, VirtualService
from apps.mesh.references import gateway_ref
from apps.mesh.rules.base import Rule, RuleContext
from apps.mesh.rules.wording import listed


def check(context: RuleContext) -> Iterator[Finding]:
    """One finding for each VirtualService and Gateway without a host in common, and one for the hosts
    that none of the Gateways takes."""
    for route in in_force(context.snapshot, VirtualService):
        found = [context.snapshot.get(ref) for ref in gateways_of(route)]
        gateways = [item for item in found if isinstance(item, Gateway) and _hosts(item)]
        strangers = [
            item
            for item in gateways
            if not any(gateway_takes(item, host, route.namespace) for host in route.hosts)
        ]
        for gateway in strangers if route.hosts else ():
            yield _stranger(route, gateway)
        if strangers or for_sidecars(route) or not gateways or len(gateways) < len(found):
            continue
        lost = [
            host
            for host in route.hosts
            if not any(gateway_takes(item, host, route.namespace) for item in gateways)
        ]
        if lost:
            yield RULE.finding(
                f"{listed(lost)} is in no server of {listed(str(item.ref) for item in gateways)}, so that "
                "no request for it arrives. Add it to a server, or remove it here.",
                route.ref,
                api_version=route.api_version,
                path=f"spec.hosts[{route.hosts.index(lost[0])}]",
            )


def _hosts(gateway: Gateway) -> dict[str, None]:
    """The hosts of all servers; a Gateway without any is another finding."""
    return dict.fromkeys(host for server in gateway.servers for host in server.hosts)


def _stranger(route: VirtualService, gateway: Gateway) -> Finding:
    place = next(
        index
        for index, name in enumerate(route.gateways)
        if gateway_ref(name, route.namespace) == gateway.ref
    )
    return RULE.finding(
        f"No server of {gateway.ref} takes {listed(route.hosts)} from namespace {route.namespace}; it takes "
        f"{listed(_hosts(gateway))}. The routes never apply there: add a host to the Gateway, or bind "
        "another one.",
        route.ref,
        api_version=route.api_version,
        path=f"spec.gateways[{place}]",
        key=gateway.ref.path,
    )


RULE = Rule(
    code="MC160",
    name="host-not-in-gateway",
    severity=Severity.WARNING,
    title="A Gateway does not take the hosts of a VirtualService",
    inputs=INPUTS | {"Gateway", "VirtualService"},
    doc=__doc__ or "",
    check=check,
    references=("IST0132",),
    no_remedy="Letting the Gateway take the host would publish it.",
)
