"""Registering and operating clusters, against a simulated API server over TLS."""

from __future__ import annotations

import base64
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import connection as database
from pytest_django import Settings

from apps.accounts.models import User
from apps.audit.models import AuditEvent
from apps.clusters import actions, rbac, secrets
from apps.clusters.connect import open_gateway
from apps.clusters.connection import Secret
from apps.clusters.gateway import UnauthorizedError, UnreachableError
from apps.clusters.models import Cluster, Credential
from apps.clusters.secrets import SecretUnreadableError
from apps.clusters.selectors import credential_warning, visible
from apps.common.clock import now
from apps.common.errors import InvalidInputError, PermissionDeniedError
from apps.simcluster.access import User as ClusterUser
from apps.simcluster.fleet import ClusterSpec, SimulatedCluster
from tests.factories.clusters import cluster as cluster_row
from tests.factories.fleet import spec
from tests.factories.people import person

pytestmark = pytest.mark.django_db

READER = ClusterUser("reader", rules=({"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]},))
NOBODY = ClusterUser("nobody")


@pytest.fixture(scope="module")
def fleet_specs() -> list[ClusterSpec]:
    return [spec("edge-small", users=(READER, NOBODY))]


@pytest.fixture
def charlie() -> User:
    return person("charlie")


def place(sim: SimulatedCluster, **changes: Any) -> dict[str, Any]:
    fields = {
        "name": "edge-1",
        "environment": "lab",
        "server": sim.url,
        "ca_pem": sim.ca_pem,
        "token": sim.token(),
        "region": "eu-north-1",
        "owner_team": "Retail systems",
        "labels": {"tier": "bronze"},
    }
    return fields | changes


def test_a_cluster_is_registered_with_what_the_preflight_found(sim: SimulatedCluster, charlie: User) -> None:
    found = actions.register_cluster(actor=charlie, **place(sim))
    assert (found.identity, found.kubernetes_version) == ("admin", "v1.28.15")
    assert found.served["networking.istio.io"] == ["v1beta1", "v1alpha3"]
    assert found.credential.kind == "token"
    with open_gateway(found) as gateway:
        assert gateway.identity().username == "admin"
    event = AuditEvent.objects.get(action="cluster.register")
    assert (event.outcome, event.cluster, event.actor) == ("done", "edge-1", "charlie")


def test_a_cluster_is_registered_from_a_kubeconfig(sim: SimulatedCluster, charlie: User) -> None:
    text = sim.kubeconfig("admin", "reader")
    found = actions.register_from_kubeconfig(
        actor=charlie, text=text, context=f"reader@{sim.name}", name="edge-1", environment="lab"
    )
    assert found.identity == "reader"


def test_the_token_is_nowhere_but_in_the_ciphertext(
    sim: SimulatedCluster, charlie: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = sim.token()
    found = actions.register_cluster(actor=charlie, **place(sim))
    actions.recheck(actor=charlie, cluster=found)
    with database.cursor() as cursor:
        kept = []
        for table in database.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            kept.append(str(cursor.fetchall()))
    shown = serializers.serialize("json", Cluster.objects.all()) + repr(found) + repr(found.credential)
    assert canary not in "".join(kept) + shown + caplog.text
    assert base64.b64encode(canary.encode()).decode() not in "".join(kept)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Edge"}, "name"),
        ({"name": "<script>"}, "name"),
        ({"name": ""}, "name"),
        ({"environment": "moon"}, "environment"),
        ({"labels": {"link": "javascript:alert(1)"}}, "labels"),
        ({"labels": {"<b>": "x"}}, "labels"),
        ({"labels": {f"k{n}": "v" for n in range(21)}}, "labels"),
        ({"owner_team": "<img src=x>"}, "owner_team"),
        ({"region": "a" * 64}, "region"),
        ({"server": "http://127.0.0.1"}, "server"),
        ({"server": "https://169.254.169.254"}, "server"),
        ({"server": "https://127.0.0.1:1"}, "server"),
        ({"token": "wrong-token-wrong-token"}, "token"),
        ({"token": ""}, "token"),
        ({"ca_pem": "x"}, "ca_pem"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_field(
    sim: SimulatedCluster, charlie: User, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        actions.register_cluster(actor=charlie, **place(sim, **changes))
    assert caught.value.field == field
    assert caught.value.message.endswith(".")
    assert not Cluster.objects.exists()


def test_a_name_is_given_once(sim: SimulatedCluster, charlie: User) -> None:
    actions.register_cluster(actor=charlie, **place(sim))
    with pytest.raises(InvalidInputError, match="already a cluster named edge-1"):
        actions.register_cluster(actor=charlie, **place(sim))


def test_only_operators_of_that_place_register(sim: SimulatedCluster) -> None:
    for user in (person("alice"), person("carol", "operator", environment="production")):
        with pytest.raises(PermissionDeniedError):
            actions.register_cluster(actor=user, **place(sim))
    refusals = AuditEvent.objects.filter(action="cluster.register", outcome="refused")
    assert refusals.count() == 2


@pytest.mark.parametrize("text", ["x" * 20_000_000, "a: &a [1]\nb: *a\n"])
def test_a_hostile_kubeconfig_is_refused_and_recorded(charlie: User, text: str) -> None:
    with pytest.raises(InvalidInputError):
        actions.register_from_kubeconfig(actor=charlie, text=text, name="edge-1", environment="lab")
    event = AuditEvent.objects.get()
    assert (event.outcome, event.action) == ("failed", "cluster.register")
    assert len(event.summary) < 300


def test_the_preflight_says_in_words_what_is_missing(sim: SimulatedCluster, charlie: User) -> None:
    found = actions.register_cluster(actor=charlie, **place(sim, token=sim.token("nobody")))
    checks = actions.recheck(actor=charlie, cluster=found)
    sentences = {row.sentence for row in checks.missing_to_read}
    assert "The console cannot see service entries: every egress verdict stays unknown." in sentences
    assert {row.verb for row in checks.missing_to_apply} == {"create", "patch", "delete"}
    assert not any(row.missing for row in checks.permissions if row.plural == "rollouts")


def test_a_reader_sees_everything_and_changes_nothing(sim: SimulatedCluster, charlie: User) -> None:
    found = actions.register_cluster(actor=charlie, **place(sim, token=sim.token("reader")))
    checks = actions.recheck(actor=charlie, cluster=found)
    assert checks.missing_to_read == ()
    assert len(checks.missing_to_apply) == len(rbac.APPLY)
    found.refresh_from_db()
    assert {"group": "apps", "plural": "deployments", "verb": "patch"} in found.may_not
    assert checks.has_istio


def test_a_credential_is_replaced_only_by_one_that_the_cluster_accepts(
    sim: SimulatedCluster, charlie: User
) -> None:
    found = actions.register_cluster(actor=charlie, **place(sim))
    before = Credential.objects.get().ciphertext
    with pytest.raises(InvalidInputError, match="refused the credential"):
        actions.replace_credential(actor=charlie, cluster=found, token="not-a-token-of-anybody")
    assert Credential.objects.get().ciphertext == before
    actions.replace_credential(actor=charlie, cluster=found, token=sim.token("reader"))
    found.refresh_from_db()
    assert (found.identity, Credential.objects.get().ciphertext != before) == ("reader", True)


def test_pausing_and_resuming_is_recorded_once(charlie: User) -> None:
    row = cluster_row()
    for _ in range(2):
        actions.pause(actor=charlie, cluster=row)
    actions.resume(actor=charlie, cluster=row)
    done = list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))
    assert done == ["cluster.pause", "cluster.resume"]


def test_removing_forgets_the_credential(charlie: User) -> None:
    actions.remove_cluster(actor=charlie, cluster=cluster_row())
    assert not Credential.objects.exists()
    assert AuditEvent.objects.get().action == "cluster.remove"


def test_a_cluster_that_is_down_cannot_be_rechecked_and_stays(charlie: User) -> None:
    row = cluster_row()
    with pytest.raises(InvalidInputError, match="does not answer"):
        actions.recheck(actor=charlie, cluster=row)
    assert AuditEvent.objects.get().outcome == "failed"


def test_a_ciphertext_moved_to_another_row_is_refused() -> None:
    one, two = cluster_row("one"), cluster_row("two")
    Credential.objects.filter(cluster=two).update(ciphertext=one.credential.ciphertext)
    with pytest.raises(UnauthorizedError, match="belongs to another cluster"):
        open_gateway(two)


def test_a_ciphertext_of_another_kind_or_altered_is_refused() -> None:
    sealed = secrets.seal(1, Secret(token="t" * 20))
    for cluster_id, kind, text in ((1, "client_certificate", sealed), (1, "token", sealed[:-4] + "AAAA")):
        with pytest.raises(SecretUnreadableError):
            secrets.unseal(cluster_id, kind, text)
    assert secrets.unseal(1, "token", sealed).token == "t" * 20


def test_keys_are_rotated_and_old_ones_can_then_be_dropped(settings: Settings) -> None:
    row = cluster_row()
    old, new = settings.MESHCONSOLE_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_credentials")
    first = Credential.objects.get().ciphertext
    call_command("rotate_credentials")
    assert Credential.objects.get().ciphertext == first
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [new]
    assert secrets.unseal(row.pk, "token", first).token
    settings.MESHCONSOLE_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError, match="1 credentials can be read with no present key"):
        call_command("rotate_credentials")


def test_the_address_is_checked_each_time_a_connection_is_opened(settings: Settings) -> None:
    row = cluster_row()
    settings.MESHCONSOLE_CLUSTER_NETWORKS = []
    with pytest.raises(UnreachableError, match="this machine"):
        open_gateway(row)


def token_until(seconds: float) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": seconds}).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJub25lIn0.{claims}.c2ln"


def test_the_end_of_a_token_is_read_and_warned_of() -> None:
    end = now() + timedelta(days=3)
    secret = Secret(token=token_until(end.timestamp()))
    row = cluster_row()
    Credential.objects.filter(cluster=row).update(expires_at=secret.expires_at)
    row = Cluster.objects.select_related("credential").get()
    assert "expires in 2 days" in credential_warning(row) or "expires in 3 days" in credential_warning(row)
    with time_machine.travel(end + timedelta(seconds=1)):
        assert "has expired" in credential_warning(row)
    assert Secret(token="opaque").expires_at is None
    assert Secret(token="a.b.c").expires_at is None
    assert Secret(token=token_until(1e300)).expires_at is None


def test_strangers_see_no_cluster(django_assert_num_queries: Any) -> None:
    cluster_row("lab-1", "lab")
    cluster_row("prod-1")
    assert list(visible(person("eve"))) == []
    victor = person("victor", environment="lab")
    with django_assert_num_queries(2):
        assert [row.name for row in visible(victor)] == ["lab-1"]
