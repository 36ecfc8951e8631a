"""What clients send: plaintext, TLS of their own, or Istio's mutual TLS; and where servers refuse it.

Follows pilot/pkg/networking/core/cluster_tls.go (buildUpstreamTLSSettings) and push_context.go
(BestEffortInferServiceMTLSMode). Rests on `mtls` for what servers accept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from apps.mesh.destinationrules import INPUTS as RULE_INPUTS
from apps.mesh.destinationrules import DestinationRules, MergedRule
from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import is_wildcard, resolve_short_name
from apps.mesh.knownhosts import INPUTS as HOST_INPUTS
from apps.mesh.knownhosts import KnownHosts
from apps.mesh.mtls import INPUTS as MODE_INPUTS
from apps.mesh.mtls import MtlsModes, mtls_modes
from apps.mesh.objects.networking import DestinationRule, Port, Service
from apps.mesh.objects.selectors import is_subset
from apps.mesh.objects.traffic import DISABLE, ISTIO_MUTUAL, MUTUAL, SIMPLE
from apps.mesh.objects.workloads import Workload
from apps.mesh.planes import namespace_planes
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import MtlsMode
from apps.mesh.selection import ServiceIndex, label_sets
from apps.mesh.snapshot import Snapshot

INPUTS = RULE_INPUTS | HOST_INPUTS | MODE_INPUTS


class Sent(StrEnum):
    """How a client's proxy connects. `auto`: mutual TLS to pods with a proxy, plaintext to others."""

    PLAINTEXT = "plaintext"
    TLS = "tls"
    MUTUAL = "mutual"
    ISTIO_MUTUAL = "istio-mutual"
    AUTO = "auto"
    UNKNOWN = "unknown"


_SENT = {
    DISABLE: Sent.PLAINTEXT,
    SIMPLE: Sent.TLS,
    MUTUAL: Sent.MUTUAL,
    ISTIO_MUTUAL: Sent.ISTIO_MUTUAL,
}


@dataclass(frozen=True, slots=True)
class ClientMode:
    """What is sent and why. `ref` and `path` name the field that decided; None for a default."""

    sent: Sent
    reason: str
    ref: ResourceRef | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class MtlsConflict:
    """A DestinationRule that makes clients send what a workload refuses. `port` is the Service's,
    `server_port` the container's; `policy` what decided the server's mode (None: no proxy, or the
    default)."""

    rule: ResourceRef
    path: str
    host: str
    port: int
    subset: str
    sent: Sent
    workload: ResourceRef
    server_port: int
    mode: MtlsMode
    policy: ResourceRef | None


class ClientTlsModes:
    """Answers for one snapshot; ask for it through `snapshot.derived`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._gap = snapshot.missing("DestinationRule")
        self._planes = snapshot.derived(namespace_planes)
        self._rules = snapshot.derived(DestinationRules)
        self._modes = snapshot.derived(MtlsModes)

    def rule(self, client: str, labels: Mapping[str, str], service: RegistryService) -> MergedRule | None:
        """The DestinationRule in force for clients of a namespace with these labels."""
        index = self._rules.of(self._planes.of(client))
        return index.effective(client, labels, service.host, service.namespace)

    def mode(
        self, client: str, labels: Mapping[str, str], service: RegistryService, port: int, subset: str = ""
    ) -> ClientMode:
        """What clients of a namespace, with these labels, send to a port of a service."""
        merged = self.rule(client, labels, service)
        if merged is not None:
            tls, rule, path = merged.tls_for(port, subset)
            if tls is not None:
                sent = _SENT.get(tls.mode, Sent.PLAINTEXT)
                return ClientMode(sent, f"{rule.ref} says {tls.mode}.", rule.ref, path)
        if self._gap is not None:
            return ClientMode(Sent.UNKNOWN, f"DestinationRules could not be read: {self._gap.reason}")
        if service.external:
            return ClientMode(Sent.PLAINTEXT, "The host is outside the mesh, where auto mTLS does nothing.")
        plane = self._planes.of(client)
        if not plane.config.auto_mtls:
            return ClientMode(Sent.PLAINTEXT, "enableAutoMtls is off in the mesh configuration.")
        server = self._modes.namespace_mode(service.namespace)
        if server.mode is MtlsMode.DISABLE:
            reason = f"{server.ref} says DISABLE for the namespace, which auto mTLS goes by."
            return ClientMode(Sent.PLAINTEXT, reason, server.ref, server.path)
        return ClientMode(Sent.AUTO, "Auto mTLS: mutual TLS where the endpoint has a proxy.")


def mtls_conflicts(snapshot: Snapshot) -> tuple[MtlsConflict, ...]:
    """Every rule that makes clients send what a workload behind its host refuses; ordered by rule,
    host, port and workload. Ask for it through `snapshot.derived`."""
    found = dict.fromkeys(
        conflict for rule in snapshot.each(DestinationRule) for conflict in _of_rule(snapshot, rule)
    )
    return tuple(sorted(found, key=lambda c: (c.rule, c.host, c.port, c.subset, c.workload)))


def refuses(sent: Sent, mode: MtlsMode) -> bool:
    """Whether a server of that mode cannot take what is sent. What a container does without a proxy is
    not known, but it cannot speak Istio's mutual TLS."""
    if sent is Sent.PLAINTEXT or sent is Sent.TLS:
        return mode is MtlsMode.STRICT
    if sent is Sent.ISTIO_MUTUAL:
        return mode in {MtlsMode.DISABLE, MtlsMode.NONE}
    return False


def container_port(port: Port, workload: Workload) -> int | None:
    """The number on which a workload's containers take a Service's port; None for a name that the
    template does not declare."""
    if not port.target_port:
        return port.number
    if port.target_port.isdecimal():
        return int(port.target_port) if len(port.target_port) < 6 else None
    named = (item.number for item in workload.template.ports if item.name == port.target_port)
    return next(named, None)


def _of_rule(snapshot: Snapshot, rule: DestinationRule) -> Iterator[MtlsConflict]:
    clients = snapshot.derived(ClientTlsModes)
    for service in _services(snapshot, rule):
        asking = _clients(rule, service)
        for port in service.ports:
            for subset in ("", *(item.name for item in rule.subsets)):
                for client, labels in asking:
                    mode = clients.mode(client, labels, service, port.number, subset)
                    if mode.ref == rule.ref:
                        yield from _refusing(snapshot, service, port.number, subset, mode, rule)
                        break


def _services(snapshot: Snapshot, rule: DestinationRule) -> Iterator[RegistryService]:
    """The Services of the cluster that a rule with TLS settings speaks of."""
    policies = (rule.policy, *(subset.policy for subset in rule.subsets))
    if not any(policy.tls is not None or policy.port_tls for policy in policies):
        return
    known = snapshot.derived(KnownHosts)
    host = resolve_short_name(rule.host, rule.namespace)
    found = known.below(host, rule.namespace) if is_wildcard(host) else known.holding(host, rule.namespace)
    yield from (service for service in found if service.kubernetes and not service.external)


def _clients(rule: DestinationRule, service: RegistryService) -> list[tuple[str, Mapping[str, str]]]:
    """Clients for which the rule may be the one in force: its own namespace's, the service's, and one
    of no namespace in particular, for what is exported to all."""
    labels = rule.selector or {}
    return [(name, labels) for name in dict.fromkeys((rule.namespace, service.namespace, ""))]


def _refusing(
    snapshot: Snapshot,
    service: RegistryService,
    number: int,
    subset: str,
    client: ClientMode,
    rule: DestinationRule,
) -> Iterator[MtlsConflict]:
    owner = snapshot.get(service.ref)
    ports = owner.ports if isinstance(owner, Service) else ()
    port = next((item for item in ports if item.number == number), None)
    if port is None:
        return
    reports = snapshot.derived(mtls_modes)
    labels = next((item.labels for item in rule.subsets if item.name == subset), {})
    for workload in snapshot.derived(ServiceIndex).behind(service.ref):
        if not _carries(workload, labels):
            continue
        report, taken = reports[workload.ref], container_port(port, workload)
        own = report.ports.get(taken) if taken is not None else None
        mode = own.mode if own is not None else report.mode
        if refuses(client.sent, mode):
            decided = own.ref if own is not None else report.ref
            yield MtlsConflict(
                rule=rule.ref,
                path=client.path,
                host=service.host,
                port=number,
                subset=subset,
                sent=client.sent,
                workload=workload.ref,
                server_port=taken or 0,
                mode=mode,
                policy=None if mode is MtlsMode.NONE else decided,
            )


def _carries(workload: Workload, labels: Mapping[str, str]) -> bool:
    return any(is_subset(labels, own) for own in label_sets(workload))
