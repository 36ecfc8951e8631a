"""YAML files: manifests, lines, and the limits that keep a hostile text from costing anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.mesh.parsing.directories import load_directory
from apps.mesh.parsing.files import load_text
from apps.mesh.parsing.yamltext import Limits
from apps.mesh.refs import ResourceRef

SIDECAR = """\
# a comment
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata:
  name: default
  namespace: shop
spec:
  egress:
  - port:
      number: 443
    hosts:
    - ./*
    - istio-system/*
  - hosts: ["*/*"]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2),
        ("metadata.name", 5),
        ("spec.egress", 8),
        ("spec.egress[0].hosts", 11),
        ("spec.egress[0].hosts[1]", 13),
        ("spec.egress[1].hosts[0]", 14),
        ("spec.egress[0].nothing.here", 9),
        ("spec.egress[7]", 8),
    ],
)
def test_every_field_has_its_line(path: str, line: int) -> None:
    loaded = load_text(SIDECAR, "sidecar.yaml")
    assert loaded.locate(ResourceRef("Sidecar", "shop", "default"), path) == ("sidecar.yaml", line)


def test_documents_and_lists_are_unpacked_with_their_own_lines() -> None:
    text = (
        "---\n"
        + SIDECAR
        + "---\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n"
    )
    text += "  metadata: {name: shop}\n"
    loaded = load_text(text, "all.yaml")
    assert [str(document.ref) for document in loaded.documents] == ["Sidecar shop/default", "Namespace shop"]
    assert (
        loaded.documents[1].line("metadata.name")
        == text[: text.index("metadata: {name: shop}")].count("\n") + 1
    )
    assert not loaded.problems


def test_a_typed_list_gives_its_items_their_kind() -> None:
    loaded = load_text('{"apiVersion": "v1", "kind": "ServiceList", "items": [{"metadata": {"name": "x"}}]}')
    assert loaded.manifests[0]["kind"] == "Service"
    assert loaded.documents[0].ref == ResourceRef("Service", "default", "x")


def test_timestamps_stay_text_as_in_kubernetes() -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, creationTimestamp: 2026-01-01T00:00:00Z}\n"
    assert load_text(text).manifests[0]["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"


def test_a_bomb_of_aliases_is_refused_before_it_is_built() -> None:
    lines = ["a: &a [x,x,x,x,x,x,x,x,x]"]
    for name, below in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{','.join(['*' + below] * 9)}]")
    loaded = load_text("\n".join(lines))
    assert not loaded.documents
    assert "values once its aliases are expanded" in loaded.problems[0].message
    assert loaded.problems[0].line > 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "stands inside its own anchor, or has none"),
        ("a: *nowhere", "stands inside its own anchor, or has none"),
        ("[" * 200, "nested deeper than 64"),
        ("a: [1\nb: 2", "This is not YAML"),
        ("a: !!python/object:os.system {}", "This is not YAML"),
        ("just text", "not an object"),
        ("a: 1", "no apiVersion and kind"),
        ("\x00", "This is not YAML"),
    ],
)
def test_what_cannot_be_read_is_a_problem_and_no_exception(text: str, message: str) -> None:
    loaded = load_text(text, "bad.yaml")
    assert not loaded.documents
    assert loaded.problems[0].file == "bad.yaml"
    assert message in loaded.problems[0].message


def test_what_stands_before_a_mistake_in_the_objects_is_kept() -> None:
    loaded = load_text(SIDECAR + "---\nkind: 3\n")
    assert len(loaded.documents) == 1
    assert len(loaded.problems) == 1


def test_size_and_number_of_documents_are_bounded() -> None:
    assert "at most 10 are read" in load_text(SIDECAR, limits=Limits(size=10)).problems[0].message
    many = "---\n".join(["a: 1\n"] * 4)
    assert "more than 3 documents" in load_text(many, limits=Limits(documents=3)).problems[0].message


def test_a_directory_is_read_in_order_and_links_out_of_it_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (inside / "b.yaml").write_text(SIDECAR)
    (inside / "sub" / "a.yml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    (inside / "notes.txt").write_text("not yaml")
    (tmp_path / "secret.yaml").write_text("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n")
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    loaded = load_directory(inside)
    assert [document.file for document in loaded.documents] == ["b.yaml", "sub/a.yml"]


def test_a_directory_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert "no such directory" in load_directory(tmp_path / "nowhere").problems[0].message


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00bad")
    assert "cannot be read" in load_directory(tmp_path).problems[0].message


ENTRY = """\
# two of them
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: first, namespace: shop, annotations: {"example.com/a.b": x}}
spec:
  hosts: &hosts
    - a.example
    -   b.example
  "exportTo": ['.', "*"]
  ports:
  - {number: 443, name: tls}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata:
  name: second
  namespace: shop
x-base: &base {resolution: NONE, location: MESH_EXTERNAL}
spec:
  <<: *base
  hosts: [c.example]
  "location": MESH_INTERNAL
"""


@pytest.mark.parametrize(
    ("document", "path", "place"),
    [
        (0, "spec", (5, 1)),
        (0, "spec.hosts", (6, 3)),
        (0, "spec.hosts[1]", (8, 9)),
        (0, "spec.exportTo", (9, 3)),
        (0, "spec.exportTo[1]", (9, 21)),
        (0, "spec.ports[0].number", (11, 6)),
        (0, "spec.ports[7].number", (10, 3)),
        (0, "metadata.annotations[example.com/a.b]", (4, 56)),
        (0, "metadata.annotations[example.com/none]", (4, 42)),
        (0, "status.conditions", (2, 1)),
        (1, "spec.hosts[0]", (21, 11)),
        (1, "spec.location", (22, 3)),
        (1, "spec.resolution", (18, 16)),
        (1, "", (13, 1)),
    ],
)
def test_a_field_stands_where_its_key_or_item_begins(
    document: int, path: str, place: tuple[int, int]
) -> None:
    assert load_text(ENTRY).documents[document].place(path) == place


def test_an_alias_leads_to_what_its_anchor_holds() -> None:
    text = (
        "apiVersion: v1\nkind: ServiceEntry\nmetadata: {name: x, labels: {a: &a [q]}}\nspec:\n  hosts: *a\n"
    )
    (document,) = load_text(text).documents
    assert document.place("spec.hosts") == (5, 3)
    assert document.place("spec.hosts[0]") == (3, 37)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_fields_of_a_json_file_have_their_place(indent: int | str | None) -> None:
    manifest = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"ports": [{}, {}]}}
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [manifest, manifest]}, indent=indent)
    line, column = load_text(text, "a.json").documents[1].place("spec.ports[1]")
    lines = text.splitlines()
    assert lines[line - 1][column - 1 :].startswith("{}")
    assert text.index(lines[line - 1][column - 1 :]) > text.index("items")


def test_a_malformed_document_does_not_hide_the_others_of_its_file() -> None:
    text = f"%YAML 1.1\n---\n{SIDECAR}---\nkind: [\n  a: b: c\n---\n{SIDECAR.replace('default', 'other')}"
    loaded = load_text(text, "x.yaml")
    assert [document.ref.name for document in loaded.documents] == ["default", "other"]
    (problem,) = loaded.problems
    lines = text.splitlines()
    assert "a: b: c" in lines[problem.line - 1]
    assert lines[loaded.documents[1].line("metadata.name") - 1].strip() == "name: other"
    assert lines[loaded.documents[1].line() - 1].startswith("apiVersion")


def test_documents_beside_a_malformed_one_share_its_limits() -> None:
    full = "a: [" + ",".join(["x"] * 50) + "]\n---\n"
    loaded = load_text("a: b: c\n---\n" + full * 10, limits=Limits(nodes=120))
    assert "more than" in loaded.problems[-1].message
    assert (
        "more than 3 documents"
        in load_text("a: b: c\n---\n" * 5, limits=Limits(documents=3)).problems[-1].message
    )
