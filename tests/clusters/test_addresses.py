"""Which addresses are dialled: the table that keeps cluster registration from being a port scanner."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from apps.clusters.addresses import AddressPolicy, AddressRefusedError, pinned

PUBLIC = AddressPolicy()
INTERNAL = AddressPolicy.of(["10.0.0.0/8", "fd00::/8"])
EVERYTHING = AddressPolicy.of(["0.0.0.0/0", "::/0"])


def answers(*addresses: str) -> object:
    def resolver(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolver


def dial(host: str, policy: AddressPolicy = PUBLIC, *addresses: str) -> str:
    return str(pinned(host, 6443, policy, answers(*addresses)))  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["8.8.8.8", "203.0.114.7", "2606:4700::1111"])
def test_public_addresses_are_dialled(address: str) -> None:
    assert dial(address) == address
    assert dial("api.example.test", PUBLIC, address) == address


REFUSED = [
    "127.0.0.1",
    "127.1.2.3",
    "::1",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "fe80::1",
    "fd00:ec2::254",
    "fd12::1",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "::a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_inside_are_refused_as_literal_and_as_answer(address: str) -> None:
    for host, found in ((address, ()), ("api.example.test", (address,))):
        with pytest.raises(AddressRefusedError):
            dial(host, PUBLIC, *found)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "1.2.3",
        "0",
        "017700000001",
        "api.example.1",
        "example.0x1",
        "",
        "a b",
        "ex/ample",
        "-x.test",
        "x" * 64 + ".test",
        "xn--\u2024",
        "127.0.0.1%eth0",
    ],
)
def test_odd_spellings_of_addresses_are_refused_whatever_they_resolve_to(host: str) -> None:
    with pytest.raises(AddressRefusedError):
        dial(host, EVERYTHING, "8.8.8.8")


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    with pytest.raises(AddressRefusedError, match=r"169\.254\.169\.254"):
        dial("api.example.test", PUBLIC, "8.8.8.8", "169.254.169.254")


def test_private_networks_are_dialled_where_the_operator_allows_them() -> None:
    assert dial("api.internal.test", INTERNAL, "10.1.2.3") == "10.1.2.3"
    assert dial("fd12::1", INTERNAL) == "fd12::1"
    with pytest.raises(AddressRefusedError, match="MESHCONSOLE_CLUSTER_NETWORKS"):
        dial("api.internal.test", INTERNAL, "192.168.1.1")


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fd00:ec2::254", "fe80::1", "224.0.0.1", "0.0.0.0", "::ffff:169.254.169.254"],
)
def test_metadata_and_link_local_are_refused_even_where_everything_is_allowed(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        dial(address, EVERYTHING)


def test_a_name_is_resolved_once_and_its_checked_address_is_what_is_dialled() -> None:
    asked: list[str] = []
    later = iter([["8.8.8.8"], ["127.0.0.1"]])

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return next(later)

    assert pinned("api.example.test", 443, PUBLIC, rebinding) == ip_address("8.8.8.8")
    assert asked == ["api.example.test"]


def test_a_name_without_an_address_gets_a_sentence() -> None:
    def fails(_host: str, _port: int) -> Sequence[str]:
        raise OSError("gaierror")

    with pytest.raises(AddressRefusedError, match="has no address"):
        pinned("nowhere.example.test", 443, PUBLIC, fails)
    with pytest.raises(AddressRefusedError, match="has no address"):
        dial("nowhere.example.test")
