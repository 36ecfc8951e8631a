"""Changes to export: one of everything, without and with fields of somebody else."""

from __future__ import annotations

from typing import Any

from apps.changes.actions.propose import propose
from apps.changes.models import ChangeSet
from apps.mesh.patches import created, deleted, updated
from tests.factories.shop import HOME, SIDECAR, Shop

TRICKY = 'It\'s $(touch owned) `touch owned` \\ "quoted"\n# or a comment\nEND'


def entry(**annotations: str) -> dict[str, Any]:
    """A ServiceEntry that is not there yet, with texts that a shell and YAML could misread."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "speedscale-sts", "namespace": "speedscale", "annotations": annotations},
        "spec": {
            "hosts": ["sts.amazonaws.com", "*.sts.amazonaws.com"],
            "location": "MESH_EXTERNAL",
            "ports": [{"name": "tls", "number": 443, "protocol": "TLS"}],
            "resolution": "NONE",
        },
    }


def live(shop: Shop, kind: str, namespace: str, name: str) -> dict[str, Any]:
    """The object as the API gives it: the simulated cluster's store leaves kind and version out."""
    found = shop.live(kind, namespace, name)
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, **found}


def everything(shop: Shop) -> ChangeSet:
    """Creates one object, adds to a second what nobody owns, deletes a third."""
    sidecar = live(shop, "Sidecar", "payments", "default")
    more = {
        **sidecar,
        "metadata": {**sidecar["metadata"], "labels": {"team": "payments"}},
        "spec": {**sidecar["spec"], "outboundTrafficPolicy": {"mode": "ALLOW_ANY"}},
    }
    patches = [
        created(entry(**{"example.com/note": TRICKY})),
        updated(sidecar, more),
        deleted(live(shop, "ServiceEntry", "speedscale", HOME)),
    ]
    return propose(
        actor=shop.priya,
        title=f"Everything\nat once {TRICKY}",
        reason="Said\nApproved-by: Nobody",
        patches={shop.cluster: patches},
    )


def contested(shop: Shop, **words: Any) -> ChangeSet:
    """Replaces a list that somebody else owns."""
    return shop.proposed(SIDECAR, **words)
