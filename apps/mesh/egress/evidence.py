"""A decided case in plain words: the steps that led to the verdict, each naming its object and field.

Decides nothing.
"""

from __future__ import annotations

from apps.mesh.egress.case import Case
from apps.mesh.egress.dataplane import Placement
from apps.mesh.egress.envoyfilters import Patched
from apps.mesh.egress.gatewayapi import NO_BACKEND
from apps.mesh.egress.matching import Match, Outcome
from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import subset_of
from apps.mesh.objects.networking import ServiceEntry, VirtualService
from apps.mesh.objects.workloads import Workload
from apps.mesh.verdicts import Destination, Protocol, Step, Verdict

CAPTURE_RULE = "istio-iptables"
SCOPE_RULE = "pilot/pkg/model/push_context.go"
PATCH_RULE = "pilot/pkg/networking/core/envoyfilter"


def handled_step(workload: Workload, placement: Placement, destination: Destination) -> Step:
    """The proxy takes the call."""
    proxy = f"istio-proxy {placement.version}".rstrip()
    verb = "runs" if placement.pods else "would run"
    text = f"{workload.name} {verb} {proxy}. No annotation takes port {destination.port} out of it."
    return Step("The sidecar handles the call", text, workload.ref, "", CAPTURE_RULE)


def scope_step(case: Case) -> Step:
    """Which Sidecar applies, and what the listener that governs the port imports."""
    sidecar = case.sidecar
    if sidecar is None:
        root = case.root_namespace
        holders = case.namespace if case.namespace == root else f"{case.namespace} nor {root}"
        word = "Neither " if holders != case.namespace else "No Sidecar of "
        tail = "holds one that applies" if holders != case.namespace else "applies"
        text = f"{word}{holders} {tail}, so everything exported to the namespace is visible."
        return Step("No Sidecar narrows this scope", text, None, "", SCOPE_RULE)
    index = case.listener_index
    path = f"spec.egress[{index}].hosts" if sidecar.egress and index >= 0 else "spec"
    sentences = []
    if sidecar.namespace != case.namespace:
        sentences.append("It is the root namespace's: the workload's own has none that applies.")
    elif sidecar.workload_selector:
        chosen = ", ".join(f"{key}={value}" for key, value in sorted(sidecar.workload_selector.items()))
        sentences.append(f"It selects the pods by {chosen}.")
    if not sidecar.egress:
        sentences.append("It lists no egress, which imports everything.")
    elif index < 0:
        sentences.append(f"No egress listener of it covers port {case.destination.port}.")
    else:
        listener = case.imports.listeners[index].listener
        where = f"On port {listener.port.number} it" if listener.port is not None else "It"
        read = [host for host in listener.hosts if host.count("/") == 1]
        passed = [host for host in listener.hosts if host not in read]
        sentences.append(f"{where} imports {_few(read) or 'nothing'}.")
        if passed:
            sentences.append(f"Istio passes over {_few(passed)}, which is not namespace/host.")
    others = case.mesh.sidecars.overlooked(case.namespace, {}) if sidecar.workload_selector is None else ()
    if others:
        sentences.append(f"It is the oldest; {others[0].name} is ignored.")
    return Step(f"Sidecar {sidecar.ref.path} decides what is visible", " ".join(sentences), sidecar.ref, path)


def match_steps(case: Case) -> list[Step]:
    """What took the connection: a VirtualService, a service, or an HTTP port without the host."""
    match = case.match
    steps: list[Step] = []
    service = matched_service(match)
    route = matched_route(match)
    if service is not None:
        steps.append(_service_step(case, service))
    if route is not None:
        steps.append(_route_step(case, route))
    return steps


def matched_service(match: Match) -> RegistryService | None:
    """The registry's service whose listener or virtual host took the connection."""
    if match.virtual_host is not None:
        return match.virtual_host.service
    target = match.chain.target if match.chain is not None else None
    service: RegistryService | None = getattr(target, "service", None)
    return service


def matched_route(match: Match) -> VirtualService | None:
    if match.virtual_host is not None:
        return match.virtual_host.source
    target = match.chain.target if match.chain is not None else None
    route: VirtualService | None = getattr(target, "route", None)
    return route


def policy_step(case: Case) -> Step:
    """The outbound traffic policy, in Istio's words, and where it stands."""
    policy = case.policy
    if policy.outbound is None:
        return Step("The outbound policy is not known", _unread(case), policy.ref, policy.path)
    mode = policy.outbound.mode
    title = "What is not listed is refused" if policy.registry_only else "What is not listed may pass"
    if policy.ref is None:
        text = f"No outboundTrafficPolicy is set; Istio's default is {mode}."
    elif not policy.outbound.mode_given:
        text = f"outboundTrafficPolicy is given without a mode, which means {mode}."
    else:
        text = f"outboundTrafficPolicy.mode is {mode}."
    return Step(title, text, policy.ref, policy.path, "istio/api mesh/v1alpha1/config.proto")


def outcome_step(case: Case, verdict: Verdict) -> Step:
    """What Envoy does, and with which of its clusters."""
    destination, match = case.destination, case.match
    what = f"{destination.protocol} on {destination.port}"
    if verdict is Verdict.ALLOWED_REGISTRY:
        if match.outcome is Outcome.ANSWERED:
            how = f"answers it with {match.status}" if match.answers != "redirect" else "redirects it"
            text = f"{what} does not come to the host: the route {how}."
            return Step("Envoy answers the request itself", text)
        return Step("Envoy forwards to the service", f"{what} goes to {cluster_name(match)}.")
    if verdict is Verdict.ALLOWED_PASSTHROUGH:
        return Step("Envoy lets the connection pass", f"{what} goes to {passthrough_cluster(case)}.")
    if verdict is Verdict.BLOCKED_502:
        return Step(
            "Envoy answers 502", f"Port {destination.port} has HTTP routes, none for this host: block_all."
        )
    if verdict is Verdict.BLOCKED_503:
        return _refusal_step(match)
    if match.outcome is Outcome.UNPARSABLE:
        text = f"{what} meets an HTTP listener, which cannot parse it."
    elif match.outcome is Outcome.MISSING_CLUSTER:
        text = f"{what} is routed to a cluster that the proxy does not have."
    elif match.outcome is Outcome.CLUSTER:
        text = f"{what} goes to {cluster_name(match)}, which has no address."
    else:
        text = f"{what} goes to BlackHoleCluster."
    return Step("Envoy resets the connection", text)


def patch_step(patch: Patched) -> Step:
    """A patch that may change what becomes of the connection."""
    text = f"{patch.ref} patches what this connection meets, and what that does is not known."
    path = f"spec.configPatches[{patch.index}]"
    return Step("An EnvoyFilter may change this", text, patch.ref, path, PATCH_RULE)


def _refusal_step(match: Match) -> Step:
    status = status_of(match, Verdict.BLOCKED_503)
    if match.outcome is Outcome.ANSWERED:
        code = str(status) if status is not None else "with a gRPC status"
        text = f"The proxy answers the request itself, as an error: the application sees {code}."
        return Step(f"Envoy answers {code}", text)
    if match.outcome is Outcome.NO_ROUTE:
        text = f"No route of the host takes the request: the application sees {status}."
        return Step(f"Envoy answers {status}", text)
    text = f"The proxy has no working cluster for the route: the application sees {status}."
    return Step(f"Envoy answers {status}", text)


def status_of(match: Match, verdict: Verdict) -> int | None:
    """The HTTP status with which the proxy answers itself. Where no route takes a request Envoy says 404;
    where the cluster is not there a route of the Gateway API is answered with 500, one of Istio's own with
    503 (core/route/route.go ClusterNotFoundResponseCode)."""
    if verdict is Verdict.BLOCKED_502:
        return 502
    if match.outcome is Outcome.ANSWERED:
        return match.status
    if verdict is not Verdict.BLOCKED_503:
        return None
    if match.outcome is Outcome.NO_ROUTE:
        return 404
    route = matched_route(match)
    return 500 if route is not None and route.of_gateway_api and match.missing else 503


def article_of(kind: str) -> str:
    return "An" if kind == "HTTPRoute" else "A"


def cluster_name(match: Match) -> str:
    """Envoy's name of the first cluster: `outbound|443||host`."""
    if not match.clusters:
        return ""
    host, port, subset = match.clusters[0]
    return f"outbound|{port}|{subset}|{host}"


def passthrough_cluster(case: Case) -> str:
    outbound = case.policy.outbound
    if outbound is not None and outbound.egress_proxy:
        return f"the egress proxy {outbound.egress_proxy}"
    return "PassthroughCluster"


def _service_step(case: Case, service: RegistryService) -> Step:
    host, number = case.destination.host, case.destination.port
    port = service.port(number)
    said = f"port {number}" + (f" ({port.protocol})" if port is not None else "")
    if service.kubernetes:
        text = f"{service.host} has {said}, and the scope imports it."
        return Step("A Service of the mesh matches", text, service.ref, "spec.ports")
    index, listed = _listed(case, service, host)
    if listed:
        text = f"It lists {listed} on {said}, and the scope imports it."
        return Step("A ServiceEntry lists the host", text, service.ref, f"spec.hosts[{index}]")
    if service.has_address:
        text = f"It claims {service.address} on {said}, whatever the name: the address decides."
        return Step("A ServiceEntry takes the address", text, service.ref, "spec.addresses")
    text = f"{service.host} on {said} has no address, so it takes whatever no other entry of the port takes."
    return Step("A ServiceEntry takes the whole port", text, service.ref, "spec.ports")


def _listed(case: Case, service: RegistryService, host: str) -> tuple[int, str]:
    found = case.snapshot.get(service.ref)
    hosts = found.hosts if isinstance(found, ServiceEntry) else ()
    for index, listed in enumerate(hosts):
        if listed == service.host and subset_of(host, listed):
            return index, listed
    return 0, ""


def _route_step(case: Case, route: VirtualService) -> Step:
    match = case.match
    who = f"{article_of(route.ref.kind)} {route.ref.kind}"
    part = "spec.tls" if case.destination.protocol is Protocol.TLS else "spec.http"
    rule, also = "core/route/route.go", ""
    if route.of_gateway_api:
        part, rule = "spec.rules", "pilot/pkg/config/kube/gateway/conversion.go"
        also = f" It is merged with {_few([str(ref) for ref in route.merged])}." if route.merged else ""
    if match.outcome is Outcome.ANSWERED:
        text = "Its route redirects the request itself."
        if match.answers == "abort":
            code = f"with {match.status}" if match.status is not None else "with a gRPC status"
            text = f"Its fault answers every request {code}."
        elif match.answers != "redirect":
            text = f"Its route answers the request itself, with {match.status}."
            if route.of_gateway_api:
                text = "Its rule has no backend, so that the request is answered with 500."
        return Step(f"{who} answers", f"{text}{also}", route.ref, part, rule)
    names = _few([_destination(*cluster) for cluster in (*match.clusters, *match.missing)])
    text = f"Its route for this host sends it to {names or 'nowhere'}.{also}"
    if match.missing:
        host, port, _ = match.missing[0]
        text += f" The scope has no cluster for {_destination(host, port)}."
    return Step(f"{who} routes the call", text, route.ref, part, rule)


def _destination(host: str, port: int, subset: str = "") -> str:
    if not host:
        return "a backend that Istio does not accept"
    if host == NO_BACKEND.host:
        return "no backend"
    return f"{host}:{port}{' subset ' + subset if subset else ''}"


def _unread(case: Case) -> str:
    unread = case.mesh.plane.config.unread
    return unread[0] if unread else "The mesh configuration could not be read."


def _few(words: object) -> str:
    items = [str(word) for word in words] if isinstance(words, list | tuple) else [str(words)]
    shown = ", ".join(items[:4])
    return f"{shown} and {len(items) - 4} more" if len(items) > 4 else shown
