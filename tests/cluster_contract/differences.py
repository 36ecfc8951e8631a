"""How an answer is compared with the recorded one: status, reason, causes, and the fields that matter.

Not compared: times, uids and revisions themselves (but whether a revision moved is), ports, versions of the
server.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

import yaml

from tests.cluster_contract.endpoint import Answer

Json = dict[str, Any]
TRIMMED = "…trimmed"
# What a server may say in its own way: values that differ from run to run.
_VOLATILE = (
    (re.compile(r"current: \d+"), "current: N"),
    (re.compile(r"^\d+s$"), "AGE"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
)
_TIMES = ("time", "creationTimestamp", "deletionTimestamp", "lastTransitionTime", "lastProbeTime")
_QUOTES_OBJECT = re.compile(r'Invalid value: "\{.*\}": ', re.DOTALL)
_POD_DIFF = re.compile(r"\n@@ .*", re.DOTALL)


class Translates(Protocol):
    def of(self, value: Any) -> Any: ...

    @property
    def values(self) -> dict[str, str]: ...


def differences(case: Json, answer: Answer, known: Translates) -> Iterator[str]:
    """Sentences on what is not as recorded."""
    expected = case["response"]
    if answer.status != expected["status"]:
        yield f"status {answer.status}, recorded {expected['status']}: {_short(answer.body)}"
        return
    yield from _headers(known.of(expected.get("headers", {})), answer)
    body = known.of(expected.get("body"))
    if expected.get("headers", {}).get("content-type") == "application/yaml":
        recorded = known.of(yaml.safe_load(expected["body"]))
        yield from compare_bodies(json.loads(json.dumps(recorded, default=str)), yaml.safe_load(answer.body))
    elif isinstance(body, str):
        if answer.body != body and not body.endswith("…"):
            yield f"text {_short(answer.body)!r}, recorded {_short(body)!r}"
    elif body is not None:
        yield from compare_bodies(body, answer.body)


def _headers(expected: Json, answer: Answer) -> Iterator[str]:
    warnings = expected.get("warning", [])
    warnings = [warnings] if isinstance(warnings, str) else warnings
    if sorted(answer.warnings) != sorted(warnings):
        yield f"warnings {answer.warnings}, recorded {warnings}"
    for name in ("retry-after", "content-encoding", "content-type"):
        if name in expected and answer.headers.get(name) != expected[name]:
            yield f"header {name} {answer.headers.get(name)}, recorded {expected[name]}"
    if "content-encoding" in answer.headers and "content-encoding" not in expected:
        yield f"content-encoding {answer.headers['content-encoding']}, recorded none"
    if "etag" in expected and not answer.headers.get("etag"):
        yield "no etag"


def compare_bodies(expected: Json, live: Any) -> Iterator[str]:
    if not isinstance(live, dict):
        yield f"no object but {_short(live)!r}"
    elif expected.get("kind") == "Status":
        yield from _status(expected, live)
    elif "items" in expected:
        yield from _list(expected, live)
    else:
        yield from _object(expected, live)


def _clean(text: str) -> str:
    for pattern, instead in _VOLATILE:
        text = pattern.sub(instead, text)
    text = _QUOTES_OBJECT.sub('Invalid value: "{…}": ', text)
    return _POD_DIFF.sub("", text)


def _status(expected: Json, live: Json) -> Iterator[str]:
    for name in ("kind", "status", "reason", "code"):
        if live.get(name) != expected.get(name):
            yield f"{name} {live.get(name)!r}, recorded {expected.get(name)!r}"
    old, new = _clean(expected.get("message", "")), _clean(live.get("message", ""))
    if len(old) > 5000:  # cut in the recording
        old, new = old[:200], new[:200]
    if old != new:
        yield f"message {new[:600]!r}, recorded {old[:600]!r}"
    details, found = expected.get("details"), live.get("details")
    if (details is None) is not (found is None):
        yield f"details {found}, recorded {details}"
        return
    for name in ("name", "group", "kind", "retryAfterSeconds"):
        if (found or {}).get(name) != (details or {}).get(name):
            yield f"details.{name} {(found or {}).get(name)!r}, recorded {(details or {}).get(name)!r}"
    if _causes(details) != _causes(found):
        yield f"causes {_causes(found)}, recorded {_causes(details)}"
    if ("continue" in expected.get("metadata", {})) is not ("continue" in live.get("metadata", {})):
        yield f"metadata {live.get('metadata')}, recorded {expected.get('metadata')}"


def _causes(details: Json | None) -> list[tuple[str, str, str]]:
    found = (details or {}).get("causes", [])
    return sorted(
        (item.get("reason", ""), item.get("field", ""), _clean(item.get("message", ""))[:200])
        for item in found
    )


def _list(expected: Json, live: Json) -> Iterator[str]:
    for name in ("kind", "apiVersion"):
        if live.get(name) != expected.get(name):
            yield f"{name} {live.get(name)}, recorded {expected.get(name)}"
    old, new = expected["metadata"], live["metadata"]
    for name in ("continue", "remainingItemCount"):
        if (name in old) is not (name in new) or bool(old.get(name)) is not bool(new.get(name)):
            yield f"metadata {new}, recorded {old}"
    if isinstance(old.get("remainingItemCount"), int) and old["remainingItemCount"] != new.get(
        "remainingItemCount"
    ):
        yield f"remainingItemCount {new.get('remainingItemCount')}, recorded {old['remainingItemCount']}"
    yield from _items(expected["items"], live["items"])


def _items(expected: list[Json], live: list[Json]) -> Iterator[str]:
    count, wanted = 0, []
    for item in expected:
        cut = item.get(TRIMMED)
        if isinstance(cut, int):
            count += cut
        else:
            wanted.append(item)
    if len(live) != len(wanted) + count:
        yield f"{len(live)} items, recorded {len(wanted) + count}"
    for old, new in zip(wanted, live, strict=False):
        meta, found = old.get("metadata", {}), new.get("metadata", {})
        for name in ("name", "namespace", "labels"):
            if name in meta and meta[name] != found.get(name):
                yield f"item {name} {found.get(name)}, recorded {meta[name]}"
        for name in ("kind", "apiVersion"):
            if TRIMMED not in old and old.get(name) != new.get(name):
                yield f"item {name} {new.get(name)}, recorded {old.get(name)}"


def _object(expected: Json, live: Json) -> Iterator[str]:
    """Everything recorded must be there; a custom resource may hold nothing else."""
    exact = "istio.io" in str(expected.get("apiVersion", "")) or expected.get("kind") == "ConfigMap"
    yield from _value(expected, live, "", exact=exact)


def _value(expected: Any, live: Any, path: str, *, exact: bool) -> Iterator[str]:
    if isinstance(expected, dict):
        if not isinstance(live, dict):
            yield f"{path}: {_short(live)}, recorded an object"
            return
        for name, value in expected.items():
            if name == TRIMMED:
                continue
            here = f"{path}.{name}"
            if name not in live:
                yield f"{here}: missing, recorded {_short(value)}"
            elif ".rows[" in path and name in ("uid", "resourceVersion"):
                if not live[name]:
                    yield f"{here}: empty"
            elif name in _TIMES:
                if (live[name] is None) is not (value is None):
                    yield f"{here}: {live[name]}, recorded {value}"
            else:
                yield from _value(value, live[name], here, exact=exact)
        if exact and TRIMMED not in expected:
            yield from (f"{path}.{name}: not recorded" for name in live if name not in expected)
    elif isinstance(expected, list):
        yield from _lists(expected, live, path, exact=exact)
    elif expected != live and not (
        isinstance(expected, str) and isinstance(live, str) and _clean(expected) == _clean(live)
    ):
        yield f"{path}: {_short(live)}, recorded {_short(expected)}"


def _by_manager(entries: list[Any]) -> list[Any]:
    """managedFields in an order that does not hang on the second in which something was written."""
    names = ("operation", "manager", "apiVersion", "subresource")
    return sorted(entries, key=lambda entry: [str(entry.get(name, "")) for name in names])


def _lists(expected: list[Any], live: Any, path: str, *, exact: bool) -> Iterator[str]:
    if path.endswith(".managedFields") and isinstance(live, list):
        expected, live = _by_manager(expected), _by_manager(live)
    wanted = [item for item in expected if not (isinstance(item, dict) and TRIMMED in item)]
    cut = len(wanted) != len(expected)
    if not isinstance(live, list) or (len(live) != len(wanted) and not cut):
        yield f"{path}: {_short(live)}, recorded {_short(expected)}"
        return
    for index, (old, new) in enumerate(zip(wanted, live, strict=False)):
        yield from _value(old, new, f"{path}[{index}]", exact=exact)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 300 else text[:300] + "…"
