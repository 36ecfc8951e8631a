"""What a rule is and what it may look at. Knows no rule; a rule knows this module and no other rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.mesh.blockages import Blockage, Stoppage, blockages, stoppages
from apps.mesh.capture import captured, captures
from apps.mesh.clienttls import ClientTlsModes, MtlsConflict, mtls_conflicts
from apps.mesh.derived import steady
from apps.mesh.egress import EgressEngine
from apps.mesh.egress.registry import Registries, Registry
from apps.mesh.findings import Finding, Severity
from apps.mesh.hostsets import HostSet, Tier
from apps.mesh.inforce import in_force, in_force_of
from apps.mesh.injection import any_ambient, injected, injections
from apps.mesh.knownhosts import KnownHosts, knows, namespace_names, whole
from apps.mesh.meshconfig import MeshConfig, control_planes
from apps.mesh.mtls import mtls_modes
from apps.mesh.needs import FlawedEntries, flawed_entries, may_name
from apps.mesh.objects.base import MeshObject
from apps.mesh.objects.networking import Gateway, ServiceEntry
from apps.mesh.objects.workloads import WORKLOAD_KINDS, Workload
from apps.mesh.planes import namespace_planes
from apps.mesh.references import gateway_ref
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import CaptureReport, InjectionReport, MtlsReport, SpeedscaleInstall
from apps.mesh.selection import NamespaceServices, ServiceIndex, WorkloadIndex, backed, labelled
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import installs
from apps.mesh.tenancy import hosts_in
from apps.mesh.verdicts import Step

TIER_SEVERITY = {
    Tier.REQUIRED: Severity.ERROR,
    Tier.DOCUMENTED: Severity.WARNING,
    Tier.INFORMATIONAL: Severity.INFO,
}
"""How bad it is that a host of a tier is blocked."""

FLAWED_INPUTS = frozenset(
    {
        "ConfigMap",
        "CustomResourceDefinition",
        "MutatingWebhookConfiguration",
        "Namespace",
        "ServiceEntry",
        "ValidatingWebhookConfiguration",
        "Workload",
    }
)
"""What `RuleContext.flawed` rests on, and `reads`."""


@dataclass(frozen=True, slots=True)
class RuleContext:
    """One snapshot and one host set. Reports and engine are computed once a snapshot, when asked for."""

    snapshot: Snapshot
    hostset: HostSet

    @property
    def engine(self) -> EgressEngine:
        return self.snapshot.derived(EgressEngine)

    @property
    def blockages(self) -> tuple[Blockage, ...]:
        """The required hosts that are blocked where they are needed."""
        return self.snapshot.derived(blockages, self.hostset)

    @property
    def stoppages(self) -> tuple[Stoppage, ...]:
        """The required hosts that the mesh lets out and something further on stops."""
        return self.snapshot.derived(stoppages, self.hostset)

    @property
    def flawed(self) -> FlawedEntries:
        """ServiceEntries that name a required host and do not open it, where a product is installed."""
        return self.snapshot.derived(_flawed, self.hostset)

    @property
    def dialled(self) -> HostSet:
        """The hosts of the host set as the installations of this cluster dial them, by their settings."""
        return self.snapshot.derived(hosts_in, self.hostset)

    @property
    def registries(self) -> tuple[Registry, ...]:
        """What each control plane knows; with Istio's defaults where none is to be seen."""
        built, planes = self.snapshot.derived(Registries), control_planes(self.snapshot)
        return tuple(map(built.of, planes or (self.snapshot.derived(namespace_planes).of(""),)))

    @property
    def mtls(self) -> Mapping[ResourceRef, MtlsReport]:
        """By workload: the mutual TLS mode in force; every workload of the snapshot is in it."""
        return self.snapshot.derived(mtls_modes)

    @property
    def client_tls(self) -> ClientTlsModes:
        """What clients send to a service, and the DestinationRule that says so."""
        return self.snapshot.derived(ClientTlsModes)

    @property
    def mtls_conflicts(self) -> tuple[MtlsConflict, ...]:
        """DestinationRules that make clients send what a server refuses."""
        return self.snapshot.derived(mtls_conflicts)

    @property
    def hosts(self) -> KnownHosts:
        """Which hosts are known, and to whom."""
        return self.snapshot.derived(KnownHosts)

    @property
    def selection(self) -> WorkloadIndex:
        """Which workloads a selector takes."""
        return self.snapshot.derived(WorkloadIndex)

    @property
    def services(self) -> ServiceIndex:
        """Which workloads are behind a Service, and which Services select a workload."""
        return self.snapshot.derived(ServiceIndex)

    def mesh_config(self, namespace: str) -> MeshConfig:
        """The MeshConfig that holds for objects of a namespace."""
        return self.snapshot.derived(namespace_planes).of(namespace).config

    def reads(self, item: MeshObject) -> bool:
        """Whether a control plane reads an object: its namespace is discovered, its revision is there."""
        return self.snapshot.derived(in_force_of).reads(item)

    @property
    def whole(self) -> bool:
        """Whether what is not there does not exist: not so in a directory of manifests."""
        return whole(self.snapshot)

    def knows_workloads(self, namespace: str = "") -> bool:
        """Whether a workload that is not there is missing ("" asks about everywhere)."""
        if any(self.snapshot.missing(kind, namespace) for kind in WORKLOAD_KINDS):
            return False
        if not self.whole:
            return bool(namespace) and bool(self.selection.of_namespace(namespace))
        return bool(self.snapshot.workloads)

    def namespace_exists(self, name: str) -> bool | None:
        """None when namespaces could not be read."""
        if name in self.snapshot.derived(namespace_names):
            return True
        return None if self.snapshot.missing("Namespace") else False

    def gateway_exists(self, name: str, namespace: str) -> bool | None:
        """Whether there is the Gateway that an object of the namespace names; `mesh` always is. None
        when Gateways of that namespace could not be read, or may be elsewhere."""
        ref = gateway_ref(name, namespace)
        if ref is None or self.snapshot.exists(ref):
            return True
        if self.snapshot.missing("Gateway", ref.namespace) or not knows(
            self.snapshot, Gateway, ref.namespace
        ):
            return None
        return False

    def services_in(self, namespace: str) -> NamespaceServices:
        """The Services of a namespace with the workloads behind them."""
        return self.snapshot.part(backed, namespace)

    def captured_in(self, namespace: str) -> Iterator[tuple[Workload, CaptureReport]]:
        """Every workload of a namespace with its capture."""
        reports = self.snapshot.part(captured, namespace)
        return zip(self.snapshot.workloads_in(namespace), reports, strict=True)

    def injected_in(self, namespace: str) -> Iterator[tuple[Workload, InjectionReport]]:
        """Every workload of a namespace with its place in the mesh."""
        reports = self.snapshot.part(injected, namespace)
        return zip(self.snapshot.workloads_in(namespace), reports, strict=True)

    @property
    def installs(self) -> tuple[SpeedscaleInstall, ...]:
        return self.snapshot.derived(installs)

    @property
    def captures(self) -> Mapping[ResourceRef, CaptureReport]:
        """By workload; every workload of the snapshot is in it."""
        return self.snapshot.derived(captures)

    def captured(self) -> Iterator[tuple[Workload, CaptureReport]]:
        """Every workload with its capture."""
        return zip(self.snapshot.workloads, self.captures.values(), strict=True)

    def injected(self) -> Iterator[tuple[Workload, InjectionReport]]:
        """Every workload with its place in the mesh."""
        return zip(self.snapshot.workloads, self.injections.values(), strict=True)

    @property
    def any_ambient(self) -> bool:
        """Whether anything in the cluster is in ambient mode, or asks for it."""
        return self.snapshot.derived(any_ambient)

    @property
    def injections(self) -> Mapping[ResourceRef, InjectionReport]:
        """By workload; every workload of the snapshot is in it."""
        return self.snapshot.derived(injections)


@dataclass(frozen=True, slots=True)
class OneByOne:
    """The check of a rule that judges each object of a kind that a control plane reads by itself: what was
    found of an object stays as long as nothing that was looked at for it, or for another one, has changed."""

    kind: type[MeshObject]
    judge: Callable[[RuleContext, Any], Iterable[Finding]]

    def __call__(self, context: RuleContext) -> Iterator[Finding]:
        for item in in_force(context.snapshot, self.kind):
            yield from self.judge(context, item)


@dataclass(frozen=True, slots=True)
class InEachNamespace:
    """The check of a rule that judges each namespace by itself: what was found of one stays as long as
    nothing that was looked at in it, or for all, has changed."""

    judge: Callable[[RuleContext, str], Iterable[Finding]]

    def __call__(self, context: RuleContext) -> Iterator[Finding]:
        for namespace in context.snapshot.parts(labelled):
            yield from self.judge(context, namespace)


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. `severity` is the highest it gives; `inputs` are the kinds it reads, "Workload" for
    all workload kinds and their pods; `doc` is the module's docstring, which becomes its page.
    `remedy` mends what it finds, `no_remedy` says why nothing does, or of which findings nothing; one of
    the two is always given. `follows_pods` is True where it comes and goes with pods that are replaced, or
    speaks of them on another kind of object; `about_hosts` where what it finds rests on the hosts that
    Speedscale needs."""

    code: str
    name: str
    severity: Severity
    title: str
    inputs: frozenset[str]
    doc: str
    check: Callable[[RuleContext], Iterable[Finding]]
    references: tuple[str, ...] = ()
    remedy: str = ""
    no_remedy: str = ""
    follows_pods: bool = False
    about_hosts: bool = False

    def finding(
        self,
        message: str,
        ref: ResourceRef,
        *,
        api_version: str = "",
        severity: Severity | None = None,
        path: str = "",
        key: str = "",
        references: tuple[str, ...] | None = None,
        remedy: str | None = None,
        affected: tuple[ResourceRef, ...] = (),
        evidence: tuple[Step, ...] = (),
        hostset: str = "",
    ) -> Finding:
        """A finding with this rule's code and title; severity, references and remedy unless given."""
        return Finding(
            code=self.code,
            severity=severity or self.severity,
            title=self.title,
            message=message,
            ref=ref,
            api_version=api_version,
            path=path,
            key=key,
            references=self.references if references is None else references,
            remedy=self.remedy if remedy is None else remedy,
            affected=affected,
            evidence=evidence,
            hostset=hostset,
        )


def _flawed(snapshot: Snapshot, hostset: HostSet) -> FlawedEntries:
    if all(install.kind == "remnant" for install in snapshot.derived(installs)):
        return {}
    return snapshot.derived(_flawed_of, snapshot.derived(hosts_in, hostset))


@steady(may_name)
def _flawed_of(snapshot: Snapshot, dialled: HostSet) -> FlawedEntries:
    return flawed_entries(snapshot.each(ServiceEntry), dialled.hosts)
