"""What each kind of patch may do to a connection: the whole of the decision, case by case."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from apps.mesh.egress.chains import Chain, HttpTarget, TcpTarget
from apps.mesh.egress.envoyfilters import Effect, Sent, effect_of, is_harmless, worst_patch
from apps.mesh.egress.matching import Match, Outcome
from apps.mesh.egress.routes import VirtualHost
from apps.mesh.objects.envoyfilters import EnvoyFilter
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot
from apps.mesh.verdicts import Verdict

NONE, MAY_REFUSE, MAY_CHANGE = Effect.NONE, Effect.MAY_REFUSE, Effect.MAY_CHANGE
CLUSTER = ("api.x.com", 443, "")
TLS = Sent(
    "api.x.com",
    443,
    Match(
        Outcome.CLUSTER,
        "0.0.0.0",
        Chain(TcpTarget((CLUSTER,), None), ("api.x.com",)),
        None,
        (CLUSTER,),
    ),
    Verdict.ALLOWED_REGISTRY,
)
HTTP = Sent(
    "api.x.com",
    80,
    Match(
        Outcome.CLUSTER,
        "0.0.0.0",
        Chain(HttpTarget()),
        VirtualHost(("api.x.com",), (), None),
        (("api.x.com", 80, ""),),
    ),
    Verdict.ALLOWED_REGISTRY,
)
UNLISTED = Sent("no.x.com", 8443, Match(Outcome.POLICY), Verdict.BLOCKED_RESET)
NO_HOST = Sent(
    "no.x.com",
    80,
    Match(Outcome.HTTP_POLICY, "0.0.0.0", Chain(HttpTarget())),
    Verdict.BLOCKED_502,
)
HCM, TCP = "envoy.filters.network.http_connection_manager", "envoy.filters.network.tcp_proxy"


def read(*patches: Any, **spec: Any) -> EnvoyFilter:
    manifest = {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "f", "namespace": "shop"},
        "spec": {**spec, "configPatches": list(patches)},
    }
    snapshot = Snapshot.from_manifests([manifest])
    assert not snapshot.problems
    found = snapshot.get(ResourceRef("EnvoyFilter", "shop", "f"))
    assert isinstance(found, EnvoyFilter)
    return found


def inserted(name: str, apply_to: str = "HTTP_FILTER") -> str:
    return f"{{applyTo: {apply_to}, patch: {{operation: INSERT_BEFORE, value: {{name: {name}}}}}}}"


def merged(apply_to: str, match: str, value: str, operation: str = "MERGE") -> str:
    return f"{{applyTo: {apply_to}, match: {match}, patch: {{operation: {operation}, value: {value}}}}}"


def listening(port: int, name: str = "") -> str:
    named = f", name: {name}" if name else ""
    address = f"address: {{socketAddress: {{portValue: {port}}}}}"
    return f"{{applyTo: LISTENER, patch: {{operation: ADD, value: {{{address}{named}}}}}}}"


CASES = [
    # context: only what goes out, and only what has a patch
    ("{applyTo: LISTENER, match: {context: SIDECAR_INBOUND}, patch: {operation: REMOVE}}", TLS, NONE),
    ("{applyTo: LISTENER, match: {context: GATEWAY}, patch: {operation: REMOVE}}", TLS, NONE),
    ("{applyTo: LISTENER, match: {context: SIDECAR_OUTBOUND}, patch: {operation: REMOVE}}", TLS, MAY_CHANGE),
    ("{applyTo: LISTENER, patch: {operation: REMOVE}}", TLS, MAY_CHANGE),
    ("{applyTo: LISTENER, match: {context: ANY}}", TLS, NONE),
    ("{applyTo: SOMETHING_NEW, patch: {operation: MERGE, value: {x: 1}}}", TLS, MAY_CHANGE),
    # listeners
    (listening(443), TLS, MAY_CHANGE),
    (listening(8443), TLS, NONE),
    (listening(8443), UNLISTED, MAY_CHANGE),
    ("{applyTo: LISTENER, patch: {operation: ADD, value: {name: x}}}", TLS, MAY_CHANGE),
    (merged("LISTENER", "{listener: {portNumber: 443}}", "{}", "REMOVE"), TLS, MAY_CHANGE),
    (merged("LISTENER", "{listener: {portNumber: 80}}", "{}", "REMOVE"), TLS, NONE),
    (merged("LISTENER", "{listener: {portNumber: 8443}}", "{}", "REMOVE"), UNLISTED, NONE),
    (merged("LISTENER", "{listener: {portNumber: 15001}}", "{bindToPort: false}"), UNLISTED, MAY_CHANGE),
    (merged("LISTENER", "{listener: {portNumber: 15001}}", "{bindToPort: false}"), TLS, NONE),
    (merged("LISTENER", "{listener: {portNumber: 15001}}", "{}", "REMOVE"), TLS, MAY_CHANGE),
    (merged("LISTENER", "{listener: {name: virtualOutbound}}", "{}", "REMOVE"), TLS, MAY_CHANGE),
    (merged("LISTENER", "{listener: {name: virtualOutbound}}", "{transparent: true}"), TLS, NONE),
    (merged("LISTENER", "{listener: {name: virtualOutbound}}", "{transparent: true}"), UNLISTED, MAY_CHANGE),
    (merged("LISTENER", "{listener: {name: virtualInbound}}", "{}", "REMOVE"), TLS, NONE),
    (merged("LISTENER", "{listener: {name: 0.0.0.0_443}}", "{}", "REMOVE"), TLS, MAY_CHANGE),
    (merged("LISTENER", "{listener: {name: 0.0.0.0_80}}", "{}", "REMOVE"), TLS, NONE),
    (merged("LISTENER", "{}", "{perConnectionBufferLimitBytes: 1, stat_prefix: x}"), TLS, NONE),
    (merged("LISTENER", "{}", "{statPrefix: x, defaultFilterChain: {}}"), TLS, MAY_CHANGE),
    (merged("LISTENER", "{}", "{statPrefix: x}", "MERGE_AND_REPLACE_LIST"), TLS, NONE),
    (merged("LISTENER", "{}", "{}"), TLS, MAY_CHANGE),
    (merged("LISTENER", "{}", "{x: 1}", "REPLACE"), TLS, NONE),
    (merged("LISTENER_FILTER", "{listener: {portNumber: 443}}", "{name: x}", "ADD"), TLS, MAY_CHANGE),
    (merged("LISTENER_FILTER", "{listener: {portNumber: 80}}", "{name: x}", "ADD"), TLS, NONE),
    # filter chains
    (merged("FILTER_CHAIN", "{}", "{filters: []}", "ADD"), TLS, MAY_CHANGE),
    (merged("FILTER_CHAIN", "{listener: {portNumber: 80}}", "{filters: []}", "ADD"), TLS, NONE),
    (merged("FILTER_CHAIN", "{listener: {filterChain: {sni: api.x.com}}}", "{}", "REMOVE"), TLS, MAY_CHANGE),
    (merged("FILTER_CHAIN", "{listener: {filterChain: {sni: no.x.com}}}", "{}", "REMOVE"), TLS, NONE),
    (
        merged("FILTER_CHAIN", "{listener: {filterChain: {sni: a.b}}}", "{filterChainMatch: {}}"),
        TLS,
        MAY_CHANGE,
    ),
    (merged("FILTER_CHAIN", "{}", "{metadata: {}}"), TLS, NONE),
    (merged("FILTER_CHAIN", "{}", "{transportSocket: {}}"), TLS, MAY_CHANGE),
    # network filters
    (inserted("istio.stats", "NETWORK_FILTER"), TLS, NONE),
    (inserted("envoy.filters.network.local_ratelimit", "NETWORK_FILTER"), TLS, MAY_REFUSE),
    (inserted("envoy.filters.network.rbac", "NETWORK_FILTER"), TLS, MAY_CHANGE),
    (
        merged(
            "NETWORK_FILTER", f"{{listener: {{filterChain: {{filter: {{name: {HCM}}}}}}}}}", "{}", "REMOVE"
        ),
        TLS,
        NONE,
    ),
    (
        merged(
            "NETWORK_FILTER", f"{{listener: {{filterChain: {{filter: {{name: {HCM}}}}}}}}}", "{}", "REMOVE"
        ),
        HTTP,
        MAY_CHANGE,
    ),
    (
        merged(
            "NETWORK_FILTER", f"{{listener: {{filterChain: {{filter: {{name: {TCP}}}}}}}}}", "{}", "REMOVE"
        ),
        HTTP,
        NONE,
    ),
    (
        merged("NETWORK_FILTER", "{}", "{name: x, typedConfig: {'@type': t, streamIdleTimeout: 5s}}"),
        HTTP,
        NONE,
    ),
    (
        merged("NETWORK_FILTER", "{}", "{name: x, typed_config: {'@type': t, route_config: {}}}"),
        HTTP,
        MAY_CHANGE,
    ),
    # filters of HTTP
    (inserted("envoy.filters.http.lua"), HTTP, MAY_CHANGE),
    (inserted("envoy.filters.http.wasm"), HTTP, MAY_CHANGE),
    (inserted("envoy.filters.http.ext_authz"), NO_HOST, MAY_CHANGE),
    (inserted("envoy.filters.http.local_ratelimit"), HTTP, MAY_REFUSE),
    (inserted("envoy.filters.http.compressor"), HTTP, NONE),
    (inserted("envoy.filters.http.lua"), TLS, NONE),
    (inserted("envoy.filters.http.lua"), UNLISTED, NONE),
    (merged("HTTP_FILTER", "{listener: {portNumber: 8080}}", "{name: lua}", "ADD"), HTTP, NONE),
    (merged("HTTP_FILTER", "{}", "{name: envoy.filters.http.cors}", "REMOVE"), HTTP, MAY_CHANGE),
    # routes
    (merged("ROUTE_CONFIGURATION", "{}", "{requestHeadersToAdd: []}"), HTTP, NONE),
    (merged("ROUTE_CONFIGURATION", "{}", "{virtualHosts: []}"), HTTP, MAY_CHANGE),
    (merged("ROUTE_CONFIGURATION", "{}", "{virtualHosts: []}"), TLS, NONE),
    (merged("ROUTE_CONFIGURATION", "{}", "{virtualHosts: []}", "REPLACE"), HTTP, NONE),
    (merged("ROUTE_CONFIGURATION", "{routeConfiguration: {portNumber: 8080}}", "{vhds: {}}"), HTTP, NONE),
    (merged("ROUTE_CONFIGURATION", "{routeConfiguration: {name: '8080'}}", "{vhds: {}}"), HTTP, NONE),
    (merged("ROUTE_CONFIGURATION", "{routeConfiguration: {name: '80'}}", "{vhds: {}}"), HTTP, MAY_CHANGE),
    (merged("VIRTUAL_HOST", "{}", "{domains: [no.x.com]}", "ADD"), HTTP, NONE),
    (merged("VIRTUAL_HOST", "{}", "{domains: ['*.x.com']}", "ADD"), NO_HOST, MAY_CHANGE),
    (merged("VIRTUAL_HOST", "{}", "{domains: ['no.x.com:80']}", "ADD"), NO_HOST, MAY_CHANGE),
    (
        merged("VIRTUAL_HOST", "{routeConfiguration: {vhost: {name: 'api.x.com:80'}}}", "{}", "REMOVE"),
        HTTP,
        MAY_CHANGE,
    ),
    (
        merged("VIRTUAL_HOST", "{routeConfiguration: {vhost: {name: 'no.x.com:80'}}}", "{}", "REMOVE"),
        HTTP,
        NONE,
    ),
    (
        merged("VIRTUAL_HOST", "{routeConfiguration: {vhost: {name: block_all}}}", "{}", "REMOVE"),
        NO_HOST,
        MAY_CHANGE,
    ),
    (merged("VIRTUAL_HOST", "{routeConfiguration: {vhost: {name: block_all}}}", "{}", "REMOVE"), HTTP, NONE),
    (merged("VIRTUAL_HOST", "{}", "{retryPolicy: {}}"), HTTP, NONE),
    (merged("HTTP_ROUTE", "{}", "{route: {timeout: 5s}}"), HTTP, NONE),
    (merged("HTTP_ROUTE", "{}", "{route: {cluster: other}}"), HTTP, MAY_CHANGE),
    (merged("HTTP_ROUTE", "{}", "{route: {cluster: other}}", "INSERT_FIRST"), HTTP, MAY_CHANGE),
    (merged("HTTP_ROUTE", "{routeConfiguration: {portNumber: 443}}", "{redirect: {}}"), HTTP, NONE),
    # clusters
    (merged("CLUSTER", "{}", "{connectTimeout: 1s}"), TLS, NONE),
    (merged("CLUSTER", "{}", "{transportSocket: {}}"), TLS, MAY_CHANGE),
    (merged("CLUSTER", "{}", "{filters: [{name: istio.metadata_exchange}]}"), TLS, NONE),
    (merged("CLUSTER", "{}", "{filters: [{name: istio.metadata_exchange}, {name: x}]}"), TLS, MAY_CHANGE),
    (merged("CLUSTER", "{cluster: {service: no.x.com}}", "{transportSocket: {}}"), TLS, NONE),
    (merged("CLUSTER", "{cluster: {service: api.x.com, portNumber: 80}}", "{type: STATIC}"), TLS, NONE),
    (merged("CLUSTER", "{cluster: {service: api.x.com, portNumber: 443}}", "{type: X}"), TLS, MAY_CHANGE),
    (merged("CLUSTER", "{cluster: {subset: v1}}", "{type: STATIC}"), TLS, NONE),
    (merged("CLUSTER", "{cluster: {name: BlackHoleCluster}}", "{type: X}"), UNLISTED, MAY_CHANGE),
    (merged("CLUSTER", "{cluster: {name: BlackHoleCluster}}", "{type: STATIC}"), TLS, NONE),
    (merged("CLUSTER", "{}", "{}", "REMOVE"), NO_HOST, NONE),
    (merged("CLUSTER", "{}", "{}", "REMOVE"), TLS, MAY_CHANGE),
    (merged("CLUSTER", "{}", "{name: mine}", "ADD"), TLS, NONE),
    (merged("CLUSTER", "{}", "{name: outbound|443||api.x.com}", "ADD"), TLS, MAY_CHANGE),
    (merged("CLUSTER", "{}", "{type: STATIC}", "REPLACE"), TLS, NONE),
    # the rest
    (merged("EXTENSION_CONFIG", "{}", "{name: x}", "ADD"), TLS, NONE),
    (merged("BOOTSTRAP", "{}", "{statsConfig: {}}"), TLS, NONE),
    (merged("BOOTSTRAP", "{}", "{staticResources: {}}"), TLS, MAY_CHANGE),
]


@pytest.mark.parametrize(("patch", "sent", "effect"), CASES)
def test_a_patch_does_to_a_connection_what_it_can(patch: str, sent: Sent, effect: Effect) -> None:
    assert effect_of(read(yaml.safe_load(patch)).patches[0], sent) is effect


@pytest.mark.parametrize(
    ("patch", "harmless"),
    [
        (inserted("istio.stats"), True),
        (inserted("envoy.filters.http.lua"), False),
        (inserted("envoy.filters.network.local_ratelimit", "NETWORK_FILTER"), False),
        (merged("CLUSTER", "{}", "{connectTimeout: 1s}"), True),
        (merged("CLUSTER", "{}", "{connectTimeout: 1s}", "ADD"), False),
        (merged("EXTENSION_CONFIG", "{}", "{name: x}", "ADD"), True),
    ],
)
def test_what_leaves_every_connection_alone_is_harmless(patch: str, harmless: bool) -> None:
    assert is_harmless(read(yaml.safe_load(patch)).patches[0]) is harmless


def test_of_several_patches_the_one_that_reaches_furthest_is_named() -> None:
    limit, script = (yaml.safe_load(inserted(f"envoy.filters.http.{name}")) for name in ("fault", "lua"))
    found = worst_patch([read(limit, script, limit)], HTTP)
    assert found is not None
    assert (found.index, found.effect) == (1, MAY_CHANGE)
    assert worst_patch([read(limit)], TLS) is None


@pytest.mark.parametrize(
    ("spec", "outbound"),
    [
        ({}, True),
        ({"workloadSelector": {"labels": {"app": "web"}}}, True),
        ({"targetRefs": [{"kind": "Gateway", "name": "g", "group": "gateway.networking.k8s.io"}]}, False),
    ],
)
def test_one_that_is_attached_to_a_gateway_is_no_sidecars(spec: dict[str, Any], outbound: bool) -> None:
    patch = yaml.safe_load(merged("CLUSTER", "{context: SIDECAR_OUTBOUND}", "{type: STATIC}"))
    assert read(patch, **spec).outbound is outbound
