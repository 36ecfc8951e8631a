"""OpenAPI documents say what a server checks, so that kubectl can explain it."""

import subprocess
from pathlib import Path
from shutil import which

import pytest

from apps.simcluster.fleet import ClusterSpec, SimulatedFleet
from apps.simcluster.openapi import openapi_schema
from apps.simcluster.schema import STRING, STRING_MAP, keyed, listing, obj, text, whole

SECONDS = 60


def test_types_limits_and_list_types_are_said() -> None:
    port = obj(name=STRING, number=whole(low=0, high=9))
    node = obj(
        required=("hosts",),
        hosts=listing(text(limit=5), low=1, high=3),
        ports=keyed(port, "name"),
        mode=text(enum=("A", "B")),
        labels=STRING_MAP,
    )
    assert openapi_schema(node) == {
        "type": "object",
        "required": ["hosts"],
        "properties": {
            "hosts": {
                "type": "array",
                "items": {"type": "string", "maxLength": 5},
                "minItems": 1,
                "maxItems": 3,
            },
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "mode": {"type": "string", "enum": ["A", "B"]},
            "ports": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "number": {"type": "integer", "minimum": 0, "maximum": 9},
                    },
                },
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        },
    }


@pytest.mark.skipif(which("kubectl") is None, reason="needs kubectl")
def test_kubectl_explains_the_spec_of_a_service_entry(tmp_path: Path) -> None:
    with SimulatedFleet([ClusterSpec("explained")]) as fleet:
        config = tmp_path / "config"
        config.write_text(fleet["explained"].kubeconfig())
        done = subprocess.run(
            ["kubectl", "explain", "serviceentry.spec", f"--kubeconfig={config}", f"--cache-dir={tmp_path}"],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert "hosts\t<[]string> -required-" in done.stdout
    assert "enum: MESH_EXTERNAL, MESH_INTERNAL" in done.stdout
