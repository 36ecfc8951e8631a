"""A kind's statement as an OpenAPI v3 schema: what `kubectl explain` shows of it.

Types, required members, limits, enums, list types and rules. It knows no kind.
"""

from typing import Any

from apps.simcluster.schema import Json, Node, Shape

_TYPES = {
    Shape.STRING: "string",
    Shape.INTEGER: "integer",
    Shape.NUMBER: "number",
    Shape.BOOLEAN: "boolean",
}


def openapi_schema(node: Node, *, custom: bool = True) -> Json:
    """The schema of a node. Built-in kinds say beside list types how strategic merge patches merge."""
    return _bare(node, custom) | _stated(default=node.default) | _rules(node)


def _rules(node: Node) -> Json:
    rules = [{"rule": check.rule, "message": check.message} for check in node.checks]
    return {"x-kubernetes-validations": rules} if rules else {}


def _bare(node: Node, custom: bool) -> Json:
    if node.shape is Shape.OBJECT:
        return _object(node, custom)
    if node.shape is Shape.MAP:
        found: Json = {"type": "object"}
        found["additionalProperties"] = openapi_schema(node.item, custom=custom) if node.item else {}
        return found | _stated(maxProperties=node.max_properties)
    if node.shape is Shape.LIST:
        return _list(node, custom)
    if node.shape is Shape.INT_OR_STRING:
        return {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    if node.shape is Shape.ANY:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return _scalar(node)


def _stated(**limits: Any) -> Json:
    return {name: value for name, value in limits.items() if value is not None}


def _object(node: Node, custom: bool) -> Json:
    found: Json = {"type": "object"}
    if node.required:
        found["required"] = list(node.required)
    if node.fields:
        found["properties"] = {
            name: openapi_schema(below, custom=custom) for name, below in sorted(node.fields.items())
        }
    if node.open:
        found["x-kubernetes-preserve-unknown-fields"] = True
    return found


def _list(node: Node, custom: bool) -> Json:
    below = openapi_schema(node.item, custom=custom) if node.item else {}
    found: Json = {"type": "array", "items": below}
    if node.keyed:
        found |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(node.keys)}
        if not custom:
            found |= {
                "x-kubernetes-patch-strategy": "merge",
                "x-kubernetes-patch-merge-key": node.keys[0],
            }
    elif node.unique:
        found["x-kubernetes-list-type"] = "set"
    return found | _stated(minItems=node.min_items, maxItems=node.max_items)


def _scalar(node: Node) -> Json:
    found: Json = {"type": _TYPES[node.shape]}
    if node.enum:
        found["enum"] = list(node.enum)
    if node.format:
        found["format"] = node.format
    if node.pattern:
        found["pattern"] = node.pattern
    lengths = _stated(minLength=node.min_length, maxLength=node.max_length)
    return found | lengths | _stated(minimum=node.minimum, maximum=node.maximum)
