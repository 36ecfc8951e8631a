"""Field sets worked out at once are those of the comparison with nothing."""

import pytest

from apps.simcluster.comparing import compare
from apps.simcluster.core_schemas import schema_of
from apps.simcluster.fieldsets import encode
from apps.simcluster.ownership import METADATA_NOISE, tracked
from apps.simcluster.scenario import SCENARIOS, load
from apps.simcluster.schema import GENERIC_OBJECT, Json
from apps.simcluster.stated import StatedFields


def _compared(obj: Json, group: str) -> Json:
    node = schema_of(group, obj["kind"]) or GENERIC_OBJECT
    return encode(tracked(compare({}, obj, node).added, ()))


@pytest.mark.parametrize("name", ["edge-small", "lab-us"])
def test_they_are_the_same_for_every_object_of_a_cluster(name: str) -> None:
    stated = StatedFields()
    for manifest in load(SCENARIOS / f"{name}.yaml").manifests:
        group = manifest["apiVersion"].rpartition("/")[0]
        node = schema_of(group, manifest["kind"]) or GENERIC_OBJECT
        obj = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind")}
        expected = _compared({**obj, "kind": manifest["kind"]}, group)
        found = stated.tree(obj, node, frozenset(METADATA_NOISE))
        assert found == expected
        assert list(found) == list(expected)


def test_items_with_one_key_are_taken_together_and_empty_ones_are_members() -> None:
    ports = [{"containerPort": 80, "protocol": "TCP"}, {"containerPort": 80, "protocol": "TCP", "name": "a"}]
    container = {"name": "app", "ports": ports, "resources": {}, "stdin": False, "command": []}
    pod: Json = {
        "metadata": {"name": "a", "labels": {"app": ""}},
        "spec": {"containers": [container, container]},
    }
    found = StatedFields().tree(pod, schema_of("", "Pod"), frozenset(METADATA_NOISE))
    assert found == _compared({**pod, "kind": "Pod"}, "")
