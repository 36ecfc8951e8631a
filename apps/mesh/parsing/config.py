"""Namespace, ServiceAccount, ConfigMap, webhook configurations, CRD."""

from __future__ import annotations

from apps.mesh.objects.config import (
    ConfigMap,
    CustomResourceDefinition,
    MutatingWebhookConfiguration,
    Namespace,
    ProxyConfig,
    ServiceAccount,
    ValidatingWebhookConfiguration,
    Webhook,
    WebhookRule,
)
from apps.mesh.objects.selectors import Expression, LabelSelector
from apps.mesh.parsing.fields import Fields, metadata
from apps.mesh.refs import ResourceRef

NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name"


def namespace(fields: Fields, ref: ResourceRef) -> Namespace:
    known = metadata(fields, ref)
    # The API server sets this one on every namespace; files mostly lack it.
    labels = {**known["labels"], NAMESPACE_NAME_LABEL: ref.name}
    return Namespace(**{**known, "labels": labels})


def service_account(fields: Fields, ref: ResourceRef) -> ServiceAccount:
    return ServiceAccount(**metadata(fields, ref))


def proxy_config(fields: Fields, ref: ResourceRef) -> ProxyConfig:
    spec = fields.child("spec")
    selector = spec.child("selector").labels("matchLabels") if spec.has("selector") else None
    environment = spec.labels("environmentVariables")
    return ProxyConfig(**metadata(fields, ref), selector=selector, environment=environment)


def config_map(fields: Fields, ref: ResourceRef) -> ConfigMap:
    return ConfigMap(**metadata(fields, ref), data=fields.labels("data"))


def mutating_webhooks(fields: Fields, ref: ResourceRef) -> MutatingWebhookConfiguration:
    return MutatingWebhookConfiguration(**metadata(fields, ref), webhooks=_webhooks(fields))


def validating_webhooks(fields: Fields, ref: ResourceRef) -> ValidatingWebhookConfiguration:
    return ValidatingWebhookConfiguration(**metadata(fields, ref), webhooks=_webhooks(fields))


def custom_resource_definition(fields: Fields, ref: ResourceRef) -> CustomResourceDefinition:
    spec = fields.child("spec")
    served = tuple(version.text("name") for version in spec.items("versions") if version.flag("served"))
    return CustomResourceDefinition(
        **metadata(fields, ref),
        group=spec.text("group"),
        kind=spec.child("names").text("kind"),
        served=served,
    )


def label_selector(fields: Fields) -> LabelSelector:
    expressions = tuple(
        Expression(item.text("key"), item.text("operator"), item.texts("values"))
        for item in fields.items("matchExpressions")
    )
    return LabelSelector(fields.labels("matchLabels"), expressions)


def _webhooks(fields: Fields) -> tuple[Webhook, ...]:
    return tuple(_webhook(item) for item in fields.items("webhooks"))


def _webhook(item: Fields) -> Webhook:
    service = item.child("clientConfig").child("service")
    return Webhook(
        name=item.text("name"),
        namespace_selector=label_selector(item.child("namespaceSelector")),
        object_selector=label_selector(item.child("objectSelector")),
        failure_policy=item.text("failurePolicy", "Fail"),
        service_namespace=service.text("namespace"),
        service_name=service.text("name"),
        path=service.text("path"),
        conditional=bool(item.items("matchConditions")),
        rules=tuple(_webhook_rule(rule) for rule in item.items("rules")),
    )


def _webhook_rule(rule: Fields) -> WebhookRule:
    return WebhookRule(
        rule.texts("operations"), rule.texts("apiGroups"), rule.texts("resources"), rule.text("scope", "*")
    )
