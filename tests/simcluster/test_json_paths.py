"""JSONPath in printer columns."""

from typing import Any

import pytest

from apps.simcluster.json_paths import first_at

OBJECT = {
    "metadata": {"labels": {"app.kubernetes.io/name": "cart"}},
    "spec": {"mode": "full-replay", "hosts": ["a", "b"]},
    "status": {
        "active": False,
        "conditions": [
            {"type": "Running", "message": "runs"},
            {"type": "Ready", "status": "True", "message": "passed"},
        ],
    },
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (".spec.mode", "full-replay"),
        (".spec.hosts", ["a", "b"]),
        (".spec.hosts[0]", "a"),
        (".spec.hosts[-1]", "b"),
        (".spec.hosts[7]", None),
        (".spec.hosts[*]", "a"),
        (".status.active", False),
        (".status.conditions[-1:].message", "passed"),
        ('.status.conditions[?(@.type=="Ready")].status', "True"),
        (".status.conditions[?(@.type=='Gone')].status", None),
        ("{.spec.mode}", "full-replay"),
        (r".metadata.labels.app\.kubernetes\.io/name", "cart"),
        (".metadata.labels['app.kubernetes.io/name']", "cart"),
        (".spec.absent.mode", None),
        (".spec.mode.deeper", None),
        (".spec[", None),
    ],
)
def test_a_path_leads_to_its_first_value(path: str, value: Any) -> None:
    assert first_at(OBJECT, path) == value
