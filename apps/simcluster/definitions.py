"""Custom resource definitions: from a CRD object to the resource it makes a cluster serve, and Istio's own
ones.

A cluster serves Istio's kinds because its store holds their definitions; a scenario that brings its own
definitions (older versions, fewer kinds) decides by that what is served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from apps.simcluster.istio_schemas import SCHEMAS as ISTIO_SCHEMAS
from apps.simcluster.kinds import CUSTOM_VERBS, Column, Resource, version_order
from apps.simcluster.schema import (
    ANY,
    BOOLEAN,
    INT_OR_STRING,
    NUMBER,
    STRING,
    Check,
    Json,
    Node,
    Shape,
    kind_schema,
)

NETWORKING = "networking.istio.io"
SECURITY = "security.istio.io"
TELEMETRY = "telemetry.istio.io"
EXTENSIONS = "extensions.istio.io"

_AGE = ("Age", "date", ".metadata.creationTimestamp")
_ALL3 = ("v1", "v1beta1", "v1alpha3")
_V1_BETA = ("v1", "v1beta1")

# group, kind, plural, short names, versions, columns besides Age
ISTIO_KINDS: tuple[
    tuple[str, str, str, tuple[str, ...], tuple[str, ...], tuple[tuple[str, str], ...]], ...
] = (
    (
        NETWORKING,
        "VirtualService",
        "virtualservices",
        ("vs",),
        _ALL3,
        (("Gateways", ".spec.gateways"), ("Hosts", ".spec.hosts")),
    ),
    (NETWORKING, "WorkloadEntry", "workloadentries", ("we",), _ALL3, (("Address", ".spec.address"),)),
    (NETWORKING, "Gateway", "gateways", ("gw",), _ALL3, ()),
    (NETWORKING, "WorkloadGroup", "workloadgroups", ("wg",), _ALL3, ()),
    (NETWORKING, "DestinationRule", "destinationrules", ("dr",), _ALL3, (("Host", ".spec.host"),)),
    (NETWORKING, "EnvoyFilter", "envoyfilters", (), ("v1alpha3",), ()),
    (NETWORKING, "ProxyConfig", "proxyconfigs", (), ("v1beta1",), ()),
    (
        NETWORKING,
        "ServiceEntry",
        "serviceentries",
        ("se",),
        _ALL3,
        (("Hosts", ".spec.hosts"), ("Location", ".spec.location"), ("Resolution", ".spec.resolution")),
    ),
    (NETWORKING, "Sidecar", "sidecars", (), _ALL3, ()),
    (
        SECURITY,
        "AuthorizationPolicy",
        "authorizationpolicies",
        ("ap",),
        _V1_BETA,
        (("Action", ".spec.action"),),
    ),
    (
        SECURITY,
        "PeerAuthentication",
        "peerauthentications",
        ("pa",),
        _V1_BETA,
        (("Mode", ".spec.mtls.mode"),),
    ),
    (SECURITY, "RequestAuthentication", "requestauthentications", ("ra",), _V1_BETA, ()),
    (TELEMETRY, "Telemetry", "telemetries", ("telemetry",), ("v1", "v1alpha1"), ()),
    (EXTENSIONS, "WasmPlugin", "wasmplugins", (), ("v1alpha1",), ()),
)


EVERYTHING: Mapping[str, Sequence[str]] = {
    NETWORKING: _ALL3,
    SECURITY: _V1_BETA,
    TELEMETRY: ("v1", "v1alpha1"),
    EXTENSIONS: ("v1alpha1",),
}


def istio_definitions(served: Mapping[str, Sequence[str]] = EVERYTHING) -> list[Json]:
    """The CRD objects of an Istio installation that serves the given versions of each group.

    Kinds with a single version (EnvoyFilter, ProxyConfig) keep it wherever their group is served.
    """
    found = []
    for group, kind, plural, short, versions, columns in ISTIO_KINDS:
        wanted = served.get(group, ())
        kept = versions if wanted and len(versions) == 1 else tuple(v for v in versions if v in wanted)
        if kept:
            found.append(_istio_definition(group, kind, plural, short, kept, columns))
    return found


def _istio_definition(
    group: str,
    kind: str,
    plural: str,
    short: tuple[str, ...],
    versions: tuple[str, ...],
    columns: tuple[tuple[str, str], ...],
) -> Json:
    printed = [{"name": name, "type": "string", "jsonPath": path} for name, path in columns]
    printed.append({"name": _AGE[0], "type": _AGE[1], "jsonPath": _AGE[2]})
    names = {
        "plural": plural,
        "singular": kind.lower(),
        "kind": kind,
        "listKind": f"{kind}List",
        "categories": ["istio-io", f"{group.split('.', maxsplit=1)[0]}-istio-io"],
    }
    if short:
        names["shortNames"] = list(short)
    stored = [
        {
            "name": version,
            "served": True,
            "storage": version == versions[0],
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            "subresources": {"status": {}},
            "additionalPrinterColumns": printed,
        }
        for version in sorted(versions)
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "labels": {"app": "istio-pilot", "chart": "istio", "heritage": "Tiller", "release": "istio"},
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": group,
            "names": names,
            "scope": "Namespaced",
            "versions": stored,
            "conversion": {"strategy": "None"},
        },
    }


def established(definition: Json, timestamp: str) -> Json:
    """The status the server gives an accepted definition."""
    spec = definition["spec"]
    messages = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    conditions = [
        {
            "type": kind,
            "status": "True",
            "lastTransitionTime": timestamp,
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in messages
    ]
    stored = [item["name"] for item in spec.get("versions", []) if item.get("storage")]
    return {"conditions": conditions, "acceptedNames": spec.get("names", {}), "storedVersions": stored}


def resource_of(definition: Json) -> Resource | None:
    """The resource a CRD serves; None when it serves no version."""
    spec = definition.get("spec", {})
    names = spec.get("names", {})
    served = [item for item in spec.get("versions", []) if item.get("served", True)]
    if not served or not names.get("plural") or not names.get("kind"):
        return None
    versions = tuple(sorted((item["name"] for item in served), key=version_order))
    subresources = {name for item in served for name in item.get("subresources", {})}
    return Resource(
        group=spec.get("group", ""),
        versions=versions,
        plural=names["plural"],
        singular=names.get("singular") or names["kind"].lower(),
        kind=names["kind"],
        schema=_schema_of(spec.get("group", ""), names["kind"], served[0]),
        namespaced=spec.get("scope", "Namespaced") == "Namespaced",
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        verbs=CUSTOM_VERBS,
        subresources=tuple(sorted(subresources)),
        custom=True,
        columns={item["name"]: _columns(item) for item in served},
    )


def _columns(version: Json) -> tuple[Column, ...]:
    given = version.get("additionalPrinterColumns") or [
        {"name": _AGE[0], "type": _AGE[1], "jsonPath": _AGE[2]}
    ]
    return tuple(
        Column(
            item["name"],
            item.get("type", "string"),
            item.get("jsonPath", ""),
            item.get("priority", 0),
            item.get("description", ""),
        )
        for item in given
    )


def _schema_of(group: str, kind: str, version: Json) -> Node:
    if group.endswith("istio.io") and kind in ISTIO_SCHEMAS:
        return ISTIO_SCHEMAS[kind]
    stated = version.get("schema", {}).get("openAPIV3Schema", {})
    top = {name: _node(value) for name, value in stated.get("properties", {}).items()}
    for name in ("apiVersion", "kind", "metadata"):
        top.pop(name, None)
    schema = kind_schema(**top)
    is_open = bool(stated.get("x-kubernetes-preserve-unknown-fields")) or not top
    checks = tuple(_check(rule) for rule in stated.get("x-kubernetes-validations") or ())
    return replace(schema, open=is_open, required=tuple(stated.get("required", ())), checks=checks)


_SCALARS = {"string": STRING, "boolean": BOOLEAN, "number": NUMBER, "integer": Node(Shape.INTEGER)}


def _node(stated: Any) -> Node:
    """An OpenAPI schema as a node: types, required, enums, limits, list types, rules and defaults."""
    if not isinstance(stated, dict):
        return ANY
    checks = tuple(_check(rule) for rule in stated.get("x-kubernetes-validations") or ())
    return replace(_bare_node(stated), checks=checks, default=stated.get("default"))


def _check(rule: Json) -> Check:
    return Check(
        str(rule.get("rule", "")),
        str(rule.get("message", "")),
        str(rule.get("messageExpression", "")),
        str(rule.get("reason") or "FieldValueInvalid"),
        str(rule.get("fieldPath", "")),
    )


def _bare_node(stated: Json) -> Node:
    if stated.get("x-kubernetes-int-or-string"):
        return INT_OR_STRING
    kind = stated.get("type")
    if kind == "array":
        keys = tuple(stated.get("x-kubernetes-list-map-keys", ()))
        return Node(
            Shape.LIST,
            item=_node(stated.get("items", {})),
            keys=keys,
            unique=stated.get("x-kubernetes-list-type") == "set",
            min_items=stated.get("minItems"),
            max_items=stated.get("maxItems"),
        )
    if kind == "object" and "additionalProperties" in stated and "properties" not in stated:
        most = stated.get("maxProperties")
        return Node(Shape.MAP, item=_node(stated["additionalProperties"]), max_properties=most)
    if kind == "object":
        fields = {name: _node(value) for name, value in stated.get("properties", {}).items()}
        is_open = bool(stated.get("x-kubernetes-preserve-unknown-fields")) or not fields
        return Node(Shape.OBJECT, fields=fields, open=is_open, required=tuple(stated.get("required", ())))
    scalar = _SCALARS.get(str(kind), ANY)
    return replace(
        scalar,
        enum=tuple(stated.get("enum", ())),
        max_length=stated.get("maxLength"),
        min_length=stated.get("minLength"),
        pattern=str(stated.get("pattern", "")),
        format=str(stated.get("format", "")),
        minimum=stated.get("minimum"),
        maximum=stated.get("maximum"),
    )
