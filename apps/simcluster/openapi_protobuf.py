"""An OpenAPI v2 document in protobuf, as kubectl asks for it: the messages of gnostic's openapi.v2.

Only what `openapi_v2` writes. Its numbers are those of gnostic's OpenAPIv2.proto; an extension and every free
value goes as YAML, which JSON is. It knows no kind.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from apps.simcluster.schema import Json
from apps.simcluster.wire import double, field, whole

_Writer = Callable[[int, Any], bytes]  # field number and value to field
_Fields = Mapping[str, tuple[int, _Writer]]


def encode_document(document: Json) -> bytes:
    """The bytes of `openapi.v2.Document`; raises KeyError for a member it does not know."""
    return _members(document, _DOCUMENT, 16)


def _members(value: Json, known: _Fields, extensions: int) -> bytes:
    """The fields of a message; `extensions` is the number of its `vendor_extension`."""
    found = []
    for name, member in value.items():
        if name.startswith("x-"):
            found.append(field(extensions, _named(name, _free(2, member))))
        else:
            number, write = known[name]
            found.append(write(number, member))
    return b"".join(found)


def _message(known: _Fields, extensions: int = 0) -> _Writer:
    return lambda number, value: field(number, _members(value, known, extensions))


def _wrapped(inner: int, write: _Writer) -> _Writer:
    """A message of one field."""
    return lambda number, value: field(number, write(inner, value))


def _repeated(write: _Writer) -> _Writer:
    return lambda number, values: b"".join(write(number, value) for value in values)


def _map(write: _Writer, inner: int = 1) -> _Writer:
    """A message of named values, in the field `inner`."""

    def written(number: int, values: Json) -> bytes:
        rows = (field(inner, _named(name, write(2, value))) for name, value in values.items())
        return field(number, b"".join(rows))

    return written


def _named(name: str, value: bytes) -> bytes:
    return field(1, name.encode()) + value


def _text(number: int, value: str) -> bytes:
    return field(number, value.encode())


def _free(number: int, value: Any) -> bytes:
    """An `Any`: its YAML."""
    return field(number, field(2, msgspec.json.encode(value)))


def _additional(number: int, value: Json | bool) -> bytes:
    return field(number, whole(2, value) if isinstance(value, bool) else _schema(1, value))


def _schema(number: int, value: Json) -> bytes:
    return field(number, _members(value, _SCHEMA, 31))


_SCHEMA: _Fields = {
    "$ref": (1, _text),
    "format": (2, _text),
    "description": (4, _text),
    "default": (5, _free),
    "maximum": (7, double),
    "minimum": (9, double),
    "maxLength": (11, whole),
    "minLength": (12, whole),
    "pattern": (13, _text),
    "maxItems": (14, whole),
    "minItems": (15, whole),
    "maxProperties": (17, whole),
    "required": (19, _repeated(_text)),
    "enum": (20, _repeated(_free)),
    "additionalProperties": (21, _additional),
    "type": (22, _wrapped(1, _text)),
    "items": (23, _wrapped(1, _schema)),
    "properties": (25, _map(_schema)),
}
_QUERY: _Fields = {
    "in": (2, _text),
    "description": (3, _text),
    "name": (4, _text),
    "type": (6, _text),
    "uniqueItems": (20, whole),
}
# Parameter or reference, body or not, and of the four that are no body the one in the query.
_PARAMETER = _wrapped(1, _wrapped(2, _wrapped(3, _message(_QUERY, 23))))
_RESPONSE: _Fields = {"description": (1, _text), "schema": (2, _wrapped(1, _schema))}
_OPERATION: _Fields = {
    "tags": (1, _repeated(_text)),
    "description": (3, _text),
    "operationId": (5, _text),
    "parameters": (8, _repeated(_PARAMETER)),
    "responses": (9, _map(_wrapped(1, _message(_RESPONSE)))),
}
_operation = _message(_OPERATION, 13)
_PATH: _Fields = {
    "get": (2, _operation),
    "put": (3, _operation),
    "post": (4, _operation),
    "delete": (5, _operation),
    "patch": (8, _operation),
}
_BEARER: _Fields = {"type": (1, _text), "name": (2, _text), "in": (3, _text), "description": (4, _text)}
_DOCUMENT: _Fields = {
    "swagger": (1, _text),
    "info": (2, _message({"title": (1, _text), "version": (2, _text)})),
    "paths": (8, _map(_message(_PATH), inner=2)),
    "definitions": (9, _map(_schema)),
    "security": (12, _repeated(_map(_wrapped(1, _repeated(_text))))),
    "securityDefinitions": (13, _map(_wrapped(2, _message(_BEARER)))),
}
