"""The OpenAPI v2 document of older clients: what it says, in JSON and protobuf, and that kubectl uses it."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import which
from typing import Any

import msgspec
import pytest

from apps.simcluster.access import MASTERS, User
from apps.simcluster.cluster import Cluster, new_cluster
from apps.simcluster.definitions import istio_definitions
from apps.simcluster.fleet import ClusterSpec, SimulatedFleet
from apps.simcluster.handling import handle
from apps.simcluster.messages import Request, Response
from apps.simcluster.openapi_v2 import PROTOBUF_FORM, v2_document, v2_schema
from apps.simcluster.seeding import seed
from apps.simcluster.store import Store
from apps.simcluster.wire import fields

OLDER_NAME = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
CONFIG_MAP = "/api/v1/namespaces/{namespace}/configmaps/{name}"
SECONDS = 60


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    found = new_cluster("old", Store(), [("token", User("admin", "admin", (MASTERS,)))])
    seed(found, istio_definitions())
    return found


def ask(cluster: Cluster, path: str = "/openapi/v2", **headers: str) -> Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request("GET", path, {"timeout": ["32s"]}, {"authorization": "Bearer token", **given})
    answer = handle(cluster, request)
    assert isinstance(answer, Response)
    return answer


def below(message: bytes, *numbers: int) -> list[bytes]:
    """All contents at a path of field numbers."""
    found = [message]
    for number in numbers:
        found = [content for part in found for at, content in fields(part) if at == number]
    return found


def named(rows: list[bytes]) -> dict[str, bytes]:
    return {dict(fields(row))[1].decode(): dict(fields(row)).get(2, b"") for row in rows}


def extension(message: bytes, number: int, name: str) -> Any:
    """A vendor extension: its value is JSON, which is YAML."""
    return msgspec.json.decode(below(named(below(message, number))[name], 2)[0])


def test_protobuf_says_of_definitions_what_json_says(cluster: Cluster) -> None:
    document = msgspec.json.decode(ask(cluster).body)
    found = named(below(ask(cluster, accept=OLDER_NAME).body, 9, 1))
    assert list(found) == list(document["definitions"])
    assert len(found) > 80
    kinds = "x-kubernetes-group-version-kind"
    for name, schema in document["definitions"].items():
        assert [text.decode() for text in below(found[name], 22, 1)] == [schema["type"]]
        assert set(named(below(found[name], 25, 1))) == set(schema.get("properties", {}))
        if kinds in schema:
            assert extension(found[name], 31, kinds) == schema[kinds]


def test_protobuf_says_limits_references_and_merge_keys(cluster: Cluster) -> None:
    found = named(below(ask(cluster, accept=PROTOBUF_FORM).body, 9, 1))
    entry = named(below(found["io.istio.networking.v1.ServiceEntry"], 25, 1))
    assert below(entry["metadata"], 1) == [b"#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]
    spec = named(below(entry["spec"], 25, 1))
    assert [msgspec.json.decode(text) for text in below(spec["location"], 20, 2)] == [
        "MESH_EXTERNAL",
        "MESH_INTERNAL",
    ]
    ports = below(spec["ports"], 23, 1)[0]
    assert below(ports, 19) == [b"number", b"name"]
    pod = named(below(found["io.k8s.api.core.v1.Pod"], 25, 1))
    containers = named(below(pod["spec"], 25, 1))["containers"]
    assert extension(containers, 31, "x-kubernetes-patch-merge-key") == "name"
    assert b"x-kubernetes-patch-merge-key" not in spec["ports"]  # custom resources know no such patches


def test_patches_say_whose_they_are_and_what_may_be_asked(cluster: Cluster) -> None:
    paths = named(below(ask(cluster, accept=OLDER_NAME).body, 8, 2))
    patch = below(paths[CONFIG_MAP], 8)[0]
    assert extension(patch, 13, "x-kubernetes-group-version-kind") == {
        "group": "",
        "version": "v1",
        "kind": "ConfigMap",
    }
    asked = {name.decode() for name in below(patch, 8, 1, 2, 3, 4)}
    assert asked == {"dryRun", "fieldManager", "fieldValidation", "force"}
    json_patch = msgspec.json.decode(ask(cluster).body)["paths"][CONFIG_MAP]["patch"]
    assert {row["name"] for row in json_patch["parameters"]} == asked


def test_an_object_that_takes_other_fields_states_none() -> None:
    stated = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    assert v2_schema(stated) == stated
    assert v2_schema(stated | {"x-kubernetes-preserve-unknown-fields": True}) == {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    }
    either = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    assert v2_schema(either) == {"x-kubernetes-int-or-string": True}


def test_every_reference_leads_to_a_definition(cluster: Cluster) -> None:
    document = v2_document(cluster)
    text = msgspec.json.encode(document).decode()
    places = {part.partition('"')[0] for part in text.split('"$ref":"#/definitions/')[1:]}
    assert places
    assert places <= set(document["definitions"])


@pytest.mark.parametrize(
    ("accept", "status", "form"),
    [
        ("", 200, "application/json"),
        ("application/json, */*", 200, "application/json"),
        (OLDER_NAME, 200, PROTOBUF_FORM),
        (f"{OLDER_NAME};q=0.5, application/json;q=0.9", 200, "application/json"),
        (f"text/html, {PROTOBUF_FORM}", 200, PROTOBUF_FORM),
        ("text/html", 406, "text/plain; charset=utf-8"),
    ],
)
def test_the_client_says_which_form_it_takes(cluster: Cluster, accept: str, status: int, form: str) -> None:
    answer = ask(cluster, accept=accept)
    assert (answer.status, answer.content_type) == (status, form)
    assert bool(answer.body) is (status == 200)


def test_the_documents_of_v3_are_there_in_json_only(cluster: Cluster) -> None:
    path = "/openapi/v3/apis/apps/v1"
    assert ask(cluster, path, accept="application/json, */*").status == 200
    assert ask(cluster, path, accept="text/html").status == 406


def test_what_a_client_has_is_not_sent_again_until_definitions_change() -> None:
    cluster = new_cluster("old", Store(), [("token", User("admin", "admin", (MASTERS,)))])
    first = ask(cluster, accept=OLDER_NAME)
    tag = dict(first.headers)["etag"]
    again = ask(cluster, accept=OLDER_NAME, if_none_match=tag)
    assert (again.status, again.body) == (304, b"")
    assert ask(cluster, accept=OLDER_NAME).body is first.body
    seed(cluster, istio_definitions()[:1])
    changed = ask(cluster, accept=OLDER_NAME, if_none_match=tag)
    assert changed.status == 200
    assert "io.istio.networking.v1.VirtualService" in named(below(changed.body, 9, 1))


Kubectl = Callable[..., subprocess.CompletedProcess[str]]


def old_kubectl() -> str | None:
    """A kubectl that asks for the v2 document: kubectl.1.28, on PATH or beside kubectl."""
    beside = Path(os.path.realpath(which("kubectl") or "")).parent
    return which("kubectl.1.28") or which("kubectl.1.28", path=str(beside))


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    program = old_kubectl()
    if program is None:
        pytest.skip("There is no kubectl.1.28 on PATH or beside kubectl.")
    place = tmp_path_factory.mktemp("kubectl")
    shop = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    with SimulatedFleet([ClusterSpec("old", [shop])]) as fleet:
        (place / "config").write_text(fleet["old"].kubeconfig())

        def run(*words: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
            command = [program, *words, f"--kubeconfig={place / 'config'}", f"--cache-dir={place}"]
            return subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=SECONDS, check=False
            )

        yield run


DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec:
      containers: [{name: cart, image: "cart:%s"%s}]
"""
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: pay, namespace: shop}
spec: {hosts: [a.example.com], ports: [{name: https, number: 443}]%s}
"""


def test_an_older_kubectl_applies_compares_and_validates(kubectl: Kubectl) -> None:
    for manifest, name in ((DEPLOYMENT % (1, ""), "deployment.apps/cart"), (ENTRY % "", "pay")):
        made = kubectl("apply", "-f", "-", text=manifest)
        assert made.returncode == 0, made.stderr
        assert made.stdout.strip().endswith("created")
        again = kubectl("apply", "--validate=strict", "-f", "-", text=manifest)
        assert again.returncode == 0, again.stderr
        assert name in again.stdout
        assert again.stdout.strip().endswith("unchanged")
    compared = kubectl("diff", "-f", "-", text=DEPLOYMENT % (2, ""))
    assert compared.returncode == 1, compared.stderr
    assert "+      - image: cart:2" in compared.stdout
    for manifest, field in (
        (DEPLOYMENT % (2, ", bogus: 1"), "spec.template.spec.containers[0].bogus"),
        (ENTRY % ", bogus: 1", "spec.bogus"),
    ):
        refused = kubectl("apply", "--validate=strict", "-f", "-", text=manifest)
        assert refused.returncode == 1
        assert f'unknown field "{field}"' in refused.stderr


@pytest.mark.parametrize("output", ["plaintext", "plaintext-openapiv2"])
@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("deployment.spec", "progressDeadlineSeconds\t<integer>"),
        ("deployment.spec.strategy", "rollingUpdate\t<"),
        ("deployment.spec.template.spec.containers", "imagePullPolicy\t<string>"),
        ("serviceentry.spec.ports", "number\t<integer> -required-"),
        ("serviceentry.metadata.labels", "<map[string]string>"),
    ],
)
def test_an_older_kubectl_explains_fields(kubectl: Kubectl, output: str, what: str, shown: str) -> None:
    done = kubectl("explain", what, f"--output={output}")
    assert done.returncode == 0, done.stderr
    seen = done.stdout.replace("FIELD: ", "")
    assert shown.split("\t", maxsplit=1)[0] in seen, done.stdout
    assert shown.rsplit("\t", maxsplit=1)[-1] in seen, done.stdout
