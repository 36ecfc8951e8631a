"""A cluster's own certificate authority and server certificate, made once and kept in its state directory."""

import datetime
import ipaddress
import os
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS = 3650
CLOCK_SKEW = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: the authority's certificate and key, and the server's certificate and key."""

    ca: Path
    ca_key: Path
    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the server's certificate, in hexadecimal."""
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return found.fingerprint(hashes.SHA256()).hex()


def _files(directory: Path) -> TlsFiles:
    names = ("ca.pem", "ca.key", "server.pem", "server.key")
    return TlsFiles(*(directory / name for name in names))


def tls_files(directory: Path, name: str) -> TlsFiles:
    """The files of a cluster; made when they are not all there."""
    files = _files(directory)
    if not all(path.exists() for path in (files.ca, files.ca_key, files.certificate, files.key)):
        directory.mkdir(parents=True, exist_ok=True)
        _make_authority(files, name)
        _make_server(files)
    return files


def rotated(files: TlsFiles, directory: Path, name: str, *, new_authority: bool) -> TlsFiles:
    """Another server certificate, kept in `directory`, from the authority of `files` or from a new one."""
    directory.mkdir(parents=True, exist_ok=True)
    made = _files(directory)
    if new_authority:
        _make_authority(made, name)
    else:
        made = replace(made, ca=files.ca, ca_key=files.ca_key)
    _make_server(made)
    return made


def _make_authority(files: TlsFiles, name: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own = _name(f"{name} authority")
    builder = _builder(own, own, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_usage(signing=True), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = builder.add_extension(identifier, critical=False)
    _write(files.ca, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    _write_key(files.ca_key, key)


def _make_server(files: TlsFiles) -> None:
    key, ca = ec.generate_private_key(ec.SECP256R1()), x509.load_pem_x509_certificate(files.ca.read_bytes())
    ca_key = serialization.load_pem_private_key(files.ca_key.read_bytes(), None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{files.ca_key} holds no elliptic curve key")
    server = _builder(_name("kube-apiserver"), ca.subject, key)
    server = server.add_extension(x509.SubjectAlternativeName(_names()), critical=False)
    server = server.add_extension(_usage(signing=False), critical=True)
    server = server.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    server = server.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    server = server.add_extension(identifier, critical=False)
    _write(files.certificate, server.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    _write_key(files.key, key)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    plain = serialization.NoEncryption()
    write_private(
        path, key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _names() -> list[x509.GeneralName]:
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName("kubernetes.default.svc")]
    return names + [x509.IPAddress(address) for address in addresses]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - CLOCK_SKEW).not_valid_after(
        now + datetime.timedelta(days=VALID_DAYS)
    )


def _usage(*, signing: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signing,
        crl_sign=signing,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
