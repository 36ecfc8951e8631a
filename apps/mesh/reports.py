"""What is reported on one workload: its place in the mesh and its capture, expected against actual.

Values only. How they are found out is in `injection` and `speedscale`, which do not know each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Step


class Tone(StrEnum):
    """How a report wants to be shown."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"
    OFF = "off"


class DataPlane(StrEnum):
    """How the pods of a workload take part in a mesh, as seen on them."""

    NONE = "none"
    SIDECAR = "sidecar"
    NATIVE = "native"
    AMBIENT = "ambient"
    MIXED = "mixed"

    @property
    def proxied(self) -> bool:
        """Whether pods carry a proxy that Istio's egress configuration reaches."""
        return self in {DataPlane.SIDECAR, DataPlane.NATIVE, DataPlane.MIXED}


class Drift(StrEnum):
    """In what way pods differ from what the webhooks would make of them today."""

    NONE = "none"
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    REVISION = "revision"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class InjectionReport:
    """Istio's proxy on one workload.

    `expected` is None when it rests on something that could not be read. `ref` and `path` name what
    decided. Revisions are revisions, never tags; "" where there is none; several actual ones are
    joined with a comma. `pods_matching` counts the live pods that are as they should be.
    """

    expected: bool | None
    ambient_expected: bool
    actual: DataPlane
    revision_expected: str
    revision_actual: str
    reason: str
    ref: ResourceRef | None
    path: str
    pods_total: int
    pods_matching: int
    drift: Drift
    tone: Tone

    @property
    def meshed(self) -> bool | None:
        """Whether the pods stand behind a proxy: seen on them, or expected where there are none yet."""
        if self.pods_total:
            return self.actual.proxied
        return self.expected


class MtlsMode(StrEnum):
    """What the pods of a workload accept from callers, as PeerAuthentication names it.

    `gateway`: the servers of its Gateways decide. `none`: no proxy stands before the pods, so that they
    take what their own containers take."""

    STRICT = "strict"
    PERMISSIVE = "permissive"
    DISABLE = "disable"
    GATEWAY = "gateway"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MtlsDecision:
    """A mode and what decided it. `level` is port, workload, namespace, mesh or default; `ref` None
    for the default."""

    mode: MtlsMode
    level: str
    ref: ResourceRef | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class MtlsReport:
    """Mutual TLS before one workload.

    `mode` is what holds on a port that has no mode of its own; `asked` what the policies say, whether
    or not a proxy is there to follow them. `ports` are container ports. `unknowns` says what was not
    read, and what holds for some pods only.
    """

    mode: MtlsMode
    asked: MtlsDecision
    reason: str
    ports: Mapping[int, MtlsDecision] = field(default_factory=dict)
    evidence: tuple[Step, ...] = ()
    unknowns: tuple[str, ...] = ()

    def mode_at(self, port: int) -> MtlsMode:
        """The mode on a port of the containers."""
        found = self.ports.get(port)
        return found.mode if found is not None else self.mode

    @property
    def ref(self) -> ResourceRef | None:
        """The PeerAuthentication that decided; None for Istio's default."""
        return self.asked.ref

    @property
    def path(self) -> str:
        """The field that decided."""
        return self.asked.path


class CaptureKind(StrEnum):
    """The ways in which Speedscale covers a workload."""

    SIDECAR = "sidecar"
    EBPF = "ebpf"
    EBPF_JAVA = "ebpf-java"
    MOCKS = "mocks"
    NONE = "none"


class CaptureState(StrEnum):
    """How far the expected capture is there. `off`: neither expected nor there."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    MISSING = "missing"
    CONFLICT = "conflict"
    ORPHAN = "orphan"
    UNKNOWN = "unknown"
    OFF = "off"


class CaptureCause(StrEnum):
    """Why expected and actual capture differ; `none` when they do not."""

    NONE = "none"
    CONFLICTING_ANNOTATIONS = "conflicting-annotations"
    TEMPLATE_ONLY = "template-only"
    IGNORED = "ignored"
    OPERATOR_MISSING = "operator-missing"
    WEBHOOK_MISSING = "webhook-missing"
    WEBHOOK_EXCLUDES = "webhook-excludes"
    KIND_UNSUPPORTED = "kind-unsupported"
    NOT_INJECTED = "not-injected"
    NOT_ROLLED = "not-rolled"
    NO_NETTAP = "no-nettap"
    NOT_REQUESTED = "not-requested"
    NOT_READ = "not-read"


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """Speedscale's capture of one workload.

    `expected` comes from annotations (or an eBPF target list), `actual` from template and pods.
    `in_template` says whether the template already carries what was asked for. `ref` and `path` name
    the annotation that decided. `mocked` is true while a replay answers for the workload's services.
    """

    expected: CaptureKind
    actual: CaptureKind
    state: CaptureState
    cause: CaptureCause
    reason: str
    ref: ResourceRef | None
    path: str
    in_template: bool
    mocked: bool
    pods_total: int
    pods_matching: int
    tone: Tone

    @property
    def wanted(self) -> bool:
        return self.expected is not CaptureKind.NONE


@dataclass(frozen=True, slots=True)
class WorkloadReport:
    """Everything reported on one workload. `scope_key` is its egress scope, "" outside of any."""

    ref: ResourceRef
    scope_key: str
    injection: InjectionReport
    capture: CaptureReport
    mtls: MtlsReport


@dataclass(frozen=True, slots=True)
class InstallComponent:
    """A part of Speedscale: `role` is operator, forwarder, inspector, nettap or coordinator."""

    role: str
    ref: ResourceRef
    version: str
    pods: int
    wanted: int | None


@dataclass(frozen=True, slots=True)
class InstallWebhook:
    """A webhook that calls Speedscale. `path` leads to it inside `ref`."""

    ref: ResourceRef
    path: str
    name: str
    failure_policy: str
    service: ResourceRef


@dataclass(frozen=True, slots=True)
class SpeedscaleInstall:
    """One installation. `kind` is `classic` (operator and webhooks), `namespaced` (a forwarder in an
    application's namespace, no operator) or `remnant` (webhooks that call an operator that is gone)."""

    namespace: str
    kind: str
    version: str
    components: tuple[InstallComponent, ...]
    webhooks: tuple[InstallWebhook, ...]
    crd: bool
    missing: tuple[str, ...]

    def component(self, role: str) -> InstallComponent | None:
        return next((item for item in self.components if item.role == role), None)
