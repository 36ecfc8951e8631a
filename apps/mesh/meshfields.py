"""The fields of MeshConfig as istiod reads them from the texts of ConfigMaps: merged, or refused as a whole.

Follows pkg/config/mesh/mesh.go (ApplyMeshConfig) and pkg/util/protomarshal (ApplyYAML): proto's JSON, where
unknown fields are passed over, and one value of the wrong type makes istiod drop the whole text and go on
with what it had. Knows what types the fields have (istio/api, mesh/v1alpha1), and nothing of what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from apps.mesh.parsing.yamltext import YamlProblem, documents, line_at
from apps.mesh.refs import ResourceRef

TEXT, FLAG, NUMBER = "a text", "true or false", "a whole number"
DURATION = "a duration such as 10s"
TEXTS = [TEXT]
# Go's time.ParseDuration.
_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_WHOLE = re.compile(r"-?\d{1,10}")
OUTBOUND_MODES = ("REGISTRY_ONLY", "ALLOW_ANY", "", "ALLOW_ANY_DYNAMIC_DNS")
"""By their numbers. Helm and the operator number them the other way round: do not use those."""
_VISIBILITY = ("VISIBILITY_UNSPECIFIED", "NONE", "NAMESPACE", "PUBLIC")
_SELECTOR = {
    "matchLabels": {"": TEXT},
    "matchExpressions": [{"key": TEXT, "operator": TEXT, "values": TEXTS}],
}


def _all(kind: Any, names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), kind)


# A kind is one of the words above, the names of an enum, a list of one kind, or a mapping of fields; a
# mapping's "" is the kind of all its values.
_PROXY_CONFIG: dict[str, Any] = {
    **_all(TEXT, "configPath binaryPath serviceCluster discoveryAddress statsdUdpAddress meshId"),
    **_all(NUMBER, "proxyAdminPort statNameLength statusPort concurrency"),
    **_all(DURATION, "drainDuration terminationDrainDuration"),
    **_all({"": TEXT}, "proxyMetadata runtimeValues"),
    "holdApplicationUntilProxyStarts": FLAG,
    "interceptionMode": ("REDIRECT", "TPROXY", "NONE"),
    "extraStatTags": TEXTS,
}
_MESH_CONFIG: dict[str, Any] = {
    **_all(TEXT, "accessLogFile accessLogFormat ingressClass ingressService ingressSelector"),
    **_all(TEXT, "trustDomain rootNamespace inboundClusterStatName outboundClusterStatName"),
    **_all(FLAG, "enableTracing enableEnvoyAccessLogService disableEnvoyListenerLog"),
    **_all(FLAG, "enableAutoMtls enablePrometheusMerge verifyCertificateAtClient"),
    **_all(NUMBER, "proxyListenPort proxyInboundListenPort proxyHttpPort"),
    **_all(DURATION, "connectTimeout protocolDetectionTimeout dnsRefreshRate"),
    **_all(TEXTS, "trustDomainAliases defaultServiceExportTo"),
    **_all(TEXTS, "defaultVirtualServiceExportTo defaultDestinationRuleExportTo"),
    "accessLogEncoding": ("TEXT", "JSON"),
    "ingressControllerMode": ("UNSPECIFIED", "OFF", "DEFAULT", "STRICT"),
    "h2UpgradePolicy": ("DO_NOT_UPGRADE", "UPGRADE"),
    "outboundTrafficPolicy": {"mode": OUTBOUND_MODES},
    "inboundTrafficPolicy": {"mode": ("PASSTHROUGH", "LOCALHOST")},
    "defaultConfig": _PROXY_CONFIG,
    "discoverySelectors": [_SELECTOR],
    "extensionProviders": [{"name": TEXT}],
    "serviceEntryVisibility": {
        "defaultVisibility": _VISIBILITY,
        "applyToSidecars": FLAG,
        "policies": [{"visibility": _VISIBILITY, "matchingRules": [{"namespaceSelector": _SELECTOR}]}],
    },
}
_ADDED_UP = frozenset({"extensionProviders", "trustDomainAliases"})


@dataclass(frozen=True, slots=True)
class MeshFields:
    """`values` by the names of proto's JSON; `policy` is the object and the line of the outbound policy;
    `refused` are the objects whose text istiod does not take, each with a sentence that says why: what is in
    force is then what it read before, and not known."""

    values: Mapping[str, Any]
    policy: tuple[ResourceRef, int] | None
    refused: tuple[tuple[ResourceRef, str], ...]


def proxy_config(text: str) -> Mapping[str, Any]:
    """The settings of a text that holds a ProxyConfig alone (an annotation); none where Istio refuses it."""
    wrong: list[str] = []
    try:
        found = next(documents(text), None)
    except YamlProblem:
        return {}
    fitted = _fitted(found[0], _PROXY_CONFIG, "", wrong) if found is not None else None
    return fitted if fitted is not None and not wrong else {}


def merged(layers: Iterable[tuple[ResourceRef, str]]) -> MeshFields:
    """The fields of ConfigMap texts, the weakest first: a field of a later one replaces the earlier one's,
    but for lists that add up and for `defaultConfig`, of which each setting is replaced by itself."""
    values: dict[str, Any] = {}
    policy: tuple[ResourceRef, int] | None = None
    refused: list[tuple[ResourceRef, str]] = []
    for ref, text in layers:
        try:
            found = next(documents(text), None)
        except YamlProblem as error:
            refused.append((ref, f"{ref} cannot be read: {error}"))
            continue
        if found is None or found[0] is None:
            continue
        value, node = found
        wrong: list[str] = []
        own = _fitted(value, _MESH_CONFIG, "", wrong)
        if wrong:
            text = f"istiod refuses {ref} as a whole and keeps what it read before: {wrong[0]}."
            refused.append((ref, text))
        for name, item in (own if isinstance(own, dict) else {}).items():
            if name == "defaultConfig" and name not in value:
                continue  # istiod takes it from the text once more, by this name alone
            values[name] = _over(name, values.get(name), item)
            if name == "outboundTrafficPolicy":
                policy = ref, _policy_line(node, value)
    return MeshFields(values, policy, tuple(refused))


def _over(name: str, old: Any, new: Any) -> Any:
    """A field of a later text over that of an earlier one."""
    if old is None:
        return new
    if name in _ADDED_UP:
        return [*old, *new]
    if name == "defaultConfig":
        metadata = {**old.get("proxyMetadata", {}), **new.get("proxyMetadata", {})}
        return {**old, **new, "proxyMetadata": metadata}
    return new


def _policy_line(node: yaml.Node, value: Mapping[str, Any]) -> int:
    name = "outboundTrafficPolicy"
    return line_at(node, f"{name if name in value else 'outbound_traffic_policy'}.mode")


def _fitted(value: Any, kind: Any, path: str, wrong: list[str]) -> Any:
    """The value with its fields under the names of proto's JSON, numbers of enums as their names; None for
    one that does not fit, which `wrong` tells."""
    if isinstance(kind, dict):
        if isinstance(value, Mapping):
            return _message(value, kind, path, wrong)
        wrong.append(f"{path or 'it'} is not a mapping")
        return None
    if isinstance(kind, list):
        if isinstance(value, list):
            found = [_fitted(item, kind[0], f"{path}[{i}]", wrong) for i, item in enumerate(value)]
            return [item for item in found if item is not None]
        wrong.append(f"{path} is not a list")
        return None
    if isinstance(kind, tuple):
        return _enum(value, kind, path, wrong)
    if _SCALARS[kind](value):
        return value
    wrong.append(f"{path} is not {kind}")
    return None


def _message(value: Mapping[str, Any], kind: Mapping[str, Any], path: str, wrong: list[str]) -> Any:
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = key if "" in kind else _camel(str(key))
        # null says nothing; the name of proto's JSON goes before the one in snake_case.
        if item is None or (name != key and name in value):
            continue
        of = kind.get(name, kind.get(""))
        fits = item if of is None else _fitted(item, of, f"{path}.{name}" if path else name, wrong)
        if fits is not None:
            found[name] = fits
    return found


def _enum(value: Any, names: tuple[str, ...], path: str, wrong: list[str]) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return (names[value] if 0 <= value < len(names) else "") or str(value)
    if isinstance(value, str) and value and value in names:
        return value
    wrong.append(f"{path} is none of {', '.join(filter(None, names))}")
    return None


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)


_SCALARS = {
    TEXT: lambda value: isinstance(value, str),
    FLAG: lambda value: isinstance(value, bool),
    NUMBER: lambda value: not isinstance(value, bool) and _WHOLE.fullmatch(str(value)) is not None,
    DURATION: lambda value: isinstance(value, str) and _DURATION.fullmatch(value) is not None,
}
