"""Hosts that a product must be able to reach, as versioned data: name, edition, hosts with tier and purpose.

Knows nothing of clusters, of Istio or of what is blocked. Editions are kept elsewhere; the one built
here is the first, from Speedscale's Istio page. A host may be written with `{region}` and `{app_host}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from apps.mesh.verdicts import Destination, Protocol

HTTPS_PORT = 443
SPEEDSCALE = "speedscale"
REGION = "region"
APP_HOST = "app_host"
DEFAULT_REGION = "us-east-1"
DEFAULT_APP_HOST = "app.speedscale.com"


class Tier(StrEnum):
    """How much depends on a host: capture or replay fails without a required one; a documented one is
    on the vendor's list; an informational one is never opened by a pod of the mesh."""

    REQUIRED = "required"
    DOCUMENTED = "documented"
    INFORMATIONAL = "informational"

    @property
    def rank(self) -> int:
        """0 for required; for sorting."""
        return (Tier.REQUIRED, Tier.DOCUMENTED, Tier.INFORMATIONAL).index(self)


@dataclass(frozen=True, slots=True)
class RequiredHost:
    """A host (a name, or `*.name` for any name below it), its port and what the client sends. `pattern`
    is the host as it was written, where that holds parameters that an installation may set; `product` is the
    name of the set that it is in."""

    host: str
    tier: Tier
    purpose: str
    used_by: str
    port: int = HTTPS_PORT
    protocol: Protocol = Protocol.TLS
    pattern: str = ""
    product: str = ""

    @property
    def key(self) -> str:
        """What tells it from the others of its set: the host, with the port where that is not 443."""
        return key_of(self.host, self.port)

    def filled(self, parameters: Mapping[str, str]) -> RequiredHost:
        """The host for these parameters; itself where nothing can be set."""
        return replace(self, host=fill(self.pattern, parameters)) if self.pattern else self

    @property
    def destination(self) -> Destination:
        """What to ask of an egress engine; a wildcard stands for any name below it."""
        return Destination(self.host, self.port, self.protocol, product=self.product)


@dataclass(frozen=True, slots=True)
class HostSet:
    """An edition of a list of hosts. `provenance` says where the list was read; `parameters` are what the
    hosts are filled with. `beside` are sets of other products that are in use where this one is."""

    name: str
    edition: str
    provenance: str
    hosts: tuple[RequiredHost, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    beside: tuple[Needed, ...] = ()

    def __post_init__(self) -> None:
        if any(entry.product != self.name for entry in self.hosts):
            named = tuple(replace(entry, product=self.name) for entry in self.hosts)
            object.__setattr__(self, "hosts", named)

    def __str__(self) -> str:
        return f"{self.name}, edition {self.edition}"

    def get(self, host: str) -> RequiredHost | None:
        """The entry for exactly this host, named with its port or, of several ports the first, without."""
        return next((entry for entry in self.hosts if host in (entry.key, entry.host)), None)

    def known(self, destination: Destination) -> Destination:
        """The destination as the set asks for it, where it is one of its hosts; else itself."""
        asked = (destination.host, destination.port, destination.protocol)
        if any(asked == (host.host, host.port, host.protocol) for host in self.hosts):
            return replace(destination, product=self.name)
        return destination

    def only(self, hosts: Iterable[str]) -> HostSet:
        """The same set with only these hosts, in the set's own order."""
        wanted = frozenset(hosts)
        return replace(self, hosts=tuple(e for e in self.hosts if e.key in wanted or e.host in wanted))

    def filled(self, parameters: Mapping[str, str]) -> HostSet:
        """The set for the parameters of one installation; the same where nothing differs."""
        wanted = {**dict(self.parameters), **parameters}
        hosts = tuple(entry.filled(wanted) for entry in self.hosts)
        return self if hosts == self.hosts else replace(self, hosts=hosts)

    def settled(self) -> HostSet:
        """The same hosts, of which no installation's settings make others: somebody has chosen them."""
        return replace(self, hosts=tuple(replace(entry, pattern="") for entry in self.hosts))


@dataclass(frozen=True, slots=True)
class Needed:
    """A set of another product, and the namespaces whose pods somebody declared to need its hosts (`*` and
    `?` are wildcards); none means that it is only looked at."""

    hostset: HostSet
    namespaces: tuple[str, ...] = ()


def key_of(host: str, port: int) -> str:
    """See `RequiredHost.key`."""
    return host if port == HTTPS_PORT else f"{host}:{port}"


def fill(pattern: str, parameters: Mapping[str, str]) -> str:
    """A host with its parameters filled in; other braces stay as they are."""
    for name in (REGION, APP_HOST):
        if name in parameters:
            pattern = pattern.replace(f"{{{name}}}", parameters[name])
    return pattern


def speedscale(region: str = DEFAULT_REGION, app_host: str = DEFAULT_APP_HOST) -> HostSet:
    """The first edition for a tenant's region and app host; where one of them is another than the default,
    an installation's own settings do not count any more."""
    chosen = FIRST_EDITION.filled({REGION: region, APP_HOST: app_host})
    return chosen if chosen is FIRST_EDITION else chosen.settled()


def _host(pattern: str, tier: Tier, purpose: str, used_by: str) -> RequiredHost:
    host = fill(pattern, {REGION: DEFAULT_REGION, APP_HOST: DEFAULT_APP_HOST})
    return RequiredHost(host, tier, purpose, used_by, pattern=pattern if host != pattern else "")


_EVERYONE = "operator, inspector, forwarder, generator, responder, collector"
_REPLAY = "generator, responder, operator"
_REQUIRED, _DOCUMENTED, _INFORMATIONAL = Tier.REQUIRED, Tier.DOCUMENTED, Tier.INFORMATIONAL

FIRST_EDITION = HostSet(
    name=SPEEDSCALE,
    edition="2026-08",
    provenance="docs.speedscale.com, «Istio», External Networking Requirements",
    parameters=((REGION, DEFAULT_REGION), (APP_HOST, DEFAULT_APP_HOST)),
    hosts=(
        _host("{app_host}", _REQUIRED, "API: registration, key check, AWS credentials", _EVERYONE),
        _host("downloads.speedscale.com", _DOCUMENTED, "command line binaries", "speedctl"),
        _host(
            "firehose.{region}.amazonaws.com",
            _REQUIRED,
            "captured traffic and reports",
            "forwarder, generator, responder",
        ),
        _host("sqs.{region}.amazonaws.com", _DOCUMENTED, "control messages", "inspector, operator"),
        _host("sns.{region}.amazonaws.com", _DOCUMENTED, "notifications", "inspector, operator"),
        _host("s3.{region}.amazonaws.com", _REQUIRED, "snapshots and reports", _REPLAY),
        _host("*.s3.{region}.amazonaws.com", _REQUIRED, "the tenant's own bucket", _REPLAY),
        _host("sts.amazonaws.com", _REQUIRED, "temporary AWS credentials", _EVERYONE),
        _host("sts.{region}.amazonaws.com", _REQUIRED, "temporary AWS credentials", _EVERYONE),
        _host(
            "monitoring.{region}.amazonaws.com", _DOCUMENTED, "CloudWatch telemetry", "forwarder, operator"
        ),
        _host("gcr.io", _INFORMATIONAL, "container images", "the kubelet, outside of any proxy"),
        _host("speedscale.github.io", _INFORMATIONAL, "the Helm repository", "Helm, outside of the cluster"),
    ),
)
"""The twelve hosts of Speedscale's Istio page.

The page's own ServiceEntry example names only nine of them: it leaves out `monitoring.<region>`, `gcr.io`
and `speedscale.github.io`. The last two are opened by the kubelet and by Helm, outside of any proxy, and
are therefore informational. Source: docs.speedscale.com, "Istio".
"""
