"""Statements of the built-in kinds: what is merged by key, what is atomic, what is a struct that is always
there.

What runs pods is stated down to its containers, and refuses unknown fields as a real server does. Other
objects are open: fields that are not stated are kept, their lists are atomic.
"""

from collections.abc import Mapping
from dataclasses import replace

from apps.simcluster.pod_schemas import (
    ALWAYS,
    ATOMIC_OBJECT,
    OPEN,
    POD_SPEC,
    anything,
    numbers,
    struct,
    texts,
)
from apps.simcluster.schema import (
    BOOLEAN,
    INT_OR_STRING,
    OBJECT_META,
    STRING,
    STRING_MAP,
    STRINGS,
    Node,
    keyed,
    kind_schema,
    listing,
    mapping,
    obj,
    unique,
    whole,
)

CONDITIONS = keyed(OPEN, "type")
LABEL_SELECTOR = replace(ATOMIC_OBJECT, fields={"matchLabels": STRING_MAP, "matchExpressions": listing(OPEN)})

POD_STATUS = obj(
    open=True,
    conditions=CONDITIONS,
    podIPs=keyed(OPEN, "ip"),
    hostIPs=listing(OPEN),
    containerStatuses=listing(OPEN),
)
SERVICE_PORTS = replace(keyed(OPEN, "port", "protocol"), key_defaults={"protocol": "TCP"})
SERVICE_SPEC = struct(
    anything("healthCheckNodePort sessionAffinityConfig"),
    texts(
        "clusterIP externalName externalTrafficPolicy internalTrafficPolicy ipFamilyPolicy loadBalancerClass "
        "loadBalancerIP sessionAffinity trafficDistribution type"
    ),
    allocateLoadBalancerNodePorts=BOOLEAN,
    clusterIPs=STRINGS,
    externalIPs=STRINGS,
    ipFamilies=STRINGS,
    loadBalancerSourceRanges=STRINGS,
    ports=SERVICE_PORTS,
    publishNotReadyAddresses=BOOLEAN,
    selector=mapping(STRING, atomic=True),
)
TEMPLATE = replace(
    obj(metadata=replace(OBJECT_META, always=True), spec=replace(POD_SPEC, always=True)), always=True
)


def _workload(*groups: Mapping[str, Node], **fields: Node) -> Node:
    """The spec of a kind that runs pods from a template."""
    common = {"selector": LABEL_SELECTOR, "template": TEMPLATE, "minReadySeconds": whole()}
    return replace(struct(common, *groups, **fields), always=True)


def _strategy(numbers_or_shares: str) -> Node:
    """How pods are replaced."""
    rolling = struct(dict.fromkeys(numbers_or_shares.split(), INT_OR_STRING))
    return replace(obj(type=STRING, rollingUpdate=rolling), always=True)


DEPLOYMENT_SPEC = _workload(
    numbers("progressDeadlineSeconds replicas revisionHistoryLimit"),
    paused=BOOLEAN,
    strategy=_strategy("maxSurge maxUnavailable"),
)
STATEFUL_SET_SPEC = _workload(
    numbers("replicas revisionHistoryLimit"),
    texts("podManagementPolicy serviceName"),
    anything("ordinals persistentVolumeClaimRetentionPolicy"),
    updateStrategy=_strategy("maxUnavailable partition"),
    volumeClaimTemplates=listing(OPEN),
)
DAEMON_SET_SPEC = _workload(revisionHistoryLimit=whole(), updateStrategy=_strategy("maxSurge maxUnavailable"))
REPLICA_SET_SPEC = _workload(replicas=whole())
JOB_SPEC = _workload(
    numbers(
        "activeDeadlineSeconds backoffLimit backoffLimitPerIndex completions maxFailedIndexes parallelism "
        "ttlSecondsAfterFinished"
    ),
    texts("completionMode managedBy podReplacementPolicy"),
    anything("podFailurePolicy successPolicy"),
    manualSelector=BOOLEAN,
    suspend=BOOLEAN,
)
CRON_JOB_SPEC = struct(
    numbers("failedJobsHistoryLimit startingDeadlineSeconds successfulJobsHistoryLimit"),
    texts("concurrencyPolicy schedule timeZone"),
    jobTemplate=replace(obj(metadata=replace(OBJECT_META, always=True), spec=JOB_SPEC), always=True),
    suspend=BOOLEAN,
)
WORKLOAD_STATUS = replace(obj(open=True, conditions=CONDITIONS), always=True)
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
MATCH_RESOURCES = obj(
    open=True,
    namespaceSelector=LABEL_SELECTOR,
    objectSelector=LABEL_SELECTOR,
    resourceRules=listing(OPEN),
    excludeResourceRules=listing(OPEN),
    matchPolicy=STRING,
)
POLICY_SPEC = obj(
    open=True,
    failurePolicy=STRING,
    matchConstraints=MATCH_RESOURCES,
    matchConditions=keyed(OPEN, "name"),
    validations=listing(OPEN),
    variables=keyed(OPEN, "name"),
    auditAnnotations=listing(OPEN),
    paramKind=ATOMIC_OBJECT,
)
BINDING_SPEC = obj(
    open=True,
    policyName=STRING,
    paramRef=ATOMIC_OBJECT,
    matchResources=MATCH_RESOURCES,
    validationActions=unique(STRING),
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
    ("discovery.k8s.io", "EndpointSlice"): kind_schema(
        addressType=STRING, endpoints=listing(OPEN), ports=listing(OPEN)
    ),
    ("", "Event"): GENERIC,
    ("apps", "Deployment"): kind_schema(spec=DEPLOYMENT_SPEC, status=WORKLOAD_STATUS),
    ("apps", "StatefulSet"): kind_schema(spec=STATEFUL_SET_SPEC, status=WORKLOAD_STATUS),
    ("apps", "DaemonSet"): kind_schema(spec=DAEMON_SET_SPEC, status=WORKLOAD_STATUS),
    ("apps", "ReplicaSet"): kind_schema(spec=REPLICA_SET_SPEC, status=WORKLOAD_STATUS),
    ("batch", "Job"): kind_schema(spec=JOB_SPEC, status=WORKLOAD_STATUS),
    ("batch", "CronJob"): kind_schema(spec=replace(CRON_JOB_SPEC, always=True), status=ALWAYS),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"): kind_schema(
        webhooks=keyed(WEBHOOK, "name")
    ),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"): kind_schema(
        webhooks=keyed(WEBHOOK, "name")
    ),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"): kind_schema(
        spec=replace(POLICY_SPEC, always=True),
        status=replace(obj(open=True, conditions=CONDITIONS), always=True),
    ),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"): kind_schema(
        spec=replace(BINDING_SPEC, always=True)
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
