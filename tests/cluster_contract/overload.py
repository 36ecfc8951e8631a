"""The overload group: a server brought into each kind of trouble, and its health checks compared.

Only a simulated server can be brought there from outside.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from apps.simcluster.outages import Outage
from tests.cluster_contract.differences import Translates, differences
from tests.cluster_contract.endpoint import Answer, Endpoint
from tests.cluster_contract.making import make_entry, must
from tests.cluster_contract.replay import Known, cases

Json = dict[str, Any]
SERVICE_ENTRIES = "serviceentries.networking.istio.io"
WAIT_SECONDS = 0.2
ESSENTIAL = {"ping", "log"}


def overload_setup(endpoint: Endpoint, known: Known) -> None:
    """Ten entries, one of them with the recorded history, and the recorded label of the namespace."""
    assert endpoint.cluster is not None
    endpoint.cluster.faults.longest_wait = WAIT_SECONDS
    space = known.namespace("demo")
    label = {"metadata": {"labels": {"istio-injection": "enabled"}}}
    must(endpoint, "PATCH", f"/api/v1/namespaces/{space}", label, kind="application/merge-patch+json")
    for name in ("absent1", *(f"s{number}" for number in range(8))):
        make_entry(endpoint, known, name)
    recorded = next(case for case in cases("overload") if case["name"] == "etcd-back-get")
    body = recorded["response"]["body"]
    stored = endpoint.cluster.store.put(SERVICE_ENTRIES, known.of(body))
    known.learn_revision(body["metadata"]["resourceVersion"], str(stored.revision), of_list=False)


def brought_to(outage: Outage) -> Callable[[Endpoint, Known], None]:
    def step(endpoint: Endpoint, known: Known) -> None:
        assert endpoint.cluster is not None
        endpoint.cluster.faults.outage = outage

    return step


STEPS = {
    "too-many-requests": brought_to(Outage.OVERLOADED),
    "readyz-shutting-down": brought_to(Outage.SHUTTING_DOWN),
    "etcd-down-get": brought_to(Outage.STORAGE_DOWN),
    "etcd-back-get": brought_to(Outage.NONE),
}
_LINE = re.compile(r"\[([+-])\](\S+) (?:ok|failed: reason withheld)")


def _checks(text: str) -> tuple[dict[str, str], str]:
    """The checks of a verbose answer (name to + or -) and its last line."""
    *lines, last = str(text).splitlines() or [""]
    found = [_LINE.fullmatch(line) for line in lines]
    return {match[2] if match else "?": match[1] if match else "?" for match in found}, last


def health_checks(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """A list of health checks: which of them fail, the ones every server has, and the verdict.

    The names of the other checks are those of a version of the server.
    """
    recorded, live = case["response"]["body"], answer.body
    yield from differences({"response": {**case["response"], "body": None}}, answer, known)
    (old, verdict), (new, found) = _checks(recorded), _checks(live)
    failing = {name for name, sign in old.items() if sign == "-"}
    if {name for name, sign in new.items() if sign != "+"} != failing:
        yield f"checks {new}, failing in the recording {failing}"
    if not set(new) >= ESSENTIAL:
        yield f"does not list {ESSENTIAL - set(new)}"
    if verdict != found:
        yield f"ends in {found!r}, recorded {verdict!r}"


def json_as_text(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """JSON under the content type of plain text, compared word for word."""
    yield from differences({"response": {**case["response"], "body": None}}, answer, known)
    live, recorded = json.loads(answer.body), case["response"]["body"]
    if live != recorded:
        yield f"{live}, recorded {recorded}"


def closed(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """A connection that ends without any answer."""
    if answer.status != 0:
        yield f"answered {answer.status}, recorded a closed connection"
