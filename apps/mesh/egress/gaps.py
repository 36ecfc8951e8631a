"""Which unread kinds would change a verdict, and which are only worth a word."""

from __future__ import annotations

from apps.mesh.egress.case import Case
from apps.mesh.egress.evidence import matched_route, matched_service
from apps.mesh.egress.hostimports import host_imports
from apps.mesh.egress.visible import ANY_NAMESPACE
from apps.mesh.snapshot import Gap
from apps.mesh.verdicts import Protocol, Verdict

HTTP_ROUTES = ("HTTPRoute", "GRPCRoute")
OPAQUE_ROUTES = ("TLSRoute", "TCPRoute")


def decisive_gaps(case: Case, verdict: Verdict) -> list[str]:
    """Gaps on which the verdict rests: with what they hide it might be another one."""
    if not case.snapshot.gaps:
        return []
    found: list[str] = []
    for namespace in dict.fromkeys((case.namespace, case.root_namespace)):
        if case.sidecar is not None and namespace != case.namespace and case.sidecar.namespace != namespace:
            continue
        gap = case.snapshot.missing("Sidecar", namespace)
        if gap is not None:
            found.append(_says(gap, namespace))
    if verdict is not Verdict.ALLOWED_REGISTRY:
        found.extend(_says(gap) for gap in _importable(case, "ServiceEntry"))
        if ".svc" in case.host or "." not in case.host:
            found.extend(_says(gap) for gap in _importable(case, "Service"))
    gap = case.snapshot.missing("Namespace")
    if gap is not None and case.mesh.plane.config.discovery_selectors:
        found.append(f"{_says(gap)}; which ones the mesh discovers is not known")
    return found


def notable_gaps(case: Case, verdict: Verdict) -> list[str]:
    """Gaps that could matter in rarer cases."""
    if not case.snapshot.gaps:
        return []
    opaque = case.destination.protocol is not Protocol.HTTP
    kinds = ("VirtualService", *(OPAQUE_ROUTES if opaque else HTTP_ROUTES))
    found = [_says(gap) for kind in kinds for gap in _importable(case, kind)]
    for namespace in dict.fromkeys((case.namespace, case.root_namespace)):
        gap = case.snapshot.missing("EnvoyFilter", namespace)
        if gap is not None:
            found.append(_says(gap, namespace))
    if case.destination.protocol is not Protocol.TLS and verdict.blocked:
        found.extend(_says(gap) for gap in _importable(case, "Service"))
    return found


def undecided_routes(case: Case) -> list[str]:
    """Routes of the Gateway API that may take what this connection reached, where istiod applies them."""
    service = matched_service(case.match)
    found = case.mesh.undecided.get(service.host, ()) if service is not None else ()
    kinds = OPAQUE_ROUTES if case.match.virtual_host is None else HTTP_ROUTES
    return [
        f"{route.ref} may route this host: {route.reason}."
        for route in found
        if route.ref.kind in kinds and route.port in (None, case.destination.port)
    ]


def unmet_conditions(case: Case) -> list[str]:
    """What a request has to bring for any route to take it, beside the host and a plain `GET /`."""
    route = matched_route(case.match)
    if not case.match.conditional or not case.match.passes or route is None:
        return []
    return [f"{route.ref} routes by more than the host: what meets none of its conditions gets 404."]


def _importable(case: Case, kind: str) -> list[Gap]:
    """Gaps of a kind in namespaces from which the scope imports."""
    hidden = [gap for gap in case.snapshot.gaps if gap.kind == kind]
    if not hidden:
        return []
    owners = {
        owner
        for imported in case.imports.listeners
        for owner in host_imports(imported.listener, case.namespace)
    }
    return [gap for gap in hidden if ANY_NAMESPACE in owners or not gap.namespace or gap.namespace in owners]


def _says(gap: Gap, namespace: str = "") -> str:
    place = gap.namespace or namespace
    where = f"of namespace {place}" if place else "of the cluster"
    return f"Objects of kind {gap.kind} {where} could not be read: {gap.reason}"
