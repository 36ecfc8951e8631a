"""security.istio.io objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.mesh.objects.base import MeshObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAuthentication(MeshObject):
    """`selector` None means the whole namespace (or mesh, in the root namespace); `mode` "" is UNSET."""

    selector: Mapping[str, str] | None = None
    mode: str = ""
    port_modes: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TargetRef:
    """What a policy is attached to instead of workloads; `group` "" is the core group."""

    group: str
    kind: str
    name: str
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAuthentication(MeshObject):
    selector: Mapping[str, str] | None = None
    target_refs: tuple[TargetRef, ...] = ()
    issuers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """One `from`: a caller has to meet every field that is given."""

    principals: tuple[str, ...] = ()
    not_principals: tuple[str, ...] = ()
    request_principals: tuple[str, ...] = ()
    not_request_principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    not_namespaces: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    not_service_accounts: tuple[str, ...] = ()
    ip_blocks: tuple[str, ...] = ()
    not_ip_blocks: tuple[str, ...] = ()
    remote_ip_blocks: tuple[str, ...] = ()
    not_remote_ip_blocks: tuple[str, ...] = ()
    trust_domains: tuple[str, ...] = ()
    not_trust_domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One `to`: a call has to meet every field that is given. Ports are texts, as in the object."""

    hosts: tuple[str, ...] = ()
    not_hosts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    not_ports: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    not_methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    not_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """One `when`."""

    key: str
    values: tuple[str, ...] = ()
    not_values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorizationRule:
    """One of `sources` and one of `operations` has to match, where there are any, and every one of
    `conditions`; a rule without any of them matches everything."""

    sources: tuple[Source, ...] = ()
    operations: tuple[Operation, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationPolicy(MeshObject):
    """Without rules it matches nothing: ALLOW then denies everything. `provider` is CUSTOM's."""

    selector: Mapping[str, str] | None = None
    target_refs: tuple[TargetRef, ...] = ()
    action: str = "ALLOW"
    provider: str = ""
    rules: tuple[AuthorizationRule, ...] = ()
