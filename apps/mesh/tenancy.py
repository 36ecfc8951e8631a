"""Which hosts an installation of Speedscale really dials, by the settings in its ConfigMaps.

The vendor's list is for the usual case. An outbound proxy takes the place of the hosts; the cloud transport
of a namespaced installation needs the app host alone; exporters ("bring your own cloud") add endpoints and
take none away; a tenant may live in another region or behind another app host. Settings that are not
there change nothing. Decides no verdict; knows no rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import SplitResult, urlsplit

from apps.mesh.hostsets import APP_HOST, HTTPS_PORT, REGION, HostSet, RequiredHost, Tier
from apps.mesh.objects.config import ConfigMap
from apps.mesh.refs import ResourceRef
from apps.mesh.reports import SpeedscaleInstall
from apps.mesh.snapshot import Snapshot
from apps.mesh.speedscale import installs
from apps.mesh.verdicts import Protocol

# Weakest first. The override is the administrator's and wins.
CONFIG_MAPS = ("speedscale-forwarder", "speedscale-operator", "speedscale-operator-override")
PROXY_KEYS = ("HTTPS_PROXY", "https_proxy")
BYPASS_KEYS = ("NO_PROXY", "no_proxy")
# The chart writes its values as such keys (TELEMETRY_INTERVAL, TENANT_REGION); absent ones mean the default.
TRANSPORT_KEY = "PRIMARY_TRANSPORT"
REGION_KEY = "TENANT_REGION"
APP_KEY = "SPEEDSCALE_APP_URL"
EXPORTERS_KEY = "EXPORTERS"
CLOUD = "cloud"
AWS_DOMAIN = ".amazonaws.com"
DEFAULT_PORTS = {"http": 80, "https": 443}
OTLP_PORT = 4317
REGION_NAME = re.compile(r"[a-z0-9-]{1,40}\Z")
MOST_EXPORTERS = 20


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation's ConfigMaps say; "" and empty where they say nothing."""

    proxy: str = ""
    bypass: tuple[str, ...] = ()
    transport: str = ""
    region: str = ""
    app_host: str = ""
    exporters: tuple[str, ...] = ()


def settings_of(snapshot: Snapshot, install: SpeedscaleInstall) -> Settings:
    """The settings of one installation."""
    data: dict[str, str] = {}
    exporters = ""
    for name in CONFIG_MAPS:
        found = snapshot.get(ResourceRef("ConfigMap", install.namespace, name))
        if isinstance(found, ConfigMap):
            data.update({key: value.strip() for key, value in found.data.items()})
            exporters = found.data.get(EXPORTERS_KEY, exporters)
    return Settings(
        proxy=_first(data, PROXY_KEYS),
        bypass=tuple(part.strip().lower() for part in _first(data, BYPASS_KEYS).split(",") if part.strip()),
        transport=data.get(TRANSPORT_KEY, "").lower() if install.kind == "namespaced" else "",
        region=region if REGION_NAME.match(region := data.get(REGION_KEY, "")) else "",
        app_host=(_split(data.get(APP_KEY, "")).hostname or "").lower(),
        exporters=tuple(islice(_endpoints(exporters), MOST_EXPORTERS)),
    )


def hosts_in(snapshot: Snapshot, hostset: HostSet) -> HostSet:
    """What the installations of a cluster dial, each by its settings; the set itself where there is none.
    Ask for it through `snapshot.derived`."""
    real = [install for install in snapshot.derived(installs) if install.kind != "remnant"]
    found = [hosts_of(snapshot, install, hostset) for install in real]
    if all(one is hostset for one in found):
        return hostset
    return replace(hostset, hosts=_unique(host for one in found for host in one.hosts))


def hosts_of(snapshot: Snapshot, install: SpeedscaleInstall, hostset: HostSet) -> HostSet:
    """The hosts that this installation dials, and what it dials in their place. The same set where its
    settings change nothing."""
    settings = settings_of(snapshot, install)
    hosts = _for_tenant(hostset, settings).hosts
    if settings.transport == CLOUD:
        hosts = tuple(host for host in hosts if not _left_by_cloud(host))
    proxy = _proxy_host(settings.proxy)
    if proxy is not None:
        hosts = (proxy, *(host for host in hosts if bypasses(host.host, settings.bypass, host.port)))
    names = snapshot.namespaces
    more = [host for text in settings.exporters if (host := _exporter(text, names)) is not None]
    adjusted = (
        *hosts,
        *(host for host in more if proxy is None or bypasses(host.host, settings.bypass, host.port)),
    )
    return hostset if adjusted == hostset.hosts else replace(hostset, hosts=_unique(adjusted))


def bypasses(host: str, patterns: tuple[str, ...], port: int = HTTPS_PORT) -> bool:
    """Whether NO_PROXY takes a host out, as Go reads it: `*`; a name with those below it; those below alone
    for one that begins with a dot or `*.`; each for one port where it names that
    (golang.org/x/net/http/httpproxy)."""
    name = host.replace("*", "any", 1)
    return any(pattern == "*" or _taken_out(name, pattern, port) for pattern in patterns)


def _taken_out(name: str, pattern: str, port: int) -> bool:
    domain, colon, number = pattern.rpartition(":")
    if not (colon and number.isdecimal()):
        domain, number = pattern, str(port)
    below = domain.removeprefix("*")
    if number != str(port) or not below.strip("."):
        return False
    return name.endswith(below) if below.startswith(".") else name == below or name.endswith(f".{below}")


def _left_by_cloud(host: RequiredHost) -> bool:
    """Whether nothing dials a host where everything goes by the app host; what the kubelet and people dial is
    left as it is."""
    return host.host.endswith(AWS_DOMAIN) or host.tier is Tier.DOCUMENTED


def _for_tenant(hostset: HostSet, settings: Settings) -> HostSet:
    """The hosts for the tenant's region and app host, where nobody has chosen others."""
    given = {REGION: settings.region, APP_HOST: settings.app_host}
    return hostset.filled({name: value for name, value in given.items() if value})


def _unique(hosts: Iterable[RequiredHost]) -> tuple[RequiredHost, ...]:
    """The first of each host and port."""
    found: dict[str, RequiredHost] = {}
    for host in hosts:
        found.setdefault(host.key, host)
    return tuple(found.values())


def _proxy_host(text: str) -> RequiredHost | None:
    found = _split(text)
    if not found.hostname:
        return None
    port = found.port or DEFAULT_PORTS.get(found.scheme, 80)
    purpose = "the outbound proxy, in place of the hosts themselves"
    return RequiredHost(found.hostname, Tier.REQUIRED, purpose, "all parts", port, Protocol.TCP)


def _exporter(text: str, namespaces: Collection[str]) -> RequiredHost | None:
    """An endpoint outside of the cluster; one inside is a Service, which the registry knows."""
    found = _split(text)
    host = found.hostname or ""
    _, dot, rest = host.partition(".")
    if not dot or rest in namespaces or host.endswith((".svc", ".local")):
        return None
    protocol = Protocol.TLS if found.scheme == "https" else Protocol.HTTP
    purpose = "captured traffic, by an exporter"
    return RequiredHost(host, Tier.REQUIRED, purpose, "forwarder", found.port or OTLP_PORT, protocol)


def _split(text: str) -> SplitResult:
    """The parts of a URL; a text without a scheme is read as `//text`, one that is no URL as nothing."""
    try:
        found = urlsplit(text if "//" in text else f"//{text}")
        _ = found.port
    except ValueError:
        return urlsplit("")
    return found


def _endpoints(text: str) -> Iterator[str]:
    """The `otel_endpoint` of every exporter of the JSON that the operator writes; none if it is not JSON."""
    try:
        value = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in items:
        endpoint = item.get("otel_endpoint") if isinstance(item, Mapping) else None
        if isinstance(endpoint, str):
            yield endpoint


def _first(data: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((data[key] for key in keys if data.get(key)), "")
