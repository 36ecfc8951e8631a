"""EnvoyFilter. The values of patches are Envoy's own messages, of which only the names of fields are read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from apps.mesh.objects.envoyfilters import EnvoyFilter, EnvoyPatch, PatchMatch
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")
NESTED = frozenset({"route", "typed_config"})
"""The fields of a value in which the names are read too."""


def envoy_filter(fields: Fields, ref: ResourceRef) -> EnvoyFilter:
    spec = fields.child("spec")
    selector = spec.child("workloadSelector").labels("labels") if spec.has("workloadSelector") else None
    return EnvoyFilter(
        **metadata(fields, ref),
        selector=selector,
        targeted=bool(spec.items("targetRefs")),
        patches=tuple(_patch(item) for item in spec.items("configPatches")),
    )


def _patch(item: Fields) -> EnvoyPatch:
    patch = item.child("patch")
    value = patch.child("value")
    address = _child(_child(value, "address"), "socket_address")
    return EnvoyPatch(
        apply_to=item.text("applyTo"),
        operation=patch.text("operation"),
        match=_match(item.child("match")),
        fields=tuple(_fields(value)),
        name=value.text("name"),
        domains=value.texts("domains") if item.text("applyTo") == "VIRTUAL_HOST" else (),
        port=address.number("port_value" if address.has("port_value") else "portValue"),
        given=item.has("patch"),
    )


def _match(match: Fields) -> PatchMatch:
    listener, route = match.child("listener"), match.child("routeConfiguration")
    cluster, chain = match.child("cluster"), listener.child("filterChain")
    host = route.child("vhost")
    ports = [found.number("portNumber") for found in (listener, route, cluster)]
    return PatchMatch(
        context=match.text("context", "ANY"),
        listener=listener.text("name"),
        port=next((port for port in ports if port), None),
        sni=chain.text("sni"),
        network_filter=chain.child("filter").text("name"),
        route=route.text("name"),
        virtual_host=host.text("name"),
        domain=host.text("domainName"),
        cluster=cluster.text("name"),
        service=cluster.text("service"),
        subset=cluster.text("subset"),
    )


def _fields(value: Fields) -> Iterator[str]:
    for given in value.names():
        name = _snake(given)
        if name in NESTED:
            yield from (f"{name}.{_snake(inner)}" for inner in value.child(given).names())
        elif name == "filters":
            yield from (f"filters.{item.text('name')}" for item in value.items(given))
        else:
            yield name


def _child(value: Fields, name: str) -> Fields:
    camel = re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
    return value.child(name if value.has(name) else camel)


def _snake(name: str) -> str:
    return _HUMP.sub(r"_\1", name).lower()
