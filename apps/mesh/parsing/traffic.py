"""Gateway and DestinationRule."""

from __future__ import annotations

from apps.mesh.objects.networking import DestinationRule, Gateway, GatewayServer
from apps.mesh.objects.traffic import DISABLE, ClientTls, Subset, TrafficPolicy
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.parsing.networking import port
from apps.mesh.refs import ResourceRef

PASSTHROUGH = "PASSTHROUGH"


def gateway(fields: Fields, ref: ResourceRef) -> Gateway:
    spec = fields.child("spec")
    servers = tuple(_server(item) for item in spec.items("servers"))
    return Gateway(**metadata(fields, ref), selector=spec.labels("selector"), servers=servers)


def destination_rule(fields: Fields, ref: ResourceRef) -> DestinationRule:
    spec = fields.child("spec")
    selector = spec.child("workloadSelector")
    return DestinationRule(
        **metadata(fields, ref),
        host=spec.text("host").lower(),
        policy_given=spec.has("trafficPolicy"),
        policy=_policy(spec.child("trafficPolicy")),
        subsets=tuple(_subset(item) for item in spec.items("subsets")),
        # One without labels is a selector all the same: it keeps the rule in its namespace.
        selector=selector.labels("matchLabels") if spec.has("workloadSelector") else None,
        export_to=spec.texts("exportTo"),
    )


def _server(item: Fields) -> GatewayServer:
    tls = item.child("tls")
    single = tls.text("credentialName")
    return GatewayServer(
        hosts=tuple(host.lower() for host in item.texts("hosts")),
        port=port(item.child("port")) if item.has("port") else None,
        tls_mode=tls.text("mode", PASSTHROUGH) if item.has("tls") else "",
        name=item.text("name"),
        bind=item.text("bind"),
        credential_names=(*((single,) if single else ()), *tls.texts("credentialNames")),
        https_redirect=tls.flag("httpsRedirect"),
    )


def _subset(item: Fields) -> Subset:
    return Subset(item.text("name"), item.labels("labels"), _policy(item.child("trafficPolicy")))


def _policy(fields: Fields) -> TrafficPolicy:
    ports = {
        number: _tls(item)
        for item in fields.items("portLevelSettings")
        if (number := item.child("port").number("number")) is not None
    }
    return TrafficPolicy(
        tls=_tls(fields),
        port_tls=ports,
        given=fields.names(),
        load_balancer=fields.child("loadBalancer").text("simple"),
    )


def _tls(parent: Fields) -> ClientTls | None:
    if not parent.has("tls"):
        return None
    tls = parent.child("tls")
    return ClientTls(
        mode=tls.text("mode", DISABLE),
        ca_certificates=tls.text("caCertificates"),
        credential_name=tls.text("credentialName"),
        sni=tls.text("sni"),
        subject_alt_names=tls.texts("subjectAltNames"),
        skips_verification=tls.flag("insecureSkipVerify"),
    )
