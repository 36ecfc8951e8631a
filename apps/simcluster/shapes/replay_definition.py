"""The custom resource definition of Speedscale's TrafficReplay, as far as it is known.

Members that are not stated are kept: the real definition has more of them. Must not know any replay.
"""

from typing import Any

from apps.simcluster.shapes.meta import Manifest

NAME = "trafficreplays.speedscale.com"
MODES = ("full-replay", "responder-only", "generator-only")
CLEANUPS = ("inventory", "all", "none")
ROUTINGS = ("hostalias", "nat")
NAMES = {
    "kind": "TrafficReplay",
    "listKind": "TrafficReplayList",
    "plural": "trafficreplays",
    "singular": "trafficreplay",
    "shortNames": ["replay"],
}
_TEXT = {"type": "string"}
_YES_NO = {"type": "boolean"}
_TIME = {"type": "string", "format": "date-time"}
_COLUMNS = (
    ("Active", "boolean", ".status.active"),
    ("Mode", "string", ".spec.mode"),
    ("Status", "string", ".status.conditions[-1:].message"),
)


def _choice(values: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _members(properties: dict[str, Any], *required: str, more: bool = False) -> dict[str, Any]:
    stated: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        stated["required"] = list(required)
    return {**stated, **({"x-kubernetes-preserve-unknown-fields": True} if more else {})}


_KIND = {**_TEXT, "default": "Deployment"}
_REFERENCE = _members({"apiVersion": _TEXT, "kind": _KIND, "name": _TEXT, "namespace": _TEXT}, "name")
_WORKLOAD = _members(
    {
        "ref": _REFERENCE,
        "customURI": _TEXT,
        "tests": _list(_TEXT),
        "mocks": _list(_TEXT),
        "routing": _choice(ROUTINGS),
    },
    more=True,
)
_SPEC = _members(
    {
        "snapshotID": _TEXT,
        "testConfigID": _TEXT,
        "mode": _choice(MODES),
        "cleanup": _choice(CLEANUPS),
        "buildTag": _TEXT,
        "customURL": _TEXT,
        "needsReport": _YES_NO,
        "timeout": _TEXT,
        "ttlAfterReady": _TEXT,
        "secretRefs": _list(_members({}, more=True)),
        "workloads": _list(_WORKLOAD),
    },
    "snapshotID",
    "testConfigID",
    more=True,
)
_CONDITION = _members(
    {
        "type": _TEXT,
        "status": _choice(("True", "False", "Unknown")),
        "reason": _TEXT,
        "message": _TEXT,
        "lastTransitionTime": _TIME,
        "observedGeneration": {"type": "integer"},
    },
    "type",
    "status",
    more=True,
)
_STATUS = _members(
    {
        "active": _YES_NO,
        "conditions": _list(_CONDITION),
        "startedTime": _TIME,
        "initializedTime": _TIME,
        "finishedTime": _TIME,
        "reportID": _TEXT,
        "reportURL": _TEXT,
        "observedGeneration": {"type": "integer", "default": -1},
        "reconcileFailures": {"type": "integer"},
    },
    more=True,
)


def replay_definition(meta: Manifest) -> Manifest:
    """The definition under the metadata of an installation."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": name, "type": kind, "jsonPath": path} for name, kind, path in _COLUMNS
        ],
        "schema": {"openAPIV3Schema": _members({"spec": _SPEC, "status": _STATUS})},
    }
    established = {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": meta,
        "spec": {"group": "speedscale.com", "names": NAMES, "scope": "Namespaced", "versions": [version]},
        "status": {"acceptedNames": NAMES, "conditions": [established], "storedVersions": ["v1"]},
    }
