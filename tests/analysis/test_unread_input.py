"""Nothing that could not be read, or does not count, passes unsaid: not in an answer, not in an exit code."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.mesh.parsing.fields import MOST_PROBLEMS
from tests.analysis.test_commands_files import SIDECAR, analysed, run, shop
from tests.analysis.test_linting import exit_code, sarif

__all__ = ["shop"]

BROKEN = "kind: [\n"
ASK = ("--workload", "shop/cart", "--host", "gcr.io")


def by_code(found: dict[str, Any], code: str) -> list[dict[str, Any]]:
    return [finding for finding in found["findings"] if finding["code"] == code]


def code_of(name: str, directory: Path, *arguments: str) -> int:
    try:
        run(name, directory, *arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_a_directory_with_nothing_but_data_for_other_tools_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("replicas: 3\n")
    assert exit_code(tmp_path, "--fail-on", "error") == 2


def test_data_for_other_tools_beside_manifests_does_not_fail_a_pipeline(shop: Path) -> None:
    (shop / "sidecars" / "shop.yml").write_text(SIDECAR.replace("./*", "'*/*'"))
    (shop / "values.yaml").write_text("replicas: 3\n")
    assert exit_code(shop, "--fail-on", "error") == 0
    (finding,) = by_code(analysed(shop), "MC003")
    assert (finding["severity"], finding["file"], finding["line"]) == ("info", "values.yaml", 1)


def test_an_object_that_stands_twice_is_told_at_the_one_that_does_not_count(shop: Path) -> None:
    (shop / "sidecars" / "zz.yml").write_text("# later\n" + SIDECAR.replace("./*", "'*/*'"))
    (finding,) = by_code(analysed(shop), "MC003")
    assert (finding["severity"], finding["file"], finding["line"]) == ("warning", "sidecars/shop.yml", 1)
    assert "sidecars/zz.yml, line 2" in finding["message"]
    assert not by_code(analysed(shop), "SS03")
    (shop / "sidecars" / "zz.yml").write_text(SIDECAR)
    assert not by_code(analysed(shop), "MC003"), "the same twice is the same"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("  annotations: {x.example/a.b: true}", "metadata.annotations[x.example/a.b]"),
        ("  labels: {version: 1.10}", "metadata.labels[version]"),
        ("  labels: {version: 8080}", "metadata.labels[version]"),
    ],
)
def test_a_text_without_quotes_is_an_error_with_its_place(tmp_path: Path, line: str, path: str) -> None:
    (tmp_path / "a.yaml").write_text(
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n{line}\n"
        "spec: {template: {spec: {containers: [{name: web}]}}}\n"
    )
    (finding,) = by_code(analysed(tmp_path), "MC002")
    assert (finding["path"], finding["line"]) == (path, 6)
    assert "without quotes" in finding["message"]
    assert exit_code(tmp_path, "--fail-on", "error") == 1


def test_a_capture_that_is_asked_for_without_quotes_is_read_as_it_was_meant(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n"
        "  annotations: {sidecar.speedscale.com/inject: true}\n"
    )
    assert analysed(tmp_path)["summary"]["coverage"]["wanted"] == 1


@pytest.mark.parametrize("name", ["5", "true", "1.5", "[a]", "{a: b}"])
def test_a_name_that_is_no_text_is_an_error(tmp_path: Path, name: str) -> None:
    text = f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {name}\n"
    (tmp_path / "a.yaml").write_text(text)
    found = by_code(analysed(tmp_path), "MC002")
    assert [(finding["path"], finding["line"]) for finding in found] == [
        ("metadata.name", 4),
        ("metadata.namespace", 5),
    ]


def test_of_one_object_only_so_many_fields_are_told(tmp_path: Path) -> None:
    labels = "".join(f"    k{number}: [1]\n" for number in range(20_000))
    text = f"apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n  labels:\n{labels}"
    (tmp_path / "a.yaml").write_text(text)
    assert len(by_code(analysed(tmp_path), "MC002")) == MOST_PROBLEMS


def test_every_answer_says_that_something_was_not_read(shop: Path) -> None:
    (shop / "zz.yaml").write_text(BROKEN)
    said = "Not everything could be read (zz.yaml:2)"
    answer = json.loads(run("explain", shop, *ASK, "--format", "json"))
    assert any(said in unknown for unknown in answer["unknowns"])
    assert f"Not known: {said}" in run("explain", shop, *ASK)
    assert f"# {said}" in run("propose", shop)
    assert any(said in one for one in json.loads(run("propose", shop, "--format", "json"))["assumptions"])
    assert said in run("registry_only", shop)


def test_registry_only_does_not_pass_what_it_could_not_read(shop: Path) -> None:
    assert code_of("registry_only", shop, "--fail") == 0
    (shop / "zz.yaml").write_text(BROKEN)
    assert code_of("registry_only", shop) == 0
    assert code_of("registry_only", shop, "--fail") == 2


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("analyse", ("--region", "us east"), "--region"),
        ("analyse", ("--region", ""), "--region"),
        ("analyse", ("--app-host", "https://app.example"), "--app-host"),
        ("analyse", ("--needed-in", "shop"), "--hosts"),
        ("propose", ("--host", "nope.example"), "not one of the hosts"),
        ("propose", ("--host", ""), "not one of the hosts"),
        ("propose", ("--namespace", "nowhere"), "not a namespace"),
        ("explain", ("--workload", "shop/cart", "--host", "a..b"), "not a host name"),
        ("explain", ("--workload", "shop/cart", "--host", "x.example:443"), "not a host name"),
    ],
)
def test_an_option_that_means_nothing_is_refused(
    shop: Path, name: str, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as failure:
        run(name, shop, *arguments)
    assert failure.value.returncode == 2


def test_an_annotation_that_ignores_nothing_is_said(shop: Path) -> None:
    marked = SIDECAR.replace("  namespace: shop\n", "  namespace: shop\n  annotations:\n    {mark}\n")
    target = shop / "sidecars" / "shop.yml"
    target.write_text(marked.replace("{mark}", 'meshconsole.io/ignore: "SS03, SS12: not captured"'))
    (note,) = analysed(shop)["summary"]["notes"]
    assert note == (
        "sidecars/shop.yml:7:5: Sidecar shop/default ignores SS12, of which nothing is found there; "
        "it can be taken out."
    )
    target.write_text(marked.replace("{mark}", 'meshconsole.io/ignore: "*"'))
    assert analysed(shop)["summary"]["notes"] == []
    target.write_text(marked.replace("{mark}", 'meshconsole.io/ignore: "*"').replace("./*", "'*/*'"))
    assert "ignores *" in analysed(shop)["summary"]["notes"][0]


def test_every_result_of_a_sarif_log_has_a_file_and_a_line(shop: Path) -> None:
    for name in ("speedscale", "shop", "page-entry", "sidecars/shop"):
        next(shop.glob(f"{name}.y*ml")).unlink()
    (shop / "web.yaml").write_text(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\n"
    )
    (shop / "values.yaml").write_text("a: b\n")
    (shop / "latin.yaml").write_bytes(b"\xe9")
    results = sarif(shop)["runs"][0]["results"]
    assert {result["ruleId"] for result in results} >= {"SS21", "MC003"}
    for result in results:
        physical = result["locations"][0]["physicalLocation"]
        assert (shop / physical["artifactLocation"]["uri"]).is_file()
        assert physical["region"]["startLine"] >= 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no recorded answer"),
        (b'{"id": "a", "manifests": [], "probes": []}', "no recorded answer"),
        (b'{"id": "a", "manifests": [5], "probes": []}', "not a recorded case"),
        (b"[1]", "not a recorded case"),
        (b"\x00\xff", "not a recorded case"),
        (gzip.compress(b"{}" * 1000, mtime=0)[:-9], "cannot be read"),
    ],
)
def test_recorded_answers_that_are_none_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(CommandError, match=words) as failure:
        call_command("check_answers", str(tmp_path / "a.jsonl"), stdout=StringIO())
    assert failure.value.returncode == 2
