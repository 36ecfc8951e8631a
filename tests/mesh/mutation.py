"""Real manifests of the case files, patched and spoiled at random, for tests of what always holds."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from apps.mesh.parsing.directories import load_directory
from apps.mesh.refs import Manifest, ResourceRef
from apps.mesh.snapshot import Snapshot
from tests.mesh.cases_runner import CASES, base_and
from tests.mesh.rule_cases import cases

Place = tuple[Any, ...]
ISTIO_KINDS = (
    "ServiceEntry",
    "Sidecar",
    "VirtualService",
    "DestinationRule",
    "Gateway",
    "PeerAuthentication",
)
TEXTS = st.sampled_from(
    ["", "*", "*/*", "~", ".", "x.com", "*.x.com", "10.0.0.0/33", "::1", "{", "9" * 5000, "\x00"]
)
NONSENSE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-1, 2**70), st.floats(), TEXTS, st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=2)),
    max_leaves=5,
)


@cache
def all_cases() -> tuple[tuple[str, Snapshot], ...]:
    """Every case file of the mesh as a snapshot, by name."""
    rules = [(f"rules/{case.code}/{case.name}", case.snapshot()) for case in cases()]
    base = load_directory(CASES / "mesh.yaml")
    more: list[tuple[str, Snapshot]] = []
    for folder in ("egress", "mtls"):
        for path in sorted((CASES / folder).glob("*.yaml")):
            found = _snapshot(path, base.manifests)
            more.append((f"{folder}/{path.stem}", found))
    return (*rules, *more)


def _snapshot(path: Path, base: Any) -> Snapshot:
    if path.parent.name == "egress":
        return base_and(path.read_text())
    return Snapshot.from_manifests([*base, *load_directory(path).manifests])


def case_snapshots() -> st.SearchStrategy[Snapshot]:
    return st.sampled_from([snapshot for _, snapshot in all_cases()])


def manifests_of(snapshot: Snapshot) -> list[dict[str, Any]]:
    """What makes the same snapshot again; plain copies."""
    return [copy.deepcopy(dict(manifest)) for manifest in snapshot.manifests()]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """The way to every part of a value."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield (*at, key)
            yield from places(inner, (*at, key))


def replaced(value: Any, place: Place, by: Any) -> Any:
    """A copy with one part replaced."""
    changed = copy.deepcopy(value)
    parent = changed
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = by
    return changed


@st.composite
def spoiled(draw: st.DrawFn, manifest: Manifest) -> Any:
    """A manifest with one part replaced by nonsense; what identifies it is left alone."""
    body = copy.deepcopy(dict(manifest))
    ways = [place for place in places(body) if place[0] not in {"kind", "apiVersion"} and place[-1] != "name"]
    return replaced(body, draw(st.sampled_from(ways)), draw(NONSENSE)) if ways else body


@cache
def _pool() -> tuple[Manifest, ...]:
    """Every object of Istio in all cases, once."""
    found = {
        json.dumps(manifest, sort_keys=True, default=str): manifest
        for _, snapshot in all_cases()
        for manifest in snapshot.manifests()
        if manifest.get("kind") in ISTIO_KINDS
    }
    return tuple(found.values())


Patch = tuple[list[Manifest], list[ResourceRef]]


@st.composite
def patches(draw: st.DrawFn, snapshot: Snapshot) -> Patch:
    """Upserts and deletes: objects of other cases, objects of this one spoiled or moved, objects gone."""
    refs = list(snapshot.refs)
    upserts: list[Manifest] = []
    deletes: list[ResourceRef] = []
    namespaces = sorted({ref.namespace for ref in refs if ref.namespace}) or ["shop"]
    for _ in range(draw(st.integers(1, 3))):
        what = draw(st.sampled_from(["foreign", "foreign", "spoil", "delete", "same"]))
        if what == "foreign":
            body = copy.deepcopy(dict(draw(st.sampled_from(_pool()))))
            name = draw(st.sampled_from(["own", body["metadata"].get("name", "x"), "zz"]))
            body["metadata"] = {
                **body["metadata"],
                "namespace": draw(st.sampled_from(namespaces)),
                "name": name,
            }
            upserts.append(body)
        elif refs:
            ref = draw(st.sampled_from(refs))
            manifest = snapshot.manifest(ref)
            assert manifest is not None
            if what == "delete":
                deletes.append(ref)
            else:
                upserts.append(draw(spoiled(manifest)) if what == "spoil" else dict(manifest))
    return upserts, deletes
