"""Namespaces, workloads and configuration made at random, for the small meshes of `generated`."""

from __future__ import annotations

from hypothesis import strategies as st

from apps.mesh.refs import Manifest
from bench import largemesh

SPACES = ("shop", "pay", "speedscale", "istio-system")
APPS = ("cart", "web")
labels = st.sampled_from([{"app": "cart"}, {"app": "web"}, {"app": "speedscale-forwarder"}])


@st.composite
def a_namespace(draw: st.DrawFn) -> Manifest:
    ambient, waypoint = {"istio.io/dataplane-mode": "ambient"}, {"istio.io/use-waypoint": "w"}
    enabled = {"istio-injection": "enabled"}
    found = draw(st.sampled_from([{}, enabled, {"istio.io/rev": "canary"}, ambient, {**enabled, **waypoint}]))
    marks = draw(st.sampled_from([{}, {"sidecar.speedscale.com/inject": "true", "x": "y"}]))
    name = draw(st.sampled_from((*SPACES, "new", "kube-system")))
    return largemesh.made("Namespace", "v1", name, "", labels=found, annotations=marks)


@st.composite
def a_config(draw: st.DrawFn) -> Manifest:
    """What control planes, injection and an installation of Speedscale are told."""
    selectors = "discoverySelectors: [{matchLabels: {istio-injection: enabled}}]"
    capped = (
        "serviceEntryVisibility: {applyToSidecars: true, policies: [{visibility: NAMESPACE, matchingRules: "
    )
    capped += "matchingRules: [{namespaceSelector: {matchLabels: {istio-injection: enabled}}}]}]}"
    policies = ("ALLOW_ANY", "REGISTRY_ONLY")
    mesh = [f"outboundTrafficPolicy: {{mode: {mode}}}" for mode in policies]
    texts = [*mesh, f"{mesh[1]}\n{selectors}", f"{mesh[1]}\n{capped}", "rootNamespace: pay", "{"]
    values = '{"global": {"proxy": {"excludeOutboundPorts": "443"}}}'
    name, owner, data = draw(
        st.sampled_from(
            [
                *(("istio", "istio-system", {"mesh": text}) for text in texts),
                ("istio-canary", "istio-system", {"mesh": mesh[0]}),
                ("istio-sidecar-injector", "istio-system", {"values": values}),
                ("istio-sidecar-injector", "istio-system", {"config": "policy: disabled"}),
                ("speedscale-operator", "speedscale", {"TENANT_REGION": "eu-west-1"}),
                ("other", "shop", {"x": "y"}),
            ]
        )
    )
    return largemesh.made("ConfigMap", "v1", name, owner, data, "data")


@st.composite
def a_gateway_proxy(draw: st.DrawFn) -> list[Manifest]:
    """Pods that are nothing but a proxy, which a Service may lead to."""
    owner, app = draw(st.sampled_from(SPACES)), draw(st.sampled_from(APPS))
    template = {"metadata": {"labels": {"app": app}}, "spec": {"containers": [largemesh.PROXY]}}
    pods = {"labels": {"app": app}, "containers": [largemesh.PROXY], "count": 1, "phase": "Running"}
    folded = largemesh.made("PodGroups", "meshconsole.io/v1", "deployment.gate", owner)
    groups = {"owner": {"kind": "Deployment", "name": "gate"}, "groups": [pods]}
    return [
        largemesh.made("Deployment", "apps/v1", "gate", owner, {"template": template}),
        {**folded, **groups},
    ]


@st.composite
def a_workload(draw: st.DrawFn) -> list[Manifest]:
    """A Deployment with its folded pods, with a proxy, captured or not."""
    name, owner = draw(st.sampled_from(APPS)), draw(st.sampled_from(SPACES))
    captured, meshed, other = draw(st.booleans()), draw(st.booleans()), draw(labels)
    own = {"name": name, "image": "x:1"}
    containers = [own, *([largemesh.GOPROXY] if captured else [])]
    carried = {"app": name} if draw(st.booleans()) else other
    template = {"metadata": {"labels": carried}, "spec": {"containers": containers}}
    asked = {"sidecar.speedscale.com/inject": "true"} if captured else {}
    pods = {
        "labels": carried,
        "containers": [*containers, *([largemesh.PROXY] if meshed else [])],
        "count": 2,
        "phase": "Running",
        "samples": [name],
    }
    groups = {"owner": {"kind": "Deployment", "name": name}, "groups": [pods]}
    deployment = largemesh.made(
        "Deployment", "apps/v1", name, owner, {"template": template}, annotations=asked
    )
    folded = largemesh.made("PodGroups", "meshconsole.io/v1", f"deployment.{name}", owner)
    return [deployment, {**folded, **groups}]
