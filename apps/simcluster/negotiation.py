"""Which form of an answer a client accepts: JSON, YAML, a table, metadata only, aggregated discovery."""

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
