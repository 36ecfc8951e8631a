"""A webhook with a Service, asked in the process: found by what the pod behind the Service is.

The road (Service, ready pod, port) fails in a real server's words. TLS is left out: a `caBundle` is not
looked at. Behind pods that nobody here plays, nothing listens. It reads the cluster and writes nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from apps.simcluster.cluster import Cluster
from apps.simcluster.errors import quoted
from apps.simcluster.incluster import istiod, speedscale
from apps.simcluster.incluster.backends import Unreachable, backend
from apps.simcluster.schema import Json
from apps.simcluster.webhooks import SERVER_FAILED, CallError, Verdict, timeout_of

HTTPS = 443
logger = logging.getLogger("apps.simcluster")


@dataclass(frozen=True, slots=True)
class Listener:
    """A program: whether a pod runs it, and its answer to a review at a path (None: it has no such path)."""

    runs_in: Callable[[Json], bool]
    answer: Callable[[Cluster, Json, str, Json], Verdict | None]


LISTENERS = (
    Listener(istiod.runs_in, istiod.answer),
    Listener(speedscale.runs_in, speedscale.answer),
)


def ask_service(cluster: Cluster, webhook: Json, request: Json) -> Verdict:
    """Put an AdmissionRequest to a webhook with a Service; raises `CallError`."""
    service = webhook["clientConfig"]["service"]
    namespace, name = str(service.get("namespace", "")), str(service.get("name", ""))
    given = service.get("port")
    port, path = given if isinstance(given, int) and given else HTTPS, str(service.get("path") or "/")
    target = f"https://{name}.{namespace}.svc:{port}{path}?timeout={timeout_of(webhook)}s"
    shown = f"failed to call webhook: Post {quoted(target)}"
    try:
        found = backend(cluster, namespace, name, port)
    except Unreachable as error:
        raise CallError(f"{shown}: {error}") from error
    listener = next((row for row in LISTENERS if row.runs_in(found.pod)), None)
    if listener is None:
        raise CallError(f"{shown}: dial tcp {found.address}: connect: connection refused")
    try:
        verdict = listener.answer(cluster, found.pod, path, request)
    except Exception as error:
        # Webhooks see objects before validation; one that breaks on nonsense answers as any web server does.
        logger.exception("%s: the webhook %s failed", cluster.name, webhook.get("name"))
        raise CallError(f"failed to call webhook: {SERVER_FAILED}") from error
    if verdict is None:
        raise CallError("failed to call webhook: the server could not find the requested resource")
    return verdict
