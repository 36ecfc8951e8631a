"""A preflight from the moment it was answered to the page that shows it, after a redirect, in the session.

Holds permissions and versions only; a preflight has no secret in it.
"""

from __future__ import annotations

import msgspec
from django.contrib import messages

from apps.clusters import actions
from apps.clusters.models import Cluster
from apps.clusters.preflight import Preflight
from apps.common.errors import InvalidInputError
from apps.console.guard import SignedInRequest

KEY = "preflight"


def ask(request: SignedInRequest, cluster: Cluster) -> None:
    """Asks the cluster, and keeps the answer for the next page; no answer becomes a message."""
    try:
        checks = actions.recheck(actor=request.user, cluster=cluster)
    except InvalidInputError as refusal:
        messages.error(request, refusal.message)
        return
    request.session[KEY] = {"cluster": cluster.pk, "checks": msgspec.to_builtins(checks)}


def take(request: SignedInRequest, cluster: Cluster) -> Preflight | None:
    """The answer that was kept for this cluster, once."""
    kept = request.session.get(KEY)
    if not isinstance(kept, dict) or kept.get("cluster") != cluster.pk:
        return None
    del request.session[KEY]
    try:
        return msgspec.convert(kept["checks"], Preflight)
    except (msgspec.ValidationError, KeyError):
        return None
