"""Reads a kubeconfig safely. Pure: nothing in it is executed, opened or dialled.

Only six fields can be used. Whatever could make the console run a program, read a file, trust
anybody or go through somebody else's proxy is refused with a sentence that names the field.
Why: loading a foreign kubeconfig with a client library runs its `exec` command.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from apps.clusters.connection import Connection, checked
from apps.common.errors import InvalidInputError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 12
MAX_EVENTS = 20_000

_RBAC_HINT = "Use the token of a service account instead; the read-only role to bind it to is on this page."
_CLUSTER_FIELDS = frozenset({"server", "certificate-authority-data", "tls-server-name"})
_USER_FIELDS = frozenset({"token", "client-certificate-data", "client-key-data"})
_HARMLESS = frozenset({"extensions", "disable-compression"})
_REFUSED = {
    "certificate-authority": "names a file. Put the certificate itself into certificate-authority-data.",
    "insecure-skip-tls-verify": "would make the console trust whoever answers. "
    "Give the CA in certificate-authority-data instead.",
    "proxy-url": "would send the credential through a proxy. Register an address the console reaches itself.",
    "exec": f"would run a program on this server. {_RBAC_HINT}",
    "auth-provider": f"would run a program on this server. {_RBAC_HINT}",
    "tokenFile": "names a file. Put the token itself into token.",
    "client-certificate": "names a file. Put the certificate itself into client-certificate-data.",
    "client-key": "names a file. Put the key itself into client-key-data.",
    "username": f"is basic authentication, which API servers no longer know. {_RBAC_HINT}",
    "password": f"is basic authentication, which API servers no longer know. {_RBAC_HINT}",
    "as": "would act as somebody else. Give the credential of the account the console is to use.",
    "as-uid": "would act as somebody else. Give the credential of the account the console is to use.",
    "as-groups": "would act as somebody else. Give the credential of the account the console is to use.",
    "as-user-extra": "would act as somebody else. Give the credential of the account the console is to use.",
}


@dataclass(frozen=True, slots=True)
class Contexts:
    """The names of the contexts, and the one that is current ("" if none is)."""

    names: tuple[str, ...]
    current: str


def contexts(text: str) -> Contexts:
    """What there is to choose from. Raises InvalidInputError (field `kubeconfig`)."""
    return _contexts(_load(text))


def read(text: str, context: str = "") -> Connection:
    """The connection of a context, the current one by default. Raises InvalidInputError."""
    document = _load(text)
    known = _contexts(document)
    chosen = context or known.current or (known.names[0] if len(known.names) == 1 else "")
    if chosen not in known.names:
        names = ", ".join(known.names[:10]) or "none"
        raise InvalidInputError(f"Choose one of the kubeconfig's contexts: {names}.", field="context")
    body = _entry(document, "contexts", chosen, "context")
    cluster_name, user_name = _name(body, "cluster", chosen), _name(body, "user", chosen)
    cluster = _entry(document, "clusters", cluster_name, "cluster")
    user = _entry(document, "users", user_name, "user")
    _refuse(cluster, _CLUSTER_FIELDS, f"clusters[{cluster_name}].cluster")
    _refuse(user, _USER_FIELDS, f"users[{user_name}].user")
    return checked(
        server=_text(cluster, "server"),
        ca_pem=_decoded(cluster, "certificate-authority-data"),
        tls_server_name=_text(cluster, "tls-server-name"),
        token=_text(user, "token"),
        client_certificate=_decoded(user, "client-certificate-data"),
        client_key=_decoded(user, "client-key-data"),
    )


def _load(text: str) -> Mapping[str, Any]:
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _wrong(
            "It is larger than 64 KiB. A kubeconfig for one cluster is much smaller; export one context."
        )
    try:
        _check_shape(text)
        document = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise _wrong(f"It is not valid YAML{_place(error)}.") from None
    except (RecursionError, ValueError) as error:
        raise _wrong("It is not a kubeconfig that can be read.") from error
    if not isinstance(document, dict) or document.get("kind", "Config") != "Config":
        raise _wrong("It has no clusters, users and contexts at its top: it is not a kubeconfig.")
    return document


def _check_shape(text: str) -> None:
    """Walks the events only, so that a bomb of aliases or of depth is met before it is built."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=yaml.CSafeLoader)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _wrong(
                "It uses YAML anchors or aliases, which a kubeconfig does not need. Write the values out."
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > MAX_EVENTS:
            raise _wrong("It is nested or filled far beyond what a kubeconfig is.")


def _contexts(document: Mapping[str, Any]) -> Contexts:
    names = tuple(
        item["name"]
        for item in _list(document, "contexts")
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    )
    if not names:
        raise _wrong("It has no contexts.")
    current = document.get("current-context")
    return Contexts(names, current if isinstance(current, str) and current in names else "")


def _list(document: Mapping[str, Any], section: str) -> list[Any]:
    value = document.get(section)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(f"Its {section} is not a list.")
    return value


def _entry(document: Mapping[str, Any], section: str, name: str, key: str) -> Mapping[str, Any]:
    found = [i for i in _list(document, section) if isinstance(i, dict) and i.get("name") == name]
    if len(found) != 1:
        number = "no entry" if not found else "several entries"
        raise _wrong(f"It has {number} named {_shown(name)} in {section}.")
    body = found[0].get(key)
    if not isinstance(body, dict):
        raise _wrong(f"{section}[{_shown(name)}].{key} is empty.")
    return body


def _refuse(body: Mapping[str, Any], usable: frozenset[str], path: str) -> None:
    for field, value in body.items():
        if field in usable or field in _HARMLESS or value in (None, False, ""):
            continue
        reason = _REFUSED.get(str(field), "is not a field that the console uses. Leave it out.")
        raise _wrong(f"{_shown(path)}.{_shown(str(field))} {reason}")


def _name(body: Mapping[str, Any], key: str, context: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong(f"The context {_shown(context)} names no {key}.")
    return value


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(f"{key} is not a text.")
    return value


def _decoded(body: Mapping[str, Any], key: str) -> str:
    value = "".join(_text(body, key).split())
    try:
        return base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise _wrong(f"{key} is not base64 of a PEM text.") from None


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" (line {mark.line + 1})" if mark is not None else ""


def _shown(text: str) -> str:
    """What a user wrote, short and in one line, to be quoted back."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= 80 else f"{plain[:79]}…"


def _wrong(sentence: str) -> InvalidInputError:
    return InvalidInputError(f"The kubeconfig cannot be used. {sentence}", field="kubeconfig")
