"""Traffic policies: what of a DestinationRule says how clients connect. Knows no object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DISABLE = "DISABLE"
SIMPLE = "SIMPLE"
MUTUAL = "MUTUAL"
ISTIO_MUTUAL = "ISTIO_MUTUAL"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """ClientTLSSettings. `mode` is DISABLE where none is named: the zero value of the enum."""

    mode: str = DISABLE
    ca_certificates: str = ""
    credential_name: str = ""
    sni: str = ""
    subject_alt_names: tuple[str, ...] = ()
    skips_verification: bool = False


@dataclass(frozen=True, slots=True)
class TrafficPolicy:
    """`tls` None where the policy has no `tls`. `port_tls` holds every port with settings of its own;
    None where those have no `tls`: a port inherits nothing from the policy around it. `given` names
    the fields that are present (`loadBalancer`, `outlierDetection` …)."""

    tls: ClientTls | None = None
    port_tls: Mapping[int, ClientTls | None] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    load_balancer: str = ""

    def tls_at(self, port: int) -> ClientTls | None:
        """The settings of a port, by this policy alone."""
        return self.port_tls.get(port, self.tls)


@dataclass(frozen=True, slots=True)
class Subset:
    """A named part of a host's endpoints: those with all of `labels`."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    policy: TrafficPolicy = field(default_factory=TrafficPolicy)
