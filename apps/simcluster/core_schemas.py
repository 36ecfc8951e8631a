"""Statements of the built-in kinds: what is merged by key, what is atomic, what is a struct that is always
there.

Objects here are open: fields that are not stated are kept, their lists are atomic. Kinds whose top level is
closed refuse unknown fields as a real server does. Only what server-side apply and strategic merge need is
stated.
"""

from dataclasses import replace

from apps.simcluster.schema import (
    ANY,
    BOOLEAN,
    OBJECT_META,
    STRING,
    STRING_MAP,
    STRINGS,
    Node,
    Shape,
    keyed,
    kind_schema,
    listing,
    mapping,
    obj,
    whole,
)

ATOMIC_OBJECT = Node(Shape.OBJECT, open=True, atomic=True)
OPEN = obj(open=True)
ALWAYS = replace(OPEN, always=True)
CONDITIONS = keyed(OPEN, "type")
LABEL_SELECTOR = replace(ATOMIC_OBJECT, fields={"matchLabels": STRING_MAP, "matchExpressions": listing(OPEN)})

CONTAINER_PORTS = replace(keyed(OPEN, "containerPort", "protocol"), key_defaults={"protocol": "TCP"})
CONTAINER = obj(
    open=True,
    name=STRING,
    image=STRING,
    args=STRINGS,
    command=STRINGS,
    env=keyed(obj(open=True, name=STRING, value=STRING), "name"),
    envFrom=listing(OPEN),
    ports=CONTAINER_PORTS,
    volumeMounts=keyed(OPEN, "mountPath"),
    volumeDevices=keyed(OPEN, "devicePath"),
    resources=obj(open=True, limits=mapping(ANY), requests=mapping(ANY)),
)
POD_SPEC = obj(
    open=True,
    containers=replace(keyed(CONTAINER, "name"), always=True),
    initContainers=keyed(CONTAINER, "name"),
    ephemeralContainers=keyed(CONTAINER, "name"),
    volumes=keyed(OPEN, "name"),
    imagePullSecrets=keyed(OPEN, "name"),
    hostAliases=keyed(OPEN, "ip"),
    nodeSelector=mapping(STRING, atomic=True),
    topologySpreadConstraints=keyed(OPEN, "topologyKey", "whenUnsatisfiable"),
    tolerations=listing(OPEN),
    readinessGates=listing(OPEN),
    hostNetwork=BOOLEAN,
)
POD_STATUS = obj(
    open=True,
    conditions=CONDITIONS,
    podIPs=keyed(OPEN, "ip"),
    hostIPs=listing(OPEN),
    containerStatuses=listing(OPEN),
)
SERVICE_PORTS = replace(keyed(OPEN, "port", "protocol"), key_defaults={"protocol": "TCP"})
SERVICE_SPEC = obj(
    open=True,
    ports=SERVICE_PORTS,
    selector=mapping(STRING, atomic=True),
    clusterIPs=STRINGS,
    externalIPs=STRINGS,
    ipFamilies=STRINGS,
)
TEMPLATE = replace(
    obj(metadata=replace(OBJECT_META, always=True), spec=replace(POD_SPEC, always=True)), always=True
)
WORKLOAD_SPEC = obj(
    open=True,
    replicas=whole(),
    selector=LABEL_SELECTOR,
    template=TEMPLATE,
    strategy=ALWAYS,
    updateStrategy=ALWAYS,
)
WORKLOAD_STATUS = replace(obj(open=True, conditions=CONDITIONS), always=True)
WORKLOAD = kind_schema(spec=replace(WORKLOAD_SPEC, always=True), status=WORKLOAD_STATUS)
WEBHOOK = obj(
    open=True,
    name=STRING,
    admissionReviewVersions=STRINGS,
    clientConfig=ALWAYS,
    namespaceSelector=LABEL_SELECTOR,
    objectSelector=LABEL_SELECTOR,
    rules=listing(OPEN),
    matchConditions=keyed(OPEN, "name"),
)
RULES = listing(obj(open=True, apiGroups=STRINGS, resources=STRINGS, verbs=STRINGS, resourceNames=STRINGS))
SUBJECTS = listing(OPEN)
GENERIC = replace(kind_schema(spec=ALWAYS, status=ALWAYS), open=True)

SCHEMAS: dict[tuple[str, str], Node] = {
    ("", "ConfigMap"): kind_schema(data=STRING_MAP, binaryData=STRING_MAP, immutable=BOOLEAN),
    ("", "Secret"): kind_schema(data=STRING_MAP, stringData=STRING_MAP, immutable=BOOLEAN, type=STRING),
    ("", "Namespace"): kind_schema(
        spec=replace(obj(finalizers=STRINGS), always=True),
        status=replace(obj(phase=STRING, conditions=CONDITIONS), always=True),
    ),
    ("", "Pod"): kind_schema(spec=replace(POD_SPEC, always=True), status=replace(POD_STATUS, always=True)),
    ("", "Service"): kind_schema(spec=replace(SERVICE_SPEC, always=True), status=ALWAYS),
    ("", "ServiceAccount"): kind_schema(
        secrets=keyed(OPEN, "name"),
        imagePullSecrets=listing(OPEN),
        automountServiceAccountToken=BOOLEAN,
    ),
    ("", "Node"): kind_schema(
        spec=ALWAYS, status=replace(obj(open=True, conditions=CONDITIONS), always=True)
    ),
    ("networking.k8s.io", "NetworkPolicy"): kind_schema(
        spec=obj(
            open=True,
            podSelector=LABEL_SELECTOR,
            policyTypes=listing(STRING),
            egress=listing(OPEN),
            ingress=listing(OPEN),
        )
    ),
    ("", "Endpoints"): kind_schema(subsets=listing(OPEN)),
    ("", "Event"): GENERIC,
    ("apps", "Deployment"): WORKLOAD,
    ("apps", "StatefulSet"): WORKLOAD,
    ("apps", "DaemonSet"): WORKLOAD,
    ("apps", "ReplicaSet"): WORKLOAD,
    ("batch", "Job"): WORKLOAD,
    ("batch", "CronJob"): kind_schema(
        spec=replace(
            obj(
                open=True,
                schedule=STRING,
                suspend=BOOLEAN,
                jobTemplate=replace(
                    obj(metadata=replace(OBJECT_META, always=True), spec=replace(WORKLOAD_SPEC, always=True)),
                    always=True,
                ),
            ),
            always=True,
        ),
        status=ALWAYS,
    ),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): kind_schema(
        webhooks=keyed(WEBHOOK, "name")
    ),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): kind_schema(
        webhooks=keyed(WEBHOOK, "name")
    ),
    ("rbac.authorization.k8s.io", "Role"): kind_schema(rules=RULES),
    ("rbac.authorization.k8s.io", "ClusterRole"): kind_schema(rules=RULES, aggregationRule=OPEN),
    ("rbac.authorization.k8s.io", "RoleBinding"): kind_schema(subjects=SUBJECTS, roleRef=ATOMIC_OBJECT),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): kind_schema(
        subjects=SUBJECTS, roleRef=ATOMIC_OBJECT
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): kind_schema(
        spec=replace(obj(open=True, versions=listing(OPEN)), always=True),
        status=replace(obj(open=True, conditions=CONDITIONS), always=True),
    ),
}


def schema_of(group: str, kind: str) -> Node:
    """The statement of a built-in kind; an open one when there is none."""
    return SCHEMAS.get((group, kind), GENERIC)
