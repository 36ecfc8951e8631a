"""The kubectl script, run with a real shell and a real kubectl against the simulated cluster."""

from __future__ import annotations

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from apps.changes.models import ChangeSet
from apps.gitops.exported import Exported
from apps.gitops.reading import exported
from apps.gitops.rendering.script import script
from apps.mesh.patches import stripped
from tests.factories.shop import HOME, SIDECAR_PATH, Shop
from tests.gitops.changes import contested, everything, live
from tests.gitops.kubectl import kubeconfig, needs_kubectl, run

pytestmark = [pytest.mark.django_db(transaction=True), needs_kubectl]
CONTEXT = "shop=rogue@shop"


def run_script(shop: Shop, folder: Path, made: Exported, *arguments: str) -> CompletedProcess[str]:
    path = folder / "change.sh"
    path.write_text(script(made))
    return run("sh", str(path), *arguments, folder=folder, config=kubeconfig(shop, folder))


def untouched(shop: Shop) -> bool:
    return (
        shop.on_cluster("ServiceEntry", "speedscale", "speedscale-sts") is None
        and shop.on_cluster("ServiceEntry", "speedscale", HOME) is not None
        and "outboundTrafficPolicy" not in shop.live("Sidecar", "payments", "default")["spec"]
    )


def test_it_brings_the_cluster_exactly_to_the_desired_objects(shop: Shop, tmp_path: Path) -> None:
    made = exported(everything(shop))
    done = run_script(shop, tmp_path, made, "--not-approved", CONTEXT)
    assert done.returncode == 0, done.stderr
    assert shop.on_cluster("ServiceEntry", "speedscale", HOME) is None
    desired = [item for item in made.items if item.desired is not None]
    assert [item.action for item in desired] == ["create", "update"]
    for item in desired:
        found = live(shop, item.kind, item.namespace, item.name)
        assert stripped(found) == item.desired
        assert "meshconsole" in {entry["manager"] for entry in found["metadata"]["managedFields"]}
    assert not (tmp_path / "owned").exists()


def test_a_dry_run_writes_nothing(shop: Shop, tmp_path: Path) -> None:
    done = run_script(shop, tmp_path, exported(everything(shop)), "--dry-run", CONTEXT)
    assert done.returncode == 0, done.stderr
    assert "Nothing was written" in done.stdout
    assert untouched(shop)


def test_what_is_not_approved_is_not_written_by_mistake(shop: Shop, tmp_path: Path) -> None:
    done = run_script(shop, tmp_path, exported(everything(shop)), CONTEXT)
    assert done.returncode == 3
    assert "NOT APPROVED (Draft)" in done.stderr
    assert untouched(shop)


@pytest.mark.parametrize("arguments", [(), ("shop=",), ("other=x",), ("shop=a", "--force")])
def test_it_wants_a_context_for_each_cluster(shop: Shop, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run_script(shop, tmp_path, exported(everything(shop)), "--not-approved", *arguments)
    assert done.returncode == 2
    assert "shop=CONTEXT" in done.stderr


def test_what_moved_meanwhile_stops_it_before_anything_is_written(shop: Shop, tmp_path: Path) -> None:
    made = exported(everything(shop))
    shop.rogue("PATCH", SIDECAR_PATH, {"metadata": {"labels": {"who": "somebody"}}})
    done = run_script(shop, tmp_path, made, "--not-approved", CONTEXT)
    assert done.returncode == 4
    assert "has moved" in done.stderr
    assert untouched(shop)


def test_the_server_itself_refuses_what_moved(shop: Shop, tmp_path: Path) -> None:
    """As when it moves between the look and the write."""
    made = exported(everything(shop))
    shop.rogue("PATCH", SIDECAR_PATH, {"metadata": {"labels": {"who": "somebody"}}})
    text = "\n".join(line for line in script(made).split("\n") if not line.startswith("unmoved "))
    (tmp_path / "blind.sh").write_text(text)
    done = run(
        "sh", "blind.sh", "--not-approved", CONTEXT, folder=tmp_path, config=kubeconfig(shop, tmp_path)
    )
    assert done.returncode != 0
    assert "Conflict" in done.stderr or "modified" in done.stderr
    assert untouched(shop)


def test_fields_of_others_are_taken_only_by_an_approved_take_over(shop: Shop, tmp_path: Path) -> None:
    plain = exported(contested(shop))
    refused = run_script(shop, tmp_path, plain, "--not-approved", CONTEXT)
    assert refused.returncode != 0
    assert "conflict" in refused.stderr

    change = contested(shop, take_over=True)
    draft = exported(change)
    assert draft.items[0].force
    assert "--force-conflicts" not in script(draft)
    shop.approved(shop.submitted(change))
    approved = exported(ChangeSet.objects.get(pk=change.pk))
    assert approved.approved
    assert "--not-approved]" not in script(approved)
    done = run_script(shop, tmp_path, approved, CONTEXT)
    assert done.returncode == 0, done.stderr
    assert stripped(live(shop, "Sidecar", "payments", "default")) == approved.items[0].desired
