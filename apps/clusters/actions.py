"""Registering and operating clusters. Permission first, then the network, then one short transaction."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import IntegrityError, transaction

from apps.accounts.models import User
from apps.accounts.permissions import Permission, require
from apps.audit.actions import record
from apps.audit.models import Outcome
from apps.clusters import connect, connection, kubeconfig, preflight, secrets
from apps.clusters.connection import Connection
from apps.clusters.gateway import GatewayError, UnauthorizedError
from apps.clusters.models import Cluster, Credential, HealthState, Pause
from apps.clusters.places import checked_place
from apps.common.clock import now
from apps.common.errors import InvalidInputError


def register_cluster(
    *,
    actor: User,
    name: str,
    environment: str,
    server: str,
    ca_pem: str,
    token: str = "",
    client_certificate: str = "",
    client_key: str = "",
    tls_server_name: str = "",
    region: str = "",
    owner_team: str = "",
    labels: Mapping[str, str] | None = None,
) -> Cluster:
    """Keeps a cluster once a preflight reached it and its credential was accepted.

    Raises InvalidInputError (with the field at fault), PermissionDeniedError.
    """
    require(
        actor, Permission.OPERATE_CLUSTERS, environment=environment, cluster=name, action="cluster.register"
    )
    found = connection.checked(
        server=server,
        ca_pem=ca_pem,
        token=token,
        client_certificate=client_certificate,
        client_key=client_key,
        tls_server_name=tls_server_name,
    )
    place = checked_place(name, environment, region, owner_team, labels or {})
    return _register(actor, found, place)


def register_from_kubeconfig(
    *,
    actor: User,
    text: str,
    name: str,
    environment: str,
    context: str = "",
    region: str = "",
    owner_team: str = "",
    labels: Mapping[str, str] | None = None,
) -> Cluster:
    """The same from one context of a kubeconfig. Raises as `register_cluster` does."""
    require(
        actor, Permission.OPERATE_CLUSTERS, environment=environment, cluster=name, action="cluster.register"
    )
    place = checked_place(name, environment, region, owner_team, labels or {})
    try:
        found = kubeconfig.read(text, context)
    except InvalidInputError as refusal:
        _record_refused(actor, name, refusal.message)
        raise
    return _register(actor, found, place)


def check_connection(
    *, actor: User, connection: Connection, name: str, environment: str
) -> preflight.Preflight:
    """A preflight that keeps nothing. Raises InvalidInputError when the cluster cannot be used."""
    require(actor, Permission.OPERATE_CLUSTERS, environment=environment, cluster=name, action="cluster.check")
    return _preflight(connection)


def replace_credential(
    *, actor: User, cluster: Cluster, token: str = "", client_certificate: str = "", client_key: str = ""
) -> None:
    """Takes a new credential once the cluster has accepted it; the old one is forgotten."""
    _require_operate(actor, cluster, "cluster.replace_credential")
    new = connection.checked(
        server=cluster.server,
        ca_pem=cluster.ca_pem,
        token=token,
        client_certificate=client_certificate,
        client_key=client_key,
        tls_server_name=cluster.tls_server_name,
    )
    checks = _preflight(new)
    with transaction.atomic():
        _keep_credential(cluster, new)
        _note_preflight(cluster, checks)
        if cluster.health == HealthState.AUTH_FAILED:
            cluster.health = HealthState.NEW
        cluster.save(
            update_fields=["identity", "kubernetes_version", "served", "may_not", "checked_at", "health"]
        )
        _record(actor, cluster, "cluster.replace_credential", f"Replaced the credential of {cluster.name}.")


def recheck(*, actor: User, cluster: Cluster) -> preflight.Preflight:
    """Asks the cluster again who we are and what we may. Raises InvalidInputError on no answer."""
    _require_operate(actor, cluster, "cluster.recheck")
    try:
        with connect.open_gateway(cluster) as gateway:
            checks = preflight.run(gateway)
    except GatewayError as failure:
        _record(
            actor, cluster, "cluster.recheck", f"{cluster.name}: {failure.message}", outcome=Outcome.FAILED
        )
        raise InvalidInputError(failure.message, field="server") from failure
    with transaction.atomic():
        _note_preflight(cluster, checks)
        cluster.save(update_fields=["identity", "kubernetes_version", "served", "may_not", "checked_at"])
        missing = len(checks.missing_to_read) + len(checks.missing_to_apply)
        _record(actor, cluster, "cluster.recheck", f"Checked {cluster.name}: {missing} permissions missing.")
    return checks


def pause(*, actor: User, cluster: Cluster) -> None:
    """Leaves the cluster alone: no refresh and no write until it is resumed."""
    _set_paused(actor, cluster, True, "cluster.pause", f"Paused {cluster.name}.")


def resume(*, actor: User, cluster: Cluster) -> None:
    """Takes a paused cluster up again."""
    _set_paused(actor, cluster, False, "cluster.resume", f"Resumed {cluster.name}.")


def remove_cluster(*, actor: User, cluster: Cluster) -> None:
    """Forgets the cluster, its credential and what was read from it. Refused while changes name it:
    their record must stay whole; pause it instead."""
    _require_operate(actor, cluster, "cluster.remove")
    name = cluster.name
    try:
        with transaction.atomic():
            _record(actor, cluster, "cluster.remove", f"Removed {name} and everything read from it.")
            cluster.delete()
    except IntegrityError as failure:  # ProtectedError is one
        raise InvalidInputError(
            f"{name} has changes in its history, which the record keeps. Pause it instead."
        ) from failure


def rotate_credentials() -> tuple[int, int]:
    """Encrypts every credential under the newest key. Returns (rotated, unreadable); safe to repeat."""
    done = failed = 0
    for credential in Credential.objects.order_by("pk").iterator():
        if secrets.current_key(credential.ciphertext):
            continue
        try:
            fresh = secrets.rotated(credential.ciphertext)
        except secrets.SecretUnreadableError:
            failed += 1
            continue
        # Only where nobody replaced it meanwhile.
        done += Credential.objects.filter(pk=credential.pk, ciphertext=credential.ciphertext).update(
            ciphertext=fresh
        )
    if done or failed:
        record(
            actor=None,
            action="credentials.rotate",
            summary=f"Encrypted {done} credentials under the newest key; {failed} could not be read.",
            object_type="credential",
            outcome=Outcome.FAILED if failed else Outcome.DONE,
        )
    return done, failed


def _register(actor: User, found: Connection, place: dict[str, object]) -> Cluster:
    name = str(place["name"])
    if Cluster.objects.filter(name=name).exists():
        raise InvalidInputError(f"There is already a cluster named {name}.", field="name")
    try:
        checks = _preflight(found)
    except InvalidInputError as refusal:
        _record_refused(actor, name, refusal.message)
        raise
    try:
        with transaction.atomic():
            cluster = Cluster(
                **place, server=found.server, ca_pem=found.ca_pem, tls_server_name=found.tls_server_name
            )
            _note_preflight(cluster, checks)
            cluster.save()
            _keep_credential(cluster, found)
            _record(
                actor,
                cluster,
                "cluster.register",
                f"Registered {name} ({cluster.environment}) as {checks.identity.username}.",
                detail={"server": found.server, "fingerprint": found.secret.fingerprint},
            )
    except IntegrityError as failure:
        raise InvalidInputError(f"There is already a cluster named {name}.", field="name") from failure
    return cluster


def _preflight(found: Connection) -> preflight.Preflight:
    try:
        with connect.open_connection(found) as gateway:
            return preflight.run(gateway)
    except UnauthorizedError as failure:
        raise InvalidInputError(failure.message, field="token") from failure
    except GatewayError as failure:
        raise InvalidInputError(failure.message, field="server") from failure


def _keep_credential(cluster: Cluster, found: Connection) -> None:
    Credential.objects.update_or_create(
        cluster=cluster,
        defaults={
            "kind": found.secret.kind,
            "ciphertext": secrets.seal(cluster.pk, found.secret),
            "fingerprint": found.secret.fingerprint,
            "expires_at": found.secret.expires_at,
        },
    )


def _note_preflight(cluster: Cluster, checks: preflight.Preflight) -> None:
    cluster.identity = checks.identity.username
    cluster.kubernetes_version = checks.version.git_version
    cluster.served = {group: list(versions) for group, versions in checks.served.items()}
    cluster.may_not = [
        {"group": row.group, "plural": row.plural, "verb": row.verb} for row in checks.missing_to_apply
    ]
    cluster.checked_at = now()


def _set_paused(actor: User, cluster: Cluster, paused: bool, action: str, summary: str) -> None:
    _require_operate(actor, cluster, action)
    with transaction.atomic():
        if Cluster.objects.filter(pk=cluster.pk, paused=not paused).update(paused=paused):
            if paused:
                Pause.objects.create(cluster=cluster, since=now())
            else:
                Pause.objects.filter(cluster=cluster, until__isnull=True).update(until=now())
            _record(actor, cluster, action, summary)
    cluster.paused = paused


def _require_operate(actor: User, cluster: Cluster, action: str) -> None:
    require(
        actor,
        Permission.OPERATE_CLUSTERS,
        environment=cluster.environment,
        cluster=cluster.name,
        action=action,
    )


def _record_refused(actor: User, name: str, message: str) -> None:
    record(
        actor=actor,
        action="cluster.register",
        summary=f"Did not register {name}: {message}",
        object_type="cluster",
        object_id=name[:63],
        cluster=name[:63],
        outcome=Outcome.FAILED,
    )


def _record(
    actor: User,
    cluster: Cluster,
    action: str,
    summary: str,
    *,
    outcome: Outcome = Outcome.DONE,
    detail: Mapping[str, str] | None = None,
) -> None:
    record(
        actor=actor,
        action=action,
        summary=summary,
        object_type="cluster",
        object_id=cluster.name,
        cluster=cluster.name,
        outcome=outcome,
        detail=detail,
    )
