"""Control planes, revisions, tags, and the merge of MeshConfig."""

from __future__ import annotations

from typing import Any

import pytest

from apps.mesh.meshconfig import control_plane_for, control_planes, merge
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Gap, Snapshot

OWN = ResourceRef("ConfigMap", "istio-system", "istio")
SHARED = ResourceRef("ConfigMap", "istio-system", "shared")


def config_map(name: str, mesh: str, namespace: str = "istio-system") -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"mesh": mesh}}


def webhook(name: str, revision: str, tag: str = "") -> dict[str, Any]:
    labels = {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name, "labels": labels},
        "webhooks": [],
    }


@pytest.mark.parametrize(
    ("text", "mode", "line"),
    [
        ("", "ALLOW_ANY", 0),
        ("trustDomain: x\n", "ALLOW_ANY", 0),
        ("trustDomain: x\noutboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n", "REGISTRY_ONLY", 3),
        ("outboundTrafficPolicy: {}\n", "REGISTRY_ONLY", 1),
        ("outboundTrafficPolicy:\n", "ALLOW_ANY", 0),
        ("outboundTrafficPolicy: null\n", "ALLOW_ANY", 0),
        ("outbound_traffic_policy: {mode: REGISTRY_ONLY}\n", "REGISTRY_ONLY", 1),
        ("outboundTrafficPolicy: {mode: 0}\n", "REGISTRY_ONLY", 1),
        ("outboundTrafficPolicy: {mode: 1}\n", "ALLOW_ANY", 1),
        ("outboundTrafficPolicy: {mode: 3}\n", "ALLOW_ANY_DYNAMIC_DNS", 1),
        ("outboundTrafficPolicy: {mode: null}\n", "REGISTRY_ONLY", 1),
        ("outboundTrafficPolicy: {mode: ALLOW_ANY, of: tomorrow}\nsoon: {x: 1}\n", "ALLOW_ANY", 1),
        ("outboundTrafficPolicy: {mode: REGISTRY_ONLY}\noutbound_traffic_policy: {}\n", "REGISTRY_ONLY", 1),
        ("outbound_traffic_policy: {mode: ALLOW_ANY}\noutboundTrafficPolicy: {}\n", "REGISTRY_ONLY", 2),
        ("outboundTrafficPolicy: {}\noutboundTrafficPolicy: {mode: ALLOW_ANY}\n", "ALLOW_ANY", 2),
        ("outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}\n", "ALLOW_ANY_DYNAMIC_DNS", 1),
    ],
)
def test_the_outbound_policy_is_read_as_istiod_reads_it(text: str, mode: str, line: int) -> None:
    config = merge([(OWN, text)])
    assert config.outbound is not None
    assert config.outbound.mode == mode
    assert config.policy_line == line
    assert (config.policy_ref == OWN) is (line > 0)


def test_a_later_layer_replaces_whole_fields_and_keeps_the_others() -> None:
    config = merge(
        [
            (
                SHARED,
                "rootNamespace: mesh\noutboundTrafficPolicy: {mode: ALLOW_ANY}\ndefaultServiceExportTo: [.]",
            ),
            (OWN, "outboundTrafficPolicy: {}\n"),
        ]
    )
    assert config.outbound is not None
    assert config.outbound.mode == "REGISTRY_ONLY"
    assert not config.outbound.mode_given
    assert config.policy_ref == OWN
    assert config.root_namespace == "mesh"
    assert config.service_export_to == (".",)
    assert config.virtual_service_export_to == ("*",)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (
            "outboundTrafficPolicy: {mode: registry_only}",
            "outboundTrafficPolicy.mode is none of REGISTRY_ONLY",
        ),
        ("outboundTrafficPolicy: {mode: '0'}", "outboundTrafficPolicy.mode"),
        ("outboundTrafficPolicy: REGISTRY_ONLY", "outboundTrafficPolicy is not a mapping"),
        ("enableAutoMtls: 'true'", "enableAutoMtls is not true or false"),
        ("connectTimeout: 10", "connectTimeout is not a duration"),
        ("ingressControllerMode: OFF", "ingressControllerMode"),
        ("trustDomain: 1", "trustDomain is not a text"),
        ("proxyListenPort: all", "proxyListenPort is not a whole number"),
        ("discoverySelectors: {matchLabels: {a: b}}", "discoverySelectors is not a list"),
        ("defaultServiceExportTo: [1]", "defaultServiceExportTo[0] is not a text"),
        (
            "default_config: {proxy_metadata: {ISTIO_META_DNS_CAPTURE: true}}",
            "defaultConfig.proxyMetadata.ISTIO_META_DNS_CAPTURE is not a text",
        ),
    ],
)
def test_one_value_of_the_wrong_type_makes_istiod_refuse_the_text(text: str, field: str) -> None:
    config = merge([(OWN, f"rootNamespace: mesh\n{text}\n")])
    assert config.outbound is None
    assert "istiod refuses ConfigMap istio-system/istio" in config.unread[0]
    assert field in config.unread[0]
    assert config.root_namespace == "mesh"


@pytest.mark.parametrize(
    "text",
    [
        "enableAutoMtls: true",
        "connectTimeout: 1m30s",
        "proxyListenPort: '15001'",
        "defaultConfig: {concurrency: 2, holdApplicationUntilProxyStarts: null}",
        "accessLogEncoding: 1",
        "meshMTLS: {minProtocolVersion: TLSV1_3}",
        "pathNormalization: {normalization: MERGE_SLASHES}",
    ],
)
def test_what_protos_json_takes_is_taken(text: str) -> None:
    config = merge([(OWN, text)])
    assert config.unread == ()
    assert config.outbound is not None


def test_the_default_proxy_configuration_is_merged_setting_by_setting() -> None:
    shared = "defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}}"
    assert merge([(SHARED, shared), (OWN, "defaultConfig: {concurrency: 2}")]).dns_capture
    own = "defaultConfig: {proxyMetadata: {OTHER: x}}"
    assert merge([(SHARED, shared), (OWN, own)]).dns_capture
    off = "defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: '0'}}"
    assert not merge([(SHARED, shared), (OWN, off)]).dns_capture
    # istiod looks for the name of proto's JSON alone when it merges.
    assert not merge([(OWN, shared.replace("defaultConfig", "default_config"))]).dns_capture


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("TRUE", True), ("1", True), ("yes", False)])
def test_dns_capture_is_read_as_go_reads_it(value: str, expected: bool) -> None:
    config = merge([(OWN, f"defaultConfig: {{proxyMetadata: {{ISTIO_META_DNS_CAPTURE: '{value}'}}}}")])
    assert config.dns_capture is expected


def test_a_visibility_rule_of_an_unknown_kind_matches_nothing() -> None:
    policy = "serviceEntryVisibility: {policies: [{visibility: NONE, matchingRules: [%s]}]}"
    assert merge([(OWN, policy % "{hostnameSuffix: x}")]).entry_policies == ()
    assert len(merge([(OWN, policy % "{namespaceSelector: {}}")]).entry_policies) == 1
    assert len(merge([(OWN, policy % "")]).entry_policies) == 1


@pytest.mark.parametrize("text", ["a: [", "just text", "- a\n- b\n", "a: &a [*a]"])
def test_a_text_that_is_no_mesh_config_makes_the_policy_unknown(text: str) -> None:
    config = merge([(OWN, text)])
    assert config.outbound is None
    assert "ConfigMap istio-system/istio" in config.unread[0]


def test_revisions_and_all_their_tags_are_found() -> None:
    snapshot = Snapshot.from_manifests(
        [
            config_map("istio", "rootNamespace: istio-system"),
            config_map("istio-1-28", "rootNamespace: root28"),
            config_map("istio-ca-root-cert", "", "shop") | {"data": {"root-cert.pem": "x"}},
            webhook("istio-revision-tag-prod", "1-28", "prod"),
            webhook("istio-revision-tag-stable", "1-28", "stable"),
        ]
    )
    assert [(plane.revision, plane.tags) for plane in control_planes(snapshot)] == [
        ("1-28", ("prod", "stable")),
        ("default", ()),
    ]
    for name in ("1-28", "prod", "stable"):
        found = control_plane_for(snapshot, name, "shop")
        assert found is not None
        assert found.config.root_namespace == "root28"
    assert control_plane_for(snapshot, "", "shop") is control_planes(snapshot)[1]
    assert control_plane_for(snapshot, "canary", "shop") is None


def istiod(version: str, **environment: str) -> dict[str, Any]:
    env = [{"name": name, "value": value} for name, value in environment.items()]
    container = {"name": "discovery", "image": f"istio/pilot:{version}", "env": env}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": {"app": "istiod"}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


def test_a_revision_goes_before_a_tag_of_the_same_name() -> None:
    maps = [config_map("istio", "rootNamespace: one"), config_map("istio-1-28", "rootNamespace: two")]
    tags = [webhook("istio-revision-tag-default", "1-28", "default")]
    found = control_plane_for(Snapshot.from_manifests([*maps, *tags]), "default", "shop")
    assert found is not None
    assert found.revision == "default"
    alone = control_plane_for(Snapshot.from_manifests([*maps[1:], *tags]), "", "shop")
    assert alone is not None
    assert alone.revision == "1-28"


def test_the_shared_mesh_config_is_no_control_plane_of_its_own() -> None:
    shared = config_map("istio-shared", "trustDomain: shared\nrootNamespace: shared")
    own = config_map("istio", "rootNamespace: own")
    (plane,) = control_planes(
        Snapshot.from_manifests([shared, own, istiod("1.31.0", SHARED_MESH_CONFIG="istio-shared")])
    )
    assert (plane.config.trust_domain, plane.config.root_namespace) == ("shared", "own")


def test_a_control_planes_own_mesh_config_may_be_shared_with_another() -> None:
    own, canary = config_map("istio", "rootNamespace: own"), istiod("1.31.0", SHARED_MESH_CONFIG="istio")
    canary["metadata"] |= {"name": "istiod-canary", "labels": {"app": "istiod", "istio.io/rev": "canary"}}
    planes = control_planes(Snapshot.from_manifests([own, istiod("1.30.0"), canary]))
    assert [(plane.revision, plane.config.root_namespace) for plane in planes] == [
        ("canary", "own"),
        ("default", "own"),
    ]


def test_an_older_istio_passes_over_what_it_does_not_know() -> None:
    visibility = config_map("istio", "serviceEntryVisibility: {applyToSidecars: true}")
    (old,) = control_planes(Snapshot.from_manifests([visibility, istiod("1.30.2")]))
    (new,) = control_planes(Snapshot.from_manifests([visibility, istiod("1.31.0")]))
    assert (old.config.entry_cap_applies, new.config.entry_cap_applies) == (False, True)
    policy = config_map("istio", "outboundTrafficPolicy: {mode: ALLOW_ANY_DYNAMIC_DNS}")
    (refusing,) = control_planes(Snapshot.from_manifests([policy, istiod("1.30.2")]))
    assert refusing.config.outbound is None
    assert "does not know ALLOW_ANY_DYNAMIC_DNS" in refusing.config.unread[0]


def test_of_two_meshes_with_one_revision_the_one_that_discovers_the_namespace_counts() -> None:
    selectors = "discoverySelectors:\n- matchLabels: {mesh: %s}\n"
    snapshot = Snapshot.from_manifests(
        [
            config_map("istio", selectors % "one", "mesh-one"),
            config_map("istio", selectors % "two", "mesh-two"),
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "shop", "labels": {"mesh": "two"}},
            },
        ]
    )
    found = control_plane_for(snapshot, "default", "shop")
    assert found is not None
    assert found.namespace == "mesh-two"


def test_a_forbidden_config_map_is_unknown_and_an_absent_one_is_the_default() -> None:
    container = {"name": "discovery", "image": "h:5000/pilot:1.27.3-distroless"}
    istiod = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": {"app": "istiod"}},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    (absent,) = control_planes(Snapshot.from_manifests([istiod]))
    assert absent.version == "1.27.3"
    assert absent.config.outbound is not None
    assert absent.config.policy_ref is None
    gap = Gap("ConfigMap", "istio-system", "forbidden")
    (hidden,) = control_planes(Snapshot.from_manifests([istiod], gaps=[gap]))
    assert hidden.config.outbound is None
    assert "forbidden" in hidden.config.unread[0]
