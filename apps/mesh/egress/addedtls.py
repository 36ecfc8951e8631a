"""The TLS that a DestinationRule has a proxy add around what it sends to a cluster.

Follows pilot/pkg/networking/core/cluster_tls.go (buildUpstreamTLSSettings, buildUpstreamClusterTLSContext,
setAutoSniAndAutoSanValidation) and cluster_builder.go (applyDestinationRule). Knows nothing of what takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.destinationrules import MergedRule
from apps.mesh.egress.services import RegistryService
from apps.mesh.hosts import is_address
from apps.mesh.objects.traffic import ISTIO_MUTUAL, MUTUAL, SIMPLE, ClientTls
from apps.mesh.refs import ResourceRef
from apps.mesh.verdicts import Step

RULE = "pilot/pkg/networking/core/cluster_tls.go"
CONFIG_MAP = "configmap://"


@dataclass(frozen=True, slots=True)
class Sender:
    """A proxy that sends something on: its namespace, the labels of its pod, whether it is a gateway."""

    namespace: str
    labels: Mapping[str, str]
    gateway: bool = False


@dataclass(frozen=True, slots=True)
class AddedTls:
    """`mode` is "" where the proxy adds nothing. `sni` is the server name that it sends, "" for none;
    `ref` and `path` are where it stands. `kept_from` is true for a rule whose Secret a sidecar does not
    read: it sends plaintext."""

    mode: str = ""
    sni: str = ""
    ref: ResourceRef | None = None
    path: str = ""
    settings: ClientTls = field(default_factory=ClientTls)
    kept_from: bool = False

    @property
    def words(self) -> str:
        """`SIMPLE, server name api.x.com`."""
        return f"{self.mode}, server name {self.sni}" if self.sni else f"{self.mode}, no server name"

    def step(self, target: str) -> Step | None:
        """What the rule does on the way to a target; None where there is nothing to say."""
        if self.kept_from:
            text = (
                f"It asks for TLS with Secret {self.settings.credential_name}, which a sidecar reads only "
                f"where the rule has a workloadSelector: nothing is added to what goes to {target}."
            )
            return Step("The proxy adds no TLS", text, self.ref, self.path, RULE)
        if not self.mode:
            return None
        text = f"What goes to {target} is sent inside TLS ({self.words})."
        return Step("The proxy adds TLS", text, self.ref, self.path, RULE)


NOTHING = AddedTls()


def added_tls(
    merged: MergedRule | None,
    sender: Sender,
    service: RegistryService,
    cluster: tuple[str, int, str],
    name: str,
) -> AddedTls:
    """What a rule has the proxy add around what goes to a cluster (host, port, subset). `name` is the Host
    of the requests that it sends there, "" where it sends bytes: TLS without an `sni` takes it."""
    host, port, subset = cluster
    tls, rule, path = merged.tls_for(port, subset) if merged is not None else (None, None, "")
    if tls is None or rule is None or tls.mode not in {SIMPLE, MUTUAL, ISTIO_MUTUAL}:
        return NOTHING
    if tls.mode == ISTIO_MUTUAL:
        sni = tls.sni or f"outbound_.{port}_.{subset}_.{host}"
        return AddedTls(tls.mode, sni, rule.ref, path, tls)
    secret = tls.credential_name and not tls.credential_name.startswith(CONFIG_MAP)
    if secret and not sender.gateway and rule.selector is None:
        return AddedTls("", "", rule.ref, path, tls, kept_from=True)
    return AddedTls(tls.mode, tls.sni or ("" if is_address(name) else name), rule.ref, path, tls)
