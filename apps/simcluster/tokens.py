"""Tokens of service accounts: signed JSON web tokens that name their account, and reading them back.

A token is good while its signature, time and audience hold and its account, and what it is bound to, still
exist under the same uid.
It knows the store's service accounts and no HTTP.
"""

import base64
import binascii
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from apps.simcluster.certificates import write_private
from apps.simcluster.schema import Json
from apps.simcluster.store import Store

ISSUER = "https://kubernetes.default.svc"
AUDIENCES = (ISSUER,)
ALGORITHM = "RS256"
KEY_BITS = 2048
MAX_TOKEN_BYTES = 16_384
BOUND_KINDS = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a token stands for, and which one it is."""

    namespace: str
    name: str
    uid: str
    token_id: str
    audiences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """An object whose end is the end of the token."""

    kind: str
    name: str
    uid: str

    @property
    def claim(self) -> str:
        return self.kind.lower()


@dataclass(slots=True)
class ServiceAccountTokens:
    """Issues and checks tokens of one cluster. `key_file` keeps the signing key over a restart."""

    store: Store
    now: Callable[[], datetime]
    key_file: Path | None = None
    _key: rsa.RSAPrivateKey | None = field(default=None, repr=False)

    def issue(
        self,
        namespace: str,
        name: str,
        uid: str,
        audiences: Sequence[str],
        seconds: int,
        bound: Bound | None = None,
    ) -> tuple[str, int]:
        """A token and when it ends (seconds since 1970)."""
        place: Json = {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}}
        if bound is not None:
            place[bound.claim] = {"name": bound.name, "uid": bound.uid}
        issued = int(self.now().timestamp())
        claims = {
            "aud": list(audiences),
            "exp": issued + seconds,
            "iat": issued,
            "nbf": issued,
            "iss": ISSUER,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": place,
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        head = {"alg": ALGORITHM, "kid": self.key_id()}
        text = f"{_encoded(msgspec.json.encode(head))}.{_encoded(msgspec.json.encode(claims))}"
        signature = self._signing_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_encoded(signature)}", issued + seconds

    def account(self, token: str, audiences: Sequence[str] = AUDIENCES) -> Account | None:
        """The account of a token that is good for one of the audiences now; None for any other text."""
        claims = self._claims(token)
        if claims is None or not claims["nbf"] <= self.now().timestamp() < claims["exp"]:
            return None
        shared = tuple(name for name in audiences if name in claims["aud"])
        place = claims["kubernetes.io"]
        namespace, named = place["namespace"], place["serviceaccount"]
        found = self.store.get("serviceaccounts", namespace, named["name"])
        if not shared or found is None or found["metadata"]["uid"] != named["uid"]:
            return None
        if not all(self._lives(kind, namespace, place) for kind in BOUND_KINDS):
            return None
        return Account(namespace, named["name"], named["uid"], claims["jti"], shared)

    def _lives(self, kind: str, namespace: str, place: Json) -> bool:
        """Whether what the token is bound to is still there; true when it is bound to no such kind."""
        named = place.get(kind.lower())
        if not named:
            return True
        where = "" if kind == "Node" else namespace
        found = self.store.get(BOUND_KINDS[kind], where, named["name"])
        return found is not None and found["metadata"]["uid"] == named["uid"]

    def _claims(self, token: str) -> dict[str, Any] | None:
        """What a token of ours says; None when we have not signed it."""
        text, _, signature = token.rpartition(".")
        if text.count(".") != 1 or len(token) > MAX_TOKEN_BYTES:
            return None
        try:
            public = self._signing_key().public_key()
            public.verify(_decoded(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
            return msgspec.json.decode(_decoded(text.partition(".")[2]), type=dict[str, Any])
        except (InvalidSignature, binascii.Error, ValueError):
            return None

    def key_id(self) -> str:
        public = self._signing_key().public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        digest = hashes.Hash(hashes.SHA256())
        digest.update(public.public_bytes(serialization.Encoding.DER, form))
        return _encoded(digest.finalize())

    def public_keys(self) -> Json:
        """The JSON web key set that others check tokens with."""
        numbers = self._signing_key().public_key().public_numbers()
        key = {"use": "sig", "kty": "RSA", "kid": self.key_id(), "alg": ALGORITHM}
        return {"keys": [{**key, "n": _number(numbers.n), "e": _number(numbers.e)}]}

    def _signing_key(self) -> rsa.RSAPrivateKey:
        """Made when first needed: most clusters never issue a token."""
        if self._key is None:
            self._key = self._kept_key() or rsa.generate_private_key(65537, KEY_BITS)
            if self.key_file is not None:
                plain = serialization.NoEncryption()
                form = serialization.PrivateFormat.PKCS8
                pem = self._key.private_bytes(serialization.Encoding.PEM, form, plain)
                write_private(self.key_file, pem)
        return self._key

    def _kept_key(self) -> rsa.RSAPrivateKey | None:
        if self.key_file is None or not self.key_file.exists():
            return None
        key = serialization.load_pem_private_key(self.key_file.read_bytes(), None)
        return key if isinstance(key, rsa.RSAPrivateKey) else None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(value: int) -> str:
    return _encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))
