"""What is needed to reach and sign in to a cluster, as one value. Secrets never show in its repr.

Checks what can be checked without a network: the URL's form, that certificates are certificates, that
a key belongs to its certificate, when the credential ends. Knows no Django and no Kubernetes client.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from apps.common.errors import InvalidInputError

MAX_PEM = 256 * 1024
MAX_TOKEN = 16 * 1024
HTTPS_PORT = 443
MAX_SERVER = 300


@dataclass(frozen=True, slots=True)
class Secret:
    """Either a bearer token or a client certificate with its key (PEM)."""

    token: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)

    @property
    def kind(self) -> str:
        """`token` or `client_certificate`, the values of `Credential.Kind`."""
        return "token" if self.token else "client_certificate"

    @property
    def fingerprint(self) -> str:
        """The first 8 hex digits of the SHA-256: tells two secrets apart and gives neither away."""
        text = self.token or self.client_certificate
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def expires_at(self) -> datetime | None:
        """When the token says it ends (a JWT's `exp`), or the certificate; None when it does not say."""
        return _token_end(self.token) if self.token else _certificate_end(self.client_certificate)

    def parts(self) -> Mapping[str, str]:
        return {"token": self.token} if self.token else self._pair()

    def _pair(self) -> Mapping[str, str]:
        return {"client_certificate": self.client_certificate, "client_key": self.client_key}


@dataclass(frozen=True, slots=True)
class Connection:
    """`server` is an https URL; `ca_pem` one or more certificates that its own is checked against;
    `tls_server_name` the name to expect there when it is not the URL's host."""

    server: str
    ca_pem: str
    secret: Secret
    tls_server_name: str = ""

    @property
    def host(self) -> str:
        return urlsplit(self.server).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.server).port or HTTPS_PORT


def checked(
    *,
    server: str,
    ca_pem: str,
    token: str = "",
    client_certificate: str = "",
    client_key: str = "",
    tls_server_name: str = "",
) -> Connection:
    """A connection whose parts fit together. Raises InvalidInputError with the field at fault."""
    secret = _checked_secret(token.strip(), client_certificate.strip(), client_key.strip())
    return Connection(checked_server(server), _checked_ca(ca_pem), secret, _checked_name(tls_server_name))


def checked_server(server: str) -> str:
    """The URL without a trailing slash. Only https, no user, no query."""
    server = server.strip().rstrip("/")
    try:
        parts = urlsplit(server)
        port = parts.port
    except ValueError as error:
        raise InvalidInputError(
            "The server is not a URL such as https://host:6443.", field="server"
        ) from error
    if parts.scheme != "https":
        raise InvalidInputError(
            "The server's URL must begin with https://: the console signs in over TLS only.", field="server"
        )
    if not parts.hostname or port == 0 or len(server) > MAX_SERVER or not server.isascii():
        raise InvalidInputError("The server is not a URL such as https://host:6443.", field="server")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise InvalidInputError(
            "The server's URL holds a user name. Leave it out and give a token instead.", field="server"
        )
    if parts.query or parts.fragment or any(c.isspace() or c in "\\<>\"'" for c in server):
        raise InvalidInputError("The server's URL may have a path, but nothing after it.", field="server")
    return server


def _checked_name(name: str) -> str:
    name = name.strip()
    if name and not all(c.isascii() and (c.isalnum() or c in "-.:*") for c in name):
        raise InvalidInputError("The TLS server name is not a host name.", field="tls_server_name")
    if len(name) > 253:
        raise InvalidInputError("The TLS server name is too long.", field="tls_server_name")
    return name


def _checked_ca(ca_pem: str) -> str:
    if not ca_pem.strip():
        raise InvalidInputError(
            "The API server's CA certificate is missing. In a kubeconfig it is certificate-authority-data.",
            field="ca_pem",
        )
    if len(ca_pem) > MAX_PEM:
        raise InvalidInputError("The CA bundle is larger than 256 KiB.", field="ca_pem")
    if "PRIVATE KEY" in ca_pem:
        raise InvalidInputError(
            "The CA field holds a private key. Only certificates belong here.", field="ca_pem"
        )
    try:
        certificates = x509.load_pem_x509_certificates(ca_pem.encode())
    except ValueError as error:
        raise InvalidInputError("The CA is not a PEM certificate.", field="ca_pem") from error
    return "".join(item.public_bytes(Encoding.PEM).decode() for item in certificates)


def _checked_secret(token: str, certificate: str, key: str) -> Secret:
    if token and (certificate or key):
        raise InvalidInputError("Give either a token or a client certificate, not both.", field="token")
    if token:
        if len(token) > MAX_TOKEN or not token.isascii() or any(c.isspace() or ord(c) < 33 for c in token):
            raise InvalidInputError("The token has characters that no bearer token has.", field="token")
        return Secret(token=token)
    if not certificate or not key:
        missing = "A token" if not certificate and not key else "The other half of the client certificate"
        raise InvalidInputError(f"{missing} is missing: the console has to sign in.", field="token")
    if len(certificate) > MAX_PEM or len(key) > MAX_PEM:
        raise InvalidInputError("The client certificate is larger than 256 KiB.", field="client_certificate")
    _check_pair(certificate, key)
    return Secret(client_certificate=certificate + "\n", client_key=key + "\n")


def _check_pair(certificate: str, key: str) -> None:
    try:
        leaf = x509.load_pem_x509_certificates(certificate.encode())[0]
    except ValueError as error:
        raise InvalidInputError("The client certificate is not PEM.", field="client_certificate") from error
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError):
        # The cause is left out on purpose: it may quote the key.
        raise InvalidInputError("The client key is not an unencrypted PEM key.", field="client_key") from None
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    if leaf.public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        raise InvalidInputError(
            "The client key does not belong to the client certificate.", field="client_key"
        )


def _token_end(token: str) -> datetime | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        end = claims.get("exp") if isinstance(claims, dict) else None
        return datetime.fromtimestamp(float(end), UTC) if isinstance(end, int | float) else None
    except (ValueError, binascii.Error, OverflowError, OSError, RecursionError):
        return None


def _certificate_end(certificate: str) -> datetime | None:
    try:
        return x509.load_pem_x509_certificates(certificate.encode())[0].not_valid_after_utc
    except ValueError:
        return None
