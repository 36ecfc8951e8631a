"""A refresh of the large cluster into a database, then the time of each page that shows it."""

from __future__ import annotations

import statistics
from typing import Any

from django.core.management import call_command
from django.test import Client

from apps.accounts.models import RoleBinding, User
from apps.clusters import secrets
from apps.clusters.connection import Secret
from apps.clusters.models import Cluster, Credential
from apps.inventory import runs
from apps.pipeline.refresh import refresh
from bench.stopwatch import timed

PAGE_ROUNDS = 9


def pages(facts: dict[str, Any]) -> dict[str, Any]:
    """A refresh into a database, then the pages that show it."""
    call_command("migrate", verbosity=0)
    secret = Secret(token="bench-token")
    row = Cluster.objects.create(
        name="bench",
        environment="production",
        server=f"https://127.0.0.1:{facts['port']}",
        ca_pem=facts["ca"],
    )
    Credential.objects.create(
        cluster=row, kind=secret.kind, ciphertext=secrets.seal(row.pk, secret), fingerprint=secret.fingerprint
    )
    first = timed(lambda: refresh(runs.queue(row, "bench").pk))
    again = timed(lambda: refresh(runs.queue(row, "bench").pk))
    user = User.objects.create_user("bench", password="bench")
    RoleBinding.objects.create(user=user, role="viewer")
    client = Client()
    client.force_login(user)
    found = {path: _page(client, path) for path in PATHS}
    return {"first_refresh": first, "second_refresh": again, "pages": found, "state": _state(row)}


PATHS = (
    "/",
    "/clusters/",
    "/clusters/bench/",
    "/clusters/bench/workloads/",
    "/clusters/bench/egress/",
    "/clusters/bench/findings/",
    "/clusters/bench/objects/",
    "/workloads/",
    "/findings/",
)


def _page(client: Any, path: str) -> dict[str, Any]:
    answer = client.get(path)
    rounds = [timed(lambda: client.get(path)) for _ in range(PAGE_ROUNDS)]
    return {
        "status": answer.status_code,
        "bytes": len(answer.content),
        "median": statistics.median(wall for wall, _ in rounds),
        "cpu": statistics.median(cpu for _, cpu in rounds),
    }


def _state(cluster: Any) -> dict[str, Any]:
    run = cluster.refreshes.first()
    return {
        "run": run.state,
        "message": run.message,
        "workloads": cluster.workloads.count(),
        "scopes": cluster.scopes.count(),
    }
