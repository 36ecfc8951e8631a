"""Which form of an answer a client accepts: JSON, YAML, a table, metadata only, aggregated discovery."""

from collections.abc import Mapping
from enum import StrEnum

from apps.simcluster.errors import not_acceptable

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class Form(StrEnum):
    JSON = "json"
    YAML = "yaml"
    TABLE = "table"
    METADATA = "metadata"
    DISCOVERY = "discovery"


_AS = {
    ("Table", "meta.k8s.io", "v1"): Form.TABLE,
    ("Table", "meta.k8s.io", "v1beta1"): Form.TABLE,
    ("PartialObjectMetadata", "meta.k8s.io", "v1"): Form.METADATA,
    ("PartialObjectMetadataList", "meta.k8s.io", "v1"): Form.METADATA,
    ("APIGroupDiscoveryList", "apidiscovery.k8s.io", "v2"): Form.DISCOVERY,
}


def negotiate(accept: str, *, discovery: bool = False) -> Form:
    """The first acceptable form; raises 406. `discovery`: only there aggregated discovery is one."""
    if not accept.strip():
        return Form.JSON
    for clause in accept.split(","):
        media, *pairs = (part.strip() for part in clause.split(";"))
        params = dict(pair.partition("=")[::2] for pair in pairs)
        if "as" in params:
            form = _AS.get((params["as"], params.get("g", ""), params.get("v", "")))
            if form is not None and media == "application/json" and (form is Form.DISCOVERY) is discovery:
                return form
        elif media in ("application/json", "*/*", "application/*"):
            return Form.JSON
        elif media == "application/yaml":
            return Form.YAML
    raise not_acceptable()


def document_form(accept: str, offered: Mapping[str, str]) -> str:
    """What the first acceptable of the offered media types stands for; empty when none is.

    The client's weights order them, and its own order where they are alike.
    """
    clauses = [_clause(text) for text in (accept.strip() or "*/*").split(",")]
    for media, _ in sorted(clauses, key=lambda clause: -clause[1]):
        for name, form in offered.items():
            if media in (name, "*/*", "application/*"):
                return form
    return ""


def _clause(text: str) -> tuple[str, float]:
    """The media type of a clause of Accept, and its weight."""
    media, *pairs = (part.strip() for part in text.split(";"))
    weight = dict(pair.partition("=")[::2] for pair in pairs).get("q", "1")
    return media, float(weight) if weight.replace(".", "", 1).isdigit() else 1.0
