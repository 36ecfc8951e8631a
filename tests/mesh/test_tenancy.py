"""Which hosts an installation dials by its own settings; settings that are odd change nothing."""

from __future__ import annotations

import pytest

from apps.mesh.analyse import analyse
from apps.mesh.hostsets import HostSet, RequiredHost, speedscale
from apps.mesh.speedscale import installs
from apps.mesh.tenancy import bypasses, hosts_in, hosts_of
from apps.mesh.verdicts import Protocol
from apps.mesh.whatif import compare_snapshots
from tests.mesh.rule_cases import laid

PAGE = speedscale()


def dialled(data: str, *, name: str = "speedscale-operator", base: str = "speedscale") -> HostSet:
    namespace = "speedscale" if base == "speedscale" else "shop"
    config = (
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\ndata: {data}"
    )
    snapshot = laid("mesh", base, more=config)
    (install,) = snapshot.derived(installs)
    return hosts_of(snapshot, install, PAGE)


@pytest.mark.parametrize(
    "data",
    [
        "{}",
        "{HTTPS_PROXY: ''}",
        "{HTTPS_PROXY: 'http://[broken'}",
        "{EXPORTERS: 'no json'}",
        "{EXPORTERS: '[1, {\"a\": 2}]'}",
        "{PRIMARY_TRANSPORT: cloud}",
    ],
)
def test_settings_that_say_nothing_change_nothing(data: str) -> None:
    assert dialled(data) is PAGE


def test_a_proxy_takes_the_place_of_the_hosts_but_for_those_that_pass_it_by() -> None:
    found = dialled("{HTTPS_PROXY: 'http://user@proxy.corp:3128', NO_PROXY: '.amazonaws.com, 10.0.0.0/8'}")
    first = found.hosts[0]
    assert (first.host, first.port, first.protocol) == ("proxy.corp", 3128, Protocol.TCP)
    assert [host.host for host in found.hosts[1:]] == [
        host.host for host in PAGE.hosts if host.host.endswith(".amazonaws.com")
    ]


def test_the_administrators_override_wins() -> None:
    assert dialled("{HTTPS_PROXY: proxy}", name="speedscale-operator-override").hosts[0].port == 80


def test_the_cloud_transport_of_a_namespaced_installation_dials_the_app_host() -> None:
    found = dialled("{PRIMARY_TRANSPORT: Cloud}", name="speedscale-forwarder", base="namespaced")
    assert [host.host for host in found.hosts] == [
        "app.speedscale.com",
        "gcr.io",
        "speedscale.github.io",
    ]


def test_exporters_outside_of_the_cluster_are_added_and_take_nothing_away() -> None:
    endpoints = "https://otel.corp.example, http://otel.shop.svc:4317, http://collector.speedscale:4317"
    text = ", ".join(f'"e{n}": {{"otel_endpoint": "{url}"}}' for n, url in enumerate(endpoints.split(", ")))
    found = dialled(f"{{EXPORTERS: '{{{text}}}'}}", name="speedscale-forwarder")
    assert found.hosts[:-1] == PAGE.hosts
    assert _told(found.hosts[-1]) == ("otel.corp.example", 4317, Protocol.TLS)


def test_region_and_app_host_are_the_tenants() -> None:
    found = dialled("{TENANT_REGION: eu-west-1, SPEEDSCALE_APP_URL: 'https://eu.speedscale.com'}")
    assert found.settled().hosts == speedscale("eu-west-1", "eu.speedscale.com").hosts


def test_a_chosen_list_is_not_replaced_by_the_tenants() -> None:
    chosen = speedscale("ap-south-1")
    snapshot = laid("mesh", "speedscale")
    (install,) = snapshot.derived(installs)
    assert hosts_of(snapshot, install, chosen) is chosen


def test_no_proxy_names_hosts_domains_or_everything() -> None:
    assert bypasses("a.example.com", ("example.com",))
    assert bypasses("a.example.com", (".example.com",))
    assert bypasses("*.s3.example.com", ("s3.example.com",))
    assert bypasses("a", ("*",))
    assert not bypasses("evilexample.com", ("example.com",))
    assert not bypasses("example.com", ("a.example.com",))
    assert bypasses("a.example.com", ("*.example.com",))
    assert not bypasses("example.com", (".example.com",)), "a dot in front means those below alone"
    assert not bypasses("example.com", ("*.example.com",))
    assert bypasses("*.s3.example.com", (".s3.example.com",))
    assert bypasses("example.com", ("example.com:443",))
    assert bypasses("example.com", ("example.com:4317",), 4317)
    assert not bypasses("example.com", ("example.com:4317",))
    assert not any(bypasses("example.com", (pattern,)) for pattern in ("", ".", "*.", ":443", "10.0.0.0/8"))


def _told(host: RequiredHost) -> tuple[str, int, Protocol]:
    return host.host, host.port, host.protocol


def test_matrix_and_what_if_are_of_the_hosts_that_the_installations_dial() -> None:
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: speedscale-operator, namespace: speedscale}\n"
        "data: {HTTPS_PROXY: 'http://proxy.corp:3128', NO_PROXY: .speedscale.com}"
    )
    plain, proxied = laid("mesh", "speedscale"), laid("mesh", "speedscale", more=config)
    analysis = analyse(proxied, PAGE)
    assert [host.key for host in analysis.hostset.hosts] == [
        "proxy.corp:3128",
        "app.speedscale.com",
        "downloads.speedscale.com",
    ]
    assert {len(row.answers) for row in analysis.scopes} == {3}
    assert analyse(plain, PAGE).hostset is PAGE
    cells = compare_snapshots(plain, proxied, PAGE)
    assert cells.unchanged == 2 * len(analysis.scopes)  # the two hosts that both lists have


def test_several_installations_dial_what_each_of_them_dials() -> None:
    config = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: speedscale-forwarder, namespace: shop}\n"
        "data: {PRIMARY_TRANSPORT: cloud, SPEEDSCALE_APP_URL: 'https://eu.speedscale.com'}"
    )
    snapshot = laid("mesh", "speedscale", "namespaced", more=config)
    assert len(snapshot.derived(installs)) == 2
    found = hosts_in(snapshot, PAGE)
    assert {host.key for host in found.hosts} == {host.key for host in PAGE.hosts} | {"eu.speedscale.com"}
