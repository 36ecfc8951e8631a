"""Pasted manifests: what is read, and the sentence for everything that is not."""

from __future__ import annotations

import time

import pytest

from apps.changes import pasted

SIDECAR = """apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: payments
spec:
  egress:
    - hosts:
        - "speedscale/*"
"""


def refused(text: str) -> pasted.PastedError:
    with pytest.raises(pasted.PastedError) as caught:
        pasted.read(text)
    return caught.value


def test_documents_are_numbered_and_empty_ones_left_out() -> None:
    found = pasted.read(f"---\n{SIDECAR}---\n---\n{SIDECAR.replace('default', 'other')}")
    assert [(doc.document, doc.line) for doc in found] == [(1, 2), (2, 13)]
    assert found[1].manifest["metadata"]["name"] == "other"


def test_a_workload_may_bring_annotations_only() -> None:
    text = """apiVersion: apps/v1
kind: Deployment
metadata: {name: pay, namespace: shop}
spec:
  template:
    metadata:
      annotations:
        sidecar.speedscale.com/inject: "true"
"""
    assert pasted.read(text)[0].is_workload
    error = refused(text + "  replicas: 3\n")
    assert (error.document, error.line, error.field) == (1, 9, "spec.replicas")


@pytest.mark.parametrize(
    ("text", "line", "field", "says"),
    [
        (SIDECAR.replace("kind: Sidecar", "kind: Secret"), 2, "kind", "cannot be changed here"),
        (SIDECAR.replace("networking.istio.io/v1", "v1"), 2, "kind", "cannot be changed here"),
        (SIDECAR.replace("  namespace: payments\n", ""), 3, "metadata.namespace", "is missing"),
        (SIDECAR.replace("payments", "../etc"), 5, "metadata.namespace", "no valid Kubernetes name"),
        (SIDECAR.replace("  name: default", "  name: default\n  uid: x"), 5, "metadata.uid", "leave it out"),
        (SIDECAR.replace("  name: default", "  name: default\n  name: again"), 5, "metadata.name", "twice"),
        (
            SIDECAR.replace("  name: default", "  name: default\n  labels: {a: 1}"),
            5,
            "metadata.labels",
            "quotes",
        ),
        (SIDECAR + "  since: 2026-01-01\n", 10, "spec.since", "quotes"),
        (SIDECAR + "  weight: .nan\n", 10, "spec.weight", "no number"),
    ],
)
def test_a_mistake_names_document_line_and_field(text: str, line: int, field: str, says: str) -> None:
    error = refused(text)
    assert (error.document, error.line, error.field) == (1, line, field)
    assert says in str(error)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no manifest"),
        ("just words", "mapping"),
        ("a: [", "not YAML"),
        ("a: \x00", "not YAML"),
        ("- 1\n- 2\n", "mapping"),
        ("a: &x {b: c}\nd: *x\n", "aliases"),
        ("a: !!python/object/apply:os.system [ls]\n", "tag"),
        ("---\na: b\n" * 51, "more than 50 documents"),
        ("a: " + "[" * 60 + "]" * 60, "too deep"),
        ("a: " + "x" * 300_000, "more than 256 KiB"),
        ("? [a]\n: b\n", "key must be a text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text: str, says: str) -> None:
    assert says in str(refused(text))


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    lines = ['a0: &a0 ["x","x","x","x","x","x","x","x","x"]']
    lines += [f"a{i}: &a{i} [" + ",".join([f"*a{i - 1}"] * 9) + "]" for i in range(1, 30)]
    began = time.monotonic()
    assert "aliases" in str(refused("\n".join(lines)))
    assert time.monotonic() - began < 1


def test_the_largest_paste_is_read_in_a_moment() -> None:
    hosts = "".join(f'        - "ns{i}/host-{i}.example"\n' for i in range(7000))
    began = time.monotonic()
    assert len(pasted.read(SIDECAR + hosts)[0].manifest["spec"]["egress"][0]["hosts"]) == 7001
    assert time.monotonic() - began < 5
