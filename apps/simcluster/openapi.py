"""A kind's statement as an OpenAPI v3 schema: what `kubectl explain` shows of it.

Types, required members, limits, enums and list types; rules beyond them are code here and are left out. It
knows no kind.
"""

from apps.simcluster.schema import Json, Node, Shape

_TYPES = {
    Shape.STRING: "string",
    Shape.INTEGER: "integer",
    Shape.NUMBER: "number",
    Shape.BOOLEAN: "boolean",
}


def openapi_schema(node: Node) -> Json:
    """The schema of a node."""
    if node.shape is Shape.OBJECT:
        return _object(node)
    if node.shape is Shape.MAP:
        below = openapi_schema(node.item) if node.item else {}
        return {"type": "object", "additionalProperties": below}
    if node.shape is Shape.LIST:
        return _list(node)
    if node.shape is Shape.INT_OR_STRING:
        return {"x-kubernetes-int-or-string": True}
    if node.shape is Shape.ANY:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return _scalar(node)


def _object(node: Node) -> Json:
    found: Json = {"type": "object"}
    if node.required:
        found["required"] = list(node.required)
    if node.fields:
        found["properties"] = {name: openapi_schema(below) for name, below in sorted(node.fields.items())}
    if node.open:
        found["x-kubernetes-preserve-unknown-fields"] = True
    return found


def _list(node: Node) -> Json:
    found: Json = {"type": "array", "items": openapi_schema(node.item) if node.item else {}}
    if node.keyed:
        found |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(node.keys)}
    elif node.unique:
        found["x-kubernetes-list-type"] = "set"
    limits = {"minItems": node.min_items, "maxItems": node.max_items}
    return found | {name: value for name, value in limits.items() if value is not None}


def _scalar(node: Node) -> Json:
    found: Json = {"type": _TYPES[node.shape]}
    if node.enum:
        found["enum"] = list(node.enum)
    limits = {"maxLength": node.max_length, "minimum": node.minimum, "maximum": node.maximum}
    return found | {name: value for name, value in limits.items() if value is not None}
