"""Takes secrets out of what is about to be kept or logged. A last net, not a licence to pass them in.

Knows the shapes of secrets, not where they come from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

REMOVED = "[removed]"

_SECRET_NAMES = re.compile(
    r"(^|[-_.])(token|password|passwd|secret|authorization|cookie|private[-_]?key|client[-_]?key([-_]data)?"
    r"|kubeconfig|ciphertext|credential_secret|api[-_]?key)$",
    re.IGNORECASE,
)
_SECRET_TEXTS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"
    r"|(?<=[Bb]earer )[\w.~+/=-]{8,}"
    r"|\bmct_[\w-]{8,}"
    r"|\bgAAAA[\w=-]{20,}"  # what MESHCONSOLE_ENCRYPTION_KEYS encrypted
    r"|(?<=://)[^\s:/@]*:[^\s/@]+(?=@)",  # the name and password of an address
    re.DOTALL,
)


def text(value: str) -> str:
    """The text without private keys, JSON web tokens, bearer tokens and tokens of this console."""
    return _SECRET_TEXTS.sub(REMOVED, value)


def value(value: Any) -> Any:
    """The same plain JSON with every secret removed, by the name of its key or by its shape."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {str(k): REMOVED if _names_secret(str(k), v) else _redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    return value


def log_processor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: nothing that looks like a secret leaves in a log line."""
    for key, item in event.items():
        event[key] = REMOVED if _names_secret(key, item) else _redacted(item)
    return event


def _names_secret(key: str, item: Any) -> bool:
    return isinstance(item, str) and bool(item) and _SECRET_NAMES.search(key) is not None


_redacted = value
