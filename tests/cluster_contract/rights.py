"""How a review of one's own rules is compared: by the rights it names, however rules are cut."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.cluster_contract.differences import TRIMMED, Translates, differences
from tests.cluster_contract.endpoint import Answer

Json = dict[str, Any]
# What differs by version or build of the server: the newer group of events, and whom it tells its issuer.
_BY_VERSION = ("events.k8s.io", "/.well-known", "/.well-known/*")


def rules_review(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """A SelfSubjectRulesReview: every recorded right is there, and no other where nothing was cut."""
    yield from differences({"response": {**case["response"], "body": None}}, answer, known)
    status, recorded = answer.body["status"], case["response"]["body"]["status"]
    if status["incomplete"] != recorded["incomplete"]:
        yield f"incomplete {status['incomplete']}"
    for part, columns in (
        ("resourceRules", ("verbs", "apiGroups", "resources", "resourceNames")),
        ("nonResourceRules", ("verbs", "nonResourceURLs")),
    ):
        trimmed = any(TRIMMED in rule for rule in recorded[part])
        old, new = _rights(recorded[part], columns), _rights(status[part], columns)
        if old - new:
            yield f"does not give {sorted(old - new)}"
        if new - old and not trimmed:
            yield f"gives {sorted(new - old)} too"


def _rights(rules: list[Json], columns: tuple[str, ...]) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for rule in rules:
        if TRIMMED not in rule:
            found |= set(product(*(rule.get(column) or [""] for column in columns)))
    return {right for right in found if not set(right) & set(_BY_VERSION)}
