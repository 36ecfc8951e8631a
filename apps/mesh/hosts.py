"""Istio's host semantics in one place: subset, overlap, specificity, short names, Host domains.

Follows istio pkg/config/host/name.go and pilot/pkg/model/config.go. Names are compared as given:
parsing has made them lower case. Knows no object.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

DEFAULT_DOMAIN = "cluster.local"
CLUSTER_DOMAIN = f".svc.{DEFAULT_DOMAIN}"


def is_wildcard(host: str) -> bool:
    return host.startswith("*")


def subset_of(host: str, other: str) -> bool:
    """Whether every name that `host` stands for is also one of `other`. `*.x.com` holds names of any
    depth below x.com, and not x.com itself; `*` holds everything."""
    if is_wildcard(host):
        return is_wildcard(other) and len(host) >= len(other) and host[1:].endswith(other[1:])
    if is_wildcard(other):
        return host.endswith(other[1:])
    return host == other


def matches(host: str, other: str) -> bool:
    """Whether the two overlap: one is a subset of the other."""
    return subset_of(host, other) or subset_of(other, host)


def more_specific(host: str, other: str) -> bool:
    """Istio's order: an exact name before a wildcard, the longer before the shorter, then by text."""
    if is_wildcard(host) != is_wildcard(other):
        return not is_wildcard(host)
    if len(host) != len(other):
        return len(host) > len(other)
    return host < other


def most_specific(needle: str, hosts: Iterable[str]) -> str | None:
    """The host that holds `needle` and is the most specific of those that do."""
    best: str | None = None
    for host in hosts:
        if subset_of(needle, host) and (best is None or more_specific(host, best)):
            best = host
    return best


def service_host(name: str, namespace: str, domain: str = DEFAULT_DOMAIN) -> str:
    return f"{name}.{namespace}.svc.{domain}"


def resolve_short_name(host: str, namespace: str, domain: str = DEFAULT_DOMAIN) -> str:
    """A name without a dot is a Service of the namespace; `*`, wildcards, addresses and names with a
    dot stay as they are, `name.namespace` too (pilot/pkg/model/config.go ResolveShortnameToFQDN)."""
    if not host or is_wildcard(host) or "." in host or is_address(host):
        return host
    return service_host(host, namespace, domain)


def short_names(host: str, namespace: str, domain: str = DEFAULT_DOMAIN) -> tuple[str, ...]:
    """The other Host values under which a proxy in `namespace` knows a Service
    (pilot/pkg/networking/core/httproute.go GenerateAltVirtualHosts)."""
    dotted = (f"{host}.",) if not is_address(host) else ()
    if not host.endswith(f".svc.{domain}"):
        return dotted
    before = host.removesuffix(f".svc.{domain}")
    name, dot, owner = before.partition(".")
    if not dot or "." in owner:
        return dotted
    if owner == namespace:
        return (*dotted, name, f"{before}.svc", before)
    return (*dotted, before, f"{before}.svc")


def service_names(host: str, namespace: str = "", domain: str = DEFAULT_DOMAIN) -> tuple[str, str] | None:
    """Name and namespace of the Service that a resolver in `namespace` makes of a host: `name` (only
    with a namespace given), `name.ns`, `name.ns.svc` or the full name. None for anything else."""
    short = host.removesuffix(f".svc.{domain}").removesuffix(".svc")
    parts = short.split(".")
    if len(parts) == 1 and short == host and namespace and host:
        return host, namespace
    return (parts[0], parts[1]) if len(parts) == 2 and all(parts) else None


def is_address(text: str) -> bool:
    if not text or not (":" in text or text[-1].isdigit()):
        return False  # most names end here, without the price of an exception
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def network(text: str) -> IPv4Network | IPv6Network | None:
    """The network of an address or CIDR; host bits are ignored. None for anything else."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def site(host: str) -> str:
    """The last two labels of a name or of a wildcard below them; "" for what has no two of its own, and for
    a wildcard that is not one of whole labels."""
    name = host.removeprefix("*.")
    labels = name.rsplit(".", 2)[-2:]
    return ".".join(labels) if len(labels) == 2 and not name.startswith("*") else ""


def same_site(host: str, other: str) -> bool:
    """Whether two names share their last two labels: near enough to be named as a near miss."""
    first, second = host.lstrip("*.").split("."), other.lstrip("*.").split(".")
    return len(first) > 1 and first[-2:] == second[-2:]
