"""Which addresses the console dials. Registering a cluster must not become a way to look around.

Pure but for the resolver, which comes in as an argument. Public addresses are allowed; what is private
or loopback only inside the networks that the installation names; link-local, multicast and cloud
metadata never. A name is resolved once, every address is checked, and the connection goes to the
checked address (so that a second, different answer of the DNS changes nothing).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolver = Callable[[str, int], Sequence[str]]

_NEVER: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "100.100.100.200/32",  # metadata of Alibaba Cloud
        "168.63.129.16/32",  # the wire server of Azure
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",  # metadata of AWS over IPv6
        "fd20:ce::254/128",  # metadata of Google Cloud over IPv6
    )
)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)
_HOST = re.compile(
    r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?", re.I
)


class AddressRefusedError(Exception):
    """One sentence that says which address is refused and what would allow it."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """`networks`: where clusters may live beside public addresses."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, networks: Iterable[str]) -> AddressPolicy:
        """From CIDRs, as MESHCONSOLE_CLUSTER_NETWORKS holds them. Raises ValueError."""
        return cls(tuple(ip_network(text.strip(), strict=False) for text in networks if text.strip()))

    def refusal(self, address: Address) -> str:
        """Why the address is not dialled, "" when it is. Embedded IPv4 addresses are judged too."""
        for form in _forms(address):
            if any(form in network for network in _NEVER):
                return f"{address} is a link-local, metadata, multicast or unspecified address"
            if any(form in network for network in self.networks):
                continue
            if form.is_loopback:
                return f"{address} is this machine"
            if not form.is_global:
                return f"{address} is a private address"
        return ""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Every address the system knows for a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def pinned(host: str, port: int, policy: AddressPolicy, resolver: Resolver = system_resolver) -> Address:
    """The address to dial for a host, after every address it has was checked.

    Raises AddressRefusedError for a host that is no name, has no address, or has one that is refused.
    """
    literal = _literal(host)
    if literal is not None:
        addresses: list[Address] = [literal]
    else:
        try:
            addresses = [ip_address(text.split("%")[0]) for text in resolver(host, port)]
        except (OSError, UnicodeError, ValueError):
            raise AddressRefusedError(f"The name {host[:253]} has no address.") from None
    if not addresses:
        raise AddressRefusedError(f"The name {host[:253]} has no address.")
    for address in addresses:
        reason = policy.refusal(address)
        if reason:
            raise AddressRefusedError(
                f"{host[:253]} is not dialled: {reason}. "
                "The operator of this console can allow a network in MESHCONSOLE_CLUSTER_NETWORKS."
            )
    return addresses[0]


def _literal(host: str) -> Address | None:
    """The address that a host spells out. Decimal, octal and hexadecimal spellings, which C libraries
    take for addresses, are refused: only one way of writing an address is read, by everyone alike."""
    bare = host.strip("[]")
    try:
        return ip_address(bare)
    except ValueError:
        pass
    last = bare.rstrip(".").rpartition(".")[2]
    if _NUMERIC.fullmatch(last) or not _HOST.fullmatch(bare) or len(bare) > 253:
        raise AddressRefusedError(f"{host[:253]} is neither a host name nor an address such as 192.0.2.1.")
    return None


def _forms(address: Address) -> tuple[Address, ...]:
    """The address, and any IPv4 address that it stands for or carries."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    carried: list[Address] = []
    if address.sixtofour is not None:
        carried.append(address.sixtofour)
    if address.teredo is not None:
        carried.extend(address.teredo)
    if any(address in network for network in _NAT64) or (int(address) >> 32 == 0 and int(address) > 1):
        carried.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return (address, *carried)
