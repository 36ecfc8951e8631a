"""Whether a patch of an EnvoyFilter can change what becomes of one connection.

Follows pilot/pkg/networking/core/envoyfilter: which listeners, routes and clusters a patch takes. What it
writes there is Envoy's; only what is known to leave the way of a connection alone is called harmless.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from apps.mesh.egress.chains import HttpTarget
from apps.mesh.egress.harmless import FIELDS, LIMITING_FILTERS, PASSIVE_FILTERS
from apps.mesh.egress.matching import Match, Outcome
from apps.mesh.objects.envoyfilters import OUTBOUND, EnvoyFilter, EnvoyPatch
from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Verdict

CAPTURE_PORT = 15001
HTTP_MANAGERS = frozenset({"envoy.filters.network.http_connection_manager", "envoy.http_connection_manager"})
TCP_PROXIES = frozenset({"envoy.filters.network.tcp_proxy", "envoy.tcp_proxy"})
POLICY_CLUSTERS = {
    Verdict.ALLOWED_PASSTHROUGH: "PassthroughCluster",
    Verdict.BLOCKED_RESET: "BlackHoleCluster",
}
POLICY_HOSTS = {Verdict.ALLOWED_PASSTHROUGH: "allow_any", Verdict.BLOCKED_502: "block_all"}


class Effect(IntEnum):
    """What a patch may do to a connection, by weight."""

    NONE = 0
    MAY_REFUSE = 1
    MAY_CHANGE = 2


@dataclass(frozen=True, slots=True)
class Sent:
    """A connection as it left Envoy's matching: `match` is where it went, `verdict` what that means."""

    host: str
    port: int
    match: Match
    verdict: Verdict

    @property
    def http(self) -> bool:
        return self.match.chain is not None and isinstance(self.match.chain.target, HttpTarget)

    @property
    def by_policy(self) -> bool:
        return self.match.outcome in {Outcome.POLICY, Outcome.HTTP_POLICY}

    @property
    def clusters(self) -> tuple[str, ...]:
        """Envoy's names of the clusters that it may go to, those that are not there included."""
        if self.by_policy:
            name = POLICY_CLUSTERS.get(self.verdict, "")
            return (name,) if name else ()
        found = (*self.match.clusters, *self.match.missing)
        return tuple(f"outbound|{port}|{subset}|{host}" for host, port, subset in found)

    @property
    def virtual_host(self) -> str:
        """Istio's name for the virtual host that took it; "" where it has none or that is not known."""
        if self.by_policy:
            return POLICY_HOSTS.get(self.verdict, "")
        found = self.match.virtual_host
        if found is None:
            return ""
        host = found.service.host if found.service is not None else found.domains[0]
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Patched:
    """The patch that reaches the furthest: the object, its place in `configPatches`, what it may do."""

    ref: ResourceRef
    index: int
    effect: Effect


def worst_patch(filters: Iterable[EnvoyFilter], sent: Sent) -> Patched | None:
    """Of the EnvoyFilters that select the proxy; None where none of them reaches the connection."""
    found: Patched | None = None
    for item in filters:
        for index, patch in enumerate(item.patches):
            effect = effect_of(patch, sent)
            if effect and (found is None or effect > found.effect):
                found = Patched(item.ref, index, effect)
    return found


def is_harmless(patch: EnvoyPatch) -> bool:
    """Whether a patch leaves every connection alone, whatever it takes."""
    if patch.apply_to in {"HTTP_FILTER", "NETWORK_FILTER"} and patch.adds:
        return patch.name in PASSIVE_FILTERS
    return patch.apply_to == "EXTENSION_CONFIG" or not _merged(patch)


def effect_of(patch: EnvoyPatch, sent: Sent) -> Effect:
    """What one patch may do to the connection; a patch of unknown kind may do anything."""
    if not patch.given or patch.match.context not in OUTBOUND:
        return Effect.NONE
    decide = {
        "LISTENER": _listener,
        "LISTENER_FILTER": _listener_filter,
        "FILTER_CHAIN": _filter_chain,
        "NETWORK_FILTER": _network_filter,
        "HTTP_FILTER": _http_filter,
        "ROUTE_CONFIGURATION": _route_configuration,
        "VIRTUAL_HOST": _virtual_host,
        "HTTP_ROUTE": _http_route,
        "CLUSTER": _cluster,
    }.get(patch.apply_to)
    if decide is not None:
        return decide(patch, sent)
    # An extension's configuration is only there for a filter that another patch inserts.
    return Effect.NONE if patch.apply_to == "EXTENSION_CONFIG" else _merged(patch)


def _merged(patch: EnvoyPatch) -> Effect:
    """Of a merge: nothing where all fields that it sets are harmless there."""
    if not patch.merges:
        return Effect.MAY_CHANGE
    harmless = FIELDS.get(patch.apply_to, frozenset())
    return Effect.NONE if patch.fields and harmless.issuperset(patch.fields) else Effect.MAY_CHANGE


def _takes_listener(patch: EnvoyPatch, sent: Sent) -> bool:
    """Whether the listener that took the connection is one that the patch takes."""
    name, port = patch.match.listener, patch.match.port
    if name:
        at_port = name.endswith(f"_{sent.port}") and bool(sent.match.bound)
        if not at_port and name != "virtualOutbound":
            return False
        if name == "virtualOutbound" and sent.match.bound and patch.operation != "REMOVE":
            return False
    if port is None:
        return True
    if patch.apply_to == "LISTENER" and port == CAPTURE_PORT:
        return not sent.match.bound or patch.operation == "REMOVE"
    return port == sent.port and bool(sent.match.bound)


def _takes_chain(patch: EnvoyPatch, sent: Sent) -> bool:
    if not _takes_listener(patch, sent):
        return False
    name, chain = patch.match.network_filter, sent.match.chain
    if (name in HTTP_MANAGERS and not sent.http) or (name in TCP_PROXIES and sent.http):
        return False
    return not patch.match.sni or (chain is not None and patch.match.sni in chain.sni)


def _listener(patch: EnvoyPatch, sent: Sent) -> Effect:
    if patch.adds:
        return Effect.NONE if patch.port not in (None, sent.port) else Effect.MAY_CHANGE
    if patch.operation == "REPLACE":
        return Effect.NONE  # listeners are merged and removed only
    return _merged(patch) if _takes_listener(patch, sent) else Effect.NONE


def _listener_filter(patch: EnvoyPatch, sent: Sent) -> Effect:
    return Effect.MAY_CHANGE if _takes_listener(patch, sent) else Effect.NONE


def _filter_chain(patch: EnvoyPatch, sent: Sent) -> Effect:
    if patch.adds or "filter_chain_match" in patch.fields:
        return Effect.MAY_CHANGE if _takes_listener(patch, sent) else Effect.NONE
    return _merged(patch) if _takes_chain(patch, sent) else Effect.NONE


def _network_filter(patch: EnvoyPatch, sent: Sent) -> Effect:
    if not _takes_chain(patch, sent):
        return Effect.NONE
    return _inserted(patch) if patch.adds else _merged(patch)


def _http_filter(patch: EnvoyPatch, sent: Sent) -> Effect:
    if not sent.http or not _takes_chain(patch, sent):
        return Effect.NONE
    return _inserted(patch) if patch.adds else Effect.MAY_CHANGE


def _inserted(patch: EnvoyPatch) -> Effect:
    """A filter beside the others may refuse what passes it, and a script may do anything."""
    if patch.name in PASSIVE_FILTERS:
        return Effect.NONE
    return Effect.MAY_REFUSE if patch.name in LIMITING_FILTERS else Effect.MAY_CHANGE


def _takes_routes(patch: EnvoyPatch, sent: Sent) -> bool:
    if not sent.http or patch.match.port not in (None, sent.port):
        return False
    return not (patch.match.route.isdecimal() and patch.match.route != str(sent.port))


def _takes_host(patch: EnvoyPatch, sent: Sent) -> bool:
    if not _takes_routes(patch, sent):
        return False
    name = patch.match.virtual_host
    return not name or not sent.virtual_host or name == sent.virtual_host


def _route_configuration(patch: EnvoyPatch, sent: Sent) -> Effect:
    return _merged(patch) if patch.merges and _takes_routes(patch, sent) else Effect.NONE


def _virtual_host(patch: EnvoyPatch, sent: Sent) -> Effect:
    if patch.adds:
        meant = not patch.domains or any(_domain_takes(domain, sent.host) for domain in patch.domains)
        return Effect.MAY_CHANGE if _takes_routes(patch, sent) and meant else Effect.NONE
    return _merged(patch) if _takes_host(patch, sent) else Effect.NONE


def _domain_takes(domain: str, host: str) -> bool:
    name = domain.lower().partition(":")[0]
    return name == host or (name.startswith("*") and host.endswith(name[1:])) or name.endswith("*")


def _http_route(patch: EnvoyPatch, sent: Sent) -> Effect:
    if not _takes_host(patch, sent):
        return Effect.NONE
    return Effect.MAY_CHANGE if patch.adds else _merged(patch)


def _cluster(patch: EnvoyPatch, sent: Sent) -> Effect:
    if patch.adds:
        return Effect.MAY_CHANGE if patch.name in sent.clusters else Effect.NONE
    if patch.operation == "REPLACE" or not any(_is_meant(patch, name) for name in sent.clusters):
        return Effect.NONE
    return _merged(patch)


def _is_meant(patch: EnvoyPatch, name: str) -> bool:
    match = patch.match
    if match.cluster:
        return match.cluster == name
    _, port, subset, host = name.split("|") if name.count("|") == 3 else ("", "", "", "")
    return match.service in ("", host) and match.subset in ("", subset) and str(match.port or port) == port
