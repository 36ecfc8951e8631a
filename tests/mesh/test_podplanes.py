"""Which revision injected a pod, from what injection wrote in it."""

from __future__ import annotations

import pytest

from apps.mesh.parsing.files import load_text
from apps.mesh.podplanes import revision_of
from apps.mesh.snapshot import Snapshot

PODS = """
apiVersion: meshconsole.io/v1
kind: PodGroups
metadata: {name: deployment.web, namespace: shop}
owner: {kind: Deployment, name: web}
groups:
- labels: %s
  annotations: %s
  containers: [{name: web}, {name: %s, image: "istio/proxyv2:1.27.3"}]
  count: 1
"""


@pytest.mark.parametrize(
    ("labels", "annotations", "proxy", "revision"),
    [
        ("{istio.io/rev: a}", "{istio.io/rev: b}", "istio-proxy", "b"),
        ("{istio.io/rev: a}", "{}", "istio-proxy", "a"),
        ("{}", "{istio.io/rev: b}", "istio-proxy", "b"),
        (
            "{istio.io/rev: a}",
            """{sidecar.istio.io/status: '{"revision": "c"}', istio.io/rev: b}""",
            "istio-proxy",
            "c",
        ),
        ("{}", "{sidecar.istio.io/status: not json}", "istio-proxy", "default"),
        ("{}", "{sidecar.istio.io/status: '[1]'}", "istio-proxy", "default"),
        ("{}", "{}", "istio-proxy", "default"),
        ("{istio.io/rev: a}", "{}", "another", ""),
    ],
)
def test_a_pods_revision_is_what_injection_wrote(
    labels: str, annotations: str, proxy: str, revision: str
) -> None:
    snapshot = Snapshot.from_manifests(load_text(PODS % (labels, annotations, proxy)).manifests)
    (workload,) = snapshot.workloads
    assert [revision_of(group.pod) for group in workload.live_groups] == [revision]
