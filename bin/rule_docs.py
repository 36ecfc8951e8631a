"""`python -m bin.rule_docs [--check]`: a page for each check, from its docstring and its cases.

With --check nothing is written, and the exit code says whether the pages are current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from apps.mesh.analyse import CRASH_CODE, CRASH_TITLE, FILE_CODE, FILE_TITLE, PROBLEM_CODE, PROBLEM_TITLE
from apps.mesh.rules.base import Rule
from apps.mesh.rules.catalogue import RULES
from apps.mesh.suppression import UNKNOWN_CODE, UNKNOWN_TITLE
from tests.mesh.rule_cases import RuleCase, cases

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "rules"
OWN = {
    CRASH_CODE: (
        CRASH_TITLE,
        "warning",
        "A check met something it was not written for. The other checks ran; what this one looks for was\n"
        "not looked at. The message names the check and the place; a report of the mistake needs both.",
    ),
    PROBLEM_CODE: (
        PROBLEM_TITLE,
        "error",
        "A field holds another type than its kind asks for (a text where a list belongs, a word where a\n"
        "number belongs). It was read as if it were absent, so verdicts on this object may differ from\n"
        "Istio's; the API server refuses such an object. Related: IST0106.\n\n"
        "Names, labels and annotations are texts, and YAML takes `true`, `8080` and `1.10` for something\n"
        'else: `sidecar.speedscale.com/inject: true` is refused, `"true"` is not. They are read as they\n'
        "were meant. Of one object at most fifty fields are told.",
    ),
    FILE_CODE: (
        FILE_TITLE,
        "error",
        "A file, or a document in it, is not YAML, is no Kubernetes object, or is larger than what is read.\n"
        "Everything that could be read was analysed without it.\n\n"
        "A warning is given for what stands in the files and does not count: a key that is written twice in\n"
        "one mapping, an object that is written again in another place (the last one counts), a Helm chart\n"
        "or a kustomization, which are not rendered here. A note is given for YAML and JSON that is for\n"
        "other tools and has neither `apiVersion` nor `kind`.",
    ),
    UNKNOWN_CODE: (
        UNKNOWN_TITLE,
        "info",
        "The annotation `meshconsole.io/ignore` names a code that no check has, or none at all. It ignores\n"
        "nothing with that: what somebody wanted to be quiet is still reported, or was renamed meanwhile.\n"
        'Write the codes, `meshconsole.io/ignore: "SS03, MC010: the reason"`, or `"*"` for all of them.',
    ),
}


def pages() -> dict[str, str]:
    """File name → content, for every check and the index."""
    found = {f"{rule.code}.md": rule_page(rule, cases()) for rule in RULES}
    for code, (title, severity, text) in OWN.items():
        found[f"{code}.md"] = f"# {code}: {title}\n\nSeverity: {severity}.\n\n{text}\n"
    found["README.md"] = index_page()
    return found


def rule_page(rule: Rule, all_cases: list[RuleCase]) -> str:
    """What a platform engineer should know of one check."""
    facts = [f"Severity: {rule.severity} at most."]
    if rule.remedy:
        facts.append(f"Mended by: `{rule.remedy}`.")
    if rule.no_remedy:
        facts.append(f"{'Left to people otherwise' if rule.remedy else 'No remedy'}: {rule.no_remedy}")
    if rule.references:
        facts.append(f"Related: {', '.join(rule.references)}.")
    facts.append(f"Reads: {', '.join(sorted(rule.inputs))}.")
    mine = [case for case in all_cases if case.code == rule.code]
    return "\n".join(
        [
            f"# {rule.code}: {rule.title}",
            "",
            *facts,
            "",
            rule.doc.strip(),
            "",
            "## When it is reported",
            "",
            *(_told(case) for case in mine if case.fires),
            "",
            "## When it is not",
            "",
            *(_told(case) for case in mine if not case.fires),
            "",
        ]
    )


def index_page() -> str:
    """All checks in one table, and again by what other tools call them."""
    rows = [f"| [{r.code}]({r.code}.md) | {r.severity} | {r.title} | {_remedy(r)} |" for r in RULES]
    rows += [f"| [{code}]({code}.md) | {own[1]} | {own[0]} | |" for code, own in OWN.items()]
    head = ["# Checks", "", "| code | severity, at most | what is wrong | remedy |", "|---|---|---|---|"]
    made = "Written by `python -m bin.rule_docs` from the checks and their cases; do not edit by hand."
    return "\n".join([*head, *sorted(rows), "", *_by_reference(), "", made, ""])


def _by_reference() -> list[str]:
    """The checks by the codes of other tools."""
    found: dict[str, list[str]] = {}
    for rule in RULES:
        for code in rule.references:
            found.setdefault(code, []).append(f"[{rule.code}]({rule.code}.md) {rule.title}")
    return [
        "## By the codes of Kiali and istioctl",
        "",
        "Each check's page says where it judges otherwise than they do.",
        "",
        "| code | checks |",
        "|---|---|",
        *(f"| {code} | {'<br>'.join(sorted(found[code]))} |" for code in sorted(found)),
    ]


def _remedy(rule: Rule) -> str:
    return f"`{rule.remedy}`" if rule.remedy else ""


def _told(case: RuleCase) -> str:
    words = case.name.replace("-", " ")
    return f"- {words}: {case.about}" if case.about else f"- {words}"


def outdated() -> list[str]:
    """Names of pages that differ from what would be written, or that nothing writes any more."""
    wanted = pages()
    there = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    return sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))


def main(arguments: list[str]) -> int:
    differing = outdated()
    if "--check" in arguments:
        for name in differing:
            print(f"docs/rules/{name} is not current; run python -m bin.rule_docs")
        return 1 if differing else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for name in differing:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name])
        else:
            (FOLDER / name).unlink()
    print(f"{len(wanted)} pages, {len(differing)} of them changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
