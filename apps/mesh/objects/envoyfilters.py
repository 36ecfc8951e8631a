"""EnvoyFilter: patches of what istiod generates, as far as it can be told what they reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject

OUTBOUND = frozenset({"ANY", "SIDECAR_OUTBOUND"})
AT_GATEWAYS = frozenset({"ANY", "GATEWAY"})


@dataclass(frozen=True, slots=True)
class PatchMatch:
    """Whom of the generated objects a patch takes; "" and None take all. `cluster` is Envoy's name,
    `virtual_host` `host:port` or a name of Istio's own."""

    context: str = "ANY"
    listener: str = ""
    port: int | None = None
    sni: str = ""
    network_filter: str = ""
    route: str = ""
    virtual_host: str = ""
    domain: str = ""
    cluster: str = ""
    service: str = ""
    subset: str = ""


@dataclass(frozen=True, slots=True)
class EnvoyPatch:
    """One of `configPatches`. `fields` are what the value sets, in Envoy's own spelling: `typed_config.x`,
    `route.x` and `filters.x` (by name) where these are set. `name`, `domains` and `port` are the value's.
    `given` is False without a `patch`: istiod discards such a one."""

    apply_to: str
    operation: str
    match: PatchMatch = field(default_factory=PatchMatch)
    fields: tuple[str, ...] = ()
    name: str = ""
    domains: tuple[str, ...] = ()
    port: int | None = None
    given: bool = True

    @property
    def merges(self) -> bool:
        return self.operation in {"MERGE", "MERGE_AND_REPLACE_LIST"}

    @property
    def adds(self) -> bool:
        return self.operation == "ADD" or self.operation.startswith("INSERT_")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvoyFilter(MeshObject):
    """`selector` None is every proxy; one with `targeted` is attached to gateways, and no sidecar's."""

    selector: Mapping[str, str] | None = None
    targeted: bool = False
    patches: tuple[EnvoyPatch, ...] = ()

    @property
    def outbound(self) -> bool:
        """Whether any patch reaches what sidecars send out."""
        return not self.targeted and bool(self._reaching(OUTBOUND))

    @property
    def at_gateways(self) -> tuple[EnvoyPatch, ...]:
        """The patches that reach gateways."""
        return self._reaching(AT_GATEWAYS)

    def _reaching(self, contexts: frozenset[str]) -> tuple[EnvoyPatch, ...]:
        return tuple(patch for patch in self.patches if patch.given and patch.match.context in contexts)
