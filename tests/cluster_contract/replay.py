"""Replays a recorded group of exchanges against a server and says, case by case, what differs.

Names of namespaces, uids, resource versions, continue tokens and ETags of the recording are replaced by
those of
the run as they become known, in requests and in what is expected.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster_contract.differences import Translates, differences
from tests.cluster_contract.endpoint import Answer, Endpoint

RECORDED = Path(__file__).parent.parent / "recorded" / "api-transcripts"
NAMESPACES = ("demo", "lists", "watch", "shop", "doomed", "speedscale")
Json = dict[str, Any]
Compare = Callable[[Json, Answer, Translates], Iterator[str]]


@dataclass(slots=True)
class Known:
    """What stands for what: recorded value → value of this run.

    Identities of objects are matched one to one: a revision that moved where the recorded one stayed, or
    stayed
    where it moved, is not learnt and shows as a difference.
    """

    prefix: str
    values: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)

    def namespace(self, name: str) -> str:
        return self.prefix + name

    def learn(self, recorded: str, live: str) -> None:
        if recorded not in self.values and live not in self.values.values():
            self.values[recorded] = live

    def learn_revision(self, recorded: str, live: str, *, of_list: bool) -> None:
        if of_list or (recorded not in self.revisions and live not in self.revisions.values()):
            self.revisions[recorded] = live

    def translate(self, text: str) -> str:
        """Recorded text (a path, or JSON as text) in the words of this run."""
        text = _NAMESPACE.sub(lambda m: self.prefix + m[0], text)
        if self.values:
            ranked = sorted(self.values, key=len, reverse=True)
            pattern = r"(?<![\w.-])(" + "|".join(re.escape(key) for key in ranked) + r")(?![\w.-])"
            text = re.sub(pattern, lambda m: self.values[m[1]], text)
        return _REVISION.sub(lambda m: self.revisions.get(m[0], m[0]), text)

    def of(self, value: Any) -> Any:
        """A recorded JSON value in the words of this run."""
        if value is None:
            return None
        return json.loads(self.translate(json.dumps(value, ensure_ascii=False)))


def _namespace_pattern() -> re.Pattern[str]:
    """Where a namespace's name stands in paths, objects and messages, and nowhere else."""
    names = "(?:" + "|".join(NAMESPACES) + ")"
    leads = (
        "namespaces/",
        "metadata.namespace%3D",
        '"namespace": "',
        r'namespace \\"',
        r'namespaces \\"',
        r"patch object \(",
        "rec-editor/",
        "registry/configmaps/",
        "in namespace ",
        '"namespace ',
        '"kubernetes.io/metadata.name": "',
        "system:serviceaccount:",
        "system:serviceaccounts:",
        '"kind": "Namespace", "metadata": {"name": "',
        '"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "',
    )
    choices = "|".join(f"(?<={lead}){names}" for lead in leads)
    details = rf'(?<="details": {{"name": "){names}(?=", "kind": "namespaces")'
    return re.compile(rf"(?:{choices})(?![\w.-])|{details}")


_NAMESPACE = _namespace_pattern()
_REVISION = re.compile(
    "|".join(
        (
            r'(?<="resourceVersion": ")\d+',
            r"(?<=resourceVersion=)\d+",
            r'(?<=resourceVersion\\":\\")\d+',
            r"(?<=precondition \()\d+(?=\))",
            r"(?<=record \()\d+(?=\))",
        )
    )
)


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    note: str
    problems: list[str]
    answer: Answer


def cases(group: str) -> list[Json]:
    """The recorded cases of a group, in order."""
    loaded: list[Json] = json.loads((RECORDED / f"{group}.json").read_text())["cases"]
    return loaded


def body_bytes(body: Any, known: Known) -> bytes | None:
    if body is None:
        return None
    if isinstance(body, str):
        return known.translate(body).encode()
    return json.dumps(known.of(body), ensure_ascii=False).encode()


def play(
    endpoint: Endpoint,
    known: Known,
    case: Json,
    *,
    body: bytes | None = None,
    compare: Compare = differences,
) -> Outcome:
    """Send one case, learn from its answer, compare."""
    request = case["request"]
    headers = dict(request.get("headers", {}))
    if request.get("json"):
        headers["Content-Type"] = "application/json"
    if "If-None-Match" in headers:
        headers["If-None-Match"] = known.values.get(headers["If-None-Match"], headers["If-None-Match"])
    sent = body if body is not None else body_bytes(request.get("body"), known)
    path = known.translate(request["path"])
    answer = endpoint.send(request["method"], path, user=request["user"], headers=headers, body=sent)
    learn(known, case["response"], answer)
    found = list(compare(case, answer, known))
    return Outcome(case["name"], case["note"], found, answer)


def learn(known: Known, recorded: Json, answer: Answer) -> None:
    """Take over identities from an answer that came out as recorded."""
    if recorded["status"] != answer.status:
        return
    etag = recorded.get("headers", {}).get("etag")
    if etag:
        known.learn(etag, answer.headers.get("etag", ""))
    _learn(known, recorded.get("body"), answer.body)


def _learn(known: Known, recorded: Any, live: Any) -> None:
    if not isinstance(recorded, dict) or not isinstance(live, dict):
        return
    old, new = recorded.get("metadata"), live.get("metadata")
    if isinstance(old, dict) and isinstance(new, dict):
        for name in ("uid", "continue"):
            if isinstance(old.get(name), str) and isinstance(new.get(name), str):
                known.learn(old[name], new[name])
        if isinstance(old.get("resourceVersion"), str) and isinstance(new.get("resourceVersion"), str):
            known.learn_revision(old["resourceVersion"], new["resourceVersion"], of_list="items" in recorded)
        if "generateName" in old and "name" in new:
            known.learn(old["name"], new["name"])
    if recorded.get("kind") == "Service":
        known.learn(recorded["spec"]["clusterIP"], live["spec"]["clusterIP"])
    details, found = recorded.get("details"), live.get("details")
    if isinstance(details, dict) and isinstance(found, dict) and "uid" in details and "uid" in found:
        known.learn(details["uid"], found["uid"])
