"""Signed heads of the chain, to be kept where nobody who can write this database can write.

Ed25519: the key signs and stays with the console; the public key checks, wherever the copies are kept.
Does not know how a checkpoint leaves the machine.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.db import IntegrityError, transaction

from apps.audit.chain import Head
from apps.audit.models import AuditCheckpoint, AuditEvent
from apps.audit.selectors import head, last_checkpoint
from apps.common.clock import now

VERSION = 1
KEY_BYTES = 32


class CheckpointError(Exception):
    """A checkpoint cannot be read; one sentence says which and why."""


class SignatureError(CheckpointError):
    """A checkpoint was not signed by the key that is trusted, or was altered since."""


class NoKeyError(CheckpointError):
    """There is no key to sign or to check with."""


def take() -> AuditCheckpoint | None:
    """Signs and keeps the present head. None when nothing was recorded since the last checkpoint.
    Raises NoKeyError."""
    key, last, latest = _signing_key(), head(), last_checkpoint()
    if last.seq == 0 or (latest is not None and latest.seq == last.seq):
        return None
    made = AuditCheckpoint(
        seq=last.seq,
        count=AuditEvent.objects.filter(seq__lte=last.seq).count(),
        hash=last.hash,
        at=now(),
        key=_key_id(key.public_key()),
    )
    made.signature = base64.b64encode(key.sign(_signed(as_json(made)))).decode()
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:  # another process was quicker
        return None
    return made


def as_json(checkpoint: AuditCheckpoint) -> dict[str, Any]:
    """The checkpoint as it is shipped: one line of the file, the body of a webhook."""
    return {
        "version": VERSION,
        "seq": checkpoint.seq,
        "count": checkpoint.count,
        "hash": checkpoint.hash,
        "at": checkpoint.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "key": checkpoint.key,
        "signature": checkpoint.signature,
    }


def as_line(checkpoint: AuditCheckpoint) -> str:
    return json.dumps(as_json(checkpoint), sort_keys=True)


def read(text: str, public: str = "") -> list[Head]:
    """The heads in lines of JSON whose signatures hold. `public` is the key to trust, by default our own.
    Raises CheckpointError with the line at fault, SignatureError, NoKeyError."""
    key = _public_key(public)
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            signature = base64.b64decode(fields["signature"], validate=True)
            one = Head(int(fields["seq"]), str(fields["hash"]))
        except (ValueError, TypeError, KeyError):
            raise CheckpointError(f"Line {number} is not a checkpoint.") from None
        try:
            key.verify(signature, _signed(fields))
        except InvalidSignature:
            raise SignatureError(
                f"Line {number}: the signature does not hold. It was altered, or signed by another key."
            ) from None
        found.append(one)
    if not found:
        raise CheckpointError("There is no checkpoint in it.")
    return found


def public_key() -> str:
    """What others need to check our checkpoints, in base64. Raises NoKeyError."""
    return base64.b64encode(_signing_key().public_key().public_bytes_raw()).decode()


def _signed(fields: Mapping[str, Any]) -> bytes:
    plain = {name: value for name, value in fields.items() if name != "signature"}
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


def _signing_key() -> Ed25519PrivateKey:
    text: str = settings.MESHCONSOLE_AUDIT_KEY
    if not text:
        raise NoKeyError("Set MESHCONSOLE_AUDIT_KEY: checkpoints are signed with it.")
    return Ed25519PrivateKey.from_private_bytes(_raw(text, "MESHCONSOLE_AUDIT_KEY"))


def _public_key(text: str) -> Ed25519PublicKey:
    if text:
        return Ed25519PublicKey.from_public_bytes(_raw(text, "The public key"))
    if settings.MESHCONSOLE_AUDIT_KEY:
        return _signing_key().public_key()
    raise NoKeyError("Give the public key: this console has no key of its own to compare with.")


def _raw(text: str, name: str) -> bytes:
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES:
        raise NoKeyError(f"{name} has to be {KEY_BYTES} bytes in base64.")
    return raw


def _key_id(key: Ed25519PublicKey) -> str:
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]
