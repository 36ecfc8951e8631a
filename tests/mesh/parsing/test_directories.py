"""Directories of manifests: what is read, what is said of the rest, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from apps.mesh.findings import Severity
from apps.mesh.parsing.directories import load_directory
from apps.mesh.parsing.yamltext import Limits

SERVICE = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}]}\n"
)


def told(directory: Path) -> list[tuple[str, int, str]]:
    return [(item.file, item.line, item.message) for item in load_directory(directory).problems]


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"a: b\nc: \xe9\n", 2, "not UTF-8 here"),
        ("\ufeff".encode("utf-16-le") + SERVICE.encode("utf-16-le"), 0, "it is UTF-16"),
        (b"\x7fELF\x00\xff", 1, "not UTF-8 here"),
        (f"{SERVICE}---\nkind: {{{{ .Values.kind }}}}\n".encode(), 6, "what helm template makes of it"),
        (b"apiVersion: v1\nkind: Service\nmetadata: {name: '{{ .Release.Name }}'}\n", 1, "It is a template"),
        (b"apiVersion: v1\nkind: Service\nmetadata: {namespace: shop}\n", 1, "has no metadata.name"),
        (b"- apiVersion: v1\n  kind: Service\n", 1, "not an object"),
        (b"only words\n", 1, "not an object"),
        (b"apiVersion: v1\n", 1, "no apiVersion and kind"),
        (b"apiVersion: v1\nkind: List\nitems:\n- metadata: {name: x}\n", 4, "no apiVersion and kind"),
        (b"apiVersion: v1\nkind: List\nitems:\n- 5\n", 4, "not an object"),
        (b"? [a]\n: b\n", 1, "a key is a list or a mapping"),
    ],
)
def test_what_is_no_manifest_and_may_have_been_meant_as_one_is_an_error(
    tmp_path: Path, data: bytes, line: int, words: str
) -> None:
    (tmp_path / "x.yaml").write_bytes(data)
    (problem,) = load_directory(tmp_path).problems
    assert (problem.file, problem.line, problem.severity) == ("x.yaml", line, Severity.ERROR)
    assert words in problem.message


@pytest.mark.parametrize("text", ["replicas: 3\n", "- name: lint\n  run: make\n", '{"name": "web"}', "7\n"])
def test_data_for_other_tools_is_a_note(tmp_path: Path, text: str) -> None:
    (tmp_path / "values.yaml").write_text(text)
    (problem,) = load_directory(tmp_path).problems
    assert problem.severity is Severity.INFO


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n", "helm template"),
        ("kustomization.yaml", "resources: [a.yaml]\n", "kustomize build"),
        ("x.yaml", "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "kustomize build"),
    ],
)
def test_what_other_tools_make_manifests_of_is_a_warning(
    tmp_path: Path, name: str, text: str, command: str
) -> None:
    (tmp_path / name).write_text(text)
    loaded = load_directory(tmp_path)
    assert loaded.documents == ()
    (problem,) = loaded.problems
    assert problem.severity is Severity.WARNING
    assert command in problem.message


def test_links_that_are_not_followed_are_told_and_end(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    (inside / "sub").mkdir(parents=True)
    (inside / "a.yaml").write_text(SERVICE)
    (inside / "sub" / "up").symlink_to("..")
    (inside / "again.yaml").symlink_to("a.yaml")
    (inside / "self.yaml").symlink_to("self.yaml")
    (inside / "gone.yaml").symlink_to("nowhere.yaml")
    (inside / "out").symlink_to(tmp_path)
    loaded = load_directory(inside)
    assert [document.file for document in loaded.documents] == ["a.yaml", "again.yaml"]
    assert told(inside) == [
        ("gone.yaml", 0, "It is a link that leads nowhere."),
        ("out", 0, "It is a link out of the directory, and is not followed."),
        ("self.yaml", 0, "It is a link that leads nowhere."),
    ]


def test_what_no_manifests_are_kept_in_is_not_searched(tmp_path: Path) -> None:
    for name in (".git", "node_modules", "charts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(SERVICE)
    assert [item.file for item in load_directory(tmp_path).documents] == ["charts/a.yaml"]


def test_more_files_than_are_read_is_a_problem_that_names_no_machine(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.yaml").write_text(SERVICE)
    loaded = load_directory(tmp_path, Limits(files=2))
    assert [item.file for item in loaded.documents] == ["0.yaml", "1.yaml"]
    assert [(item.file, item.message) for item in loaded.problems] == [(".", "There are more than 2 files.")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_alike_whatever_ends_them(tmp_path: Path, end: str) -> None:
    text = f"{SERVICE}---\nfoo: [\n---\n{SERVICE.replace('web', 'other')}"
    (tmp_path / "a.yaml").write_bytes(text.replace("\n", end).encode())
    loaded = load_directory(tmp_path)
    assert [item.place("spec.ports[0].port") for item in loaded.documents] == [(4, 17), (11, 17)]
    assert [problem.line for problem in loaded.problems] == [7]


def test_json_as_other_tools_write_it_is_read(tmp_path: Path) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "annotations": {"mood": "\N{GRINNING FACE}", "url": "a/b"}},
    }
    (tmp_path / "a.json").write_text("\t" + json.dumps(manifest, indent="\t").replace("a/b", "a\\/b"))
    (document,) = load_directory(tmp_path).documents
    assert document.manifest["metadata"]["annotations"]["url"] == "a/b"
    assert document.line("metadata.annotations[url]") == 8


def test_a_key_that_is_written_twice_is_told_where_it_stands_again(tmp_path: Path) -> None:
    base = "x: &x {a: 1}\ny: &y {<<: *x, a: 2}\nz: {<<: *y, a: 3}\nw: {<<: {b: 1}, b: 2}\n"
    (tmp_path / "a.yaml").write_text(f"---\n{SERVICE}{base}spec: {{ports: []}}\n---\nfoo: [\n")
    loaded = load_directory(tmp_path)
    (first, again) = sorted(loaded.problems, key=lambda problem: problem.line)
    assert (first.line, first.severity) == (10, Severity.WARNING)
    assert "The key spec is written twice" in first.message
    assert again.line == 13
