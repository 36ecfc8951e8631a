"""Reads a scenario file: what one simulated cluster holds, and who may call it.

A scenario is deterministic: the same file gives the same objects, uids and times. Must not know how objects
are kept or served; it hands over plain manifests.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from apps.simcluster.behaviour.options import Behaviour, read_behaviour
from apps.simcluster.collector import paused
from apps.simcluster.shapes import istio, speedscale
from apps.simcluster.shapes.backed import backed
from apps.simcluster.shapes.cluster import Cluster, assign_addresses, make_nodes, node_manifests
from apps.simcluster.shapes.fields import Fields, ScenarioError
from apps.simcluster.shapes.generated import documents
from apps.simcluster.shapes.mesh import read_mesh
from apps.simcluster.shapes.meta import Manifest, Stamp, copied
from apps.simcluster.shapes.namespaces import (
    NamespaceSpec,
    captured_by_node,
    contents,
    namespace_manifest,
    read_namespace,
)
from apps.simcluster.shapes.objects import HELM, FieldManager, default_manager, verbatim
from apps.simcluster.shapes.options import WorkloadKind
from apps.simcluster.shapes.roles import PolicyRule, User, read_user
from apps.simcluster.shapes.speedscale import read_operator

__all__ = [
    "BASE_TIME",
    "SCENARIOS",
    "FieldManager",
    "PolicyRule",
    "Scenario",
    "ScenarioError",
    "User",
    "load",
    "load_fleet",
    "write_manifests",
]

SCENARIOS = Path(__file__).parent / "scenarios"
# The moment that scenarios describe unless told otherwise; ages in the files count back from it.
BASE_TIME = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
LARGEST_FILE = 2_000_000
MOST_PODS = 50_000
ALWAYS_THERE = ("default", "kube-node-lease", "kube-public", "kube-system")
NETWORKING = "networking.istio.io"

ObjectKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Scenario:
    """One cluster as a scenario file describes it.

    `served_versions` maps an API group outside Kubernetes itself to its versions, best first. `manifests`
    carry uid and creationTimestamp, no resourceVersion, no managedFields, and share no part with each other.
    `managers` maps (kind, namespace, name) of every manifest to who wrote it; "" is the namespace of what is
    cluster-wide.
    """

    name: str
    environment: str
    region: str
    owner_team: str
    labels: dict[str, str]
    kubernetes_version: str
    served_versions: dict[str, tuple[str, ...]]
    manifests: list[Manifest]
    managers: dict[ObjectKey, FieldManager]
    users: list[User]
    behaviour: Behaviour


def load(path: Path, *, base: datetime = BASE_TIME) -> Scenario:
    """The one cluster of a file; times count back from `base`.

    Raises ScenarioError with file, field and a sentence if the file cannot be used; OSError if it cannot be
    read.
    """
    found = list(islice(documents(_parse(path), path.name), 2))
    if len(found) > 1:
        raise ScenarioError(path.name, "name", "describes several clusters where one is wanted.")
    return _scenario(found[0], path.name, base)


def load_fleet(path: Path, *, base: datetime = BASE_TIME) -> Iterator[Scenario]:
    """All clusters of a file, one after the other as they are asked for. Raises as `load` does."""
    for document in documents(_parse(path), path.name):
        yield _scenario(document, path.name, base)


def _scenario(document: Any, file: str, base: datetime) -> Scenario:
    with paused():
        return _read(Fields(document, file=file), base)


def _read(fields: Fields, base: datetime) -> Scenario:
    groups = fields.section("served_versions")
    served = {group: groups.texts(group) for group in groups.names()}
    cluster = _cluster(fields, base)
    specs = _namespaces(fields, cluster)
    _check_size(fields, cluster, specs)
    made = [namespace_manifest(cluster, spec) for spec in specs]
    made += node_manifests(cluster)
    installed = _installations(cluster, specs)
    managers = {_key(row): HELM for row in installed if "ownerReferences" not in row["metadata"]}
    made += installed
    for spec in specs:
        made += contents(cluster, spec, f"{NETWORKING}/{served.get(NETWORKING, ('v1',))[0]}")
        for row in spec.objects:
            manifest, manager = verbatim(cluster.stamp, row, spec.place.name, served)
            made.append(manifest)
            if manager:
                managers[_key(manifest)] = manager
    assign_addresses(made)
    made += backed(cluster.stamp, made)
    scenario = Scenario(
        name=cluster.stamp.cluster,
        environment=fields.text("environment"),
        region=cluster.region,
        owner_team=fields.text("owner_team"),
        labels=fields.strings("labels"),
        kubernetes_version=cluster.kubernetes_version,
        served_versions=served,
        # Shapes share constants; what is handed over must be safe to change.
        manifests=[copied(manifest) for manifest in made],
        managers=managers,
        users=[read_user(row, cluster.mesh) for row in fields.sections("users")],
        behaviour=read_behaviour(fields.section("behaviour")),
    )
    fields.done()
    _complete(scenario, fields)
    return scenario


def write_manifests(scenario: Scenario, directory: Path) -> Path:
    """Write all manifests into one multi-document YAML file, `<scenario name>.yaml`, and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{scenario.name}.yaml"
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump_all(
            scenario.manifests,
            stream,
            Dumper=_PlainDumper,
            sort_keys=False,
            explicit_start=True,
            allow_unicode=True,
        )
    return path


def _cluster(fields: Fields, base: datetime) -> Cluster:
    name, region = fields.text("name"), fields.text("region")
    stamp = Stamp(name, base)
    return Cluster(
        stamp=stamp,
        region=region,
        kubernetes_version=fields.text("kubernetes_version"),
        nodes=make_nodes(fields.integer("nodes", 3, least=1, most=200), region),
        mesh=read_mesh(fields.section("istio")) if fields.has("istio") else None,
        operator=read_operator(fields.section("speedscale"), stamp) if fields.has("speedscale") else None,
    )


def _installations(cluster: Cluster, specs: list[NamespaceSpec]) -> list[Manifest]:
    places = {spec.place.name: spec.place for spec in specs}
    made: list[Manifest] = []
    if cluster.mesh:
        made += istio.install(cluster, cluster.mesh, places)
    if cluster.operator:
        home = places[cluster.operator.namespace]
        made += speedscale.install(cluster, cluster.operator, home, captured_by_node(specs))
    return made


def _namespaces(fields: Fields, cluster: Cluster) -> list[NamespaceSpec]:
    """Those of the file, and those that the installations bring although the file does not mention them."""
    rows = fields.section("namespaces")
    specs = [read_namespace(rows.section(name), name) for name in rows.names()]
    brought = list(ALWAYS_THERE)
    brought += istio.namespaces(cluster.mesh) if cluster.mesh else []
    brought += [cluster.operator.namespace] if cluster.operator else []
    listed = {spec.place.name for spec in specs}
    for name in dict.fromkeys(brought):
        if name not in listed:
            specs.append(read_namespace(Fields({}, file=fields.file, path=f"namespaces.{name}"), name))
    return specs


def _check_size(fields: Fields, cluster: Cluster, specs: list[NamespaceSpec]) -> None:
    pods = sum(
        len(cluster.nodes) if options.kind is WorkloadKind.DAEMON_SET else options.replicas
        for spec in specs
        for options in spec.workloads.values()
    )
    if pods > MOST_PODS:
        raise fields.error("namespaces", f"describes {pods} pods; the limit is {MOST_PODS}.")


def _complete(scenario: Scenario, fields: Fields) -> None:
    """Check that names are unique, and note who wrote what nobody claimed."""
    seen: set[ObjectKey] = set()
    for manifest in scenario.manifests:
        key = _key(manifest)
        if key in seen:
            kind, namespace, name = key
            raise fields.error(f"namespaces.{namespace}", f"has two objects {kind} {name!r}.")
        seen.add(key)
        scenario.managers.setdefault(key, default_manager(manifest))
    names = [user.name for user in scenario.users]
    if not names or len(set(names)) != len(names):
        raise fields.error("users", "must list at least one user, each name once.")


def _key(manifest: Manifest) -> ObjectKey:
    meta = manifest["metadata"]
    return manifest["kind"], meta.get("namespace", ""), meta["name"]


def _parse(path: Path) -> Any:
    if path.stat().st_size > LARGEST_FILE:
        raise ScenarioError(path.name, "", f"is larger than {LARGEST_FILE} bytes.")
    text = path.read_text(encoding="utf-8")
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader that refuses more)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise ScenarioError(path.name, line, f"is not valid YAML: {problem}.") from error


class _StrictLoader(yaml.CSafeLoader):
    """Refuses a key that stands twice in one mapping, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice in one mapping", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


# A time stays the text it is, as Kubernetes has it.
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag != "tag:yaml.org,2002:timestamp"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _PlainDumper(yaml.CSafeDumper):
    """No anchors: manifests share parts in memory, and a reader must not see that."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
