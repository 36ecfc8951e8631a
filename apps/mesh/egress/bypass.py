"""Answers for connections that Envoy never sees: no proxy, ambient, the host's network, exclusions.

Knows nothing of Sidecars and services.
"""

from __future__ import annotations

from apps.mesh.egress.dataplane import INTERCEPTION, Placement, Plane
from apps.mesh.egress.evidence import CAPTURE_RULE, SCOPE_RULE
from apps.mesh.egress.proxyconfig import ANNOTATION, interception
from apps.mesh.hosts import is_address
from apps.mesh.objects.workloads import Workload
from apps.mesh.verdicts import Destination, EgressAnswer, Step, Verdict

FIREWALL = "A firewall may still stop it; the console does not look at those."


def bypass_answer(workload: Workload, placement: Placement, destination: Destination) -> EgressAnswer | None:
    """The answer when Istio's egress configuration does not reach the connection, else None."""
    if placement.plane is Plane.SIDECAR:
        return _excluded(workload, placement, destination)
    if placement.plane is Plane.UNKNOWN:
        step = Step("Whether a sidecar runs is not known", placement.missing, workload.ref)
        end = Step("The verdict is not known", "It rests on pods that could not be seen.")
        return EgressAnswer(Verdict.UNKNOWN, (step, end), unknowns=(placement.missing,))
    if placement.plane is Plane.OWN_PROXY:
        text = f"The pods of {workload.name} hold nothing but istio-proxy: it carries the traffic of others."
        first = Step("A proxy of its own, no sidecar", text, workload.ref, "", SCOPE_RULE)
        end = Step(
            "The policy is not enforced",
            "Sidecar and outboundTrafficPolicy do not apply to gateways, waypoints and ztunnel.",
        )
        return EgressAnswer(Verdict.NOT_ENFORCED, (first, end), unknowns=placement.notes)
    if placement.plane is Plane.AMBIENT:
        first = Step(
            "ztunnel carries the traffic",
            f"{workload.name} is in ambient mode: no sidecar stands in its pods.",
            workload.ref,
            "",
            "istio architecture/ambient/ztunnel.md",
        )
        end = Step(
            "The policy is not enforced",
            "ztunnel passes unknown destinations; outboundTrafficPolicy and Sidecar do not apply to it.",
        )
        return EgressAnswer(Verdict.NOT_ENFORCED, (first, end), unknowns=placement.notes)
    steps = (_no_proxy(workload, placement), _outside(destination))
    return EgressAnswer(Verdict.BYPASSES_MESH, steps, unknowns=placement.notes)


def _no_proxy(workload: Workload, placement: Placement) -> Step:
    if placement.plane is Plane.HOST_NETWORK:
        text = f"{workload.name} uses the host's network, where Istio never injects."
        path = workload.in_template("spec.hostNetwork")
        return Step("The pods use the host's network", text, workload.ref, path, "pkg/kube/inject/inject.go")
    count = placement.pods
    pods = f"None of its {count} pods carries" if count != 1 else "Its pod does not carry"
    text = f"{pods} istio-proxy: {workload.name} is not in the mesh."
    if not count:
        text = f"No istio-proxy would be injected into the pods of {workload.name}."
    return Step("No sidecar handles the call", text, workload.ref, "", CAPTURE_RULE)


def _outside(destination: Destination) -> Step:
    text = f"{destination.protocol} on {destination.port} leaves the pod directly. {FIREWALL}"
    return Step("The call bypasses the mesh", text)


def _excluded(workload: Workload, placement: Placement, destination: Destination) -> EgressAnswer | None:
    ip = destination.ip or (destination.host if is_address(destination.host) else "")
    taken, setting = placement.capture.takes(destination.port, ip)
    if taken:
        return None
    annotated = setting in placement.pod.annotations
    path = workload.in_template(f"metadata.annotations[{setting}]") if annotated else ""
    ref = workload.ref if annotated else None
    if taken is None:
        missing = f"The address of {destination.host} is not known, and {setting} depends on it."
        first = Step("Some addresses go around the sidecar", missing, ref, path, CAPTURE_RULE)
        end = Step("The verdict is not known", "Give the destination's address to have it decided.")
        return EgressAnswer(Verdict.UNKNOWN, (first, end), unknowns=(missing,))
    value = placement.pod.annotations.get(setting, "")
    said = f"{setting} is {value!r}" if annotated else f"The injector's default for {setting} says so"
    if setting == INTERCEPTION and interception(placement.pod.annotations) and not annotated:
        said, ref = f"{ANNOTATION} says interceptionMode NONE", workload.ref
        path = workload.in_template(f"metadata.annotations[{ANNOTATION}]")
    first = Step(
        "The sidecar does not see this call",
        f"{said}; {destination.protocol} on {destination.port} is not redirected to istio-proxy.",
        ref,
        path,
        CAPTURE_RULE,
    )
    return EgressAnswer(Verdict.BYPASSES_MESH, (first, _outside(destination)), unknowns=placement.notes)
