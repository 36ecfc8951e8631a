"""Which hosts the mesh knows and who sees them; and that the index finds what a scan finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from apps.mesh.hosts import subset_of
from apps.mesh.hostsets import speedscale
from apps.mesh.knownhosts import KnownHosts
from apps.mesh.parsing.files import load_text
from apps.mesh.planes import namespace_planes
from apps.mesh.rules.base import RuleContext
from apps.mesh.snapshot import Gap, Snapshot

HOSTS = st.builds(
    lambda star, parts: star + ".".join(parts),
    st.sampled_from(["", "*.", "*-a."]),
    st.lists(st.sampled_from(["a", "b", "x-a", "com"]), min_size=1, max_size=4),
)
MESH = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled, istio.io/rev: canary}}
---
apiVersion: v1
kind: Namespace
metadata: {name: pay, labels: {istio.io/rev: canary}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "trustDomain: one"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-canary, namespace: istio-system}
data: {mesh: "{trustDomain: two, enableAutoMtls: false, extensionProviders: [{name: opa}]}"}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80, name: http}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: own, namespace: shop}
spec:
  hosts: [api.x.com, "*.y.com"]
  exportTo: [.]
  ports: [{number: 443, name: t, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {}
"""


KUBE_SYSTEM = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}


def laid(*gaps: Gap) -> Snapshot:
    return Snapshot.from_manifests([*load_text(MESH).manifests, KUBE_SYSTEM], gaps=gaps)


def test_a_short_name_is_a_service_of_the_namespace() -> None:
    hosts = laid().derived(KnownHosts)
    assert hosts.known("web", "shop")
    assert not hosts.known("web", "pay")
    assert hosts.known("web.shop.svc.cluster.local", "pay")
    assert not hosts.known("web.shop", "shop"), "a name with a dot is taken as it is"


def test_a_wildcard_holds_the_names_below_it_and_not_its_own() -> None:
    hosts = laid().derived(KnownHosts)
    assert hosts.known("a.y.com", "shop")
    assert hosts.known("b.a.y.com", "shop")
    assert hosts.known("*.a.y.com", "shop")
    assert not hosts.known("y.com", "shop")
    assert not hosts.known("evily.com", "shop")
    assert hosts.known("*.com", "shop"), "something below it is known"
    assert not hosts.known("*.org", "shop")
    assert hosts.known("*", "shop")
    assert hosts.known("10.1.1.1", "shop")


def test_what_is_not_exported_is_hidden_elsewhere() -> None:
    hosts = laid().derived(KnownHosts)
    assert not hosts.known("api.x.com", "pay")
    assert [service.namespace for service in hosts.hidden("api.x.com", "pay")] == ["shop"]
    assert hosts.hidden("api.x.com", "shop") == ()


def test_what_could_not_be_read_is_said() -> None:
    hosts = laid(Gap("ServiceEntry", "", "forbidden")).derived(KnownHosts)
    assert hosts.gap("api.z.com", "shop") is not None
    assert laid().derived(KnownHosts).gap("api.z.com", "shop") is None


def test_a_directory_of_manifests_knows_only_the_services_of_namespaces_it_holds_some_of() -> None:
    hosts = Snapshot.from_manifests(load_text(MESH).manifests).derived(KnownHosts)
    assert hosts.gap("wbe", "shop") is None, "web is there, so wbe is a mistake"
    assert hosts.gap("api.elsewhere.svc.cluster.local", "shop") is not None
    assert hosts.gap("api.z.com", "shop") is not None


def test_the_revision_of_a_namespace_chooses_its_control_plane() -> None:
    planes = laid().derived(namespace_planes)
    assert planes.of("pay").config.trust_domain == "two"
    assert not planes.of("pay").config.auto_mtls
    assert planes.of("pay").config.extension_providers == ("opa",)
    assert planes.of("shop").config.trust_domain == "one", "istio-injection comes before istio.io/rev"
    assert planes.of("elsewhere").config.auto_mtls
    nothing = Snapshot.from_manifests([]).derived(namespace_planes).of("shop").config
    assert nothing.unread
    assert nothing.trust_domain == "cluster.local"


def test_a_rule_asks_through_its_context() -> None:
    context = RuleContext(laid(), speedscale())
    assert context.gateway_exists("edge", "shop")
    assert context.gateway_exists("mesh", "shop")
    assert context.gateway_exists("edge", "pay") is False
    assert context.gateway_exists("shop/edge", "pay")
    assert context.namespace_exists("shop")
    assert context.namespace_exists("gone") is False
    assert context.mesh_config("pay").trust_domain == "two"
    assert context.hosts.known("web", "shop")
    partial = RuleContext(Snapshot.from_manifests(load_text(MESH).manifests), speedscale())
    assert partial.gateway_exists("other", "shop") is False, "the namespace's other Gateway is there"
    assert partial.gateway_exists("edge", "pay") is None
    unread = RuleContext(laid(Gap("Gateway", "", "no"), Gap("Namespace", "", "no")), speedscale())
    assert unread.gateway_exists("other", "shop") is None
    assert unread.namespace_exists("gone") is None


@given(st.lists(HOSTS, min_size=1, max_size=6, unique=True), HOSTS)
def test_the_index_finds_what_comparing_every_host_finds(entries: list[str], asked: str) -> None:
    manifests = [
        {
            "apiVersion": "networking.istio.io/v1",
            "kind": "ServiceEntry",
            "metadata": {"name": f"e{number}", "namespace": "n"},
            "spec": {"hosts": [host], "ports": [{"number": 443, "name": "t", "protocol": "TLS"}]},
        }
        for number, host in enumerate(entries)
    ]
    hosts = Snapshot.from_manifests(manifests).derived(KnownHosts)
    name = hosts.resolved(asked, "n")
    assert {item.host for item in hosts.holding(asked, "n")} == {h for h in entries if subset_of(name, h)}
    if asked.startswith("*"):
        assert {item.host for item in hosts.below(asked, "n")} == {h for h in entries if subset_of(h, asked)}
