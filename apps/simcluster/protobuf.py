"""The little protobuf that kubectl sends unasked: reviews (`kubectl auth`) and the smallest kinds it creates.

Reads the envelope and the stated fields of these messages into the same objects that JSON would give. Every
other kind in protobuf is refused. Writes a Status, for those who accept nothing else.
"""

from collections.abc import Mapping
from typing import Any

from apps.simcluster.decoding import BodyError
from apps.simcluster.schema import Json
from apps.simcluster.wire import field, fields, read_varint, whole

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

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
    envelope = dict(fields(data[len(MAGIC) :]))
    head = _message(envelope.get(1, b""), _TYPE)
    known = MESSAGES.get(head.get("kind", ""))
    if known is None:
        raise BodyError(f"no protobuf for kind {head.get('kind', '')!r}")
    return {**head, **_message(envelope.get(2, b""), known)}


def encode_status(status: Json) -> bytes:
    """A Status without details in its envelope, as answers to those who accept nothing but protobuf."""
    empty = field(1, b"") + field(2, b"") + field(3, b"")
    texts = (status["status"], status["message"], status["reason"])
    message = field(1, empty) + b"".join(field(at, text.encode()) for at, text in enumerate(texts, 2))
    message += whole(6, status["code"])
    head = field(1, b"v1") + field(2, b"Status")
    return MAGIC + field(1, head) + field(2, message) + field(3, b"") + field(4, b"")


def _message(data: bytes, known: _Fields) -> Json:
    found: Json = {}
    for number, value in fields(data):
        name, below = known.get(number, ("", None))
        if not name or (below is None and not value):  # empty text is no text
            continue
        if below == _MAP:
            entry = _message(value, _ENTRY)
            found.setdefault(name, {})[entry.get("key", "")] = entry.get("value", "")
        elif below == _LIST:
            found.setdefault(name, []).append(value.decode(errors="replace"))
        elif below == _WHOLE:
            found[name] = read_varint(value, 0)[0]
        else:
            found[name] = value.decode(errors="replace") if below is None else _message(value, below)
    return found
