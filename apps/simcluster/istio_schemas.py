"""Statements of Istio's kinds: fields, enums, limits, list types and rules.

One schema serves all versions of a kind. In Istio's definitions every list is atomic except
`ServiceEntry.spec.ports` (keyed by `name`). The kinds the console writes (ServiceEntry, Sidecar,
PeerAuthentication) are stated in full; of the others the first levels are, and what is below them is taken as
it comes (objects merge by field, lists are atomic, as in the real ones).
"""

from dataclasses import replace

from apps.simcluster import istio_checks as rule
from apps.simcluster.schema import (
    BOOLEAN,
    DATE_TIME,
    INT_OR_STRING,
    STRING,
    STRING_MAP,
    STRINGS,
    UINT32,
    Node,
    choice,
    keyed,
    kind_schema,
    listing,
    mapping,
    obj,
    text,
    whole,
)

PORT_NUMBER = whole(rule.PORT_RANGE, low=0, high=4294967295)
WORKLOAD_SELECTOR = obj(labels=mapping(text(rule.NO_WILDCARD_LABEL, limit=63), high=256))
MATCH_LABELS = obj(matchLabels=mapping(text(rule.NO_WILDCARD_LABEL, limit=63)))
TARGET_REF = obj(group=STRING, kind=STRING, name=STRING, namespace=STRING)
DURATION = text(rule.DURATION)
PORT = obj(number=UINT32, protocol=text(limit=256), name=text(limit=256), targetPort=UINT32)

STATUS = obj(
    open=True,
    conditions=listing(
        obj(
            lastProbeTime=DATE_TIME,
            lastTransitionTime=DATE_TIME,
            message=STRING,
            observedGeneration=INT_OR_STRING,
            reason=STRING,
            status=STRING,
            type=STRING,
        )
    ),
    observedGeneration=INT_OR_STRING,
    validationMessages=listing(
        obj(
            documentationUrl=STRING,
            level=choice("UNKNOWN", "ERROR", "WARNING", "INFO"),
            type=obj(code=STRING, name=STRING),
        )
    ),
)

ENDPOINT = obj(
    rule.ENDPOINT_ADDRESS,
    rule.UDS_WITHOUT_PORTS,
    address=text(rule.UDS_ABSOLUTE, rule.UDS_FILE, limit=256),
    labels=mapping(STRING, high=256),
    locality=text(limit=2048),
    network=text(limit=2048),
    ports=mapping(PORT_NUMBER, rule.PORT_NAMES, high=128),
    serviceAccount=text(limit=253),
    weight=UINT32,
)

SERVICE_ENTRY = obj(
    rule.SELECTOR_OR_ENDPOINTS,
    rule.CIDR_RESOLUTION,
    rule.NONE_WITHOUT_ENDPOINTS,
    rule.ROUND_ROBIN_SINGLE,
    required=("hosts",),
    addresses=listing(text(limit=64), high=256),
    endpoints=listing(ENDPOINT, high=4096),
    exportTo=STRINGS,
    hosts=listing(text(rule.NO_WILDCARD_HOST), low=1, high=256),
    location=choice("MESH_EXTERNAL", "MESH_INTERNAL"),
    ports=keyed(
        obj(
            required=("number", "name"),
            name=text(limit=256),
            number=PORT_NUMBER,
            protocol=text(limit=256),
            targetPort=PORT_NUMBER,
        ),
        "name",
        checks=(rule.DISTINCT_PORT_NUMBERS,),
        high=256,
    ),
    resolution=choice("NONE", "STATIC", "DNS", "DNS_ROUND_ROBIN", "DYNAMIC_DNS"),
    subjectAltNames=STRINGS,
    workloadSelector=WORKLOAD_SELECTOR,
)

CAPTURE_MODE = choice("DEFAULT", "IPTABLES", "NONE")
CONNECTION_POOL = obj(
    tcp=obj(
        open=True,
        maxConnections=whole(),
        connectTimeout=DURATION,
        idleTimeout=DURATION,
        maxConnectionDuration=DURATION,
    ),
    http=obj(open=True, idleTimeout=DURATION),
)
SERVER_TLS = obj(
    rule.at_most_one(
        "only one of credentialName or credentialNames can be set", "credentialName", "credentialNames"
    ),
    open=True,
    mode=choice("PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"),
    credentialName=STRING,
    credentialNames=STRINGS,
    httpsRedirect=BOOLEAN,
)
SIDECAR = obj(
    egress=listing(obj(required=("hosts",), bind=STRING, captureMode=CAPTURE_MODE, hosts=STRINGS, port=PORT)),
    inboundConnectionPool=CONNECTION_POOL,
    ingress=listing(
        obj(
            required=("port",),
            bind=STRING,
            captureMode=CAPTURE_MODE,
            connectionPool=CONNECTION_POOL,
            defaultEndpoint=STRING,
            port=PORT,
            tls=SERVER_TLS,
        )
    ),
    outboundTrafficPolicy=obj(
        egressProxy=obj(required=("host",), host=STRING, port=obj(number=UINT32), subset=STRING),
        mode=choice("REGISTRY_ONLY", "ALLOW_ANY"),
    ),
    workloadSelector=WORKLOAD_SELECTOR,
)

MTLS = obj(mode=choice("UNSET", "DISABLE", "PERMISSIVE", "STRICT"))
PEER_AUTHENTICATION = obj(
    rule.PORT_LEVEL_NEEDS_SELECTOR,
    mtls=MTLS,
    portLevelMtls=mapping(MTLS, rule.PORT_KEYS),
    selector=MATCH_LABELS,
)
ANYTHING = obj(open=True)
OBJECTS = listing(ANYTHING)

VIRTUAL_SERVICE = obj(
    exportTo=STRINGS, gateways=STRINGS, hosts=STRINGS, http=OBJECTS, tcp=OBJECTS, tls=OBJECTS
)
DESTINATION_RULE = obj(
    required=("host",),
    exportTo=STRINGS,
    host=STRING,
    subsets=listing(obj(required=("name",), name=STRING, labels=STRING_MAP, trafficPolicy=ANYTHING)),
    trafficPolicy=ANYTHING,
    workloadSelector=MATCH_LABELS,
)
GATEWAY = obj(selector=STRING_MAP, servers=OBJECTS)
AUTHORIZATION_POLICY = obj(
    action=choice("ALLOW", "DENY", "AUDIT", "CUSTOM"),
    provider=obj(name=STRING),
    rules=OBJECTS,
    selector=MATCH_LABELS,
    targetRef=TARGET_REF,
    targetRefs=listing(TARGET_REF, high=16),
)
REQUEST_AUTHENTICATION = obj(
    jwtRules=OBJECTS, selector=MATCH_LABELS, targetRef=TARGET_REF, targetRefs=listing(TARGET_REF, high=16)
)


def _istio(spec: Node, *, spec_required: bool = False) -> Node:
    schema = kind_schema(spec=spec, status=STATUS)
    return replace(schema, required=("spec",)) if spec_required else schema


SCHEMAS: dict[str, Node] = {
    "ServiceEntry": _istio(SERVICE_ENTRY, spec_required=True),
    "Sidecar": _istio(SIDECAR),
    "PeerAuthentication": _istio(PEER_AUTHENTICATION),
    "VirtualService": _istio(VIRTUAL_SERVICE),
    "DestinationRule": _istio(DESTINATION_RULE),
    "Gateway": _istio(GATEWAY),
    "AuthorizationPolicy": _istio(AUTHORIZATION_POLICY),
    "RequestAuthentication": _istio(REQUEST_AUTHENTICATION),
    "WorkloadEntry": _istio(ENDPOINT, spec_required=True),
    "WorkloadGroup": _istio(ANYTHING),
    "EnvoyFilter": _istio(
        obj(
            configPatches=OBJECTS,
            priority=whole(),
            targetRefs=listing(TARGET_REF),
            workloadSelector=WORKLOAD_SELECTOR,
        )
    ),
    "ProxyConfig": _istio(
        obj(concurrency=whole(), environmentVariables=STRING_MAP, image=ANYTHING, selector=MATCH_LABELS)
    ),
    "Telemetry": _istio(ANYTHING),
    "WasmPlugin": _istio(ANYTHING),
}
