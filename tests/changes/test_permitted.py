"""A permission that the console lacks is said before anything is proposed."""

from __future__ import annotations

from apps.changes.permitted import lacking
from apps.clusters.models import Cluster
from apps.mesh.patches import created, updated

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "cart", "namespace": "shop"},
}
ENTRY = {
    "apiVersion": "networking.istio.io/v1beta1",
    "kind": "ServiceEntry",
    "metadata": {"name": "sts", "namespace": "shop"},
}
MAY_NOT = [{"group": "apps", "plural": "deployments", "verb": "patch"}]


def test_what_is_missing_is_named_once_with_the_way_out() -> None:
    cluster = Cluster(name="east", may_not=MAY_NOT)
    annotated = updated(DEPLOYMENT, {**DEPLOYMENT, "spec": {}})
    (said,) = lacking(cluster, [annotated, annotated, created(ENTRY)])
    assert said.startswith("The console may not patch deployments.apps on east:")
    assert "apply role" in said


def test_what_may_be_written_and_what_was_never_checked_is_not_said() -> None:
    assert lacking(Cluster(name="east", may_not=MAY_NOT), [created(ENTRY)]) == ()
    assert lacking(Cluster(name="east"), [updated(DEPLOYMENT, DEPLOYMENT)]) == ()
