"""analyse, explain and propose on directories of manifests: their interface, and what they survive."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from apps.mesh.rules.catalogue import RULES
from tests.mesh.rule_cases import base_text

SIDECAR = """\
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: shop
spec:
  egress:
    - hosts:
        - ./*
"""
FINDING_KEYS = {
    "fingerprint", "code", "severity", "title", "message", "ref", "path", "file", "line", "column",
    "references", "remedy", "suppressed", "hostset",
}  # fmt: skip


def run(name: str, directory: Path, *arguments: str) -> str:
    out = StringIO()
    call_command(name, "--manifests", str(directory), *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def analysed(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("analyse", directory, "--format", "json"))
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop under REGISTRY_ONLY: the page's entry, and a Sidecar without Speedscale."""
    for name in ("mesh", "speedscale", "shop", "page-entry"):
        (tmp_path / f"{name}.yaml").write_text(base_text(name))
    (tmp_path / "sidecars").mkdir()
    (tmp_path / "sidecars" / "shop.yml").write_text(SIDECAR)
    return tmp_path


def test_analyse_names_file_and_line_of_every_finding(shop: Path) -> None:
    found = analysed(shop)
    assert all(finding.keys() == FINDING_KEYS for finding in found["findings"])
    by_code = {finding["code"]: finding for finding in found["findings"]}
    assert by_code.keys() == {"SS01", "SS03", "SS17"}
    assert by_code["SS03"]["ref"] == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "namespace": "shop",
        "name": "default",
    }
    place = (by_code["SS03"]["file"], by_code["SS03"]["line"], by_code["SS03"]["column"])
    assert place == ("sidecars/shop.yml", 8, 7)
    assert by_code["SS03"]["path"] == "spec.egress[0].hosts"
    assert by_code["SS03"]["remedy"] == "import-speedscale-namespace"
    assert by_code["SS01"]["severity"] == "warning"
    assert found["summary"]["findings"] == {"error": 1, "warning": 1, "info": 1}
    assert found["summary"]["workloads"] == 3


def test_analyse_as_text_says_the_same(shop: Path) -> None:
    text = run("analyse", shop)
    assert "SS03" in text
    assert "sidecars/shop.yml:8:7" in text
    assert text.rstrip().endswith("Findings: 1 error, 1 warning, 1 note.")


def test_analyse_reads_lists_and_one_file(tmp_path: Path) -> None:
    items = [document for name in ("mesh", "shop") for document in yaml.safe_load_all(base_text(name))]
    (tmp_path / "all.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    found = analysed(tmp_path / "all.json")
    assert [finding["code"] for finding in found["findings"]] == ["SS21"]
    assert found["summary"]["manifests"] == len(items)


def test_a_repository_without_webhooks_is_read_under_a_stated_assumption(shop: Path) -> None:
    mesh = [
        d for d in yaml.safe_load_all(base_text("mesh")) if not d["kind"].endswith("WebhookConfiguration")
    ]
    (shop / "mesh.yaml").write_text(yaml.safe_dump_all(mesh))
    speedscale = [d for d in yaml.safe_load_all(base_text("speedscale")) if "Webhook" not in d["kind"]]
    (shop / "speedscale.yaml").write_text(yaml.safe_dump_all(speedscale))
    found = analysed(shop)
    assert {finding["code"] for finding in found["findings"]} == {"SS01", "SS03", "SS17"}
    assert "assumed" in found["summary"]["assumptions"][0]
    answer = json.loads(
        run("explain", shop, "--workload", "shop/cart", "--host", "gcr.io", "--format", "json")
    )
    assert any("assumed" in unknown for unknown in answer["unknowns"])


def test_explain_gives_verdict_evidence_and_fix(shop: Path) -> None:
    arguments = ("--workload", "shop/cart", "--host", "app.speedscale.com", "--format", "json")
    answer = json.loads(run("explain", shop, *arguments))
    assert answer["verdict"] == "blocked-reset"
    assert any(step["ref"] and step["ref"]["kind"] == "Sidecar" for step in answer["evidence"])
    assert answer["fix"]["remedy"] == "import-speedscale-namespace"
    assert isinstance(answer["unknowns"], list)


def test_explain_as_text_can_be_pasted(shop: Path) -> None:
    text = run("explain", shop, "--workload", "shop/cart", "--host", "gcr.io")
    assert text.startswith("Deployment shop/cart → gcr.io:443 (TLS)\nVerdict: blocked-reset\n")
    assert "Fix: " in text


def test_explain_says_with_which_status_the_proxy_answers(shop: Path) -> None:
    meta = {"name": "closed", "namespace": "shop"}
    host = "stock.shop.svc.cluster.local"
    spec = {"hosts": [host], "http": [{"directResponse": {"status": 500}}]}
    route = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": meta, "spec": spec}
    (shop / "closed.yaml").write_text(yaml.safe_dump(route))
    asked = ("--workload", "shop/cart", "--host", host, "--port", "8080", "--protocol", "HTTP")
    assert "Verdict: blocked-503, answered by the proxy with 500\n" in run("explain", shop, *asked)
    assert json.loads(run("explain", shop, *asked, "--format", "json"))["status"] == 500


def test_explain_asks_for_port_protocol_and_address(shop: Path) -> None:
    arguments = ("--workload", "shop/cart", "--host", "stock.shop.svc.cluster.local", "--port", "8080")
    text = run("explain", shop, *arguments, "--protocol", "HTTP", "--ip", "10.96.8.8")
    assert "Verdict: allowed-registry" in text


def test_propose_prints_yaml_that_mends_it(shop: Path, tmp_path: Path) -> None:
    text = run("propose", shop)
    documents = list(yaml.safe_load_all(text))
    assert [document["kind"] for document in documents] == ["ServiceEntry", "Sidecar"]
    assert documents[1]["spec"]["egress"] == [{"hosts": ["./*", "speedscale/*"]}]
    (shop / "page-entry.yaml").write_text(yaml.safe_dump(documents[0]))
    (shop / "sidecars" / "shop.yml").write_text(yaml.safe_dump(documents[1]))
    assert [finding["code"] for finding in analysed(shop)["findings"]] == ["SS17"]
    again = run("propose", shop)
    assert list(yaml.safe_load_all(again)) in ([], [None])
    assert "nothing to open" in again


def test_propose_can_be_limited_to_a_remedy_and_a_host(shop: Path) -> None:
    text = run("propose", shop, "--remedy", "open-required-hosts", "--host", "gcr.io")
    (document,) = yaml.safe_load_all(text)
    assert document["spec"]["hosts"][-1] == "gcr.io"
    assert len(document["spec"]["hosts"]) == 10


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("analyse", (), "There is no directory"),
        ("explain", ("--workload", "shop/cart", "--host", "x.example"), "There is no directory"),
        ("propose", (), "There is no directory"),
    ],
)
def test_a_directory_that_is_not_there_is_an_error_in_a_sentence(
    tmp_path: Path, name: str, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as failure:
        run(name, tmp_path / "missing", *arguments)
    assert failure.value.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--workload", "shop/none", "--host", "x.example"), "There are: cart"),
        (("--workload", "nowhere/none", "--host", "x.example"), "has no workload"),
        (("--workload", "cart", "--host", "x.example"), "NAMESPACE/NAME"),
        (("--workload", "shop/cart", "--host", "https://x"), "host"),
        (("--workload", "shop/cart", "--host", "x.example", "--port", "70000"), "between 1 and"),
        (("--workload", "shop/cart", "--host", "x.example", "--ip", "10.0.0"), "IP address"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    shop: Path, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as failure:
        run("explain", shop, *arguments)
    assert failure.value.returncode == 2


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "not yaml": "kind: [\n  a: b: c\n",
    "a bomb": BOMB,
    "too deep": "a: " + "[" * 5000 + "]" * 5000,
    "binary": "\x00\x01\x02",
    "a list": "- 1\n- 2\n",
    "no kind": "apiVersion: v1\n",
    "a python object": "!!python/object/apply:os.system [id]\n",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_that_cannot_be_read_is_a_finding_and_the_rest_is_analysed(shop: Path, text: str) -> None:
    (shop / "zz.yaml").write_text(text)
    found = analysed(shop)
    codes = [finding["code"] for finding in found["findings"]]
    assert "MC003" in codes
    assert {"SS01", "SS03"} <= set(codes)
    (broken,) = {finding["file"] for finding in found["findings"] if finding["code"] == "MC003"}
    assert broken == "zz.yaml"


WRONG_TYPES = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: [1, 2]
spec: {hosts: 3, ports: {a: 1}, exportTo: x}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: 5, namespace: shop, labels: [a]}
spec: {egress: [{hosts: [1, {a: 2}, x, null]}, 7, null], workloadSelector: x}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: broken, namespace: shop, annotations: {sidecar.speedscale.com/inject: true}}
spec: {replicas: many, template: {spec: {containers: {a: b}, initContainers: [3]}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio-b, namespace: istio-system}
data: {mesh: "outboundTrafficPolicy: [1,2]"}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: x}
webhooks: [{name: x.istio.io, namespaceSelector: 3, objectSelector: {matchExpressions: [{key: 3}]}, rules: 3}]
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop, labels: x, ownerReferences: [1]}
spec: 3
"""


def test_fields_of_a_wrong_type_are_findings_with_their_line(shop: Path) -> None:
    (shop / "zz.yaml").write_text(WRONG_TYPES)
    wrong = [finding for finding in analysed(shop)["findings"] if finding["code"] == "MC002"]
    places = {(finding["ref"]["kind"], finding["path"]): finding["line"] for finding in wrong}
    assert places["Deployment", "spec.replicas"] == 14
    assert ("Sidecar", "spec.egress[0].hosts[0]") in places
    assert not [finding for finding in analysed(shop)["findings"] if finding["code"] == "MC001"]


def test_a_file_beyond_the_limit_is_not_read(shop: Path) -> None:
    with (shop / "zz.yaml").open("w") as file:
        file.truncate(65 * 1024 * 1024)
    (finding,) = [f for f in analysed(shop)["findings"] if f["code"] == "MC003"]
    assert "bytes long" in finding["message"]


def test_what_manifests_say_never_steers_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: "
        '{name: "x\\e[31mred", namespace: "<script>", annotations: {sidecar.speedscale.com/inject: "true"}}\n'
    )
    text = run("analyse", tmp_path)
    assert "\x1b" not in text
    assert "<script>" in text


def test_every_code_of_the_catalogue_can_be_told_from_the_files_own() -> None:
    assert not {"MC001", "MC002", "MC003", "MC004"} & {rule.code for rule in RULES}
