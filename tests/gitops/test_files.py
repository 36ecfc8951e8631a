"""Manifests, kustomize and archives, and that kustomize makes exactly the desired objects."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from apps.gitops.exported import Exported, ExportedItem
from apps.gitops.reading import exported
from apps.gitops.rendering.archive import zipped
from apps.gitops.rendering.kustomize import files
from apps.gitops.rendering.plain import manifests
from apps.mesh.patches import stripped
from apps.mesh.yamlwriter import to_yaml, to_yaml_documents
from tests.factories.shop import HOME, NEW_ENTRY, Shop, fresh
from tests.gitops.changes import contested, entry, everything, live
from tests.gitops.kubectl import kubeconfig, needs_kubectl, run

pytestmark = pytest.mark.django_db(transaction=True)


def documents(text: str) -> list[Any]:
    return [document for document in yaml.safe_load_all(text) if document is not None]


def by_name(texts: list[Any]) -> dict[tuple[str, str], Any]:
    return {(one["kind"], one["metadata"]["name"]): one for one in texts}


def test_manifests_hold_what_is_sent_or_the_whole_and_say_what_they_are(shop: Shop) -> None:
    made = exported(everything(shop))
    text = manifests(made, "shop")
    assert documents(text) == [item.intent for item in made.items if item.intent is not None]
    assert documents(manifests(made, "shop", whole=True)) == [i.desired for i in made.items if i.desired]
    for word in ("uid", "resourceVersion", "managedFields", "status", "meshconsole.io/op"):
        assert f"{word}:" not in text
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert head[0].startswith(f"# {made.number}, revision 1: Everything at once It's $(touch owned)")
    assert head[1] == "# NOT APPROVED (Draft)"
    assert head[2] == "# Digest none yet: the dry run has not passed"
    assert head[3].endswith(f"/changes/{made.change_id}/")
    delete = f"kubectl delete ServiceEntry.v1.networking.istio.io {HOME} --namespace=speedscale"
    assert head[-1] == f"#   {delete}"


def test_an_approved_export_says_who_approved_which_digest(shop: Shop) -> None:
    change = shop.queued(NEW_ENTRY)
    text = manifests(exported(fresh(change)), "shop")
    assert "# Approved by Noor, Sam\n" in text
    assert f"# Digest sha256:{exported(fresh(change)).digest}\n" in text


@needs_kubectl
def test_kubectl_takes_the_manifests(shop: Shop, tmp_path: Path) -> None:
    made = exported(shop.proposed(NEW_ENTRY))
    done = run(
        "kubectl", "apply", "--server-side", "--field-manager=meshconsole", "-f", "-",
        folder=tmp_path, config=kubeconfig(shop, tmp_path), text=manifests(made, "shop"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert stripped(live(shop, "ServiceEntry", "speedscale", "speedscale-sts")) == made.items[0].desired


def built(made: Exported, folder: Path, base: list[Any]) -> tuple[int, str, str]:
    """What `kubectl kustomize` makes of the base with the component."""
    for path, text in files(made).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (folder / "base.yaml").write_text(to_yaml_documents(base))
    (folder / "kustomization.yaml").write_text(
        to_yaml({"resources": ["base.yaml"], "components": [f"{made.name}/shop"]})
    )
    done = run("kubectl", "kustomize", str(folder), folder=folder)
    return done.returncode, done.stdout, done.stderr


def export_of(base: Any, desired: Any) -> Exported:
    """An update of one object, without a change behind it."""
    name, namespace = desired["metadata"]["name"], desired["metadata"]["namespace"]
    item = ExportedItem(
        "shop", "production", "update", desired["apiVersion"], desired["kind"], namespace, name, "u", "1",
        base, desired, desired, False,
    )  # fmt: skip
    return Exported(7, "CS-7", "Title", "", 1, "", "Draft", False, (), "/changes/7/", (item,))


def bystander() -> dict[str, Any]:
    """An object that no part of the change is about."""
    return {**entry(), "metadata": {"name": "bystander", "namespace": "payments"}}


def before(made: Exported) -> list[Any]:
    return [item.base for item in made.items if item.base is not None]


@needs_kubectl
def test_kustomize_makes_exactly_the_desired_objects(shop: Shop, tmp_path: Path) -> None:
    made = exported(everything(shop))
    code, text, said = built(made, tmp_path, [*before(made), bystander()])
    assert code == 0, said
    wanted = [*(item.desired for item in made.items if item.desired is not None), bystander()]
    assert by_name(documents(text)) == by_name(wanted)


@needs_kubectl
def test_kustomize_replaces_lists_as_a_whole(shop: Shop, tmp_path: Path) -> None:
    made = exported(contested(shop, take_over=True))
    sidecar = made.items[0]
    assert sidecar.base is not None
    assert sidecar.desired is not None
    assert sidecar.base["spec"]["egress"] != sidecar.desired["spec"]["egress"]
    code, text, said = built(made, tmp_path, before(made))
    assert code == 0, said
    assert documents(text) == [sidecar.desired]


@needs_kubectl
def test_kustomize_removes_fields_and_touches_no_object_of_a_similar_name(tmp_path: Path) -> None:
    base, desired = entry(**{"example.com/a~b": "x", "keep": "y"}), entry(keep="y")
    del desired["spec"]["location"]
    base["metadata"]["name"] = desired["metadata"]["name"] = "a.b"
    similar = {**base, "metadata": {**base["metadata"], "name": "axb"}}
    code, text, said = built(export_of(base, desired), tmp_path, [base, similar])
    assert code == 0, said
    assert documents(text) == [desired, similar]


@needs_kubectl
@pytest.mark.parametrize("lost", ["object", "value"])
def test_kustomize_fails_where_the_base_is_another(shop: Shop, tmp_path: Path, lost: str) -> None:
    made = exported(contested(shop, take_over=True))
    base = stripped(before(made)[0])
    if lost == "object":
        base["metadata"] = {**base["metadata"], "name": "other"}
    else:
        base["spec"] = {"egress": [{"hosts": ["./*", "ours/*"]}]}
    code, text, said = built(made, tmp_path, [base])
    assert code != 0
    assert text == ""
    assert "default" in said or "/spec/egress" in said


def test_an_archive_is_the_same_every_time(shop: Shop) -> None:
    made = exported(everything(shop))
    one, other = zipped(files(made)), zipped(dict(reversed(files(made).items())))
    assert one == other
    with zipfile.ZipFile(io.BytesIO(one)) as archive:
        assert archive.testzip() is None
        assert f"{made.name}/shop/kustomization.yaml" in archive.namelist()
        assert "kustomize component" in archive.read(f"{made.name}/README.md").decode()
