"""Cluster rows with a credential, without asking any cluster."""

from __future__ import annotations

from apps.clusters import secrets
from apps.clusters.connection import Connection, Secret
from apps.clusters.models import Cluster, Credential
from tests.factories.certificates import ca_pem

TOKEN = "canary-token-0123456789abcdef"


def cluster(
    name: str = "prod-eu-1", environment: str = "production", connection: Connection | None = None
) -> Cluster:
    """A registered cluster; it answers only if `connection` leads to one that does."""
    found = connection or Connection("https://127.0.0.1:1", ca_pem(), Secret(token=TOKEN))
    row = Cluster.objects.create(
        name=name,
        environment=environment,
        server=found.server,
        ca_pem=found.ca_pem,
        tls_server_name=found.tls_server_name,
    )
    Credential.objects.create(
        cluster=row,
        kind=found.secret.kind,
        ciphertext=secrets.seal(row.pk, found.secret),
        fingerprint=found.secret.fingerprint,
    )
    return row
