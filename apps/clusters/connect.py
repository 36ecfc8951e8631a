"""From a cluster's row to an open gateway. The only place that decrypts a credential."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from apps.clusters import secrets
from apps.clusters.addresses import Address, AddressPolicy, AddressRefusedError, pinned
from apps.clusters.connection import Connection
from apps.clusters.gateway import ClusterGateway, UnauthorizedError, UnreachableError
from apps.clusters.models import Cluster, Credential

# The Kubernetes client takes seconds and some 70 MB to import. It is loaded when the first cluster is
# dialled, not by every command and every web process.
KUBE = "apps.clusters.kube.gateway.open_kube"


def open_gateway(cluster: Cluster) -> ClusterGateway:
    """An open connection to a registered cluster; use it in a `with`. Resolves and checks the address
    anew each time. Raises UnreachableError, or UnauthorizedError when no credential can be read."""
    credential = Credential.objects.filter(cluster=cluster).first()
    if credential is None:
        raise UnauthorizedError("The cluster has no credential. Give it one.")
    try:
        secret = secrets.unseal(cluster.pk, credential.kind, credential.ciphertext)
    except secrets.SecretUnreadableError as failure:
        raise UnauthorizedError(str(failure)) from None
    return open_connection(Connection(cluster.server, cluster.ca_pem, secret, cluster.tls_server_name))


def open_connection(connection: Connection) -> ClusterGateway:
    """An open connection to a cluster that need not be registered. Dials nothing yet."""
    policy = AddressPolicy.of(settings.MESHCONSOLE_CLUSTER_NETWORKS)
    try:
        address = pinned(connection.host, connection.port, policy)
    except AddressRefusedError as refusal:
        raise UnreachableError(str(refusal)) from None
    open_kube = cast(Callable[[Connection, Address], ClusterGateway], import_string(KUBE))
    return open_kube(connection, address)
