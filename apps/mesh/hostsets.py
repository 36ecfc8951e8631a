"""Hosts that a product must be able to reach, as versioned data: name, edition, hosts with tier and purpose.

Knows nothing of clusters, of Istio or of what is blocked. Editions are kept elsewhere; the one built
here is the first, from Speedscale's Istio page.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from apps.mesh.verdicts import Destination, Protocol

HTTPS_PORT = 443
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
    """A host (a name, or `*.name` for any name below it), its port and what the client sends."""

    host: str
    tier: Tier
    purpose: str
    used_by: str
    port: int = HTTPS_PORT
    protocol: Protocol = Protocol.TLS

    @property
    def destination(self) -> Destination:
        """What to ask of an egress engine; a wildcard stands for any name below it."""
        return Destination(self.host, self.port, self.protocol)


@dataclass(frozen=True, slots=True)
class HostSet:
    """An edition of a list of hosts. `provenance` says where the list was read."""

    name: str
    edition: str
    provenance: str
    hosts: tuple[RequiredHost, ...]

    def get(self, host: str) -> RequiredHost | None:
        """The entry for exactly this host."""
        return next((entry for entry in self.hosts if entry.host == host), None)

    def only(self, hosts: Iterable[str]) -> HostSet:
        """The same set with only these hosts, in the set's own order."""
        wanted = frozenset(hosts)
        return replace(self, hosts=tuple(entry for entry in self.hosts if entry.host in wanted))


def speedscale(region: str = DEFAULT_REGION, app_host: str = DEFAULT_APP_HOST) -> HostSet:
    """The twelve hosts of Speedscale's Istio page, for a tenant's region and app host.

    The page's own ServiceEntry example names only nine of them: it leaves out `monitoring.<region>`,
    `gcr.io` and `speedscale.github.io`. The last two are opened by the kubelet and by Helm, outside
    of any proxy, and are therefore informational. Source: docs.speedscale.com, "Istio".
    """
    everyone = "operator, inspector, forwarder, generator, responder, collector"
    replay = "generator, responder, operator"
    required, documented, informational = Tier.REQUIRED, Tier.DOCUMENTED, Tier.INFORMATIONAL
    return HostSet(
        name="speedscale",
        edition="2026-08",
        provenance="docs.speedscale.com, «Istio», External Networking Requirements",
        hosts=(
            RequiredHost(app_host, required, "API: registration, key check, AWS credentials", everyone),
            RequiredHost("downloads.speedscale.com", documented, "command line binaries", "speedctl"),
            RequiredHost(
                f"firehose.{region}.amazonaws.com",
                required,
                "captured traffic and reports",
                "forwarder, generator, responder",
            ),
            RequiredHost(
                f"sqs.{region}.amazonaws.com", documented, "control messages", "inspector, operator"
            ),
            RequiredHost(f"sns.{region}.amazonaws.com", documented, "notifications", "inspector, operator"),
            RequiredHost(f"s3.{region}.amazonaws.com", required, "snapshots and reports", replay),
            RequiredHost(f"*.s3.{region}.amazonaws.com", required, "the tenant's own bucket", replay),
            RequiredHost("sts.amazonaws.com", required, "temporary AWS credentials", everyone),
            RequiredHost(f"sts.{region}.amazonaws.com", required, "temporary AWS credentials", everyone),
            RequiredHost(
                f"monitoring.{region}.amazonaws.com",
                documented,
                "CloudWatch telemetry",
                "forwarder, operator",
            ),
            RequiredHost("gcr.io", informational, "container images", "the kubelet, outside of any proxy"),
            RequiredHost(
                "speedscale.github.io", informational, "the Helm repository", "Helm, outside of the cluster"
            ),
        ),
    )
