"""Where a change lands in the files of a repository. Files are a mapping here; Git comes elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from apps.gitops import layout
from apps.gitops.exported import Exported, ExportedItem
from apps.gitops.layout import DEFAULT_TEMPLATE, LayoutError
from apps.gitops.message import commit_message
from apps.gitops.placing import Files, Placed, PlacingError, placed
from tests.gitops.changes import entry

PATH = "clusters/shop/speedscale/serviceentry-speedscale-sts.yaml"
HELD = """\
# Ours.
apiVersion: networking.istio.io/v1beta1
kind: ServiceEntry
metadata:
  name: speedscale-sts
  namespace: speedscale
  labels: {team: mesh}
spec:
  hosts:
    - sts.amazonaws.com # the token service
    - "*.sts.amazonaws.com"
  location: MESH_EXTERNAL
  ports:
    - {name: tls, number: 443, protocol: TLS}
  resolution: NONE
---
apiVersion: v1
kind: ConfigMap
metadata: {name: beside, namespace: speedscale}
"""


def item(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, cluster: str = "shop"
) -> ExportedItem:
    one = after or before or {}
    action = "create" if before is None else "update" if after is not None else "delete"
    meta = one["metadata"]
    return ExportedItem(
        cluster, "production", action, one["apiVersion"], one["kind"], meta.get("namespace", ""),
        meta["name"], "u", "1", before, after, after, False,
    )  # fmt: skip


def export(*items: ExportedItem, **words: Any) -> Exported:
    fields: dict[str, Any] = {
        "change_id": 7, "number": "CS-7", "title": "Open it", "reason": "", "revision": 2, "digest": "",
        "state": "Draft", "approved": False, "approvers": (), "link": "/changes/7/", "items": items,
    }  # fmt: skip
    return Exported(**{**fields, **words})


def repository(files: Mapping[str, str | None]) -> Files:
    regular = {path: text is not None for path, text in files.items()}
    return Files(regular, lambda path: (files[path] or "").encode())


def lay(
    files: Mapping[str, str | None],
    *items: ExportedItem,
    template: str = DEFAULT_TEMPLATE,
    kustomize: bool = False,
) -> Placed:
    return placed(export(*items), repository(files), template=template, kustomize=kustomize)


def more_hosts() -> Any:
    after = copy.deepcopy(entry())
    after["spec"]["hosts"] = ["sts.amazonaws.com", "*.sts.amazonaws.com", "sts.us-east-1.amazonaws.com"]
    return after


def test_a_new_object_becomes_a_file_where_the_template_says() -> None:
    done = lay({"README.md": "hello"}, item(None, entry()))
    assert list(done.files) == [PATH]
    assert yaml.safe_load(done.files[PATH] or "") == entry()
    assert done.notes == ()


def test_an_object_is_changed_where_it_stands_and_only_in_what_the_change_changes() -> None:
    where = "clusters/shop/all.yaml"
    done = lay({where: HELD, "clusters/other/all.yaml": HELD}, item(entry(), more_hosts()))
    assert list(done.files) == [where]
    after = done.files[where] or ""
    found = list(yaml.safe_load_all(after))
    assert found[0]["spec"] == more_hosts()["spec"]
    assert found[0]["apiVersion"] == "networking.istio.io/v1beta1"
    assert found[0]["metadata"]["labels"] == {"team": "mesh"}
    assert after.startswith("# Ours.\n")
    assert after.endswith(HELD[HELD.index("---") :])


def test_what_the_repository_says_otherwise_is_a_conflict() -> None:
    other = HELD.replace("- sts.amazonaws.com #", "- sts.example.com #")
    with pytest.raises(PlacingError, match=r"clusters/shop/all.yaml does not say .* spec\.hosts"):
        lay({"clusters/shop/all.yaml": other}, item(entry(), more_hosts()))


def test_an_object_in_two_places_is_not_guessed_at() -> None:
    files = {"clusters/shop/a.yaml": HELD, "clusters/shop/b.yaml": HELD}
    with pytest.raises(PlacingError, match="several places"):
        lay(files, item(entry(), more_hosts()))
    with pytest.raises(PlacingError, match="several places"):
        lay({"x/a.yaml": HELD, "y/b.yaml": HELD}, item(entry(), None), template="{kind}-{name}.yaml")


def test_the_same_object_of_two_clusters_lands_in_each_ones_folder() -> None:
    files = {"clusters/shop/a.yaml": HELD, "clusters/lab/a.yaml": HELD}
    done = lay(files, item(entry(), more_hosts()), item(entry(), None, "lab"))
    assert set(done.files) == set(files)
    assert "us-east-1" in (done.files["clusters/shop/a.yaml"] or "")
    assert [d["kind"] for d in yaml.safe_load_all(done.files["clusters/lab/a.yaml"] or "")] == ["ConfigMap"]


def test_what_a_tool_keeps_and_the_repository_does_not_hold_is_refused() -> None:
    kept = {
        **entry(),
        "metadata": {**entry()["metadata"], "labels": {"argocd.argoproj.io/instance": "egress"}},
    }
    with pytest.raises(PlacingError, match="kept by Argo CD"):
        lay({}, item(kept, more_hosts()))
    done = lay({}, item(entry(), more_hosts()))
    assert "was not found" in done.notes[0]


def test_documents_are_added_to_a_file_that_is_there() -> None:
    n, m = ({**entry(), "metadata": {"name": name, "namespace": "s"}} for name in "nm")
    done = lay({"all.yaml": HELD}, item(None, n), item(None, m), template="all.yaml")
    after = done.files["all.yaml"] or ""
    assert after.startswith(HELD)
    assert [d["metadata"]["name"] for d in yaml.safe_load_all(after)] == [
        "speedscale-sts",
        "beside",
        "n",
        "m",
    ]


def test_kustomizations_name_what_is_new_and_forget_what_is_gone() -> None:
    beside = "clusters/shop/speedscale/kustomization.yaml"
    listing = "# ours\nresources:\n- other.yaml\nnamePrefix: x-\n"
    done = lay({beside: listing}, item(None, entry()), kustomize=True)
    name = PATH.rpartition("/")[2]
    assert yaml.safe_load(done.files[beside] or "")["resources"] == ["other.yaml", name]
    assert (done.files[beside] or "").startswith("# ours\n")
    made = {beside: done.files[beside], PATH: done.files[PATH]}
    back = lay(made, item(entry(), None))
    assert back.files[PATH] is None
    assert yaml.safe_load(back.files[beside] or "") == yaml.safe_load(listing)
    fresh = lay({}, item(None, entry()), kustomize=True)
    assert yaml.safe_load(fresh.files[beside] or "")["resources"] == [name]
    assert "is new" in fresh.notes[0]


def test_nothing_is_written_through_links_or_over_folders() -> None:
    with pytest.raises(PlacingError, match="no folder"):
        lay({"clusters": None}, item(None, entry()))
    with pytest.raises(PlacingError, match="no file that can be changed"):
        lay({PATH: None}, item(None, entry()))
    with pytest.raises(PlacingError, match="is a folder"):
        lay({f"{PATH}/x": "y"}, item(None, entry()))


def test_files_that_cannot_be_read_are_left_alone_and_named() -> None:
    chart = "kind: ServiceEntry\nmetadata: {name: speedscale-sts}\n{{ if .Values.x }}: {{ end }}\n"
    done = lay({"clusters/shop/chart.yaml": chart}, item(None, entry()))
    assert list(done.files) == [PATH]
    assert done.notes == ("clusters/shop/chart.yaml cannot be read as YAML; it was left alone.",)


def test_what_the_repository_says_already_changes_nothing() -> None:
    first = lay({}, item(None, entry()))
    assert lay({PATH: first.files[PATH]}, item(None, entry())).files == {}
    assert lay({}, item(entry(), None)).files == {}


@pytest.mark.parametrize(
    "template",
    ["../{name}.yaml", "/{name}.yaml", "a//{name}.yaml", ".git/{name}.yaml", "x/.GIT/{name}.yaml",
     "{name}", "{name.__class__}.yaml", "{name!r}.yaml", "{secret}.yaml", "{name.yaml", "{}.yaml", "a b.yaml",
     "./{name}.yaml", "git~1/{name}.yaml", "{name:9}.yaml", "x\n{name}.yaml"],
)  # fmt: skip
def test_templates_that_lead_elsewhere_are_refused(template: str) -> None:
    with pytest.raises(LayoutError):
        layout.checked_template(template)


@pytest.mark.parametrize("name", ["..", "../../x", ".git"])
def test_names_cannot_lead_out_of_the_repository(name: str) -> None:
    hostile = item(None, {**entry(), "metadata": {"name": name, "namespace": name}})
    with pytest.raises(LayoutError):
        layout.path_of("{namespace}/{name}.yaml", hostile)


@pytest.mark.parametrize(
    "name", ["", "-x", "a..b", "a/.b", "a.lock", "a//b", "a b", "refs/heads/", "a~1", "a\n"]
)
def test_odd_branches_are_refused(name: str) -> None:
    with pytest.raises(LayoutError):
        layout.checked_branch(name)


def test_the_message_ends_in_trailers_that_nobody_can_forge() -> None:
    made = export(
        item(None, entry()), title="A\nB" * 60, reason="Because.\n\nApproved-by: The board",
        digest="d" * 64, approved=True, approvers=("Noor", "Sam"), link="https://console.example.com/changes/7/",
    )  # fmt: skip
    text = commit_message(made, pushed_by="Omar\nApproved-by: Omar", notes=("one",))
    subject, _, rest = text.partition("\n\n")
    assert subject.startswith("CS-7: A BA B")
    assert len(subject) <= 100
    last = rest.rstrip("\n").rpartition("\n\n")[2].splitlines()
    assert last == [
        "Meshconsole-Change: CS-7",
        "Meshconsole-Revision: 2",
        f"Meshconsole-Digest: sha256:{'d' * 64}",
        "Meshconsole-Approved: yes",
        "Meshconsole-Link: https://console.example.com/changes/7/",
        "Approved-by: Noor",
        "Approved-by: Sam",
        "Pushed-by: Omar Approved-by: Omar",
    ]
    assert "> Approved-by: The board" in rest
    draft = commit_message(export(item(None, entry())), pushed_by="Omar", notes=())
    assert draft.startswith("[not approved] CS-7")
    assert "Meshconsole-Approved: no" in draft
