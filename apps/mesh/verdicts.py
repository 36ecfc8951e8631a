"""The values that an egress question and its answer are made of. No rule of Istio lives here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from apps.mesh.refs import ResourceRef


class Protocol(StrEnum):
    """What the client sends: a ClientHello with SNI = host, plaintext HTTP/1.1, or opaque bytes."""

    TLS = "TLS"
    HTTP = "HTTP"
    TCP = "TCP"


class Verdict(StrEnum):
    """What happens to a connection. The strings are part of the REST API and of the exports."""

    ALLOWED_REGISTRY = "allowed-registry"
    ALLOWED_PASSTHROUGH = "allowed-passthrough"
    BLOCKED_502 = "blocked-502"
    BLOCKED_503 = "blocked-503"
    BLOCKED_RESET = "blocked-reset"
    BYPASSES_MESH = "bypasses-mesh"
    NOT_ENFORCED = "not-enforced"
    UNKNOWN = "unknown"

    @property
    def blocked(self) -> bool:
        return self in _BLOCKED

    @property
    def reachable(self) -> bool:
        """Whether the mesh lets the connection out; an unknown verdict does not."""
        return not self.blocked and self is not Verdict.UNKNOWN


_BLOCKED = frozenset({Verdict.BLOCKED_502, Verdict.BLOCKED_503, Verdict.BLOCKED_RESET})


@dataclass(frozen=True, slots=True, order=True)
class Destination:
    """Host (a name, `*.name` for any name below it, or an address), port, protocol, and the
    original destination address where it is known; "" means that it is not. `product` is the one whose set of
    hosts it was taken from: it decides no verdict, only which entry is named as the one that lacks it."""

    host: str
    port: int = 443
    protocol: Protocol = Protocol.TLS
    ip: str = ""
    product: str = ""

    @property
    def plain(self) -> Destination:
        """The same, whoever asks."""
        return replace(self, product="") if self.product else self

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a chain of evidence.

    `title` is a claim in at most eight words, `text` one or two sentences, `ref` the object it
    rests on (None where it rests on an absence or a default), `path` the field in that object
    (`spec.egress[0].hosts`), `rule` the Istio file or page that the rule follows.
    """

    title: str
    text: str
    ref: ResourceRef | None = None
    path: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """The nearest step that would turn the verdict, in words, and the remedy that generates it.

    `remedy` is a name of `apps.mesh.remedies.catalogue`, "" where no remedy exists.
    """

    text: str
    remedy: str = ""
    ref: ResourceRef | None = None


@dataclass(frozen=True, slots=True)
class EgressAnswer:
    """A verdict with why. `cluster` is Envoy's cluster name where the registry decided
    (`outbound|443||host`). `unknowns` says what could not be read. `stopped` is what refuses the
    connection further on, after the mesh let it out: a NetworkPolicy or an egress gateway. `status` is the
    HTTP status that the application sees where its own proxy answers instead of the host, whatever number the
    verdict bears; None where none is seen."""

    verdict: Verdict
    evidence: tuple[Step, ...]
    cluster: str = ""
    service: ResourceRef | None = None
    fix: Fix | None = None
    unknowns: tuple[str, ...] = ()
    stopped: Step | None = None
    status: int | None = None

    @property
    def arrives(self) -> bool:
        """Whether nothing that is known keeps the connection from leaving the cluster."""
        return self.verdict.reachable and self.stopped is None

    @property
    def sentence(self) -> str:
        """The outcome in one line: the text of the last step."""
        return self.evidence[-1].text if self.evidence else ""
