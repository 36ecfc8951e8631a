"""The statement of a pod's spec and its containers, and how fields are stated in bulk."""

from collections.abc import Mapping
from dataclasses import replace

from apps.simcluster.schema import (
    ANY,
    BOOLEAN,
    STRING,
    STRINGS,
    Node,
    Shape,
    keyed,
    listing,
    mapping,
    obj,
    whole,
)

OPEN = obj(open=True)
ALWAYS = replace(OPEN, always=True)
ATOMIC_OBJECT = Node(Shape.OBJECT, open=True, atomic=True)


def _each(names: str, node: Node) -> dict[str, Node]:
    return dict.fromkeys(names.split(), node)


def texts(names: str) -> dict[str, Node]:
    """Fields that hold text; names are separated by blanks."""
    return _each(names, STRING)


def numbers(names: str) -> dict[str, Node]:
    return _each(names, whole())


def anything(names: str) -> dict[str, Node]:
    """Fields that are known, and what is below them is not."""
    return _each(names, ANY)


def _switches(names: str) -> dict[str, Node]:
    return _each(names, BOOLEAN)


def struct(*groups: Mapping[str, Node], **fields: Node) -> Node:
    """A closed object of fields stated in bulk and singly."""
    stated = {name: node for group in (*groups, fields) for name, node in group.items()}
    return Node(Shape.OBJECT, fields=stated)


ENVIRONMENT = obj(name=STRING, value=STRING, valueFrom=OPEN)
CONTAINER_PORT = obj(containerPort=whole(), hostIP=STRING, hostPort=whole(), name=STRING, protocol=STRING)
CONTAINER_PORTS = replace(
    keyed(CONTAINER_PORT, "containerPort", "protocol"), key_defaults={"protocol": "TCP"}
)
CONTAINER = struct(
    texts(
        "image imagePullPolicy name restartPolicy targetContainerName terminationMessagePath "
        "terminationMessagePolicy workingDir"
    ),
    _switches("stdin stdinOnce tty"),
    _each("lifecycle livenessProbe readinessProbe securityContext startupProbe", OPEN),
    args=STRINGS,
    command=STRINGS,
    env=keyed(ENVIRONMENT, "name"),
    envFrom=listing(OPEN),
    ports=CONTAINER_PORTS,
    resizePolicy=listing(OPEN),
    resources=obj(open=True, limits=mapping(ANY), requests=mapping(ANY)),
    restartPolicyRules=listing(OPEN),
    volumeDevices=keyed(OPEN, "devicePath"),
    volumeMounts=keyed(OPEN, "mountPath"),
)
POD_SPEC = struct(
    texts(
        "dnsPolicy hostname hostnameOverride nodeName preemptionPolicy priorityClassName restartPolicy "
        "runtimeClassName schedulerName serviceAccount serviceAccountName subdomain"
    ),
    numbers("activeDeadlineSeconds priority terminationGracePeriodSeconds"),
    _switches(
        "automountServiceAccountToken enableServiceLinks hostIPC hostNetwork hostPID hostUsers "
        "setHostnameAsFQDN shareProcessNamespace"
    ),
    _each("affinity dnsConfig os resources securityContext schedulingGroup workloadRef", OPEN),
    containers=replace(keyed(CONTAINER, "name"), always=True),
    initContainers=keyed(CONTAINER, "name"),
    ephemeralContainers=keyed(CONTAINER, "name"),
    hostAliases=keyed(OPEN, "ip"),
    imagePullSecrets=keyed(OPEN, "name"),
    nodeSelector=mapping(STRING, atomic=True),
    overhead=mapping(ANY),
    readinessGates=listing(OPEN),
    resourceClaims=keyed(OPEN, "name"),
    schedulingGates=keyed(OPEN, "name"),
    tolerations=listing(OPEN),
    topologySpreadConstraints=keyed(OPEN, "topologyKey", "whenUnsatisfiable"),
    volumes=keyed(OPEN, "name"),
)
