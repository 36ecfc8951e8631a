"""Answers whoever asks if this process lives (/healthz) and if it can work (/readyz).

A middleware before all others: a probe needs no host name, no sign-in, no TLS and no line in the log.
It says which part fails and never why: an error text may hold an address or a password.
"""

from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

PROBE_SECONDS = 2
logger = structlog.get_logger(__name__)


class HealthMiddleware:
    """Answers the two probes; passes everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return JsonResponse({"status": "alive"})
        if request.path == "/readyz":
            return ready()
        return self.get_response(request)


def ready() -> HttpResponse:
    """200 when the database answers with every migration applied and the broker answers; 503 otherwise."""
    checks = {"database": database_answers(), "broker": broker_answers()}
    passed = all(checks.values())
    parts = {name: "ok" if ok else "failing" for name, ok in checks.items()}
    return JsonResponse(
        {"status": "ready" if passed else "not ready", **parts}, status=200 if passed else 503
    )


def database_answers() -> bool:
    """Whether the database is there and no migration is waiting."""
    try:
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        logger.warning("database does not answer", error=type(error).__name__)
        return False


def broker_answers() -> bool:
    """Whether the Redis that carries tasks and live updates answers within PROBE_SECONDS."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=PROBE_SECONDS, socket_timeout=PROBE_SECONDS
    )
    try:
        return bool(client.ping())
    except redis.RedisError as error:
        logger.warning("broker does not answer", error=type(error).__name__)
        return False
    finally:
        client.close()
