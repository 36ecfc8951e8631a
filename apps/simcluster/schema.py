"""What a field of an object may hold and how a list of it is merged: one small node type.

Every kind's statement (`istio_schemas`, `core_schemas`) is a tree of these nodes. Typing, pruning, validation
and server-side apply walk the same tree. It must not know any kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule beyond the schema, in CEL, as definitions state it in `x-kubernetes-validations`."""

    rule: str
    message: str = ""
    message_expression: str = ""
    reason: str = "FieldValueInvalid"
    field_path: str = ""

    @property
    def said(self) -> str:
        """What the server says of the rule when nothing better can be said."""
        return self.message or f"failed rule: {self.rule}"


class Shape(StrEnum):
    OBJECT = "object"
    MAP = "map"
    LIST = "list"
    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INT_OR_STRING = "int-or-string"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Node:
    """One field. `keys` makes a list a keyed one, `unique` a set; a list with neither is atomic.

    `open` objects take fields that are not stated (they are kept, their lists are atomic). `always` marks a
    Go struct that is there even when empty, so that filling it does not own the struct itself.
    """

    shape: Shape
    fields: Mapping[str, "Node"] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    item: "Node | None" = None
    keys: tuple[str, ...] = ()
    key_defaults: Mapping[str, Any] = field(default_factory=dict)
    unique: bool = False
    atomic: bool = False
    open: bool = False
    always: bool = False
    enum: tuple[str, ...] = ()
    min_items: int | None = None
    max_items: int | None = None
    max_properties: int | None = None
    max_length: int | None = None
    min_length: int | None = None
    pattern: str = ""
    format: str = ""
    default: Any = None  # what a definition fills in for an absent field
    minimum: int | None = None
    maximum: int | None = None
    checks: tuple[Check, ...] = ()

    def child(self, name: str) -> "Node | None":
        """The node of a member by name; None when the schema does not have it."""
        if self.shape is Shape.OBJECT:
            found = self.fields.get(name)
            return found if found is not None else (ANY if self.open else None)
        if self.shape is Shape.MAP:
            return self.item or ANY
        return ANY if self.shape is Shape.ANY else None

    @property
    def keyed(self) -> bool:
        return bool(self.keys)

    @property
    def leaf_list(self) -> bool:
        return not self.keys and not self.unique


ANY = Node(Shape.ANY)


def text(*checks: Check, limit: int | None = None, enum: tuple[str, ...] = ()) -> Node:
    return Node(Shape.STRING, checks=checks, max_length=limit, enum=enum)


def choice(*values: str) -> Node:
    return Node(Shape.STRING, enum=values)


def whole(*checks: Check, low: int | None = None, high: int | None = None) -> Node:
    return Node(Shape.INTEGER, checks=checks, minimum=low, maximum=high)


def listing(item: Node, *checks: Check, low: int | None = None, high: int | None = None) -> Node:
    return Node(Shape.LIST, item=item, checks=checks, min_items=low, max_items=high)


def keyed(item: Node, *keys: str, checks: tuple[Check, ...] = (), high: int | None = None) -> Node:
    return Node(Shape.LIST, item=item, keys=keys, checks=checks, max_items=high)


def unique(item: Node) -> Node:
    return Node(Shape.LIST, item=item, unique=True)


def mapping(item: Node, *checks: Check, atomic: bool = False, high: int | None = None) -> Node:
    return Node(Shape.MAP, item=item, checks=checks, atomic=atomic, max_properties=high)


def obj(*checks: Check, required: tuple[str, ...] = (), open: bool = False, **fields: Node) -> Node:
    return Node(Shape.OBJECT, fields=fields, required=required, checks=checks, open=open)


STRING = Node(Shape.STRING)
BOOLEAN = Node(Shape.BOOLEAN)
DATE_TIME = Node(Shape.STRING, format="date-time")
NUMBER = Node(Shape.NUMBER)
INT_OR_STRING = Node(Shape.INT_OR_STRING)
STRINGS = listing(STRING)
UINT32 = whole(low=0, high=4294967295)
STRING_MAP = mapping(STRING)

OBJECT_META = obj(
    name=STRING,
    generateName=STRING,
    namespace=STRING,
    selfLink=STRING,
    uid=STRING,
    resourceVersion=STRING,
    generation=whole(),
    creationTimestamp=STRING,
    deletionTimestamp=STRING,
    deletionGracePeriodSeconds=whole(),
    labels=STRING_MAP,
    annotations=STRING_MAP,
    ownerReferences=keyed(
        obj(
            apiVersion=STRING,
            kind=STRING,
            name=STRING,
            uid=STRING,
            controller=BOOLEAN,
            blockOwnerDeletion=BOOLEAN,
        ),
        "uid",
    ),
    finalizers=unique(STRING),
    managedFields=listing(ANY),
)


def kind_schema(**top: Node) -> Node:
    """The node of a whole object: type, metadata and the given top-level fields."""
    fields = {"apiVersion": STRING, "kind": STRING, "metadata": replace(OBJECT_META, always=True), **top}
    return Node(Shape.OBJECT, fields=fields)


GENERIC_OBJECT = Node(Shape.OBJECT, open=True)
