"""From a reference in words to the page of the object. Builds addresses only, asks nobody."""

from __future__ import annotations

from django.urls import NoReverseMatch, reverse

from apps.mesh.refs import ResourceRef

NO_NAMESPACE = "-"


def object_url(cluster: str, ref: ResourceRef | str | None) -> str:
    """The page of an object of a cluster; "" for what is no reference."""
    if not ref or not cluster:
        return ""
    try:
        found = ResourceRef.parse(ref) if isinstance(ref, str) else ref
        arguments = [cluster, found.kind, found.namespace or NO_NAMESPACE, found.name]
        return reverse("console:object", args=arguments)
    except (ValueError, NoReverseMatch):
        return ""


def namespace_of(part: str) -> str:
    """The namespace that a part of an address stands for."""
    return "" if part == NO_NAMESPACE else part
