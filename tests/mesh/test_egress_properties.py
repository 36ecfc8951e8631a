"""What must hold in any small mesh, whatever is in it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.mesh.egress import EgressEngine
from apps.mesh.egress.candidates import EntriesBySite
from apps.mesh.hosts import same_site, subset_of
from apps.mesh.objects.networking import ServiceEntry
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Destination, Protocol, Verdict

HOSTS = ["api.x.com", "*.x.com", "x.com", "a.b.x.com", "y.com"]
SPACES = ["shop", "pay", "istio-system"]
ISTIO = "networking.istio.io/v1"


def config(mode: str) -> dict[str, Any]:
    meta = {"name": "istio", "namespace": "istio-system"}
    data = {"mesh": f"outboundTrafficPolicy: {{mode: {mode}}}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": data}


PODS = {
    "apiVersion": "meshconsole.io/v1",
    "kind": "PodGroups",
    "metadata": {"name": "deployment.web", "namespace": "shop"},
    "owner": {"kind": "Deployment", "name": "web"},
    "groups": [
        {"labels": {"app": "web"}, "containers": [{"name": "web"}, {"name": "istio-proxy"}], "count": 1}
    ],
}


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    number, protocol = draw(
        st.sampled_from([(443, "TLS"), (443, "HTTPS"), (80, "HTTP"), (443, "HTTP"), (443, "TCP")])
    )
    spec: dict[str, Any] = {
        "hosts": draw(st.lists(st.sampled_from(HOSTS), min_size=1, max_size=2, unique=True)),
        "ports": [{"number": number, "protocol": protocol, "name": "p"}],
        "resolution": "NONE",
        "exportTo": draw(st.sampled_from([[], ["*"], ["."], ["shop"], ["pay"]])),
    }
    if draw(st.booleans()):
        spec["addresses"] = [draw(st.sampled_from(["203.0.113.0/24", "203.0.113.7"]))]
    meta = {"name": draw(st.sampled_from("abcd")), "namespace": draw(st.sampled_from(SPACES))}
    return {"apiVersion": ISTIO, "kind": "ServiceEntry", "metadata": meta, "spec": spec}


@st.composite
def sidecars(draw: st.DrawFn) -> dict[str, Any]:
    hosts = ["*/*", "./*", "pay/*", "~/*", "*/*.x.com", "pay/api.x.com"]
    spec: dict[str, Any] = {
        "egress": [{"hosts": draw(st.lists(st.sampled_from(hosts), min_size=1, max_size=2, unique=True))}]
    }
    if draw(st.booleans()):
        spec["workloadSelector"] = {"labels": draw(st.sampled_from([{}, {"app": "web"}, {"app": "other"}]))}
    meta = {"name": draw(st.sampled_from("abcd")), "namespace": draw(st.sampled_from(SPACES))}
    return {"apiVersion": ISTIO, "kind": "Sidecar", "metadata": meta, "spec": spec}


MESHES = st.lists(st.one_of(entries(), entries(), sidecars()), max_size=6).map(
    lambda items: list({ResourceRef.of(item): item for item in items}.values())
)
DESTINATIONS = st.builds(
    lambda host, sent, ip: Destination(host, sent[0], sent[1], ip),
    st.sampled_from([host for host in HOSTS if host[0] != "*"]),
    st.sampled_from([(443, Protocol.TLS), (80, Protocol.HTTP), (443, Protocol.HTTP), (443, Protocol.TCP)]),
    st.sampled_from(["203.0.113.7", "198.51.100.9"]),
)


def verdict(manifests: list[dict[str, Any]], destination: Destination) -> tuple[Verdict, str]:
    snapshot = Snapshot.from_manifests(manifests)
    answer = EgressEngine(snapshot).answer(snapshot.workloads[0], destination)
    return answer.verdict, answer.cluster


@given(MESHES, DESTINATIONS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_objects_never_matters(
    mesh: list[dict[str, Any]], destination: Destination, random: Any
) -> None:
    objects = [config("REGISTRY_ONLY"), PODS, *mesh]
    first = verdict(objects, destination)
    random.shuffle(objects)
    assert verdict(objects, destination) == first


@given(MESHES, DESTINATIONS)
@settings(max_examples=60, deadline=None)
def test_the_policy_only_decides_what_the_registry_does_not(
    mesh: list[dict[str, Any]], destination: Destination
) -> None:
    strict = verdict([config("REGISTRY_ONLY"), PODS, *mesh], destination)
    loose = verdict([config("ALLOW_ANY"), PODS, *mesh], destination)
    if strict[0] is Verdict.ALLOWED_REGISTRY:
        assert loose == strict
    else:
        assert loose[0] in {Verdict.ALLOWED_PASSTHROUGH, strict[0]}
    assert strict[0] is not Verdict.ALLOWED_PASSTHROUGH


@given(MESHES)
@settings(max_examples=60, deadline=None)
def test_a_new_public_entry_opens_its_host_where_no_sidecar_narrows_the_scope(
    mesh: list[dict[str, Any]],
) -> None:
    open_mesh = [item for item in mesh if item["kind"] != "Sidecar"]
    asked = Destination("new.example.org", 8443, Protocol.TLS, "198.51.100.9")
    objects = [config("REGISTRY_ONLY"), PODS, *open_mesh]
    assert verdict(objects, asked)[0] is Verdict.BLOCKED_RESET
    entry = {
        "apiVersion": ISTIO,
        "kind": "ServiceEntry",
        "metadata": {"name": "new", "namespace": "pay"},
        "spec": {"hosts": [asked.host], "ports": [{"number": 8443, "protocol": "TLS"}], "exportTo": ["*"]},
    }
    assert verdict([*objects, entry], asked) == (Verdict.ALLOWED_REGISTRY, "outbound|8443||new.example.org")


@given(MESHES, DESTINATIONS)
@settings(max_examples=60, deadline=None)
def test_a_sidecar_that_imports_everything_is_as_good_as_none(
    mesh: list[dict[str, Any]], destination: Destination
) -> None:
    objects = [config("REGISTRY_ONLY"), PODS, *(item for item in mesh if item["kind"] != "Sidecar")]
    everything = {
        "apiVersion": ISTIO,
        "kind": "Sidecar",
        "metadata": {"name": "all", "namespace": "shop"},
        "spec": {"egress": [{"hosts": ["*/*"]}]},
    }
    assert verdict(objects, destination) == verdict([*objects, everything], destination)


@given(MESHES, DESTINATIONS)
@settings(max_examples=60, deadline=None)
def test_nothing_is_allowed_by_the_registry_that_no_imported_entry_accounts_for(
    mesh: list[dict[str, Any]], destination: Destination
) -> None:
    snapshot = Snapshot.from_manifests([config("REGISTRY_ONLY"), PODS, *mesh])
    engine = EgressEngine(snapshot)
    answer = engine.answer(snapshot.workloads[0], destination)
    reachable = {host for host, _, _, _ in engine.reachable(engine.scope_of(snapshot.workloads[0]))}
    if answer.verdict is Verdict.ALLOWED_REGISTRY:
        assert answer.service is not None
        assert answer.cluster.rpartition("|")[2] in reachable


@given(MESHES, st.sampled_from([*(host for host in HOSTS if host[0] != "*"), "z.com", "com", "other.y.com"]))
@settings(max_examples=60, deadline=None)
def test_every_entry_that_has_to_do_with_a_host_is_found_by_its_site(
    mesh: list[dict[str, Any]], host: str
) -> None:
    wide = {
        "apiVersion": ISTIO,
        "kind": "ServiceEntry",
        "metadata": {"name": "wide", "namespace": "pay"},
        "spec": {"hosts": ["*.com", "com"], "ports": [{"number": 443, "protocol": "TLS"}]},
    }
    snapshot = Snapshot.from_manifests([*mesh, wide])
    near = {entry.ref for entry in snapshot.derived(EntriesBySite).near(host)}
    for entry in snapshot.each(ServiceEntry):
        akin = any(
            subset_of(host, name) or name == f"*.{host}" or same_site(host, name) for name in entry.hosts
        )
        assert not akin or entry.ref in near
