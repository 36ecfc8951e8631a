"""The little protobuf that kubectl sends unasked: reviews (`kubectl auth`) and the smallest kinds it creates.

Reads the envelope and the stated fields of these messages into the same objects that JSON would give. Every
other kind in protobuf is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from apps.simcluster.decoding import BodyError
from apps.simcluster.schema import Json

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# message -> field number -> (name, message of that field, or None for text, or _MAP, _LIST, _WHOLE)
_Fields = Mapping[int, tuple[str, Any]]
_RESOURCE: _Fields = {
    1: ("namespace", None),
    2: ("verb", None),
    3: ("group", None),
    4: ("version", None),
    5: ("resource", None),
    6: ("subresource", None),
    7: ("name", None),
}
_PATH: _Fields = {1: ("path", None), 2: ("verb", None)}
_ACCESS: _Fields = {1: ("resourceAttributes", _RESOURCE), 2: ("nonResourceAttributes", _PATH)}
_RULES: _Fields = {1: ("namespace", None)}
_MAP = "map"  # of text to text
_LIST = "list"  # of texts
_WHOLE = "whole"  # a number
_ENTRY: _Fields = {1: ("key", None), 2: ("value", None)}
_META: _Fields = {
    1: ("name", None),
    2: ("generateName", None),
    3: ("namespace", None),
    11: ("labels", _MAP),
    12: ("annotations", _MAP),
}
_BOUND: _Fields = {1: ("kind", None), 2: ("apiVersion", None), 3: ("name", None), 4: ("uid", None)}
_TOKEN: _Fields = {1: ("audiences", _LIST), 3: ("boundObjectRef", _BOUND), 4: ("expirationSeconds", _WHOLE)}
_TYPE: _Fields = {1: ("apiVersion", None), 2: ("kind", None)}
MESSAGES: Mapping[str, _Fields] = {
    "SelfSubjectReview": {},
    "SelfSubjectAccessReview": {2: ("spec", _ACCESS)},
    "SelfSubjectRulesReview": {2: ("spec", _RULES)},
    "TokenRequest": {2: ("spec", _TOKEN)},
    "Namespace": {1: ("metadata", _META)},
    "ServiceAccount": {1: ("metadata", _META)},
    "ConfigMap": {1: ("metadata", _META), 2: ("data", _MAP)},
}


def decode(data: bytes) -> Json:
    """A known kind in its envelope; raises `BodyError` for anything else."""
    if not data.startswith(MAGIC):
        raise BodyError("the body is no protobuf envelope")
    envelope = dict(_fields(data[len(MAGIC) :]))
    head = _message(envelope.get(1, b""), _TYPE)
    fields = MESSAGES.get(head.get("kind", ""))
    if fields is None:
        raise BodyError(f"no protobuf for kind {head.get('kind', '')!r}")
    return {**head, **_message(envelope.get(2, b""), fields)}


def _message(data: bytes, fields: _Fields) -> Json:
    found: Json = {}
    for number, value in _fields(data):
        name, below = fields.get(number, ("", None))
        if not name or (below is None and not value):  # empty text is no text
            continue
        if below == _MAP:
            entry = _message(value, _ENTRY)
            found.setdefault(name, {})[entry.get("key", "")] = entry.get("value", "")
        elif below == _LIST:
            found.setdefault(name, []).append(value.decode(errors="replace"))
        elif below == _WHOLE:
            found[name] = _varint(value, 0)[0]
        else:
            found[name] = value.decode(errors="replace") if below is None else _message(value, below)
    return found


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of each length-delimited field and number; others are skipped."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            start = at
            _, at = _varint(data, at)
            yield tag >> 3, data[start:at]
        elif kind == _BYTES:
            size, at = _varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise BodyError("a protobuf field of an unknown kind")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise BodyError("a protobuf number that does not end")
