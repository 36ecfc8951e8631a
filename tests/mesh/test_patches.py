"""Patches: what they send, what they leave to others, how they are shown."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from apps.mesh.patches import (
    FieldChange,
    PatchError,
    apply,
    created,
    deleted,
    field_diff,
    intent,
    removed_fields,
    stripped,
    to_yaml,
    updated,
)
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot

BEFORE: Manifest = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "ServiceEntry",
    "metadata": {
        "name": "saas",
        "namespace": "shop",
        "uid": "u-1",
        "resourceVersion": "7",
        "labels": {"team": "web", "tier": "1"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "managedFields": [],
    },
    "spec": {
        "hosts": ["a.example.com"],
        "location": "MESH_EXTERNAL",
        "ports": [{"name": "https", "number": 443, "protocol": "TLS"}],
    },
    "status": {"conditions": []},
}


def with_spec(**spec: object) -> Manifest:
    return {**BEFORE, "spec": {**BEFORE["spec"], **spec}}


def test_an_update_sends_identity_and_the_list_that_changed_only() -> None:
    patch = updated(BEFORE, with_spec(hosts=["a.example.com", "b.example.com"]))
    assert intent(patch) == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "ServiceEntry",
        "metadata": {"name": "saas", "namespace": "shop"},
        "spec": {"hosts": ["a.example.com", "b.example.com"]},
    }


def test_an_update_of_a_label_leaves_the_other_labels_to_their_owners() -> None:
    after = {**BEFORE, "metadata": {**BEFORE["metadata"], "labels": {"team": "web", "tier": "2"}}}
    assert intent(updated(BEFORE, after))["metadata"] == {
        "name": "saas",
        "namespace": "shop",
        "labels": {"tier": "2"},
    }


def test_what_the_server_writes_is_no_change() -> None:
    after = {**BEFORE, "metadata": {**BEFORE["metadata"], "resourceVersion": "8"}, "status": {"x": 1}}
    assert intent(updated(BEFORE, after)).keys() == {"apiVersion", "kind", "metadata"}
    assert removed_fields(updated(BEFORE, after)) == ()


def test_a_field_that_would_vanish_cannot_be_applied() -> None:
    spec = {key: value for key, value in BEFORE["spec"].items() if key != "location"}
    patch = updated(BEFORE, {**BEFORE, "spec": spec})
    assert removed_fields(patch) == ("spec.location",)
    with pytest.raises(PatchError, match=r"spec\.location"):
        intent(patch)


def test_a_create_sends_everything_but_what_the_server_writes() -> None:
    sent = intent(created(BEFORE))
    assert sent["spec"] == BEFORE["spec"]
    assert sent["metadata"] == {"name": "saas", "namespace": "shop", "labels": {"team": "web", "tier": "1"}}
    assert "status" not in sent


def test_a_delete_sends_identity_alone() -> None:
    assert intent(deleted(BEFORE)).keys() == {"apiVersion", "kind", "metadata"}


def test_an_object_cannot_be_turned_into_another() -> None:
    other = {**BEFORE, "metadata": {"name": "other", "namespace": "shop"}}
    with pytest.raises(PatchError, match="different objects"):
        updated(BEFORE, other)


def test_a_diff_names_leaves_and_whole_lists() -> None:
    after = with_spec(hosts=["b.example.com"], ports=[{"name": "https", "number": 8443, "protocol": "TLS"}])
    assert field_diff(BEFORE["spec"], after["spec"], "spec") == (
        FieldChange("spec.hosts", ["a.example.com"], ["b.example.com"]),
        FieldChange("spec.ports[0].number", 443, 8443),
    )


def test_a_diff_tells_absent_from_present() -> None:
    assert field_diff({"a": 1}, {"b": None, "c": 2}) == (FieldChange("a", 1, None), FieldChange("c", None, 2))


def test_patches_are_laid_over_a_snapshot_without_touching_it() -> None:
    snapshot = Snapshot.from_manifests([BEFORE])
    ref = ResourceRef.of(BEFORE)
    assert apply(snapshot, [deleted(BEFORE)]).manifest(ref) is None
    assert snapshot.manifest(ref) == BEFORE


def test_stripping_takes_nothing_that_a_person_wrote() -> None:
    assert stripped(BEFORE) == {
        "apiVersion": BEFORE["apiVersion"],
        "kind": "ServiceEntry",
        "metadata": {"name": "saas", "namespace": "shop", "labels": {"team": "web", "tier": "1"}},
        "spec": BEFORE["spec"],
    }


@pytest.mark.parametrize(
    "text", ["on", "y", "1e3", "0o14", "012", "1:30", "~", "", "null", "*.x", "é", "1_000", "=", "<<"]
)
def test_a_text_that_some_reader_takes_for_something_else_is_quoted(text: str) -> None:
    assert f'"{text}"' in to_yaml({"hosts": [text]})


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
    )
)
def test_yaml_reads_back_as_what_was_written(value: object) -> None:
    assert yaml.safe_load(to_yaml({"value": value})) == {"value": value}
