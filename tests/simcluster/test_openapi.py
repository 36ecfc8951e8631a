"""OpenAPI documents say what a server checks, so that kubectl can explain it."""

import subprocess
from collections.abc import Callable, Iterator
from shutil import which

import pytest

from apps.simcluster.fleet import ClusterSpec, SimulatedFleet
from apps.simcluster.openapi import openapi_schema
from apps.simcluster.schema import STRING, STRING_MAP, keyed, listing, obj, text, whole

SECONDS = 60


def test_types_limits_and_list_types_are_said() -> None:
    port = obj(name=STRING, number=whole(low=0, high=9))
    node = obj(
        required=("hosts",),
        hosts=listing(text(limit=5), low=1, high=3),
        ports=keyed(port, "name"),
        mode=text(enum=("A", "B")),
        labels=STRING_MAP,
    )
    assert openapi_schema(node) == {
        "type": "object",
        "required": ["hosts"],
        "properties": {
            "hosts": {
                "type": "array",
                "items": {"type": "string", "maxLength": 5},
                "minItems": 1,
                "maxItems": 3,
            },
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "mode": {"type": "string", "enum": ["A", "B"]},
            "ports": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "number": {"type": "integer", "minimum": 0, "maximum": 9},
                    },
                },
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        },
    }


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers: [%s]
"""
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: cart, namespace: shop}
spec: {hosts: [a.example.com], %s}
"""
Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl on a cluster with a namespace `shop`; skips where there is no kubectl."""
    if which("kubectl") is None:
        pytest.skip("needs kubectl")
    place = tmp_path_factory.mktemp("kubectl")
    shop = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    with SimulatedFleet([ClusterSpec("explained", [shop])]) as fleet:
        (place / "config").write_text(fleet["explained"].kubeconfig())
        common = [f"--kubeconfig={place / 'config'}", f"--cache-dir={place}"]

        def run(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
            command = ["kubectl", *words, *common]
            return subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=SECONDS, check=False
            )

        yield run


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("serviceentry.spec", "hosts\t<[]string> -required-"),
        ("serviceentry.spec", "enum: MESH_EXTERNAL, MESH_INTERNAL"),
        ("serviceentry.spec.ports", "number\t<integer> -required-"),
        ("serviceentry.metadata.labels", "<map[string]string>"),
        ("deployment.spec", "progressDeadlineSeconds\t<integer>"),
        ("deployment.spec.template.spec.containers", "imagePullPolicy\t<string>"),
        ("clusterrole", "aggregationRule\t<Object>"),
    ],
)
def test_kubectl_explains_fields(kubectl: Kubectl, what: str, shown: str) -> None:
    done = kubectl("explain", what)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


def test_kubectl_is_told_of_unknown_fields(kubectl: Kubectl) -> None:
    for manifest, field in (
        (ENTRY % "bogus: 1", "spec.bogus"),
        (DEPLOYMENT % "{name: cart, image: i, bogus: 1}", "spec.template.spec.containers[0].bogus"),
    ):
        for words in (("create", "--validate=true"), ("apply", "--validate=strict")):
            done = kubectl(*words, "-f", "-", text=manifest)
            assert done.returncode == 1
            assert f'unknown field "{field}"' in done.stderr
        warned = kubectl("apply", "--validate=warn", "--dry-run=server", "-f", "-", text=manifest)
        assert warned.returncode == 0, warned.stderr
        assert f'Warning: unknown field "{field}"' in warned.stderr


def test_kubectl_apply_still_merges_containers_by_name(kubectl: Kubectl) -> None:
    first, second = "{name: one, image: a}", "{name: two, image: b}"
    assert kubectl("apply", "-f", "-", text=DEPLOYMENT % f"{first}, {second}").returncode == 0
    changed = DEPLOYMENT % f"{first.replace('image: a', 'image: c')}, {second}"
    assert kubectl("apply", "--validate=strict", "-f", "-", text=changed).returncode == 0
    path = "jsonpath={.spec.template.spec.containers[*].image}"
    assert kubectl("get", "deployment", "cart", "-n", "shop", "-o", path).stdout == "c b"
    assert kubectl("apply", "-f", "-", text=DEPLOYMENT % second).returncode == 0
    assert kubectl("get", "deployment", "cart", "-n", "shop", "-o", path).stdout == "b"
