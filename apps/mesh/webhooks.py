"""Admission webhooks as the API server evaluates them, and Istio's own injector configuration.

Knows nothing of pods that exist, of Speedscale's annotations or of findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from apps.mesh.objects.config import ConfigMap, MutatingWebhookConfiguration, Webhook, WebhookRule
from apps.mesh.objects.selectors import LabelSelector
from apps.mesh.parsing.config import NAMESPACE_NAME_LABEL, label_selector
from apps.mesh.parsing.fields import Fields
from apps.mesh.parsing.yamltext import YamlProblem, documents
from apps.mesh.refs import ResourceRef
from apps.mesh.snapshot import Snapshot

REVISION_LABEL = "istio.io/rev"
DEFAULT_REVISION = "default"


@dataclass(frozen=True, slots=True)
class InjectionHook:
    """One of Istio's injection webhooks; `revision` is what it injects, never a tag."""

    ref: ResourceRef
    index: int
    webhook: Webhook
    revision: str

    @property
    def path(self) -> str:
        return f"webhooks[{self.index}]"


@dataclass(frozen=True, slots=True)
class InjectorConfig:
    """Policy and selectors of ConfigMap `istio-sidecar-injector[-rev]`; Istio's defaults without one.
    `unread` is true for a text that istiod cannot read either: it goes on with what it read before."""

    ref: ResourceRef | None = None
    policy: str = "enabled"
    never: tuple[LabelSelector, ...] = ()
    always: tuple[LabelSelector, ...] = ()
    unread: bool = False


def namespace_labels(name: str, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels of a namespace that may not have been read, with the one that every namespace has."""
    return {NAMESPACE_NAME_LABEL: name, **labels}


def takes(webhook: Webhook, group: str, resource: str) -> bool:
    """Whether a webhook is called when such an object is created ("" and `pods`); one without rules counts as
    called. Follows apiserver, pkg/admission/plugin/webhook/predicates/rules/rules.go."""
    return not webhook.rules or any(_covers(rule, group, resource) for rule in webhook.rules)


def _covers(rule: WebhookRule, group: str, resource: str) -> bool:
    return (
        (not rule.operations or not {"*", "CREATE"}.isdisjoint(rule.operations))
        and (not rule.api_groups or not {"*", group}.isdisjoint(rule.api_groups))
        and not {resource, f"{resource}/*", "*", "*/*"}.isdisjoint(rule.resources)
        and rule.scope != "Cluster"
    )


def injection_hooks(snapshot: Snapshot) -> tuple[InjectionHook, ...]:
    """Istio's injection webhooks, in the order in which the API server calls them (by name); ask for it
    through `snapshot.derived`."""
    return tuple(_injection_hooks(snapshot))


def _injection_hooks(snapshot: Snapshot) -> Iterator[InjectionHook]:
    for configuration in sorted(snapshot.each(MutatingWebhookConfiguration), key=lambda item: item.name):
        revision = configuration.labels.get(REVISION_LABEL) or DEFAULT_REVISION
        for index, webhook in enumerate(configuration.webhooks):
            if webhook.name.endswith(".istio.io") and takes(webhook, "", "pods"):
                yield InjectionHook(configuration.ref, index, webhook, revision)


def injector_config(snapshot: Snapshot, revision: str, where: str) -> InjectorConfig:
    """What the istiod of that revision in a namespace goes by; "" is a namespace that nothing says, as of
    one that is called by URL: then the first of its revision. Ask for it through `snapshot.derived`."""
    name = "istio-sidecar-injector" + ("" if revision == DEFAULT_REVISION else f"-{revision}")
    named = (item for item in snapshot.each(ConfigMap) if item.name == name and "config" in item.data)
    found = next((item for item in named if not where or item.namespace == where), None)
    if found is None:
        return InjectorConfig()
    body = mapping_of(found.data["config"])
    if body is None:
        return InjectorConfig(ref=found.ref, unread=True)
    fields = Fields(body, found.ref, [], "data.config")
    return InjectorConfig(
        ref=found.ref,
        policy=fields.text("policy"),
        never=tuple(label_selector(item) for item in fields.items("neverInjectSelector")),
        always=tuple(label_selector(item) for item in fields.items("alwaysInjectSelector")),
    )


def mapping_of(text: str) -> Mapping[str, Any] | None:
    """The mapping that a ConfigMap's YAML text holds; None for anything else, unreadable text too."""
    try:
        found = next(documents(text), None)
    except YamlProblem:
        return None
    return found[0] if found is not None and isinstance(found[0], Mapping) else None
