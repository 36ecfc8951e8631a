"""ServiceEntry, Sidecar and the Kubernetes Service."""

from __future__ import annotations

from apps.mesh.objects.networking import (
    EgressListener,
    Endpoint,
    OutboundTrafficPolicy,
    Port,
    Service,
    ServiceEntry,
    Sidecar,
    WorkloadEntry,
)
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef

EXPORT_TO_ANNOTATION = "networking.istio.io/exportTo"


def service_entry(fields: Fields, ref: ResourceRef) -> ServiceEntry:
    spec = fields.child("spec")
    selector = spec.child("workloadSelector").labels("labels") if spec.has("workloadSelector") else None
    return ServiceEntry(
        **metadata(fields, ref),
        hosts=tuple(host.lower() for host in spec.texts("hosts")),
        addresses=spec.texts("addresses"),
        ports=tuple(port(item) for item in spec.items("ports")),
        location=spec.text("location", "MESH_EXTERNAL"),
        resolution=spec.text("resolution", "NONE"),
        endpoints=tuple(_endpoint(item) for item in spec.items("endpoints")),
        export_to=spec.texts("exportTo"),
        workload_selector=selector,
        automatic=_automatic(fields.child("status")),
    )


def sidecar(fields: Fields, ref: ResourceRef) -> Sidecar:
    spec = fields.child("spec")
    selector = spec.child("workloadSelector").labels("labels") if spec.has("workloadSelector") else None
    return Sidecar(
        **metadata(fields, ref),
        workload_selector=selector,
        egress=tuple(_egress_listener(item) for item in spec.items("egress")),
        outbound_policy=outbound_policy(spec),
        ingress_listeners=len(spec.items("ingress")),
    )


def outbound_policy(parent: Fields) -> OutboundTrafficPolicy | None:
    """The policy under `outboundTrafficPolicy`; None when absent. `{}` is REGISTRY_ONLY."""
    if not parent.has("outboundTrafficPolicy"):
        return None
    policy = parent.child("outboundTrafficPolicy")
    return OutboundTrafficPolicy(
        mode=policy.text("mode", "REGISTRY_ONLY"),
        egress_proxy=policy.child("egressProxy").text("host"),
        mode_given=policy.has("mode"),
    )


def workload_entry(fields: Fields, ref: ResourceRef) -> WorkloadEntry:
    spec, meta = fields.child("spec"), metadata(fields, ref)
    probed = meta["annotations"].get("proxy.istio.io/health-checks-enabled", "")
    meta["labels"] = {**spec.labels("labels"), **meta["labels"]}
    return WorkloadEntry(**meta, address=spec.text("address"), probed=probed.lower() in {"1", "t", "true"})


def service(fields: Fields, ref: ResourceRef) -> Service:
    spec = fields.child("spec")
    meta = metadata(fields, ref)
    addresses = spec.texts("clusterIPs") or ((spec.text("clusterIP"),) if spec.has("clusterIP") else ())
    exported = meta["annotations"].get(EXPORT_TO_ANNOTATION, "")
    return Service(
        **meta,
        type=spec.text("type", "ClusterIP"),
        cluster_ips=tuple(address for address in addresses if address not in {"", "None"}),
        headless="None" in addresses,
        ports=tuple(_service_port(item) for item in spec.items("ports")),
        selector=spec.labels("selector"),
        external_name=spec.text("externalName"),
        export_to=tuple(part.strip() for part in exported.split(",") if part.strip()),
    )


def _automatic(status: Fields) -> dict[str, str]:
    """The first allocated address of each host."""
    found: dict[str, str] = {}
    for item in status.items("addresses"):
        found.setdefault(item.text("host").lower(), item.text("value"))
    return found


def port(item: Fields) -> Port:
    """The Port of Istio's API."""
    return Port(item.number("number") or 0, item.text("protocol").upper(), item.text("name"))


def _service_port(item: Fields) -> Port:
    return Port(
        item.number("port") or 0,
        item.text("protocol", "TCP").upper(),
        item.text("name"),
        item.text("appProtocol"),
        item.text("targetPort"),
        item.number("nodePort"),
    )


def _endpoint(item: Fields) -> Endpoint:
    ports = item.child("ports")
    numbers = {name: ports.number(name) or 0 for name in ports.names()}
    return Endpoint(item.text("address"), numbers, item.labels("labels"))


def _egress_listener(item: Fields) -> EgressListener:
    return EgressListener(
        hosts=item.texts("hosts"),
        port=port(item.child("port")) if item.has("port") else None,
        bind=item.text("bind"),
        capture_mode=item.text("captureMode"),
    )
